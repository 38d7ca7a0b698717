"""Health windows that machines show each other in Redis or Valkey."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, final

from redis.asyncio import Redis

from turnout.shared.redis_link import PREFIX, Link

__all__ = ["HealthInRedis"]

_MACHINES: Final = f"{PREFIX}machines"
_SECONDS: Final = 2.0


@final
class HealthInRedis:
    """A :class:`turnout.contracts.shared.HealthExchange` of all machines that use the same Redis."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def publish(self, machine: str, blocks: Mapping[str, bytes], seconds: int) -> None:
        """See :class:`turnout.contracts.shared.HealthExchange`."""
        place = _place(machine)

        async def write(redis: Redis) -> None:
            async with redis.pipeline(transaction=True) as together:
                together.delete(place)
                if blocks:
                    together.hset(place, items=[part for item in blocks.items() for part in item])
                    together.expire(place, seconds)
                    together.sadd(_MACHINES, machine)
                await together.execute()

        await self._link.call(write, _SECONDS)

    async def others(self, machine: str) -> Mapping[str, Sequence[bytes]]:
        """See :class:`turnout.contracts.shared.HealthExchange`."""

        async def read(redis: Redis) -> dict[str, list[bytes]]:
            members = await redis.smembers(_MACHINES)
            known = sorted(name.decode() for name in members if isinstance(name, bytes))
            ours = machine.partition("/")[0]
            others = [name for name in known if name.partition("/")[0] != ours]
            if not others:
                return {}
            async with redis.pipeline(transaction=False) as together:
                for name in others:
                    together.hgetall(_place(name))
                found = await together.execute()
            gone = [name for name, blocks in zip(others, found, strict=True) if not blocks]
            if gone:
                await redis.srem(_MACHINES, *gone)
            merged: dict[str, list[bytes]] = {}
            for blocks in found:
                for endpoint_id, block in blocks.items():
                    merged.setdefault(endpoint_id.decode(), []).append(block)
            return merged

        return await self._link.call(read, _SECONDS)


def _place(machine: str) -> str:
    return f"{PREFIX}health:{machine}"
