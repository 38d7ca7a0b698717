"""Reasoning remembered by several workers of one machine, in one file that cannot be read without the request."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar, final

from turnout.base.clock import Clock
from turnout.shared.sealed import opened, place_of, sealed

__all__ = ["ReasoningInFile"]

_SECONDS = 3600.0
_MOST_BYTES = 256 * 2**20
_MOST_BYTES_EACH = 2**20
_TIDY_EVERY = 64
_BUSY_SECONDS = 0.25
_PATIENCE_SECONDS = 0.5
_SPOILT = frozenset({sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT})
_T = TypeVar("_T")

_TABLE = (
    "CREATE TABLE IF NOT EXISTS kept (place BLOB PRIMARY KEY, ends REAL NOT NULL, sealed BLOB NOT NULL) WITHOUT ROWID"
)
_PUT = "INSERT OR REPLACE INTO kept VALUES (?, ?, ?)"
_GET = "SELECT sealed FROM kept WHERE place = ? AND ends > ?"
_EXPIRE = "DELETE FROM kept WHERE ends <= ?"
_SHRINK = """
DELETE FROM kept WHERE place IN (
    SELECT place FROM (SELECT place, sum(length(sealed)) OVER (ORDER BY ends DESC, place) AS above FROM kept)
    WHERE above > ?
)
"""


@final
class ReasoningInFile:
    """A :class:`turnout.contracts.shared.ReasoningMemory` of all workers with the same *path*.

    Thoughts are answers, which nobody has asked us to store: each is encrypted with a key made of the name it is kept
    under, and the names, which are digests of account and call, are not in the file, but only their digests.
    """

    def __init__(self, path: Path, clock: Clock, most_bytes: int = _MOST_BYTES) -> None:
        """Nothing is opened yet; a file that cannot be had is a memory that keeps nothing."""
        self._path = path
        self._now = clock.wall
        self._most_bytes = most_bytes
        self._lane = ThreadPoolExecutor(1, "reasoning")
        self._connection: sqlite3.Connection | None = None
        self._until_tidy = 0

    async def keep(self, names: Sequence[bytes], reasoning: bytes) -> None:
        """Remember *reasoning* under each of *names*, unless it is very long."""
        if len(reasoning) > min(_MOST_BYTES_EACH, self._most_bytes):
            return
        ends = self._now() + _SECONDS
        await self._in_lane(lambda connection: self._put(connection, names, ends, reasoning), None)

    async def find(self, names: Sequence[bytes]) -> Sequence[bytes | None]:
        """What is remembered under each of *names*."""
        now = self._now()

        def look(connection: sqlite3.Connection) -> list[bytes | None]:
            rows = [connection.execute(_GET, (place_of(name), now)).fetchone() for name in names]
            return [opened(name, row[0]) if row is not None else None for name, row in zip(names, rows, strict=True)]

        return await self._in_lane(look, [None] * len(names))

    def close(self) -> None:
        """Give the file and the thread back."""
        self._lane.submit(self._hang_up)
        self._lane.shutdown()

    async def _in_lane(self, work: Callable[[sqlite3.Connection], _T], otherwise: _T) -> _T:
        """What *work* gives, or *otherwise* where the file fails or takes too long: nothing depends on it."""

        def job() -> _T:
            try:
                return work(self._connection or self._open())
            except (sqlite3.Error, OSError) as error:
                self._hang_up()
                if getattr(error, "sqlite_errorcode", None) in _SPOILT:
                    self._path.unlink(missing_ok=True)
                return otherwise

        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                return await asyncio.get_running_loop().run_in_executor(self._lane, job)
        except (TimeoutError, RuntimeError):  # RuntimeError: closed
            return otherwise

    def _open(self) -> sqlite3.Connection:
        with suppress(FileExistsError):
            os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        connection = sqlite3.connect(self._path, timeout=_BUSY_SECONDS, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")  # it need not outlive the machine
        connection.execute(_TABLE)
        self._connection = connection
        return connection

    def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def _put(self, connection: sqlite3.Connection, names: Sequence[bytes], ends: float, reasoning: bytes) -> None:
        connection.executemany(_PUT, [(place_of(name), ends, sealed(name, reasoning)) for name in names])
        self._until_tidy -= 1
        if self._until_tidy < 0:
            self._until_tidy = _TIDY_EVERY
            connection.execute(_EXPIRE, (self._now(),))
            connection.execute(_SHRINK, (self._most_bytes,))
