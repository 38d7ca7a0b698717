"""A file of sealed texts that several processes share: each is found by who knows its name, until its time is over."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar, final

from turnout.base.clock import Clock
from turnout.base.errors import Unavailable

__all__ = ["Row", "SealedFile"]

Row = tuple[bytes, float, bytes]
"""Place, end (unix seconds), sealed text."""

_TIDY_EVERY: Final = 64
_BUSY_SECONDS: Final = 0.25
_PATIENCE_SECONDS: Final = 0.5
_TRIES: Final = 50
_BETWEEN_TRIES: Final = 0.005  # seconds
_SPOILT: Final = frozenset({sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT})
_T = TypeVar("_T")

_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS kept (place BLOB PRIMARY KEY, ends REAL NOT NULL, sealed BLOB NOT NULL) WITHOUT ROWID"
)
_PUT: Final = "INSERT OR REPLACE INTO kept VALUES (?, ?, ?)"
_GET: Final = "SELECT sealed FROM kept WHERE place = ? AND ends > ?"
_EXPIRE: Final = "DELETE FROM kept WHERE ends <= ?"
_SHRINK: Final = """
DELETE FROM kept WHERE place IN (
    SELECT place FROM (
        SELECT place, length(sealed) AS size, sum(length(sealed)) OVER (ORDER BY ends DESC, place) AS above FROM kept
    ) WHERE above > ? AND size > 128
)
"""
"""What is small stays: it makes no room."""


@final
class SealedFile:
    """One SQLite file and the thread that works on it. Nothing is opened before it is used.

    It outlives the processes that use it, not always a power cut; a file that is broken is thrown away.
    """

    def __init__(self, path: Path, clock: Clock, most_bytes: int, patience: float = _PATIENCE_SECONDS) -> None:
        """Texts may take about *most_bytes*, those that end first make room; work may take *patience* seconds."""
        self._path = path
        self.now = clock.wall
        self.most_bytes = most_bytes
        self._patience = patience
        self._lane = ThreadPoolExecutor(1, path.stem)
        self._connection: sqlite3.Connection | None = None
        self._until_tidy = 0

    async def run(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """What *work* gives, in the thread of the file.

        Raises:
            Unavailable: the file fails, or it takes too long; the work may be done all the same.
        """
        try:
            async with asyncio.timeout(self._patience):
                return await asyncio.get_running_loop().run_in_executor(self._lane, self._job, work)
        except (sqlite3.Error, OSError, RuntimeError) as error:  # TimeoutError is an OSError; RuntimeError: closed
            raise Unavailable("What is kept cannot be read or written") from error

    def send(self, work: Callable[[sqlite3.Connection], object]) -> None:
        """Let *work* be done, sooner or later or not at all."""
        with suppress(RuntimeError):
            self._lane.submit(self._job, work)

    def get(self, connection: sqlite3.Connection, place: bytes) -> bytes | None:
        """The text at *place*."""
        row = connection.execute(_GET, (place, self.now())).fetchone()
        return None if row is None else row[0]

    def put(self, connection: sqlite3.Connection, rows: Iterable[Row]) -> None:
        """Put *rows* in their places, and now and then make room."""
        connection.executemany(_PUT, rows)
        self._until_tidy -= 1
        if self._until_tidy < 0:
            self._until_tidy = _TIDY_EVERY
            connection.execute(_EXPIRE, (self.now(),))
            connection.execute(_SHRINK, (self.most_bytes,))

    def close(self) -> None:
        """Give the file and the thread back."""
        self._lane.submit(self._hang_up)
        self._lane.shutdown()

    def _job(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        try:
            return work(self._connection or self._open())
        except (sqlite3.Error, OSError) as error:
            self._hang_up()
            if getattr(error, "sqlite_errorcode", None) in _SPOILT:
                self._path.unlink(missing_ok=True)
            raise

    def _open(self) -> sqlite3.Connection:
        with suppress(FileExistsError):
            os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        connection = sqlite3.connect(self._path, timeout=_BUSY_SECONDS, isolation_level=None)
        _share(connection)
        connection.execute("PRAGMA synchronous = OFF")  # it need not outlive the machine
        connection.execute(_TABLE)
        self._connection = connection
        return connection

    def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()


def _share(connection: sqlite3.Connection) -> None:
    """Let several processes work on a file. Of two who do so with a new one at the same moment, SQLite refuses the
    other at once instead of letting it wait.
    """
    for tries_left in reversed(range(_TRIES)):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if not tries_left:
                raise
            time.sleep(_BETWEEN_TRIES)
        else:
            return
