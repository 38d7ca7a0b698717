"""What the windows of an endpoint mean: outage, standing, speed. Pure: slots and a time in, values out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from turnout.domain.health import Spread, Standing, Vitals
from turnout.health.slot import (
    ANSWERED,
    DAY,
    FAILED,
    FIVE_MINUTES,
    HALF_HOUR,
    HALF_MINUTE,
    RATES,
    STREAMED,
    TIME_ANSWERED,
    TIME_BEFORE,
    TIME_BEGAN,
    TIME_FAILED,
    TIME_LIMITED,
    TIME_TRIED,
    TIME_UNREACHABLE,
    TOOLS,
    TOOLS_FAILED,
    WHOLE,
    Ring,
    Slot,
    summed,
    summed_buckets,
)
from turnout.health.spectrum import BUCKETS, RATE_BOUNDS, SECONDS_BOUNDS, falling_spread, rising_spread

__all__ = ["Trouble", "limited_until", "listing", "trouble", "vitals"]

_OUTAGE_SECONDS = 30.0
_FORGOTTEN_SECONDS = 300.0
"""After so long without a failure nobody asks for the endpoint, and an old outage says nothing any more."""

_FEWEST_IN_OUTAGE = 5
_FEWEST_FOR_STANDING = 100
_FEWEST_LISTED = 5
_NORMAL_PERCENT = 95.0
_LOWERED_PERCENT = 80.0
_TOOL_STRETCHES = 5  # two hours, and the half hour that is being filled

_FEWEST_SLOW = 10
_SLOW_FACTOR = 3.0
_SLOW_SECONDS = 1.0
"""Nobody is called slow who begins within a second."""

_FIRST_WAIT = 30.0
_LONGEST_WAIT = 40.0
_SLOWNESS = 30.0
_JITTER = 0.2
"""Waits between trials grow by a second for each half minute of outage, and by up to a fifth by chance: to 48 s."""

_WELL, _LOWERED, _LAST, _LIMITED, _OUT = 0, -1, -2, -3, -5
"""Words of ``status``: 0 is OpenRouter's; it does not say what its other numbers mean, so these are ours."""


class Trouble(NamedTuple):
    """An outage. *proven* is the time of the latest trial or failure; *lasting* says that only an answer ends it."""

    proven: float
    since: float
    lasting: bool

    def due(self, chance: float) -> float:
        """When it may be tried again; *chance* (0 to 1) keeps workers from trying at once."""
        out = max(self.proven - self.since, 0.0)
        wait = min(_FIRST_WAIT + out / _SLOWNESS, _LONGEST_WAIT)
        return self.proven + wait * (1 + _JITTER * chance)


def trouble(slots: Sequence[Slot], at: float) -> Trouble | None:
    """The outage of the endpoint with these *slots*, one of each worker that knows it; None: there is none."""
    answered = max(slot.times[TIME_ANSWERED] for slot in slots)
    before, failed = sorted([0.0] + [slot.times[time] for slot in slots for time in (TIME_FAILED, TIME_BEFORE)])[-2:]
    if not failed or not -_OUTAGE_SECONDS < at - failed <= _FORGOTTEN_SECONDS:  # the calendar may be set back
        return None
    unreachable = max(slot.times[TIME_UNREACHABLE] for slot in slots)
    in_a_row = before > answered and failed - before <= _OUTAGE_SECONDS
    lasting = unreachable > answered or in_a_row
    if not lasting:
        recent = summed(slots, HALF_MINUTE, at)
        attempts = recent[FAILED] + recent[ANSWERED]
        if attempts < _FEWEST_IN_OUTAGE or recent[FAILED] * 2 < attempts:
            return None
    tried = max(slot.times[TIME_TRIED] for slot in slots)
    began = min(slot.times[TIME_BEGAN] for slot in slots)
    return Trouble(max(failed, tried), max(answered, began), lasting)


def limited_until(slots: Sequence[Slot], at: float) -> float:
    """The end of a rate limit that lasts at *at*, else 0."""
    limited = max(slot.times[TIME_LIMITED] for slot in slots)
    return limited if limited > at else 0.0


def vitals(slots: Sequence[Slot], at: float) -> Vitals:
    """The endpoint at the time *at* of the file, all but what a glance tells: outage, trial and rate limit."""
    half_hour = summed(slots, HALF_HOUR, at)
    tools = summed(slots, DAY, at, _TOOL_STRETCHES)
    uptime = _recent_uptime(slots, at, half_hour)
    counts = summed_buckets(slots, FIVE_MINUTES, at)
    latency, throughput = _spreads(counts)
    return Vitals(
        standing=_standing(uptime),
        latency=latency,
        throughput=throughput,
        tool_requests=tools[TOOLS],
        tool_errors=tools[TOOLS_FAILED],
        requests=half_hour[ANSWERED] + half_hour[FAILED],
        uptime=uptime,
        slowed=latency is not None and _slowed(slots, counts, at),
    )


