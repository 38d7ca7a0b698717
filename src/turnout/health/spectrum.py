"""Distributions in fixed buckets: six to the octave, so that a percentile is within 12.3 % of the truth."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

from turnout.domain.health import Spread

__all__ = ["BUCKETS", "RATE_BOUNDS", "SECONDS_BOUNDS", "falling_spread", "rising_spread"]

BUCKETS = 128
_STEP = 2 ** (1 / 6)
_FEWEST = 5
"""Samples below which a distribution says nothing: one slow answer condemns nobody."""

_PERCENTS = (50, 75, 90, 99)


def _bounds(lowest: float) -> tuple[float, ...]:
    return tuple(lowest * _STEP**number for number in range(BUCKETS - 1))


SECONDS_BOUNDS = _bounds(0.0005)
"""Upper bounds of all buckets but the last, from half a millisecond to a quarter of an hour."""

RATE_BOUNDS = _bounds(0.02)
"""The same for tokens per second, from one in a minute to 42,000."""


def rising_spread(counts: Sequence[int], bounds: Sequence[float]) -> Spread | None:
    """Percentiles of what should be low, such as seconds: p90 is what 90 % of the samples do not exceed.

    *counts* are samples per bucket. None with fewer than five samples.
    """
    upto = list(accumulate(counts))
    total = upto[-1]
    if total < _FEWEST:
        return None
    return Spread(*[_value(counts, upto, bounds, -(-total * percent // 100)) for percent in _PERCENTS])


def falling_spread(counts: Sequence[int], bounds: Sequence[float]) -> Spread | None:
    """Percentiles of what should be high, such as tokens per second: p90 is what 90 % of the samples reach."""
    upto = list(accumulate(counts))
    total = upto[-1]
    if total < _FEWEST:
        return None
    return Spread(*[_value(counts, upto, bounds, total + 1 - -(-total * percent // 100)) for percent in _PERCENTS])


def _value(counts: Sequence[int], upto: Sequence[int], bounds: Sequence[float], rank: int) -> float:
    """The sample of that *rank* (from 1, ascending), as if a bucket's samples lay in it evenly."""
    bucket = bisect_left(upto, rank)
    lower = bounds[bucket - 1] if bucket else bounds[0] / _STEP
    share = (rank - upto[bucket] + counts[bucket] - 0.5) / counts[bucket]
    return float(lower * _STEP**share)
