"""Health windows of other machines: what this worker has counted goes out, what theirs have comes in."""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Final, final

from turnout.base.clock import SYSTEM_CLOCK, Clock
from turnout.base.errors import Unavailable
from turnout.contracts.shared import HealthExchange
from turnout.health.book import HealthBook
from turnout.health.slot import SLOT_BYTES, TIME_LIMITED, Slot

__all__ = ["HealthSharing"]

_TURN_SECONDS: Final = 2.0
_KEPT_SECONDS: Final = 12
_SHOWN_SECONDS: Final = 1800.0
"""Endpoints that nobody has asked for so long have nothing to tell."""

_MOST_SHOWN: Final = 256
_SKEW_SECONDS: Final = 30.0
"""Windows are compared by their times: a clock that was set since the boot has nothing to say to other machines."""

_AHEAD_SECONDS: Final = 5.0
_LONGEST_LIMIT: Final = 86_400.0
_log = logging.getLogger(__name__)

Blocks = Mapping[str, Sequence[bytes]]


@final
class HealthSharing:
    """Shows a worker's windows to other machines, and its book theirs. *machine* is ``<machine>/<part>``: of one's own
    machine the workers know each other already.
    """

    def __init__(self, book: HealthBook, exchange: HealthExchange, machine: str, clock: Clock = SYSTEM_CLOCK) -> None:
        self._book = book
        self._exchange = exchange
        self._machine = machine
        self._clock = clock
        self._packed: dict[str, tuple[bytes, bytes]] = {}  # as it is, and as it goes out
        self._shown_at = float("-inf")
        self._heard: dict[tuple[str, bytes], Slot] = {}
        self._troubled = False

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.turn()
            except Unavailable:
                pass  # the windows of others grow old by themselves
            except Exception:  # noqa: BLE001 - a background task, and whoever can write to Redis may write anything
                if not self._troubled:
                    _log.warning("health is not shared between machines for now", exc_info=True)
                self._troubled = True
            await asyncio.sleep(_TURN_SECONDS)

    async def turn(self) -> None:
        """Show what is new here, and take in what others show.

        Raises:
            Unavailable: the exchange cannot be reached.
        """
        now, wall = self._clock.monotonic(), self._clock.wall()
        if abs(now + self._book.epoch - wall) > _SKEW_SECONDS:
            return
        blocks = self._book.shown(wall - _SHOWN_SECONDS, _MOST_SHOWN)
        if now - self._shown_at > _KEPT_SECONDS / 3 or self._differs(blocks):
            self._packed = await asyncio.to_thread(_pack, blocks, self._packed)
            out = {endpoint_id: packed for endpoint_id, (_, packed) in self._packed.items()}
            await self._exchange.publish(self._machine, out, _KEPT_SECONDS)
            self._shown_at = now
        found = await self._exchange.others(self._machine)
        self._heard = await asyncio.to_thread(_unpack, found, self._heard, wall)
        slots: dict[str, list[Slot]] = {}
        for (endpoint_id, _), slot in self._heard.items():
            slots.setdefault(endpoint_id, []).append(slot)
        self._book.heard(slots, self._clock.monotonic())

    def _differs(self, blocks: Mapping[str, bytes]) -> bool:
        return blocks.keys() != self._packed.keys() or any(
            self._packed[endpoint_id][0] != block for endpoint_id, block in blocks.items()
        )


def _pack(blocks: Mapping[str, bytes], before: Mapping[str, tuple[bytes, bytes]]) -> dict[str, tuple[bytes, bytes]]:
    """*blocks* with what goes out for each: they are mostly zeros."""
    packed: dict[str, tuple[bytes, bytes]] = {}
    for endpoint_id, block in blocks.items():
        known = before.get(endpoint_id)
        packed[endpoint_id] = known if known is not None and known[0] == block else (block, zlib.compress(block, 1))
    return packed


def _unpack(found: Blocks, before: Mapping[tuple[str, bytes], Slot], wall: float) -> dict[tuple[str, bytes], Slot]:
    """The slots in *found*, those that are as they were *before* as the same objects."""
    slots: dict[tuple[str, bytes], Slot] = {}
    for endpoint_id, blocks in found.items():
        for block in blocks:
            place = endpoint_id, block
            slot = before.get(place) or _slot_of(endpoint_id, block, wall)
            if slot is not None:
                slots[place] = slot
    return slots


def _slot_of(endpoint_id: str, block: bytes, wall: float) -> Slot | None:
    """The slot in *block*; None where it is damaged, another endpoint's, or from the future."""
    reading = zlib.decompressobj()
    try:
        memory = reading.decompress(block, SLOT_BYTES + 1)
    except zlib.error:
        return None
    if len(memory) != SLOT_BYTES:
        return None
    slot = Slot(memoryview(memory), 0, 0)
    latest = [wall + _AHEAD_SECONDS] * len(slot.times)
    latest[TIME_LIMITED] = wall + _LONGEST_LIMIT
    sane = all(isfinite(time) and 0 <= time <= most for time, most in zip(slot.times, latest, strict=True))
    return slot if sane and slot.endpoint_id == endpoint_id else None
