"""An order of candidates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Protocol

from turnout.domain.routing import Candidate

__all__ = ["Strategy"]


class Strategy(Protocol):
    """Puts the candidates of one model into the order in which they will be tried."""

    def __call__(
        self, candidates: Sequence[Candidate], ailing: Callable[[Candidate], bool], dice: Random, /
    ) -> list[Candidate]:
        """All of *candidates*, best first. Pure: no clock, no globals; *ailing* tells of an outage."""
        ...
