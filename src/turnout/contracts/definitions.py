"""Where definitions of Query and Score LLMs are kept, and what was used of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from turnout.domain.query import DefinitionKind, StoredDefinition, UseOfDefinition, UseTotals

__all__ = ["DefinitionSort", "Definitions", "Span"]

DefinitionSort = Literal["created", "tokens", "completion_tokens", "prompt_tokens", "cost", "requests"]
Span = tuple[float | None, float | None]
"""Unix seconds, the first inclusive, the second not; None is open."""


class Definitions(Protocol):
    """Definitions by kind and id. An id is a hash of what is defined, so that nothing is ever changed.

    Each account that registers a definition has a row of its own; an anonymous caller's account is empty.
    """

    async def put_definitions(self, definitions: Sequence[StoredDefinition]) -> None:
        """Keep those that their accounts have not registered before."""

    async def definition(self, kind: DefinitionKind, definition_id: str) -> StoredDefinition | None:
        """The definition as it was registered first."""

    async def definition_of_table(self, kind: DefinitionKind, table_id: str) -> StoredDefinition | None:
        """The first definition that learns in the training table of that id."""

    async def definitions(
        self,
        kind: DefinitionKind,
        *,
        account_id: str | None = None,
        sort: DefinitionSort = "created",
        span: Span = (None, None),
        count: int = 100,
        offset: int = 0,
    ) -> Sequence[str]:
        """Ids, those of an account if one is named, the first in the order of *sort* first.

        *span* bounds the moment of registration where that is the order, and the use that is counted where use is.
        """

    async def count_definitions(self, kind: DefinitionKind, account_id: str | None = None) -> int:
        """How many there are."""

    async def name_definition(self, kind: DefinitionKind, account_id: str, name: str, definition_id: str) -> None:
        """Let *name* mean that definition from now on, where *account_id* is the author."""

    async def named_definition(self, kind: DefinitionKind, account_id: str, name: str) -> str | None:
        """The id of what the author *account_id* calls *name*."""

    async def add_uses(self, uses: Sequence[UseOfDefinition]) -> None:
        """Keep those that are not there yet: one for each kind, definition and completion."""

    async def use_totals(
        self, kind: DefinitionKind, definition_id: str, *, account_id: str | None = None, span: Span = (None, None)
    ) -> UseTotals:
        """The sums of the uses of one definition."""
