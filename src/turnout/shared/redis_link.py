"""The connection to Redis or Valkey: quick, or not at all."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar, final
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from turnout.base.clock import Clock
from turnout.base.errors import Unavailable

__all__ = ["PREFIX", "Link"]

PREFIX: Final = "turnout:"
"""All our names begin with it."""

T = TypeVar("T")

_PATIENCE_SECONDS: Final = 0.25
_PAUSE_SECONDS: Final = 1.0
_MOST_CONNECTIONS: Final = 64
_log = logging.getLogger(__name__)


@final
class Link:
    """Runs commands on the server at *address*, ``redis://``, ``rediss://``, ``valkey://`` or ``valkeys://``.

    What takes longer than a quarter of a second has failed. After a failure nothing is tried for a second, so that a
    server that is gone costs a request now and then its patience, and not all of them.
    """

    def __init__(self, address: str, clock: Clock) -> None:
        parts = urlsplit(address)
        self._place = f"{parts.hostname}{f':{parts.port}' if parts.port else ''}"
        self._now = clock.monotonic
        self._resting_until = float("-inf")
        self._well = True
        self._redis = Redis.from_url(
            "redis" + address.removeprefix("redis").removeprefix("valkey"),
            socket_connect_timeout=_PATIENCE_SECONDS,
            max_connections=_MOST_CONNECTIONS,
            retry=Retry(NoBackoff(), 0),
        )

    @property
    def redis(self) -> Redis:
        """The client itself, for those who listen."""
        return self._redis

    async def call(self, operation: Callable[[Redis], Awaitable[T]], seconds: float = _PATIENCE_SECONDS) -> T:
        """What *operation* gives within *seconds*.

        Raises:
            Unavailable: the server cannot be reached, is too slow, or failed less than a second ago.
        """
        if self._now() < self._resting_until:
            raise Unavailable("The shared state cannot be reached")
        task = asyncio.current_task()
        cancelled = 0 if task is None else task.cancelling()
        try:
            async with asyncio.timeout(seconds):
                result = await operation(self._redis)
        except (RedisError, OSError) as error:  # TimeoutError is an OSError
            self._failed(error)
            raise Unavailable("The shared state cannot be reached") from error
        if task is not None and task.cancelling() > cancelled:
            raise asyncio.CancelledError  # the client library took it for a time limit of its own, and went on
        if not self._well:
            self._well = True
            _log.info("Redis at %s answers again", self._place)
        return result

    def _failed(self, error: Exception) -> None:
        self._resting_until = self._now() + _PAUSE_SECONDS
        if self._well:
            self._well = False
            _log.warning(
                "Redis at %s does not answer, and each node goes on with what it knows itself: %s",
                self._place,
                str(error) or type(error).__name__,
            )

    async def close(self) -> None:
        """Disconnect."""
        await self._redis.aclose()
