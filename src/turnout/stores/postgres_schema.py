"""The schema in PostgreSQL: one node brings it up to date, and the others wait for it."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, Text, column, func, select, table

from turnout.stores.schema import JOURNALS, KEYS, LEASES, METADATA, REVISION
from turnout.stores.upgrade import check_known, revision_of, upgrade

__all__ = ["Look", "look", "prepare"]

_LOCK = 0x7475726E6F7574  # "turnout": who has it may change the schema
_ORDER = "C"
_columns = table(
    "columns",
    column("table_schema"),
    column("table_name"),
    column("column_name"),
    column("data_type"),
    column("collation_name"),
    schema="information_schema",
)


class Look(NamedTuple):
    """What a database holds: ``revision`` None for one without tables of ours, ``nodes`` those that have used it."""

    revision: str | None
    keys: int = 0
    nodes: frozenset[str] = frozenset()


def look(connection: Connection, place: str) -> Look:
    """Look without changing anything; *place* names the database to people.

    Raises:
        Unavailable: the schema comes from a newer version.
    """
    revision = revision_of(connection)
    if revision != REVISION:
        if revision is not None:
            check_known(revision, place)
        return Look(revision)
    keys = connection.execute(select(func.count()).select_from(KEYS)).scalar() or 0
    nodes = set(connection.execute(select(LEASES.c.node).distinct()).scalars())
    journals = connection.execute(select(JOURNALS.c.file)).scalars()
    nodes |= {node for node, parted, _ in (journal.partition("/") for journal in journals) if parted}
    return Look(revision, keys, frozenset(nodes))


def prepare(connection: Connection, place: str, revision: str = "head") -> None:
    """Bring the schema up to date, all of it or nothing, in the transaction that the caller has begun.

    *place* names the database to people.

    Raises:
        Unavailable: the schema comes from a newer version, or cannot be brought up to date.
    """
    found = revision_of(connection)
    if found == REVISION:
        return
    connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    found = revision_of(connection)
    if found == REVISION:
        return
    if found is not None:
        check_known(found, place)
    upgrade(connection, revision)
    _order_by_bytes(connection)


def _order_by_bytes(connection: Connection) -> None:
    """Let texts be sorted as SQLite sorts them, whatever the language of the database: pages are read in that order."""
    from alembic.migration import MigrationContext  # noqa: PLC0415 - slow to import and rarely needed
    from alembic.operations import Operations  # noqa: PLC0415 - the same

    query = select(_columns.c.table_name, _columns.c.column_name).where(
        _columns.c.table_schema == func.current_schema(),
        _columns.c.table_name.in_(list(METADATA.tables)),
        _columns.c.data_type == "text",
        _columns.c.collation_name.is_distinct_from(_ORDER),
    )
    operations = Operations(MigrationContext.configure(connection))
    for table_name, column_name in connection.execute(query).all():
        operations.alter_column(str(table_name), str(column_name), type_=Text(collation=_ORDER))
