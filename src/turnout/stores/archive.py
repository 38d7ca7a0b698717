"""Completions of voters in a SQL database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import asdict
from sqlalchemy import Connection, or_, select, update

from turnout.domain.archive import ArchivedCompletion, CompletionKind, ListedCompletion
from turnout.stores.dialects import insert_into
from turnout.stores.part import StorePart
from turnout.stores.schema import COMPLETIONS

__all__ = ["SQLArchive"]

_C = COMPLETIONS.c


class SQLArchive(StorePart):
    """The part of a store that implements ``contracts.archive.Archive``."""

    async def put_completion(self, completion: ArchivedCompletion) -> None:
        """Keep *completion*; one that is there already stays as it is."""
        row = asdict(completion)

        def put(connection: Connection) -> None:
            connection.execute(insert_into(COMPLETIONS, connection).on_conflict_do_nothing(), row)

        await self._write(put)

    async def completion(self, completion_id: str, account_id: str) -> ArchivedCompletion | None:
        """A completion of *account_id*, or one that was published."""
        query = select(COMPLETIONS).where(_C.id == completion_id, or_(_C.account_id == account_id, _C.published))
        return await self._one(ArchivedCompletion, query)

    async def completions(
        self, kind: CompletionKind, account_id: str, *, count: int = 100, offset: int = 0
    ) -> Sequence[ListedCompletion]:
        """The completions of one account, newest first."""
        query = select(_C.id, _C.created, _C.preview).where(_C.account_id == account_id, _C.kind == kind)
        query = query.order_by(_C.created.desc(), _C.id).limit(count).offset(offset)
        return await self._all(ListedCompletion, query)

    async def publish_completion(self, completion_id: str, account_id: str) -> bool:
        """Let everybody read a completion of *account_id*; False where there is none."""
        return await self._change(completion_id, account_id, {"published": True})

    async def mark_completion(self, completion_id: str, account_id: str, truth: str | None, now: float) -> bool:
        """Note what was true (JSON), or forget it (None); False where the account has no such completion."""
        return await self._change(completion_id, account_id, {"truth": truth, "truth_modified": now})

    async def _change(self, completion_id: str, account_id: str, values: dict[str, Any]) -> bool:
        statement = update(COMPLETIONS).where(_C.id == completion_id, _C.account_id == account_id).values(**values)
        return await self._write(lambda connection: connection.execute(statement).rowcount > 0)
