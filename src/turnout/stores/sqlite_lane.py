"""A thread with a connection to a SQLite file."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar, final

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from turnout.base.errors import Unavailable
from turnout.stores.sqlite_file import connect

__all__ = ["Lane"]

T = TypeVar("T")


@final
class Lane:
    """A thread with a connection: what it is given runs there, one after the other."""

    def __init__(self, path: Path, begin: str) -> None:
        self._path = path
        self._begin = begin
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="turnout-sqlite")
        self._connection: Connection | None = None
        self._closed = False

    def submit(self, operation: Callable[[], object]) -> None:
        """Run *operation* when its turn comes; nobody waits for it."""
        self._thread.submit(operation)

    async def call(self, operation: Callable[[], T]) -> T:
        """Run *operation* in the thread.

        Raises:
            Unavailable: the lane is closed.
        """
        if self._closed:
            raise Unavailable("The store is closed")
        return await asyncio.get_running_loop().run_in_executor(self._thread, operation)

    async def run(self, operation: Callable[[Connection], T]) -> T:
        """Run *operation* in the thread, in a transaction of its own."""
        return await self.call(lambda: self.transact(operation))

    def transact(self, operation: Callable[[Connection], T]) -> T:
        """Run *operation* in a transaction; for those who are in the thread already.

        Raises:
            Unavailable: the lane is not open, or the database cannot be reached.
        """
        if self._connection is None:
            raise Unavailable("The store is not open")
        try:
            with self._connection.begin():
                return operation(self._connection)
        except OperationalError as error:
            raise Unavailable("The store cannot be reached") from error

    async def open(self) -> None:
        """Connect."""

        def open_here() -> None:
            self._connection = connect(self._path, self._begin)

        await self.call(open_here)

    async def close(self) -> None:
        """Finish what waits, disconnect, end the thread."""

        def close_here() -> None:
            if self._connection is not None:
                self._connection.close()
                self._connection.engine.dispose()
                self._connection = None

        if self._closed:
            return
        await self.call(close_here)
        self._closed = True
        self._thread.shutdown()
