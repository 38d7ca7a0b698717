"""Many generations into PostgreSQL: copied into a table of the connection, and from there those that are new."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection

from turnout.contracts.store import Delivery
from turnout.domain.account import GenerationRow
from turnout.stores.arrivals import Arrivals, Record, new_ones
from turnout.stores.postgres_values import records_of
from turnout.stores.schema import GENERATIONS

__all__ = ["Batch", "add", "gather"]

_COLUMNS: Final = tuple(column.name for column in GENERATIONS.columns)
_MAKE: Final = "CREATE TEMPORARY TABLE IF NOT EXISTS incoming (LIKE generations) ON COMMIT DELETE ROWS"
_MOVE: Final = "INSERT INTO generations SELECT * FROM incoming ORDER BY id ON CONFLICT (id) DO NOTHING RETURNING id"


class Batch(NamedTuple):
    """A delivery whose rows have been made, and as the driver takes them."""

    delivery: Delivery
    rows: list[GenerationRow]
    records: list[Record]


def gather(source: Callable[[], Delivery | None]) -> Batch | None:
    """What *source* delivers. Reads and parses: not for an event loop.

    Raises:
        OverflowError: a cost does not fit into 64 bits.
    """
    delivery = source()
    if delivery is None:
        return None
    rows = list(delivery.rows)
    return Batch(delivery, rows, records_of(rows))


async def add(connection: AsyncConnection, batch: Batch, now: float) -> int:
    """Add those whose id is not there yet, their sums and bookings, and keep the offsets; how many were new."""
    new = await _insert(connection, batch) if batch.rows else []

    arrivals = Arrivals()
    arrivals.add(new)
    await connection.run_sync(arrivals.keep, batch.delivery, now)
    return len(new)


async def _insert(connection: AsyncConnection, batch: Batch) -> list[GenerationRow]:
    """The rows that were new."""
    await connection.exec_driver_sql(_MAKE)
    raw = (await connection.get_raw_connection()).driver_connection
    assert isinstance(raw, asyncpg.Connection)  # noqa: S101 - made by us
    await raw.copy_records_to_table("incoming", records=batch.records, columns=_COLUMNS)
    added = {record[0] for record in await raw.fetch(_MOVE)}
    if len(added) == len(batch.rows):
        return batch.rows
    return new_ones(batch.rows, added)
