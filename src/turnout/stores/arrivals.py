"""What generations that are new change in a store beside their own rows, for every database alike."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import cache
from typing import Final, final

from sqlalchemy import Connection, Dialect, bindparam, delete

from turnout.contracts.store import Delivery
from turnout.domain.account import GenerationRow, add_booking
from turnout.stores.activity import Sums, add_sums, sums_of
from turnout.stores.dialects import insert_into
from turnout.stores.leasing import book
from turnout.stores.schema import JOURNALS

__all__ = ["Arrivals", "Record", "forget_journals", "new_ones", "record_of"]

Record = tuple[str, str, str, float, str, str, str | None, str | None, int, str]
"""A row of the table of generations, in the order of its columns."""

_forgetting: Final = delete(JOURNALS).where(JOURNALS.c.file == bindparam("name"))


@final
class Arrivals:
    """Sums of the use that new generations are, and what they cost which budgets."""

    def __init__(self) -> None:
        self._sums = Sums()
        self._booking: dict[tuple[str, int], int] = {}

    def add(self, rows: Iterable[GenerationRow]) -> None:
        """Count *rows*, which are new."""
        sums_of(rows, self._sums)
        for row in rows:
            if row.budgets:
                add_booking(row, self._booking)

    def keep(self, connection: Connection, delivery: Delivery, now: float) -> None:
        """Write what was counted, and how far the journals of *delivery* have been read."""
        add_sums(connection, self._sums)
        book(connection, delivery.node, self._booking, now)
        if delivery.offsets:
            _keep_offsets(connection, delivery.offsets)


def record_of(row: GenerationRow) -> Record:
    """The values of a row."""
    return (
        row.id, row.account_id, row.key_hash, row.created, row.outcome, row.model, row.provider, row.user, row.cost,
        row.record,
    )  # fmt: skip


def new_ones(rows: Iterable[GenerationRow], added: set[str]) -> list[GenerationRow]:
    """Those of *rows* whose ids were *added*; of two with one id the first."""
    found = []
    for row in rows:
        if row.id in added:
            added.discard(row.id)
            found.append(row)
    return found


def forget_journals(connection: Connection, files: Collection[str]) -> None:
    """Drop the offsets of *files*."""
    if files:
        connection.execute(_forgetting, [{"name": file} for file in sorted(files)])


def _keep_offsets(connection: Connection, offsets: Mapping[str, int]) -> None:
    connection.exec_driver_sql(_offset_statement(connection.dialect), sorted(offsets.items()))


@cache
def _offset_statement(dialect: Dialect) -> str:
    keeping = insert_into(JOURNALS, dialect)
    keeping = keeping.on_conflict_do_update(
        index_elements=[JOURNALS.c.file], set_={"offset": keeping.excluded["offset"]}
    )
    return str(keeping.compile(dialect=dialect))
