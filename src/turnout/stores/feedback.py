"""How good answers were, in a SQL database."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import asdict
from sqlalchemy import Connection, func, insert, select

from turnout.domain.routed import Feedback
from turnout.stores.part import StorePart
from turnout.stores.schema import ACCOUNTS, FEEDBACK

__all__ = ["SQLFeedbacks"]

_ROWS = FEEDBACK.c


class SQLFeedbacks(StorePart):
    """The part of a store that implements ``contracts.feedback.Feedbacks``."""

    async def add_feedback(self, rows: Sequence[Feedback]) -> None:
        """Add *rows*, but for those of accounts that are gone."""
        owners = {one.account_id for one in rows}

        def add(connection: Connection) -> None:
            there = set(connection.execute(select(ACCOUNTS.c.id).where(ACCOUNTS.c.id.in_(owners))).scalars())
            new = [asdict(one) for one in rows if one.account_id in there]
            for one in new:
                del one["number"]
            if new:
                connection.execute(insert(FEEDBACK), new)

        await self._write(add)

    async def feedback_after(self, number: int, most: int, account_id: str | None = None) -> Sequence[Feedback]:
        """At most *most* rows with a greater number, in order."""
        query = select(FEEDBACK).where(_ROWS.number > number)
        if account_id is not None:
            query = query.where(_ROWS.account_id == account_id)
        return await self._all(Feedback, query.order_by(_ROWS.number).limit(most))

    async def latest_feedback(self, account_id: str, most: int, before: int | None = None) -> Sequence[Feedback]:
        """At most *most* rows of an account, newest first."""
        query = select(FEEDBACK).where(_ROWS.account_id == account_id)
        if before is not None:
            query = query.where(_ROWS.number < before)
        return await self._all(Feedback, query.order_by(_ROWS.number.desc()).limit(most))

    async def last_feedback(self) -> int:
        """The greatest number that there is."""
        return await self._read(lambda connection: connection.execute(select(func.max(_ROWS.number))).scalar() or 0)
