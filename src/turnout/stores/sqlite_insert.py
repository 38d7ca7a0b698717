"""Many generations into SQLite with few statements, compiled once.

The driver lets go of Python's global lock for each step of a statement and must get it back after it. One statement
of a hundred rows asks for it once, where a hundred statements would get into the event loop's way a hundred times.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from itertools import chain, islice

from sqlalchemy import Connection
from sqlalchemy.dialects.sqlite import dialect, insert

from turnout.contracts.store import Delivery
from turnout.domain.account import GenerationRow
from turnout.stores.arrivals import Arrivals, new_ones, record_of
from turnout.stores.schema import GENERATIONS

__all__ = ["add"]

_SIZES = (100, 10, 1)  # rows of a statement
_NEWEST = "SELECT max(rowid) FROM generations"
_ADDED_AFTER = "SELECT id FROM generations WHERE rowid > ?"


def add(connection: Connection, delivery: Delivery, now: float) -> int:
    """Add those whose id is not there yet, their sums and bookings, and keep the offsets; how many were new.

    Takes rows by the hundred, so that making them holds the global lock for short moments only. After an error some
    are added and some are not: the caller's transaction must be rolled back.

    Raises:
        OverflowError: a cost does not fit into 64 bits.
    """
    before = connection.exec_driver_sql(_NEWEST).scalar() or 0
    new = 0
    arrivals = Arrivals()
    source = iter(delivery.rows)
    while part := list(islice(source, _SIZES[0])):
        begin = 0
        for size in _SIZES:
            while len(part) - begin >= size:
                some = part[begin : begin + size]
                values = tuple(chain.from_iterable(map(record_of, some)))
                added = connection.exec_driver_sql(_rows_statement(size), values).rowcount
                arrivals.add(some if added == size else _new_ones(connection, some, before + new))
                new += added
                begin += size
    arrivals.keep(connection, delivery, now)
    return new


def _new_ones(connection: Connection, rows: Iterable[GenerationRow], before: int) -> list[GenerationRow]:
    """Those of *rows* that were not there: SQLite counts upwards, so the new ones have numbers above *before*."""
    return new_ones(rows, {name for (name,) in connection.exec_driver_sql(_ADDED_AFTER, (before,))})


@cache
def _rows_statement(size: int) -> str:
    """The insertion of *size* rows.

    ``OR FAIL`` instead of the default: for the sake of undoing half a statement SQLite would first copy every page
    that the statement touches, and the transaction is rolled back anyway.
    """
    names = [column.name for column in GENERATIONS.columns]
    adding = insert(GENERATIONS).prefix_with("OR FAIL").values([dict.fromkeys(names)] * size)
    return str(adding.on_conflict_do_nothing(index_elements=[GENERATIONS.c.id]).compile(dialect=dialect()))
