from __future__ import annotations

from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.domain.health import Spread
from turnout.health.spectrum import BUCKETS, RATE_BOUNDS, SECONDS_BOUNDS, falling_spread, rising_spread

PERCENTS = (50, 75, 90, 99)
BUCKET = 2 ** (1 / 6) * 1.0000001


def _counts(samples: list[float], bounds: tuple[float, ...]) -> list[int]:
    counts = [0] * BUCKETS
    for sample in samples:
        counts[bisect_left(bounds, sample)] += 1
    return counts


def _values(spread: Spread | None) -> tuple[float, ...]:
    assert spread is not None
    return spread.p50, spread.p75, spread.p90, spread.p99


def _share(samples: list[float], percent: int) -> int:
    return -(-len(samples) * percent // 100)


@given(st.lists(st.floats(0.0006, 900), min_size=5, max_size=300))
def test_percentiles_of_seconds_rise_and_are_within_a_bucket_of_the_truth(samples: list[float]) -> None:
    values = _values(rising_spread(_counts(samples, SECONDS_BOUNDS), SECONDS_BOUNDS))
    assert list(values) == sorted(values)
    ascending = sorted(samples)
    for percent, value in zip(PERCENTS, values, strict=True):
        truth = ascending[_share(samples, percent) - 1]
        assert truth / BUCKET <= value <= truth * BUCKET


@given(st.lists(st.floats(0.03, 40_000), min_size=5, max_size=300))
def test_percentiles_of_rates_fall_and_are_within_a_bucket_of_the_truth(samples: list[float]) -> None:
    values = _values(falling_spread(_counts(samples, RATE_BOUNDS), RATE_BOUNDS))
    assert list(values) == sorted(values, reverse=True)
    descending = sorted(samples, reverse=True)
    for percent, value in zip(PERCENTS, values, strict=True):
        truth = descending[_share(samples, percent) - 1]
        assert truth / BUCKET <= value <= truth * BUCKET


@pytest.mark.parametrize("sample", [0.0, 1e-9, 1e9])
def test_what_lies_beyond_all_buckets_counts_in_the_last_of_its_side(sample: float) -> None:
    values = _values(rising_spread(_counts([sample] * 9, SECONDS_BOUNDS), SECONDS_BOUNDS))
    assert all(SECONDS_BOUNDS[0] / BUCKET <= value <= SECONDS_BOUNDS[-1] * BUCKET for value in values)


@pytest.mark.parametrize("number", range(5))
def test_fewer_than_five_samples_say_nothing(number: int) -> None:
    counts = _counts([1.0] * number, SECONDS_BOUNDS)
    assert rising_spread(counts, SECONDS_BOUNDS) is None
    assert falling_spread(counts, RATE_BOUNDS) is None
