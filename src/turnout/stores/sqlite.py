"""The store in one SQLite file.

A store has two threads, each with a connection of its own: one writes, one reads, so that the event loop never waits
for the disk and a long write does not delay a look-up. Commits go to the write-ahead log without a sync, and a sync
follows within a second: a killed process loses nothing, a power cut at most the last second.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TypeVar, final

from sqlalchemy import Connection

from turnout.base.clock import SYSTEM_CLOCK, Clock
from turnout.base.errors import Unavailable
from turnout.contracts.store import Delivery
from turnout.stores.arrivals import forget_journals
from turnout.stores.sql import SQLStore
from turnout.stores.sqlite_file import READ, WRITE, prepare
from turnout.stores.sqlite_insert import add
from turnout.stores.sqlite_lane import Lane

__all__ = ["SQLiteStore"]

T = TypeVar("T")

_SYNC_WITHIN = 1.0  # seconds


@final
class SQLiteStore(SQLStore):
    """Accounts, keys and generations in the SQLite file at *path*. Implements ``contracts.store.Store``.

    Any number of processes may open the same file. Errors of the database come out as ``Unavailable``.
    """

    def __init__(self, path: Path, clock: Clock = SYSTEM_CLOCK) -> None:
        super().__init__(clock)
        self._path = path
        self._writer = Lane(path, WRITE)
        self._reader = Lane(path, READ)
        self._sync: asyncio.TimerHandle | None = None

    async def open(self) -> None:
        """Make the file if there is none (mode 0600, its folder 0700) and bring its schema up to date.

        Before an older schema is changed, a copy of the file is put next to it.

        Raises:
            Unavailable: the file cannot be opened, is no database, or comes from a newer version.
        """
        try:
            await self._writer.call(lambda: prepare(self._path, self._clock))
            await self._writer.open()
            await self._reader.open()
        except Unavailable:
            await self.close()
            raise

    async def close(self) -> None:
        """Finish what is under way, then let go of the file."""
        if self._sync is not None:
            self._sync.cancel()
            self._sync = None
            await self._writer.call(self._sync_log)
        await self._reader.close()
        await self._writer.close()

    async def take_generations(self, source: Callable[[], Delivery | None]) -> int:
        """As :meth:`add_generations`, with what *source* returns; it is called in the thread that writes."""

        def take() -> int | None:
            delivery = source()
            if delivery is None:
                return None
            return self._writer.transact(lambda connection: add(connection, delivery, self._clock.wall()))

        new = await self._writer.call(take)
        if new is None:
            return 0
        self._sync_later()
        return new

    async def forget_journals(self, files: Collection[str]) -> None:
        """Drop the offsets of *files*; when this returns, all that came from them survives a power cut."""
        await self._write(lambda connection: forget_journals(connection, files))
        await self._writer.call(self._sync_log)

    async def _read(self, operation: Callable[[Connection], T]) -> T:
        return await self._reader.run(operation)

    async def _write(self, operation: Callable[[Connection], T]) -> T:
        result = await self._writer.run(operation)
        self._sync_later()
        return result

    def _sync_later(self) -> None:
        if self._sync is None:
            self._sync = asyncio.get_running_loop().call_later(_SYNC_WITHIN, self._sync_soon)

    def _sync_soon(self) -> None:
        self._sync = None
        self._writer.submit(self._sync_log)

    def _sync_log(self) -> None:
        """Put the write-ahead log on the disk. SQLite holds no lock on that file, so another descriptor is safe."""
        try:
            log = os.open(f"{self._path}-wal", os.O_RDONLY)
            try:
                os.fsync(log)
            finally:
                os.close(log)
        except OSError as error:
            raise Unavailable("The store cannot be reached") from error
