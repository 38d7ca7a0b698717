"""Where guardrails are kept, and whom they apply to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from turnout.domain.guardrail import Assignment, Guardrail, Holder

__all__ = ["Guardrails"]


class Guardrails(Protocol):
    """Guardrails by id. Every change grows the revision of keys, and the budgets that limits are follow it."""

    async def put_guardrail(self, guardrail: Guardrail) -> None:
        """Add a guardrail.

        Raises:
            NotFound: there is no such account.
        """

    async def guardrail(self, guardrail_id: str) -> Guardrail | None:
        """The guardrail of that id."""

    async def guardrails(self, account_id: str) -> Sequence[Guardrail]:
        """The guardrails of an account, newest first."""

    async def guardrails_over(self, account_id: str, key_hash: str) -> Sequence[Guardrail]:
        """Those that apply to requests under a key: its own and its account's."""

    async def change_guardrail(self, guardrail_id: str, change: Callable[[Guardrail], Guardrail]) -> Guardrail | None:
        """Put what *change* makes of a guardrail in its place; None when there is none.

        *change* runs within the transaction, in a thread; what it raises is raised here, and nothing is changed.
        """

    async def delete_guardrail(self, guardrail_id: str) -> bool:
        """Remove a guardrail with its assignments and budgets; False when there is none."""

    async def assign_guardrail(self, assignments: Sequence[Assignment]) -> int:
        """Make *assignments*, in place of what their holders had; how many are new. All are of one guardrail.

        Raises:
            NotFound: the guardrail is gone.
        """

    async def unassign_guardrail(self, guardrail_id: str, holder: Holder, subjects: Sequence[str]) -> int:
        """Free *subjects* of a guardrail; how many had it."""

    async def guardrail_assignments(
        self, account_id: str, holder: Holder, guardrail_id: str | None = None
    ) -> Sequence[Assignment]:
        """The assignments of an account, or of one guardrail, oldest first."""
