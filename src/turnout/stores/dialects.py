"""What both databases can do and SQLAlchemy spells once for each."""

from __future__ import annotations

from sqlalchemy import Connection, Dialect, Table
from sqlalchemy.dialects import postgresql, sqlite

__all__ = ["Insert", "insert_into"]

Insert = postgresql.Insert | sqlite.Insert
"""An insertion that can say what happens to rows that are there already."""


def insert_into(table: Table, place: Connection | Dialect) -> Insert:
    """An insertion into *table* for the database of *place*."""
    dialect = place if isinstance(place, Dialect) else place.dialect
    return postgresql.insert(table) if dialect.name == "postgresql" else sqlite.insert(table)
