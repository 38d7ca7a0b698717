"""What voters weigh in one completion, and the calls that it took to find out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from turnout.domain.query import Evidence, Message, Roster
from turnout.query.voters import Line

__all__ = ["Weigher", "Weights"]


class Weights(Struct, frozen=True, kw_only=True):
    """The weights of one ballot.

    Attributes:
        values: by voter.
        evidence: what each rests on, by voter; None for weights that are static.
        embeddings: the answer of the embeddings model, where one was asked.
        calibrated: the chance that a winner of that confidence is right, and from how many rows that is known.
    """

    values: tuple[float, ...]
    evidence: tuple[Evidence | None, ...] = ()
    embeddings: Mapping[str, object] | None = None
    calibrated: Callable[[float], tuple[float, int]] | None = None


class Weigher(Protocol):
    """Finds the weights of the voters of a completion."""

    async def __call__(
        self, roster: Roster, messages: Sequence[Message], response_format_hash: str | None, account_id: str, line: Line
    ) -> Weights:
        """The weights for *messages*; what is asked for them is asked over *line*.

        *response_format_hash* is that of a Query completion, None for others.

        Raises:
            TurnoutError: the embeddings model cannot be asked.
        """
