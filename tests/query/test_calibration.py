from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.query.calibration import (
    brier_score,
    expected_calibration_error,
    fit_isotonic,
    reliability_bins,
)

ROWS = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=80)


def overconfident(seed: str, count: int) -> tuple[list[float], list[bool]]:
    """Ballots that are right less often than they say: at confidence c with probability 0.3 + 0.4 c squared."""
    dice = Random(seed)
    confidences = [dice.random() for _ in range(count)]
    return confidences, [dice.random() < 0.3 + 0.4 * one**2 for one in confidences]


@given(ROWS, st.integers(1, 20))
def test_a_map_never_falls_and_stays_a_probability(rows: list[tuple[float, bool]], smallest: int) -> None:
    confidences, right = [one for one, _ in rows], [hit for _, hit in rows]
    fitted = fit_isotonic(confidences, right, smallest=smallest)
    values = [fitted(place / 50) for place in range(51)]
    assert all(low <= high + 1e-12 for low, high in pairwise(values))
    assert 0 <= values[0] <= values[-1] <= 1
    assert fitted.rows == len(rows)


@given(ROWS)
def test_a_map_keeps_the_mean_of_what_it_was_fitted_on(rows: list[tuple[float, bool]]) -> None:
    confidences, right = [one for one, _ in rows], [hit for _, hit in rows]
    fitted = fit_isotonic(confidences, right, smallest=1)
    hits = sum(right) / len(right)
    assert min(y for _, y in fitted.points) <= hits + 1e-12
    assert max(y for _, y in fitted.points) >= hits - 1e-12


def test_calibration_brings_the_error_of_held_out_ballots_down() -> None:
    fitted = fit_isotonic(*overconfident("train", 5000))
    confidences, right = overconfident("held out", 10_000)
    calibrated = [fitted(one) for one in confidences]
    assert expected_calibration_error(confidences, right) > 0.12
    assert expected_calibration_error(calibrated, right) < 0.03
    assert brier_score(calibrated, right) < brier_score(confidences, right)


@given(ROWS, st.integers(1, 20))
def test_bins_hold_every_ballot_once_and_never_part_equal_ones(rows: list[tuple[float, bool]], bins: int) -> None:
    confidences, right = [one for one, _ in rows], [hit for _, hit in rows]
    found = reliability_bins(confidences, right, bins)
    assert sum(one.count for one in found) == len(rows)
    assert len(found) <= bins
    assert sum(one.count * one.accuracy for one in found) == pytest.approx(sum(right))
    assert all(low.confidence < high.confidence for low, high in pairwise(found))


def test_bins_are_of_equal_size_where_they_can_be() -> None:
    found = reliability_bins([number / 150 for number in range(150)], [True] * 150)
    assert [one.count for one in found] == [10] * 15


def test_the_measures_of_perfect_and_useless_confidence() -> None:
    assert brier_score([1.0, 0.0], [True, False]) == expected_calibration_error([1.0, 0.0], [True, False]) == 0
    assert brier_score([0.5, 0.5], [True, False]) == 0.25
    assert expected_calibration_error([1.0, 1.0], [False, False]) == 1.0
    assert brier_score([], []) == expected_calibration_error([], []) == 0.0


def test_nothing_to_fit_is_refused() -> None:
    for confidences in ([], [0.5]):
        with pytest.raises(ValueError, match="outcomes"):
            fit_isotonic(confidences, [])
