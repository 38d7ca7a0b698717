"""Many generations into SQLite with few statements, compiled once.

The driver lets go of Python's global lock for each step of a statement and must get it back after it. One statement
of a hundred rows asks for it once, where a hundred statements would get into the event loop's way a hundred times.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from itertools import islice
from typing import NamedTuple

from sqlalchemy import Connection
from sqlalchemy.dialects.sqlite import dialect, insert

from turnout.domain.account import GenerationRow, add_booking
from turnout.stores.activity import Sums, add_sums, sums_of
from turnout.stores.leasing import Booking
from turnout.stores.schema import GENERATIONS, JOURNALS

__all__ = ["Inserted", "insert_generations", "keep_offsets"]

_SIZES = (100, 10, 1)  # rows of a statement
_NEWEST = "SELECT max(rowid) FROM generations"
_ADDED_AFTER = "SELECT id FROM generations WHERE rowid > ?"


class Inserted(NamedTuple):
    """How many generations were new, and what they cost which budgets."""

    new: int
    booking: Booking


def insert_generations(connection: Connection, rows: Iterable[GenerationRow]) -> Inserted:
    """Add those whose id is not there yet, and add them up.

    Takes *rows* by the hundred, so that making them holds the global lock for short moments only. After an error some
    are added and some are not: the caller's transaction must be rolled back.

    Raises:
        OverflowError: a cost does not fit into 64 bits.
    """
    before = connection.exec_driver_sql(_NEWEST).scalar() or 0
    new = 0
    sums = Sums()
    booking: dict[tuple[str, int], int] = {}
    source = iter(rows)
    while part := list(islice(source, _SIZES[0])):
        begin = 0
        for size in _SIZES:
            while len(part) - begin >= size:
                some = part[begin : begin + size]
                added = connection.exec_driver_sql(_rows_statement(size), _values(some)).rowcount
                if added < size:
                    some = _new_ones(connection, some, before + new)
                sums_of(some, sums)
                for row in some:
                    if row.budgets:
                        add_booking(row, booking)
                new += added
                begin += size
    add_sums(connection, sums)
    return Inserted(new, booking)


def _values(rows: Iterable[GenerationRow]) -> tuple[object, ...]:
    values: list[object] = []
    for row in rows:
        values += (
            row.id,
            row.account_id,
            row.key_hash,
            row.created,
            row.outcome,
            row.model,
            row.provider,
            row.user,
            row.cost,
            row.record,
        )
    return tuple(values)


def _new_ones(connection: Connection, rows: Iterable[GenerationRow], before: int) -> list[GenerationRow]:
    """Those of *rows* that were not there: SQLite counts upwards, so the new ones have numbers above *before*."""
    missing = {name for (name,) in connection.exec_driver_sql(_ADDED_AFTER, (before,))}
    found = []
    for row in rows:
        if row.id in missing:
            missing.discard(row.id)
            found.append(row)
    return found


def keep_offsets(connection: Connection, offsets: Mapping[str, int]) -> None:
    """Remember how far (bytes) the journals of that name have been read."""
    connection.exec_driver_sql(_offset_statement(), list(offsets.items()))


@cache
def _offset_statement() -> str:
    keeping = insert(JOURNALS)
    keeping = keeping.on_conflict_do_update(
        index_elements=[JOURNALS.c.file], set_={"offset": keeping.excluded["offset"]}
    )
    return str(keeping.compile(dialect=dialect()))


@cache
def _rows_statement(size: int) -> str:
    """The insertion of *size* rows.

    ``OR FAIL`` instead of the default: for the sake of undoing half a statement SQLite would first copy every page
    that the statement touches, and the transaction is rolled back anyway.
    """
    names = [column.name for column in GENERATIONS.columns]
    adding = insert(GENERATIONS).prefix_with("OR FAIL").values([dict.fromkeys(names)] * size)
    return str(adding.on_conflict_do_nothing(index_elements=[GENERATIONS.c.id]).compile(dialect=dialect()))
