"""An order of candidates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Protocol

from turnout.domain.health import Vitals
from turnout.domain.routing import Candidate

__all__ = ["Strategy"]


class Strategy(Protocol):
    """Puts candidates into the order in which they will be tried."""

    def __call__(
        self, candidates: Sequence[Candidate], vitals: Mapping[str, Vitals], dice: Random, /
    ) -> list[Candidate]:
        """All of *candidates*, best first. They come cheapest first, and are equally well: those in worse health are
        ordered among themselves. *vitals* are by endpoint id; what is not in it is ``UNKNOWN``.

        Pure: no clock, no globals.
        """
