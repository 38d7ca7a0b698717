"""What workers of all machines tell each other at once, through Redis or Valkey."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from typing import Final, final

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from turnout.base.errors import Unavailable
from turnout.shared.redis_link import PREFIX, Link

__all__ = ["BulletinInRedis"]

_CHANNEL: Final = f"{PREFIX}bulletin:"
_NAME_BYTES: Final = 8
_MOST_WAITING: Final = 1_000
_SHORTEST_PAUSE: Final = 0.2  # seconds
_LONGEST_PAUSE: Final = 5.0
_SILENCE_SECONDS: Final = 5.0
_log = logging.getLogger(__name__)


@final
class BulletinInRedis:
    """A :class:`turnout.contracts.shared.Bulletin` of all workers that use the same Redis."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._name = os.urandom(_NAME_BYTES)
        self._listeners: dict[bytes, Callable[[bytes], None]] = {}
        self._waiting: list[tuple[str, bytes]] = []
        self._something = asyncio.Event()

    def tell(self, topic: str, text: bytes) -> None:
        """See :class:`turnout.contracts.shared.Bulletin`. Of what cannot be told for long, the oldest is dropped."""
        if len(self._waiting) >= _MOST_WAITING:
            del self._waiting[0]
        self._waiting.append((topic, text))
        self._something.set()

    def hear(self, topic: str, listener: Callable[[bytes], None]) -> None:
        """See :class:`turnout.contracts.shared.Bulletin`."""
        self._listeners[f"{_CHANNEL}{topic}".encode()] = listener

    async def run(self) -> None:
        """Tell and listen until cancelled; a server that was gone is found again."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self._tell_all())
            both.create_task(self._listen())

    async def _tell_all(self) -> None:
        while True:
            await self._something.wait()
            self._something.clear()
            waiting, self._waiting = self._waiting, []

            async def publish(redis: Redis, waiting: list[tuple[str, bytes]] = waiting) -> None:
                async with redis.pipeline(transaction=False) as together:
                    for topic, text in waiting:
                        together.publish(f"{_CHANNEL}{topic}", self._name + text)
                    await together.execute()

            try:
                await self._link.call(publish)
            except Unavailable:
                self._waiting = (waiting + self._waiting)[-_MOST_WAITING:]
                self._something.set()
                await asyncio.sleep(_SHORTEST_PAUSE)

    async def _listen(self) -> None:
        pause = _SHORTEST_PAUSE
        while self._listeners:
            try:
                async with self._link.redis.pubsub() as channel:
                    await channel.subscribe(*self._listeners)
                    pause = _SHORTEST_PAUSE
                    await self._follow(channel)
            except (RedisError, OSError):
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)

    async def _follow(self, channel: PubSub) -> None:
        """Pass on what comes. A server that does not even answer a ping is gone without a word."""
        asked = False
        while True:
            message = await channel.get_message(timeout=_SILENCE_SECONDS)
            if message is not None:
                asked = False
                if message["type"] == "message":
                    self._heard(message["channel"], message["data"])
            elif asked:
                raise RedisConnectionError("no answer")
            else:
                asked = True
                await channel.ping()

    def _heard(self, channel: bytes, text: bytes) -> None:
        if text[:_NAME_BYTES] == self._name:
            return
        try:
            self._listeners[channel](text[_NAME_BYTES:])
        except Exception:  # noqa: BLE001 - a background task, and whoever can write to Redis may tell anything
            _log.warning("what another worker told cannot be used", exc_info=True)
