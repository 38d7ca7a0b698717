"""The slots of this worker: handed out with an endpoint's first event, taken from the idlest when there is no room."""

from __future__ import annotations

from collections.abc import Iterator
from typing import final
from zlib import crc32

from turnout.health.neighbour import ALARMS, DIRECTORY_BYTES, SLOTS, slot_of
from turnout.health.slot import LONGEST_ID, SLOT_BYTES, TIME_TOUCHED, Slot
from turnout.shared.regions import Regions

__all__ = ["Shelf"]

_WAYS = 16
"""Places that an endpoint may have, from the one that its id's checksum tells."""


@final
class Shelf:
    """The one writer of its region.

    Raises:
        OSError: the disk is full.
    """

    def __init__(self, regions: Regions) -> None:
        region = regions.own
        directory = bytes(region[:DIRECTORY_BYTES])
        regions.reserve(0, DIRECTORY_BYTES)
        region[:DIRECTORY_BYTES] = directory
        self._regions = regions
        self._changes = region[:ALARMS].cast("I")
        self._alarms = region[ALARMS:DIRECTORY_BYTES].cast("I")
        self._slots: list[Slot | None] = [None] * SLOTS

    def left(self) -> Iterator[tuple[str, Slot]]:
        """What the last holder of the region has left, by endpoint id."""
        seen: set[str] = set()
        for number in range(SLOTS):
            if self._changes[number] or self._alarms[number]:
                slot = slot_of(self._regions.own, number)
                endpoint_id = slot.endpoint_id
                if endpoint_id and endpoint_id not in seen:
                    seen.add(endpoint_id)
                    self._slots[number] = slot
                    yield endpoint_id, slot

    def take(self, endpoint_id: str, at: float) -> tuple[Slot, str] | None:
        """An empty slot for the endpoint, and the id of the one that had to make room, or an empty text.

        None: the id is too long, or the disk is full (then no request is admitted that would need one).
        """
        name = endpoint_id.encode(errors="replace")
        if len(name) > LONGEST_ID:
            return None
        number, before = self._room(crc32(name))
        try:
            self._regions.reserve(DIRECTORY_BYTES + number * SLOT_BYTES, SLOT_BYTES)
        except OSError:
            return None
        slot = self._slots[number] = slot_of(self._regions.own, number)
        slot.begin(name, at)
        return slot, before

    def change(self, slot: Slot) -> None:
        """Others see within seconds what was written."""
        self._changes[slot.number] = (self._changes[slot.number] + 1) % 2**32

    def announce(self, slot: Slot) -> None:
        """Others see it with their next pulse."""
        self._alarms[slot.number] = (self._alarms[slot.number] + 1) % 2**32

    def _room(self, checksum: int) -> tuple[int, str]:
        """The number of a free slot, or that of the endpoint which nobody has asked for the longest, and its id."""
        held: list[tuple[float, int, Slot]] = []
        for step in range(_WAYS):
            number = (checksum + step) % SLOTS
            slot = self._slots[number]
            if slot is None:
                return number, ""
            held.append((slot.times[TIME_TOUCHED], number, slot))
        _, number, idlest = min(held, key=lambda one: one[0])
        return number, idlest.endpoint_id
