"""A thread with an event loop and connections to PostgreSQL.

Packing a batch of generations and unpacking rows takes milliseconds; they are spent here, not in the loop that answers
requests. What is begun is finished, whoever waits for it: a lease must not be lost because a client has gone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from threading import Thread
from typing import Any, Final, TypeVar, final
from urllib.parse import urlsplit

import asyncpg
from sqlalchemy import exc
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from turnout.base.errors import Unavailable
from turnout.stores.postgres_values import packed, unpacked, whole

__all__ = ["Lane", "Transaction", "place_of"]

T = TypeVar("T")

Transaction = Callable[[AsyncConnection], Awaitable[T]]

_log = logging.getLogger(__name__)

_CONNECTIONS: Final = 3
_MORE_CONNECTIONS: Final = 3
_PATIENCE_SECONDS: Final = 5.0  # for a connection, new or used
_COMMAND_SECONDS: Final = 15.0  # for an answer: a server that has gone without a word is noticed here
_SETTINGS: Final = {
    "application_name": "turnout",
    "statement_timeout": "10000",  # milliseconds
    "lock_timeout": "5000",
    "idle_in_transaction_session_timeout": "30000",  # a node that is frozen must not hold locks
    "client_min_messages": "warning",
    "jit": "off",  # none of our statements is worth compiling
}
_WRONG_VALUE: Final = frozenset({"22", "23"})
"""Classes of SQLSTATE that say that what was to be written is wrong; others, that the database is not well."""

_FAILURES = (exc.DBAPIError, exc.TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)


def place_of(address: str) -> str:
    """Host and database of *address*, for people: without the password."""
    parts = urlsplit(address)
    return f"{parts.hostname or 'localhost'}{f':{parts.port}' if parts.port else ''}{parts.path}"


@final
class Lane:
    """Runs transactions on the database at *address* (a URL as libpq takes it), several at a time."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: Thread | None = None
        self._engine: AsyncEngine | None = None
        self._closed = False

    async def open(self) -> None:
        """Start the thread; connections are made when they are needed.

        Raises:
            Unavailable: the lane is closed.
        """
        if self._closed:
            raise Unavailable("The store is closed")
        self._engine = _engine(self._address)
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="turnout-postgres", daemon=True)
        self._thread.start()

    async def call(self, job: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run *job* in the thread's event loop.

        Raises:
            Unavailable: the lane is not open, or is closed.
        """
        if self._loop is None or self._closed:
            raise Unavailable("The store is closed" if self._closed else "The store is not open")
        return await asyncio.shield(asyncio.wrap_future(asyncio.run_coroutine_threadsafe(job(), self._loop)))

    async def transact(self, operation: Transaction[T]) -> T:
        """Run *operation* in a transaction; for jobs that are in the thread already.

        Raises:
            Unavailable: the server cannot be reached, is not well, or takes too long; ``in_doubt`` once the commit was
                under way.
        """
        assert self._engine is not None  # noqa: S101 - there is no thread without it
        committing = False
        try:
            async with self._engine.begin() as connection:
                done = await operation(connection)
                committing = True
        except _FAILURES as error:
            if _is_value(error):
                raise
            _log.warning("PostgreSQL: %s", _reason(error))
            failure = Unavailable("The store cannot be reached")
            failure.in_doubt = committing
            raise failure from error
        return done

    async def alone(self, operation: Transaction[T]) -> T:
        """Run *operation* in a transaction on a connection of its own that may take as long as it needs.

        Raises:
            Unavailable: the server cannot be reached, or refuses; the message is one line and says why.
        """

        async def job() -> T:
            engine = _engine(self._address, patient=True)
            try:
                async with engine.begin() as connection:
                    return await operation(connection)
            except _FAILURES as error:
                place = place_of(self._address)
                raise Unavailable(f"cannot open the database {place}: {_reason(error)}") from error
            finally:
                await engine.dispose()

        return await self.call(job)

    async def close(self) -> None:
        """Finish what is under way, disconnect, end the thread."""
        if self._loop is None or self._closed:
            self._closed = True
            return
        await self.call(self._finish)
        self._closed = True
        self._loop.call_soon_threadsafe(self._loop.stop)
        assert self._thread is not None  # noqa: S101 - there is no loop without it
        await asyncio.to_thread(self._thread.join)
        self._loop.close()

    async def _finish(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:
            await asyncio.wait(others)
        assert self._engine is not None  # noqa: S101 - there is no thread without it
        await self._engine.dispose()
        await asyncio.get_running_loop().shutdown_default_executor()


def _engine(address: str, *, patient: bool = False) -> AsyncEngine:
    async def connect() -> asyncpg.Connection[asyncpg.Record]:
        connection = await asyncpg.connect(
            address,
            timeout=_PATIENCE_SECONDS,
            command_timeout=None if patient else _COMMAND_SECONDS,
            server_settings=_SETTINGS | ({"statement_timeout": "0", "lock_timeout": "0"} if patient else {}),
        )
        await connection.set_type_codec("numeric", schema="pg_catalog", encoder=str, decoder=whole, format="text")
        for name in ("text", "varchar"):
            await connection.set_type_codec(
                name, schema="pg_catalog", encoder=packed, decoder=unpacked, format="binary"
            )
        return connection

    return create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect,
        pool_size=_CONNECTIONS,
        max_overflow=_MORE_CONNECTIONS,
        pool_timeout=_PATIENCE_SECONDS,
        pool_pre_ping=True,  # a server that was started again costs nobody an error
        hide_parameters=True,
    )


def _is_value(error: BaseException) -> bool:
    """Whether the database is well and a value is wrong."""
    cause = error.orig if isinstance(error, exc.DBAPIError) else error
    code = getattr(cause, "sqlstate", None)
    if isinstance(code, str):
        return code[:2] in _WRONG_VALUE
    return isinstance(cause, ValueError) or isinstance(getattr(cause, "__cause__", None), ValueError)


def _reason(error: BaseException) -> str:
    """The first line of what went wrong, in the server's own words."""
    cause: BaseException | None = error
    if isinstance(error, exc.DBAPIError) and error.orig is not None:
        cause = error.orig.__cause__ or error.orig
    if isinstance(cause, TimeoutError):
        return "no answer"
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror.lower()
    return (str(cause).splitlines() or [type(cause).__name__])[0]
