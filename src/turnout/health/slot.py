"""What one worker remembers of one endpoint: rings of time slots in a fixed piece of memory.

Layout, in bytes::

    0      eight times (doubles), see the constants TIME_*
    64     length of the endpoint's id, the id in UTF-8
    576    counters: 8 numbers of 32 bits for each time slot of each ring, the first of them the slot's stamp
    2816   buckets: 3 x 128 numbers for each time slot of the rings that have distributions

A stamp tells which stretch of time its slot counts: slots that time has passed over are recognised by it and need not
be emptied. It is taken away before a slot is emptied and set again after, so that a writer that is killed in between
leaves a slot that nobody reads. Numbers are written whole; sums may lack the latest event, and nothing worse.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple, final

from turnout.health.spectrum import BUCKETS

__all__ = [
    "ANSWERED",
    "DAY",
    "FAILED",
    "FIVE_MINUTES",
    "HALF_HOUR",
    "HALF_MINUTE",
    "IGNORED",
    "LIMITED",
    "LONGEST_ID",
    "RATES",
    "SLOT_BYTES",
    "STREAMED",
    "TIME_ANSWERED",
    "TIME_BEFORE",
    "TIME_BEGAN",
    "TIME_FAILED",
    "TIME_LIMITED",
    "TIME_TOUCHED",
    "TIME_TRIED",
    "TIME_UNREACHABLE",
    "TOOLS",
    "TOOLS_FAILED",
    "WHOLE",
    "Ring",
    "Slot",
    "summed",
    "summed_buckets",
]

TIME_BEGAN, TIME_ANSWERED, TIME_FAILED, TIME_BEFORE, TIME_UNREACHABLE, TIME_LIMITED, TIME_TRIED, TIME_TOUCHED = range(8)
"""First event, latest answer, latest failure and the one before it, latest failure to connect, end of a rate limit,
latest trial during an outage, latest event."""

ANSWERED, FAILED, LIMITED, IGNORED, TOOLS, TOOLS_FAILED = range(1, 7)
"""Counters of a time slot, after its stamp."""

STREAMED, WHOLE, RATES = 0, BUCKETS, 2 * BUCKETS
"""Where the distributions begin: seconds to the first token of a stream, seconds of a whole answer, tokens/s."""

_COUNTERS = 8
_SPREADS = 3 * BUCKETS
_ID = 64
_COUNTERS_BEGIN = 576
_BUCKETS_BEGIN = 2816
SLOT_BYTES = 24_576
LONGEST_ID = _COUNTERS_BEGIN - _ID - 4
"""Bytes."""

_NO_BUCKETS = bytes(4 * _SPREADS)
_NO_COUNTERS = bytes(4 * (_COUNTERS - 1))
_ORDER = sys.byteorder
_COUNTER_LANES = 2 ** (32 * (_COUNTERS - 1)) - 1
_BUCKET_LANES = 2 ** (32 * _SPREADS) - 1


class Ring(NamedTuple):
    """A window as a ring of *slots* time slots of *seconds* each; *first* and *buckets* say where they stand.

    It covers the slot that is being filled and all before it: up to one slot more than ``(slots - 1) * seconds``.
    """

    seconds: int
    slots: int
    first: int
    buckets: int | None


HALF_MINUTE = Ring(5, 6, _COUNTERS_BEGIN // 4, None)
FIVE_MINUTES = Ring(60, 6, HALF_MINUTE.first + 6 * _COUNTERS, _BUCKETS_BEGIN // 4)
HALF_HOUR = Ring(300, 7, FIVE_MINUTES.first + 6 * _COUNTERS, _BUCKETS_BEGIN // 4 + 6 * _SPREADS)
DAY = Ring(1800, 49, HALF_HOUR.first + 7 * _COUNTERS, None)
_RINGS = (HALF_MINUTE, FIVE_MINUTES, HALF_HOUR, DAY)


@final
class Slot:
    """One endpoint's memory at *start* of a *region*. Times are the file's, never negative."""

    __slots__ = ("memory", "number", "numbers", "times")

    def __init__(self, region: memoryview, start: int, number: int) -> None:
        """*number* is the slot's place in its region."""
        self.memory = region[start : start + SLOT_BYTES]
        self.number = number
        self.numbers = self.memory.cast("I")
        self.times = self.memory[:_ID].cast("d")

    @property
    def endpoint_id(self) -> str:
        """Whose slot it is; empty: nobody's."""
        length = self.numbers[_ID // 4]
        return bytes(self.memory[_ID + 4 : _ID + 4 + min(length, LONGEST_ID)]).decode(errors="replace")

    def begin(self, endpoint_id: bytes, at: float) -> None:
        """Take an emptied slot for the endpoint."""
        self.memory[_ID + 4 : _ID + 4 + len(endpoint_id)] = endpoint_id
        self.numbers[_ID // 4] = len(endpoint_id)
        self.times[TIME_BEGAN] = self.times[TIME_TOUCHED] = at

    def count(self, counter: int, at: float, number: int = 1) -> None:
        """Add *number* events at the time *at* to every window."""
        numbers = self.numbers
        for ring in _RINGS:
            numbers[self._turn(ring, at) + counter] += number
        self.times[TIME_TOUCHED] = at

    def mark(self, marks: Iterable[int], at: float) -> None:
        """Add samples to the distributions; a mark is the distribution's beginning plus a bucket."""
        numbers = self.numbers
        near, far = (self._buckets(ring, at) for ring in (FIVE_MINUTES, HALF_HOUR))
        for mark, number in Counter(marks).items():
            numbers[near + mark] += number
            numbers[far + mark] += number

    def _turn(self, ring: Ring, at: float) -> int:
        """Where the counters of the present time slot are, after emptying what an older one has left there."""
        stretch = int(at / ring.seconds)
        turn = stretch % ring.slots
        place = ring.first + turn * _COUNTERS
        numbers = self.numbers
        if numbers[place] != stretch + 1:
            numbers[place] = 0
            self.memory[4 * place + 4 : 4 * (place + _COUNTERS)] = _NO_COUNTERS
            if ring.buckets is not None:
                begin = 4 * (ring.buckets + turn * _SPREADS)
                self.memory[begin : begin + 4 * _SPREADS] = _NO_BUCKETS
            numbers[place] = stretch + 1
        return place

    def _buckets(self, ring: Ring, at: float) -> int:
        """Where the buckets of the present time slot are."""
        turn = (self._turn(ring, at) - ring.first) // _COUNTERS
        return (ring.buckets or 0) + turn * _SPREADS


def summed(slots: Sequence[Slot], ring: Ring, at: float, stretches: int | None = None) -> list[int]:
    """The counters of the window that ends at *at*, over all workers' *slots*; of its last *stretches* alone, if given.

    The numbers of a slot are added as one large integer: its lanes do not carry, as no count comes near 2**32.
    Index 0 is unused, so that the constants are the indexes.
    """
    newest = int(at / ring.seconds) + 1
    total = 0
    for slot in slots:
        numbers, memory = slot.numbers, slot.memory
        for stamp in range(max(newest - (stretches or ring.slots), 0) + 1, newest + 1):
            place = ring.first + (stamp - 1) % ring.slots * _COUNTERS
            if numbers[place] == stamp:
                total += int.from_bytes(memory[4 * place + 4 : 4 * (place + _COUNTERS)], _ORDER)
    lanes = (total & _COUNTER_LANES).to_bytes(4 * (_COUNTERS - 1), _ORDER)
    return [0, *memoryview(lanes).cast("I").tolist()]


def summed_buckets(slots: Sequence[Slot], ring: Ring, at: float) -> list[int]:
    """The distributions of the window that ends at *at*, over all workers' *slots*, one after another."""
    newest = int(at / ring.seconds) + 1
    total = 0
    for slot in slots:
        numbers, memory = slot.numbers, slot.memory
        for stamp in range(max(newest - ring.slots, 0) + 1, newest + 1):
            turn = (stamp - 1) % ring.slots
            if numbers[ring.first + turn * _COUNTERS] == stamp:
                begin = 4 * ((ring.buckets or 0) + turn * _SPREADS)
                total += int.from_bytes(memory[begin : begin + 4 * _SPREADS], _ORDER)
    return memoryview((total & _BUCKET_LANES).to_bytes(4 * _SPREADS, _ORDER)).cast("I").tolist()
