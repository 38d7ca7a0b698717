"""Opening a SQLite file: modes, pragmas, migration with a backup before it."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from turnout.base.clock import Clock
from turnout.base.errors import Unavailable
from turnout.stores.schema import REVISION
from turnout.stores.upgrade import check_known, revision_of, upgrade

__all__ = ["READ", "WRITE", "connect", "migrate", "prepare"]

READ = "BEGIN"
WRITE = "BEGIN IMMEDIATE"
"""Take the write lock at once: a transaction that reads first and is refused later would have to start anew."""

_PRAGMAS = (
    "PRAGMA page_size = 8192",  # of a new file; with rows of about 1 kB a fifth cheaper to write than 4096
    "PRAGMA busy_timeout = 10000",  # milliseconds
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA cache_size = -8000",  # KiB at most; what a transaction changes should fit
    "PRAGMA wal_autocheckpoint = 2000",  # pages, 16 MiB: pages that change often are copied back more rarely
)
_ENFORCE = "PRAGMA foreign_keys = ON"


def connect(path: Path, begin: str, *, enforce: bool = True) -> Connection:
    """A connection for the calling thread whose transactions start with *begin*.

    *enforce* foreign keys always but while tables are rebuilt.
    """
    engine = create_engine(URL.create("sqlite", database=str(path)), poolclass=NullPool, hide_parameters=True)

    def set_up(dbapi: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        dbapi.isolation_level = None  # the driver opens no transactions of its own
        for pragma in (*_PRAGMAS, _ENFORCE) if enforce else _PRAGMAS:
            dbapi.cursor().execute(pragma)

    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine, "connect", set_up)
    event.listen(engine, "begin", start)
    return engine.connect()


def prepare(path: Path, clock: Clock) -> None:
    """Make the file at *path*, or bring its schema up to date after copying it to a backup next to it.

    Several processes may do this at once; one of them does the work.

    Raises:
        Unavailable: the file cannot be opened, is no database, or comes from a newer version.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone(path):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            with closing(connect(path, WRITE, enforce=False)) as connection:
                with connection.begin():
                    found = revision_of(connection)
                if found != REVISION:
                    if found is not None:
                        check_known(found, str(path))
                        _back_up(path, path.with_name(f"{path.name}.backup-{found}-{int(clock.wall())}"))
                    migrate(connection)
    except (OSError, DatabaseError) as error:
        reason = error.strerror if isinstance(error, OSError) else error.orig
        raise Unavailable(f"cannot open the database {path}: {reason}") from error


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep other processes of ours out while the schema may change."""
    lock = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _back_up(path: Path, copy: Path) -> None:
    """Copy the database, what stands in its log included, to *copy* (mode 0600)."""
    os.close(os.open(copy, os.O_RDWR | os.O_CREAT, 0o600))
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)


def migrate(connection: Connection, revision: str = "head") -> None:
    """Run the missing migrations up to *revision* in one transaction: all of them, or none."""
    with connection.begin():
        upgrade(connection, revision)
