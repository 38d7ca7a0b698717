"""What voters weigh in one completion, and the calls that it took to find out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from turnout.domain.query import Evidence, Message, Roster
from turnout.query.voters import Line
from turnout.query.weights import weight_without_table

__all__ = ["Weigher", "Weights", "without_tables"]


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
        ...


async def without_tables(
    roster: Roster,
    messages: Sequence[Message],  # noqa: ARG001 - of a weigher, as are the next three
    response_format_hash: str | None,  # noqa: ARG001
    account_id: str,  # noqa: ARG001
    line: Line,  # noqa: ARG001
) -> Weights:
    """The weights that stand in the definitions: those of a training table have their base."""
    return Weights(values=tuple(weight_without_table(voter.llm.weight) for voter in roster.voters))
