"""A region as others read it: which endpoints its worker knows, and which of them have news."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, final

from turnout.health.slot import SLOT_BYTES, Slot

__all__ = ["ALARMS", "DIRECTORY_BYTES", "LAYOUT", "REGION_BYTES", "SLOTS", "Change", "Neighbour", "slot_of"]

SLOTS = 4096
"""Endpoints that one worker remembers."""

ALARMS = 4 * SLOTS
DIRECTORY_BYTES = 2 * ALARMS
REGION_BYTES = DIRECTORY_BYTES + SLOTS * SLOT_BYTES
LAYOUT = b"health 1"
"""A region begins with a directory: for each slot a number that changes with every event in it, then for each slot one
that changes with what others must know at once. To be counted up with any change of the format."""

_STRIDE = 256  # bytes compared at once


class Change(NamedTuple):
    """News of a slot. *before* is the endpoint it belonged to until now; an empty id stands for nobody."""

    endpoint_id: str
    before: str
    slot: Slot
    alarm: bool


def slot_of(region: memoryview, number: int) -> Slot:
    """The slot of that *number*."""
    return Slot(region, DIRECTORY_BYTES + number * SLOT_BYTES, number)


@final
class Neighbour:
    """The region of another worker, dead or alive."""

    def __init__(self, region: memoryview) -> None:
        self._region = region
        self._seen = bytes(DIRECTORY_BYTES)
        self._slots: dict[int, tuple[str, Slot]] = {}

    def changes(self) -> Iterator[Change]:
        """What has happened since the last call."""
        before, now = self._seen, bytes(self._region[:DIRECTORY_BYTES])
        if now == before:
            return
        self._seen = now
        alarmed = set(_differences(before, now, ALARMS))
        for number in alarmed.union(_differences(before, now, 0)):
            known = self._slots.get(number)
            slot = known[1] if known is not None else slot_of(self._region, number)
            endpoint_id, past = slot.endpoint_id, known[0] if known is not None else ""
            self._slots[number] = endpoint_id, slot
            yield Change(endpoint_id, past, slot, number in alarmed)


def _differences(before: bytes, now: bytes, start: int) -> Iterator[int]:
    """Numbers of the slots whose entry differs, in the half of the directory that begins at *start*."""
    for begin in range(start, start + ALARMS, _STRIDE):
        if before[begin : begin + _STRIDE] != now[begin : begin + _STRIDE]:
            for place in range(begin, begin + _STRIDE, 4):
                if before[place : place + 4] != now[place : place + 4]:
                    yield (place - start) // 4
