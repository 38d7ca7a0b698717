"""Answers kept by all machines, in a Redis or Valkey that cannot read them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from contextlib import suppress
from typing import Any, Final, cast, final

from redis.asyncio import Redis

from turnout.base.errors import Unavailable
from turnout.contracts.shared import Claim
from turnout.shared.redis_link import PREFIX, Link
from turnout.shared.sealed import opened, place_of, sealed

__all__ = ["AnswersInRedis"]

_PATIENCE_SECONDS: Final = 1.0
_RENEW: Final = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end"
_RELEASE: Final = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"


@final
class AnswersInRedis:
    """An :class:`turnout.contracts.shared.AnswerMemory` of all machines that use the same Redis."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._errands: set[asyncio.Task[None]] = set()

    async def find(self, name: bytes) -> bytes | None:
        """What is kept under *name*. Raises Unavailable."""
        return _opened(name, await self._link.call(lambda redis: redis.get(_key(name)), _PATIENCE_SECONDS))

    async def keep(self, name: bytes, answer: bytes, seconds: float) -> None:
        """Keep *answer*. Raises Unavailable."""
        text = sealed(name, answer)
        await self._link.call(lambda redis: redis.set(_key(name), text, px=_milliseconds(seconds)), _PATIENCE_SECONDS)

    async def claim(self, name: bytes, note: bytes, seconds: float) -> Claim:
        """Keep *note* unless something is kept already. Raises Unavailable."""
        text = sealed(name, note)

        async def take(redis: Redis) -> Claim:
            if await redis.set(_key(name), text, px=_milliseconds(seconds), nx=True):
                return Claim(text, None)
            return Claim(None, _opened(name, await redis.get(_key(name))))

        return await self._link.call(take, _PATIENCE_SECONDS)

    def renew(self, name: bytes, claim: bytes, seconds: float) -> None:
        """Let *claim* hold for *seconds* from now on."""
        self._send(self._run(_RENEW, name, claim, _milliseconds(seconds)))

    def release(self, name: bytes, claim: bytes) -> None:
        """Give *claim* up."""
        self._send(self._run(_RELEASE, name, claim))

    async def close(self) -> None:
        """Wait for what is under way; the link is another's."""
        await asyncio.gather(*self._errands, return_exceptions=True)

    async def _run(self, script: str, name: bytes, *arguments: bytes | int) -> None:
        with suppress(Unavailable):
            await self._link.call(
                lambda redis: cast("Awaitable[object]", redis.eval(script, 1, _key(name), *arguments)),
                _PATIENCE_SECONDS,
            )

    def _send(self, errand: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(errand)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)


def _key(name: bytes) -> bytes:
    return PREFIX.encode() + b"answer:" + place_of(name)


def _milliseconds(seconds: float) -> int:
    return max(1, int(seconds * 1000))


def _opened(name: bytes, text: object) -> bytes | None:
    return opened(name, text) if isinstance(text, bytes) else None
