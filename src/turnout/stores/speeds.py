"""How endpoints were, half hour by half hour, in a SQL database."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import asdict
from sqlalchemy import Connection, delete, func, select

from turnout.domain.health import Speed
from turnout.stores.dialects import insert_into
from turnout.stores.part import StorePart
from turnout.stores.schema import SPEEDS

__all__ = ["SQLSpeeds"]

_ROWS = SPEEDS.c
_MEANS = [func.avg(one).label(one.name) for one in (_ROWS.uptime, _ROWS.latency_ms, _ROWS.slowest_ms, _ROWS.throughput)]


class SQLSpeeds(StorePart):
    """The part of a store that implements ``contracts.measured.Speeds``."""

    async def add_speeds(self, speeds: Sequence[Speed], before: int) -> None:
        """Add *speeds*, but for those that are there already, and forget those from before that unix second."""
        rows = [asdict(one) for one in sorted(speeds, key=lambda one: one.endpoint_id)]

        def add(connection: Connection) -> None:
            connection.execute(delete(SPEEDS).where(_ROWS.at < before))
            if rows:
                connection.execute(insert_into(SPEEDS, connection).on_conflict_do_nothing(), rows)

        await self._write(add)

    async def speeds(self, endpoint_ids: Sequence[str], since: int, seconds: int) -> Sequence[Speed]:
        """Those of *endpoint_ids* after *since*, as means over stretches of *seconds*, in order of time."""
        stretch = ((_ROWS.at + seconds - 1) // seconds).label("stretch")
        query = select(_ROWS.endpoint_id, (func.max(stretch) * seconds).label("at"), *_MEANS)
        query = query.where(_ROWS.endpoint_id.in_(endpoint_ids), _ROWS.at > since)
        query = query.group_by(_ROWS.endpoint_id, stretch).order_by(stretch, _ROWS.endpoint_id)
        return await self._all(Speed, query)
