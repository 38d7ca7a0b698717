"""Copies of a SQLite store: made while it is in use, and put in its place again while it is in use."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import DatabaseError

from turnout.base.clock import Clock
from turnout.base.errors import BadRequest, Unavailable
from turnout.stores.owners import KEYS_REVISION
from turnout.stores.schema import JOURNALS, LEASES, NODES, REVISIONS, WINDOWS
from turnout.stores.sqlite_file import READ, WRITE, connect, prepare

__all__ = ["back_up", "restore"]

_PAGES: Final = 2_000  # 16 MiB at once, so that writers need not wait long
_KEPT: Final = (JOURNALS, NODES)
"""What tells of this machine and not of the past: how far its journals were read, and who lives."""


def back_up(path: Path, copy: Path) -> None:
    """Copy the store at *path*, what stands in its log included, to *copy* (mode 0600), which is whole or is not there.

    Raises:
        Unavailable: one of them cannot be read or written.
    """
    unborn = copy.with_name(f".{copy.name}.part")
    try:
        _copy(path, unborn)
        unborn.replace(copy)
    except (OSError, sqlite3.Error) as error:
        unborn.unlink(missing_ok=True)
        raise Unavailable(f"The store cannot be copied: {error}") from error


def restore(path: Path, copy: Path, clock: Clock) -> None:
    """Put *copy* in the place of the store at *path*, in one transaction; whoever has it open reads on in the new one.

    An earlier schema is brought up to date. Leases are void: what nodes hold is counted anew, and so are all keys.

    Raises:
        BadRequest: *copy* is damaged, or no store of ours.
        Unavailable: it comes from a newer version, or the store cannot be written.
    """
    draft = path.with_name(f".{path.name}.restoring")
    _remove(draft)
    try:
        _check(copy)
        _copy(copy, draft)
        prepare(draft, clock)
        _bring_up_to_now(draft, path)
        with closing(sqlite3.connect(draft)) as source, closing(sqlite3.connect(path, timeout=10.0)) as target:
            source.backup(target)
    except (OSError, sqlite3.Error, DatabaseError) as error:
        raise Unavailable(f"The store cannot be restored: {error}") from error
    finally:
        _remove(draft)


def _copy(path: Path, copy: Path) -> None:
    os.close(os.open(copy, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600))
    address = f"{path.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(address, uri=True)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target, pages=_PAGES, sleep=0.0)


def _check(copy: Path) -> None:
    try:
        with closing(sqlite3.connect(f"{copy.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error as error:
        raise BadRequest(f"This file is no store of Turnout: {error}") from None
    if verdict != "ok":
        raise BadRequest(f"This copy is damaged: {verdict}")


def _bring_up_to_now(draft: Path, path: Path) -> None:
    """What the past cannot know: where the journals stand, that no lease is out, and that every key has changed."""
    with closing(connect(path, READ)) as present, present.begin():
        kept = {table: [row._asdict() for row in present.execute(select(table))] for table in _KEPT}
        epoch = present.execute(select(func.max(REVISIONS.c.value))).scalar() or 0
    with closing(connect(draft, WRITE)) as past, past.begin():
        for table, rows in kept.items():
            past.execute(delete(table))
            if rows:
                past.execute(insert(table), rows)
        past.execute(delete(LEASES))
        past.execute(update(WINDOWS).values(leased=0))
        past.execute(delete(REVISIONS).where(REVISIONS.c.name == KEYS_REVISION))
        past.execute(insert(REVISIONS), [{"name": KEYS_REVISION, "value": epoch + 1}])


def _remove(draft: Path) -> None:
    for path in (draft, *(draft.with_name(f"{draft.name}{end}") for end in ("-wal", "-shm", ".lock"))):
        path.unlink(missing_ok=True)
    for path in draft.parent.glob(f"{draft.name}.backup-*"):  # of the migration; the copy itself stays
        path.unlink(missing_ok=True)
