"""What both databases can do and SQLAlchemy spells once for each."""

from __future__ import annotations

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite

__all__ = ["Insert", "insert_into"]

Insert = postgresql.Insert | sqlite.Insert
"""An insertion that can say what happens to rows that are there already."""


def insert_into(table: Table, dialect: str) -> Insert:
    """An insertion into *table* for the database of that *dialect* (SQLAlchemy's name of it)."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
