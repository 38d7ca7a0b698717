from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from turnout.health.slot import (
    ANSWERED,
    DAY,
    FAILED,
    FIVE_MINUTES,
    HALF_HOUR,
    HALF_MINUTE,
    IGNORED,
    LIMITED,
    LONGEST_ID,
    RATES,
    SLOT_BYTES,
    STREAMED,
    TOOLS,
    TOOLS_FAILED,
    Ring,
    Slot,
    summed,
    summed_buckets,
)

START = 1_700_000_000.0
RINGS = (HALF_MINUTE, FIVE_MINUTES, HALF_HOUR, DAY)
COUNTERS = (ANSWERED, FAILED, LIMITED, IGNORED, TOOLS, TOOLS_FAILED)

HISTORIES = st.lists(
    st.tuples(st.floats(0, 4000), st.sampled_from(COUNTERS), st.integers(1, 1000), st.integers(0, 1)), max_size=60
)
"""Seconds since the event before, counter, number, which worker."""


def _slot() -> Slot:
    return Slot(memoryview(bytearray(SLOT_BYTES)), 0, 0)


def _within(ring: Ring, at: float, now: float) -> bool:
    return math.floor(at / ring.seconds) > math.floor(now / ring.seconds) - ring.slots


@given(HISTORIES, st.floats(0, 100_000))
def test_a_window_holds_exactly_what_happened_in_it_over_all_workers(
    history: list[tuple[float, int, int, int]], later: float
) -> None:
    slots, now = [_slot(), _slot()], START
    events: list[tuple[float, int, int]] = []
    for pause, counter, number, worker in history:
        now += pause
        slots[worker].count(counter, now, number)
        events.append((now, counter, number))
    now += later
    for ring in RINGS:
        expected = {
            counter: sum(n for at, what, n in events if what == counter and _within(ring, at, now))
            for counter in COUNTERS
        }
        found = summed(slots, ring, now)
        assert {counter: found[counter] for counter in COUNTERS} == expected
        assert min(found) >= 0


@given(st.lists(st.tuples(st.floats(0, 900), st.integers(0, 383)), max_size=60), st.floats(0, 4000))
def test_distributions_hold_exactly_the_samples_of_their_window(history: list[tuple[float, int]], later: float) -> None:
    slot, now = _slot(), START
    events: list[tuple[float, int]] = []
    for pause, mark in history:
        now += pause
        slot.mark([mark, mark], now)
        events.append((now, mark))
    now += later
    for ring in (FIVE_MINUTES, HALF_HOUR):
        found = summed_buckets([slot], ring, now)
        assert sum(found) == 2 * sum(_within(ring, at, now) for at, _ in events)
        for at, mark in events:
            assert not _within(ring, at, now) or found[mark] >= 2


def test_windows_are_at_least_as_long_as_their_names() -> None:
    assert [(ring.slots - 1) * ring.seconds for ring in RINGS[1:]] == [300, 1800, 86_400]
    assert HALF_MINUTE.slots * HALF_MINUTE.seconds == 30  # who has recovered should not wait for longer


def test_the_parts_of_a_slot_do_not_overlap() -> None:
    slot = _slot()
    slot.begin(b"x" * LONGEST_ID, START)
    for ring in RINGS:
        for turn in range(ring.slots):
            slot.count(FAILED, START + turn * ring.seconds, 2**32 // 100)
            slot.mark([STREAMED, RATES + 127], START + turn * ring.seconds)
    assert slot.endpoint_id == "x" * LONGEST_ID
    assert SLOT_BYTES <= 64 * 1024
    last = FIVE_MINUTES.seconds * (FIVE_MINUTES.slots - 1)
    assert sum(summed_buckets([_slot(), slot], FIVE_MINUTES, START + last)) > 0


def test_a_writer_that_died_while_emptying_a_slot_leaves_one_that_nobody_counts() -> None:
    slot = _slot()
    slot.count(ANSWERED, START, 7)
    for place in range(144, 704, 8):  # every stamp is gone, the numbers are still there
        slot.numbers[place] = 0
    assert all(summed([slot], ring, START)[ANSWERED] == 0 for ring in RINGS)
    slot.count(ANSWERED, START)
    assert all(summed([slot], ring, START)[ANSWERED] == 1 for ring in RINGS)


@given(st.binary(min_size=SLOT_BYTES // 8, max_size=SLOT_BYTES // 8), st.floats(0, 2e9))
def test_reading_garbage_never_raises(junk: bytes, at: float) -> None:
    slot = Slot(memoryview(bytearray(junk * 8)), 0, 0)
    for ring in RINGS:
        assert min(summed([slot, slot], ring, at)) >= 0
    summed_buckets([slot, slot], HALF_HOUR, at)
    assert isinstance(slot.endpoint_id, str)