def listing(slots: Sequence[Slot], at: float) -> Mapping[str, Any]:
    """What a listing shows of the endpoint, each key only where enough is known."""
    half_hour, day, tools = (
        summed(slots, HALF_HOUR, at),
        summed(slots, DAY, at),
        summed(slots, DAY, at, _TOOL_STRETCHES),
    )
    uptimes = (
        ("uptime_last_5m", summed(slots, FIVE_MINUTES, at)),
        ("uptime_last_30m", half_hour),
        ("uptime_last_1d", day),
    )
    latency, throughput = _speed(slots, HALF_HOUR, at)
    shown: dict[str, Any] = {"status": _status(slots, at)}
    for name, counters in uptimes:
        if (percent := _uptime(counters, _FEWEST_LISTED)) is not None:
            shown[name] = round(percent, 2)
    if latency is not None:
        shown["latency_last_30m"] = _percentiles(latency, 1000)
    if throughput is not None:
        shown["throughput_last_30m"] = _percentiles(throughput, 1)
    shown["tool_requests"] = tools[TOOLS]
    shown["tool_errors"] = tools[TOOLS_FAILED]
    return shown


def _speed(slots: Sequence[Slot], ring: Ring, at: float) -> tuple[Spread | None, Spread | None]:
    """Seconds to the first token, and tokens per second."""
    return _spreads(summed_buckets(slots, ring, at))


def _spreads(counts: Sequence[int]) -> tuple[Spread | None, Spread | None]:
    latency = rising_spread(counts[STREAMED : STREAMED + BUCKETS], SECONDS_BOUNDS)
    if latency is None:
        latency = rising_spread(counts[WHOLE : WHOLE + BUCKETS], SECONDS_BOUNDS)
    return latency, falling_spread(counts[RATES : RATES + BUCKETS], RATE_BOUNDS)


def _slowed(slots: Sequence[Slot], lately: Sequence[int], at: float) -> bool:
    """Whether the latency in the buckets *lately* is far above what the half hour had before."""
    for begin in (STREAMED, WHOLE):
        near = lately[begin : begin + BUCKETS]
        if sum(near) < _FEWEST_SLOW:
            continue
        latency = rising_spread(near, SECONDS_BOUNDS)
        if latency is None or latency.p50 < _SLOW_SECONDS:
            return False
        half_hour = summed_buckets(slots, HALF_HOUR, at)[begin : begin + BUCKETS]
        far = [max(both - new, 0) for both, new in zip(half_hour, near, strict=True)]
        usual = rising_spread(far, SECONDS_BOUNDS) if sum(far) >= _FEWEST_SLOW else None
        return usual is not None and latency.p50 > _SLOW_FACTOR * usual.p50
    return False


def _uptime(counters: Sequence[int], fewest: int) -> float | None:
    attempts = counters[ANSWERED] + counters[FAILED]
    return None if attempts < fewest else 100.0 * counters[ANSWERED] / attempts


def _recent_uptime(slots: Sequence[Slot], at: float, half_hour: Sequence[int]) -> float | None:
    """Over the shortest window that has enough attempts: who is well again should not wait for half an hour.

    *half_hour* are the counters of the longest one, which has all that the others have.
    """
    far = _uptime(half_hour, _FEWEST_FOR_STANDING)
    if far is None:
        return None
    near = _uptime(summed(slots, FIVE_MINUTES, at), _FEWEST_FOR_STANDING)
    return far if near is None else near


def _standing(uptime: float | None) -> Standing:
    if uptime is None or uptime >= _NORMAL_PERCENT:
        return "normal"
    return "lowered" if uptime >= _LOWERED_PERCENT else "last"


def _status(slots: Sequence[Slot], at: float) -> int:
    if trouble(slots, at) is not None:
        return _OUT
    if limited_until(slots, at):
        return _LIMITED
    return {"normal": _WELL, "lowered": _LOWERED, "last": _LAST}[
        _standing(_recent_uptime(slots, at, summed(slots, HALF_HOUR, at)))
    ]


def _percentiles(spread: Spread, factor: float) -> dict[str, float]:
    return {name: round(getattr(spread, name) * factor, 2) for name in ("p50", "p75", "p90", "p99")}
