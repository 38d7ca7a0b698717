"""Prompts and answers that are kept, sealed, on every SQL database alike."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TypeVar

from msgspec.structs import asdict
from sqlalchemy import Connection, delete, select, update

from turnout.domain.content import Content
from turnout.stores.dialects import insert_into
from turnout.stores.schema import ACCOUNTS, CONTENTS

__all__ = ["SQLContents"]

T = TypeVar("T")

_ROWS = CONTENTS.c


class SQLContents(ABC):
    """The part of a store that implements ``contracts.contents.Contents``."""

    @abstractmethod
    async def _read(self, operation: Callable[[Connection], T]) -> T:
        """What *operation* gives in a transaction that changes nothing."""

    @abstractmethod
    async def _write(self, operation: Callable[[Connection], T]) -> T:
        """What *operation* gives in a transaction."""

    async def put_contents(self, contents: Sequence[Content]) -> None:
        """Keep *contents*, but for those whose account is gone; one that is there already stays as it is."""
        owners = {one.account_id for one in contents}

        def put(connection: Connection) -> None:
            there = set(connection.execute(select(ACCOUNTS.c.id).where(ACCOUNTS.c.id.in_(owners))).scalars())
            rows = [asdict(one) for one in contents if one.account_id in there]
            if rows:
                connection.execute(insert_into(CONTENTS, connection).on_conflict_do_nothing(), rows)

        await self._write(put)

    async def content(self, generation_id: str, account_id: str) -> Content | None:
        """The content of one generation of an account."""
        query = select(CONTENTS).where(_ROWS.generation_id == generation_id, _ROWS.account_id == account_id)
        row = await self._read(lambda connection: connection.execute(query).mappings().one_or_none())
        return None if row is None else Content(**row)

    async def contents(self, account_id: str, after: str, most: int) -> Sequence[Content]:
        """At most *most* contents of an account whose generation's id is greater than *after*, by id."""
        query = select(CONTENTS).where(_ROWS.account_id == account_id, _ROWS.generation_id > after)
        query = query.order_by(_ROWS.generation_id).limit(most)
        rows = await self._read(lambda connection: connection.execute(query).mappings().all())
        return [Content(**row) for row in rows]

    async def forget_contents(self, before: float, most: int) -> int:
        """Delete at most *most* contents from before that unix second, the oldest first; how many."""
        oldest = select(_ROWS.generation_id).where(_ROWS.created < before).order_by(_ROWS.created).limit(most)
        forgetting = delete(CONTENTS).where(_ROWS.generation_id.in_(oldest))
        return await self._write(lambda connection: connection.execute(forgetting).rowcount)

    async def reseal_contents(self, reseal: Callable[[Content], bytes], after: str, most: int) -> str | None:
        """Replace what is sealed of at most *most* contents after that id; the last id, None when there was none."""
        query = select(CONTENTS).where(_ROWS.generation_id > after).order_by(_ROWS.generation_id).limit(most)

        def put(connection: Connection) -> str | None:
            found = [Content(**row) for row in connection.execute(query.with_for_update()).mappings()]
            for one in found:
                there = _ROWS.generation_id == one.generation_id
                connection.execute(update(CONTENTS).where(there).values(sealed=reseal(one)))
            return found[-1].generation_id if found else None

        return await self._write(put)
