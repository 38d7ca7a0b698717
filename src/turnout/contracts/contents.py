"""Where prompts and answers are kept, sealed, of keys that want it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from turnout.domain.content import Content

__all__ = ["Contents"]


class Contents(Protocol):
    """Contents by their generation."""

    async def put_contents(self, contents: Sequence[Content]) -> None:
        """Keep *contents*, but for those whose account is gone; one that is there already stays as it is."""

    async def content(self, generation_id: str, account_id: str) -> Content | None:
        """The content of one generation of an account."""

    async def contents(self, account_id: str, after: str, most: int) -> Sequence[Content]:
        """At most *most* contents of an account whose generation's id is greater than *after*, by id."""

    async def forget_contents(self, before: float, most: int) -> int:
        """Delete at most *most* contents from before that unix second, the oldest first; how many."""

    async def reseal_contents(self, reseal: Callable[[Content], bytes], after: str, most: int) -> str | None:
        """Replace what is sealed of at most *most* contents whose generation's id is greater than *after*.

        The last id, to go on after; None when there was none. What *reseal* raises is raised here.
        """
