"""Where completions of voters are kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from turnout.domain.archive import ArchivedCompletion, CompletionKind, ListedCompletion

__all__ = ["Archive"]


class Archive(Protocol):
    """Completions by id. What an account has not published is nobody else's business."""

    async def put_completion(self, completion: ArchivedCompletion) -> None:
        """Keep *completion*; one that is there already stays as it is."""

    async def completion(self, completion_id: str, account_id: str) -> ArchivedCompletion | None:
        """A completion of *account_id*, or one that was published."""

    async def completions(
        self, kind: CompletionKind, account_id: str, *, count: int = 100, offset: int = 0
    ) -> Sequence[ListedCompletion]:
        """The completions of one account, newest first."""

    async def publish_completion(self, completion_id: str, account_id: str) -> bool:
        """Let everybody read a completion of *account_id*; False where there is none."""

    async def mark_completion(self, completion_id: str, account_id: str, truth: str | None, now: float) -> bool:
        """Note what was true (JSON), or forget it (None); False where the account has no such completion."""
