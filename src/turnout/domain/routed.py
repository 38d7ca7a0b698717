"""What the auto router decided, and what became of it: the records that it learns from."""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct

__all__ = ["AUTO_ROUTERS", "Feedback", "Routed", "Source"]

AUTO_ROUTERS: Final = frozenset({"openrouter/auto", "turnout/auto", "openrouter/auto-beta"})
"""Names that stand for whichever model suits a prompt."""

Source = Literal["feedback", "vote", "regenerated", "switched", "tool_calls", "json"]
"""Who says how good an answer was: its reader, voters, or what happened next."""


class Routed(Struct, frozen=True, omit_defaults=True):
    """A decision as a generation keeps it.

    Attributes:
        router: which one was asked.
        task: the kind of work; empty where nobody had time to tell.
        tasks: the likeliest kinds, with their shares.
        reason: why the first was first.
        propensity: the chance with which it was put first.
        models: the first few, best first.
        quality: of the first, as expected, 0 to 1.
        cost: of the first, in dollars, as expected.
        shadow: what the policy under test would have chosen; empty where none is.
    """

    router: str
    task: str = ""
    tasks: tuple[tuple[str, float], ...] = ()
    reason: str = "prior"
    propensity: float = 1.0
    models: tuple[str, ...] = ()
    quality: float | None = None
    cost: float | None = None
    shadow: str = ""


class Feedback(Struct, frozen=True, kw_only=True):
    """How good one answer was. Rows are added, and never changed.

    Attributes:
        number: counts up with each row of the store; 0 until it is there.
        generation_id: which answer; empty for votes.
        score: 0 to 1.
        weight: 1 for a judgement, less for a sign.
        tasks: kinds of work as JSON, ``[[name, share], …]``.
        propensity: see :class:`Routed`; 1 where the model was named.
        comment: the reader's own words.
        created: unix seconds.
    """

    number: int = 0
    account_id: str
    generation_id: str
    key_hash: str = ""
    model: str
    score: float
    weight: float = 1.0
    source: Source = "feedback"
    tasks: str = "[]"
    propensity: float = 1.0
    comment: str = ""
    created: float
