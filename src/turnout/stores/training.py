"""Training tables in a SQL database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from msgspec.structs import asdict
from sqlalchemy import ColumnElement, Connection, delete, select, tuple_, update

from turnout.domain.training import TrainingRow, TrainingTable
from turnout.stores.dialects import insert_into
from turnout.stores.part import StorePart
from turnout.stores.rows import one_row
from turnout.stores.schema import TRAINING_ROWS, TRAINING_TABLES

__all__ = ["SQLTraining"]

_TABLE = TRAINING_TABLES.c
_ROW = TRAINING_ROWS.c
_COLUMNS: Final = tuple(_ROW[name] for name in TrainingRow.__struct_fields__)
_AT_ONCE: Final = 500  # a statement has a limited number of parameters


class SQLTraining(StorePart):
    """The part of a store that implements ``contracts.training.TrainingTables``."""

    async def training_tables(self, account_id: str, *, count: int = 100, offset: int = 0) -> Sequence[TrainingTable]:
        """The tables of an account, newest first."""
        query = select(TRAINING_TABLES).where(_TABLE.account_id == account_id)
        query = query.order_by(_TABLE.created.desc(), _TABLE.id).limit(count).offset(offset)
        return await self._all(TrainingTable, query)

    async def training_table(self, account_id: str, table_id: str) -> TrainingTable | None:
        """One table, without its rows."""
        return await self._read(lambda connection: _table(connection, account_id, table_id))

    async def training_rows(
        self, account_id: str, table_id: str, *, after: tuple[int, str] = (-1, ""), count: int = 1000
    ) -> Sequence[TrainingRow]:
        """Rows in the order of their revision and id, those that come after that pair."""
        query = select(*_COLUMNS).where(*_rows_of(account_id, table_id), tuple_(_ROW.revision, _ROW.id) > after)
        query = query.order_by(_ROW.revision, _ROW.id).limit(count)
        return await self._all(_row, query)

    async def put_training_rows(self, table: TrainingTable, rows: Sequence[TrainingRow]) -> TrainingTable:
        """Add *rows* to *table*, which is made if there is none; a row of the same id is replaced. The table then is.

        The revisions of *rows* are those that the table gets.
        """
        latest = {row.id: row for row in rows}

        def put(connection: Connection) -> TrainingTable:
            new = asdict(table) | {"revision": 0, "removals": 0, "rows": 0}
            connection.execute(insert_into(TRAINING_TABLES, connection).on_conflict_do_nothing(), new)
            place = (table.account_id, table.id)
            _lock(connection, *place)
            before = _removed(connection, *place, list(latest))
            revision = _changed(connection, *place, added=len(latest), removed=before)
            filled = [
                asdict(row) | {"account_id": table.account_id, "table_id": table.id, "revision": revision}
                for row in latest.values()
            ]
            if filled:
                connection.execute(TRAINING_ROWS.insert(), filled)
            found = _table(connection, *place)
            assert found is not None  # noqa: S101 - it has just been written
            return found

        return await self._write(put)

    async def delete_training_rows(self, account_id: str, table_id: str, row_ids: Sequence[str]) -> int:
        """Remove rows; how many there were."""

        def remove(connection: Connection) -> int:
            _lock(connection, account_id, table_id)
            count = _removed(connection, account_id, table_id, list(dict.fromkeys(row_ids)))
            if count:
                _changed(connection, account_id, table_id, added=0, removed=count)
            return count

        return await self._write(remove)

    async def delete_training_table(self, account_id: str, table_id: str) -> bool:
        """Remove a table with all of its rows; False where there is none."""

        def remove(connection: Connection) -> bool:
            connection.execute(delete(TRAINING_ROWS).where(*_rows_of(account_id, table_id)))
            gone = delete(TRAINING_TABLES).where(_TABLE.account_id == account_id, _TABLE.id == table_id)
            return connection.execute(gone).rowcount > 0

        return await self._write(remove)


def _rows_of(account_id: str, table_id: str) -> list[ColumnElement[bool]]:
    return [_ROW.account_id == account_id, _ROW.table_id == table_id]


def _table(connection: Connection, account_id: str, table_id: str) -> TrainingTable | None:
    query = select(TRAINING_TABLES).where(_TABLE.account_id == account_id, _TABLE.id == table_id)
    return one_row(connection, TrainingTable, query)


def _lock(connection: Connection, account_id: str, table_id: str) -> None:
    """Let others wait who change the same table: revisions come in the order in which they can be seen."""
    query = select(_TABLE.id).where(_TABLE.account_id == account_id, _TABLE.id == table_id)
    connection.execute(query.with_for_update())


def _row(embedding: bytes, **others: Any) -> TrainingRow:  # noqa: ANN401 - columns of any type
    return TrainingRow(embedding=bytes(embedding), **others)


def _removed(connection: Connection, account_id: str, table_id: str, ids: Sequence[str]) -> int:
    """Remove the rows of these ids; how many there were."""
    gone = 0
    for start in range(0, len(ids), _AT_ONCE):
        some = _ROW.id.in_(ids[start : start + _AT_ONCE])
        gone += connection.execute(delete(TRAINING_ROWS).where(*_rows_of(account_id, table_id), some)).rowcount
    return gone


def _changed(connection: Connection, account_id: str, table_id: str, *, added: int, removed: int) -> int:
    """Note a change of the rows; the table's new revision."""
    change = update(TRAINING_TABLES).where(_TABLE.account_id == account_id, _TABLE.id == table_id)
    change = change.values(
        revision=_TABLE.revision + 1,
        removals=_TABLE.removals + (1 if removed else 0),
        rows=_TABLE.rows + added - removed,
    )
    connection.execute(change)
    found = _table(connection, account_id, table_id)
    return 0 if found is None else found.revision
