"""Where it is kept how good answers were."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from turnout.domain.routed import Feedback

__all__ = ["Feedbacks"]


class Feedbacks(Protocol):
    """Rows by account. They are added, and never changed."""

    async def add_feedback(self, rows: Sequence[Feedback]) -> None:
        """Add *rows*, but for those of accounts that are gone; numbers are given here."""

    async def feedback_after(self, number: int, most: int, account_id: str | None = None) -> Sequence[Feedback]:
        """At most *most* rows with a greater number, in order, of one account or of all."""

    async def latest_feedback(self, account_id: str, most: int, before: int | None = None) -> Sequence[Feedback]:
        """At most *most* rows of an account, newest first, below that number."""

    async def last_feedback(self) -> int:
        """The greatest number that there is; 0 without any."""
