"""Reasoning remembered by all machines, in a Redis or Valkey that cannot read it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, final

from redis.asyncio import Redis

from turnout.base.errors import Unavailable
from turnout.shared.redis_link import PREFIX, Link
from turnout.shared.sealed import opened, place_of, sealed

__all__ = ["ReasoningInRedis"]

_SECONDS: Final = 3600
_MOST_BYTES_EACH: Final = 2**20


@final
class ReasoningInRedis:
    """A :class:`turnout.contracts.shared.ReasoningMemory` of all machines that use the same Redis.

    Thoughts are encrypted with a key made of the name they are kept under, which Redis does not know.
    """

    def __init__(self, link: Link) -> None:
        self._link = link

    async def keep(self, names: Sequence[bytes], reasoning: bytes) -> None:
        """Remember *reasoning* under each of *names*, unless it is very long or Redis cannot be reached."""
        if not names or len(reasoning) > _MOST_BYTES_EACH:
            return

        async def write(redis: Redis) -> None:
            async with redis.pipeline(transaction=False) as together:
                for name in names:
                    together.set(_key(name), sealed(name, reasoning), ex=_SECONDS)
                await together.execute()

        try:
            await self._link.call(write)
        except Unavailable:
            return

    async def find(self, names: Sequence[bytes]) -> Sequence[bytes | None]:
        """What is remembered under each of *names*."""
        if not names:
            return []

        async def read(redis: Redis) -> list[object]:
            return list(await redis.mget([_key(name) for name in names]))

        try:
            found = await self._link.call(read)
        except Unavailable:
            return [None] * len(names)
        pairs = zip(names, found, strict=True)
        return [opened(name, text) if isinstance(text, bytes) else None for name, text in pairs]

    def close(self) -> None:
        """The link is another's."""


def _key(name: bytes) -> bytes:
    return PREFIX.encode() + b"reasoning:" + place_of(name)
