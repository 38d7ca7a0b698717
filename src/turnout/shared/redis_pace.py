"""Rate limits counted by all machines together, in Redis or Valkey."""

from __future__ import annotations

from typing import Final, final

from redis.asyncio import Redis

from turnout.base.errors import Unavailable
from turnout.contracts.shared import Pace
from turnout.domain.account import Key
from turnout.shared.minute import TICK_SECONDS, WINDOW
from turnout.shared.redis_link import PREFIX, Link

__all__ = ["PaceInRedis"]

_NO_LIMIT: Final = -1
_TAKE: Final = """
local now, requests, tokens = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local most, most_tokens = tonumber(ARGV[4]), tonumber(ARGV[5])
local ticks, seconds = tonumber(ARGV[6]), tonumber(ARGV[7])
local kept = redis.call('GET', KEYS[1])
local minute = kept and cmsgpack.unpack(kept) or {tick = 0, requests = {}, tokens = {}}
local tick, newest = math.floor(now / seconds), minute.tick
if tick < newest and newest - tick < ticks then
  tick = newest
else
  for place = 1, ticks do
    local at = newest - (newest - (place - 1)) % ticks
    if not kept or tick < newest or at <= tick - ticks then
      minute.requests[place], minute.tokens[place] = 0, 0
    end
  end
  minute.tick = tick
end
local function sum(ring)
  local all = 0
  for place = 1, ticks do all = all + ring[place] end
  return all
end
local function wait(ring, left, room)
  for oldest = tick - ticks + 1, tick do
    left = left - ring[oldest % ticks + 1]
    if left <= room or oldest == tick then
      return math.ceil(((oldest + ticks) * seconds - now) * 1000)
    end
  end
end
if requests > 0 then
  local counted, used = sum(minute.requests), sum(minute.tokens)
  local longest = 0
  if most >= 0 and counted + requests > most then
    longest = wait(minute.requests, counted, most - requests)
  end
  if most_tokens >= 0 and used > 0 and used + tokens > most_tokens then
    longest = math.max(longest, wait(minute.tokens, used, most_tokens - tokens))
  end
  if longest > 0 then return longest end
end
local place = tick % ticks + 1
minute.requests[place] = minute.requests[place] + requests
if tokens >= 0 then
  minute.tokens[place] = minute.tokens[place] + tokens
else
  for age = 0, ticks - 1 do
    local there = (tick - age) % ticks + 1
    local taken = math.min(-tokens, minute.tokens[there])
    minute.tokens[there] = minute.tokens[there] - taken
    tokens = tokens + taken
  end
end
redis.call('SET', KEYS[1], cmsgpack.pack(minute), 'EX', ticks * seconds + seconds)
return false
"""
"""The same as ``minute.take``, in one step of the server. Milliseconds to wait, or nothing."""


@final
class PaceInRedis:
    """A :class:`turnout.contracts.shared.Pace` of all machines that use the same Redis.

    While Redis cannot be asked, *fallback* counts. It counts only then: a limit may be reached once more on each
    machine, and nobody is refused for a server that is gone.
    """

    def __init__(self, link: Link, fallback: Pace) -> None:
        self._link = link
        self._fallback = fallback
        self._take = link.redis.register_script(_TAKE)

    async def take(self, key: Key, requests: int, tokens: int, now: float) -> float | None:
        """See :class:`turnout.contracts.shared.Pace`."""
        names = [f"{PREFIX}pace:{key.hash}"]
        limits = [_NO_LIMIT if most is None else most for most in (key.requests_per_minute, key.tokens_per_minute)]
        arguments = [now, requests, tokens, *limits, WINDOW, TICK_SECONDS]

        async def ask(_: Redis) -> object:
            return await self._take(keys=names, args=arguments)

        try:
            wait = await self._link.call(ask)
        except Unavailable:
            return await self._fallback.take(key, requests, tokens, now)
        return wait / 1000 if isinstance(wait, int) else None

    async def close(self) -> None:
        """The link is another's; only what counts in its place is closed."""
        await self._fallback.close()
