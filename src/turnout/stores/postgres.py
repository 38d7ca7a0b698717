"""The store in PostgreSQL, for several nodes at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import TypeVar, final

from sqlalchemy import Connection

from turnout.base.clock import SYSTEM_CLOCK, Clock
from turnout.contracts.store import Delivery
from turnout.stores.arrivals import forget_journals
from turnout.stores.postgres_insert import Batch, add, gather
from turnout.stores.postgres_lane import Lane, place_of
from turnout.stores.postgres_schema import Look, look, prepare
from turnout.stores.sql import SQLStore

__all__ = ["PostgresStore"]

T = TypeVar("T")


@final
class PostgresStore(SQLStore):
    """Accounts, keys and generations in the database at *address*, ``postgresql://user@host/database``. Implements
    ``contracts.store.Store``.

    Any number of nodes may use the same database. A server that goes away and comes back is found again; meanwhile
    every method raises ``Unavailable``, within some 15 seconds at most. A commit survives a power cut of the server.
    """

    def __init__(self, address: str, clock: Clock = SYSTEM_CLOCK) -> None:
        super().__init__(clock)
        self._address = address
        self._lane = Lane(address)

    async def open(self) -> None:
        """Connect and bring the schema up to date; of several nodes that start at once one does it.

        Raises:
            Unavailable: the server cannot be reached or refuses, or the schema comes from a newer version.
        """
        place = place_of(self._address)
        await self._lane.open()
        try:
            await self._lane.alone(lambda connection: connection.run_sync(prepare, place))
        except BaseException:
            await self.close()
            raise

    async def look(self) -> Look:
        """What the database holds; changes nothing. For a store that is not open, and is not to be opened after it.

        Raises:
            Unavailable: the server cannot be reached or refuses, or the schema comes from a newer version.
        """
        await self._lane.open()
        try:
            return await self._lane.alone(lambda connection: connection.run_sync(look, place_of(self._address)))
        finally:
            await self.close()

    async def close(self) -> None:
        """Finish what is under way, then disconnect."""
        await self._lane.close()

    async def take_generations(self, source: Callable[[], Delivery | None]) -> int:
        """As :meth:`add_generations`, with what *source* returns; it is called in a thread."""

        async def take() -> int:
            batch = await asyncio.to_thread(gather, source)
            return 0 if batch is None else await self._add(batch)

        return await self._lane.call(take)

    async def forget_journals(self, files: Collection[str]) -> None:
        """Drop the offsets of *files*. What came from them is durable since it was committed."""
        await self._write(lambda connection: forget_journals(connection, files))

    async def _add(self, batch: Batch) -> int:
        return await self._lane.transact(lambda connection: add(connection, batch, self._clock.wall()))

    async def _read(self, operation: Callable[[Connection], T]) -> T:
        return await self._write(operation)

    async def _write(self, operation: Callable[[Connection], T]) -> T:
        return await self._lane.call(lambda: self._lane.transact(lambda connection: connection.run_sync(operation)))
