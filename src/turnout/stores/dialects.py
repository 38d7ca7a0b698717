"""What both databases can do and SQLAlchemy spells once for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection, Dialect, Table
from sqlalchemy.dialects import sqlite

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql

    Insert = postgresql.Insert | sqlite.Insert
    """An insertion that can say what happens to rows that are there already."""

__all__ = ["insert_into"]


def insert_into(table: Table, place: Connection | Dialect) -> Insert:
    """An insertion into *table* for the database of *place*."""
    dialect = place if isinstance(place, Dialect) else place.dialect
    if dialect.name != "postgresql":
        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql  # noqa: PLC0415 - 2 MB that SQLite need not hold

    return postgresql.insert(table)
