from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.query.calibration import expected_calibration_error
from turnout.query.fitting import FEWEST, fit_calibration, fit_logistic, quality_of

WORLDS = {
    "five alike": ([0.7] * 5, [1.0] * 5),
    "one that knows": ([0.9, 0.6, 0.6, 0.6, 0.8], [1.3, 0.7, 1.0, 1.1, 0.9]),
    "a crowd": ([0.6] * 32, [1.0] * 32),
    "continuous": ([0.85, 0.7, 0.6, 0.55], [1.71, 1.13, 0.87, 0.61]),
}


def ballots(world: str, count: int, dice: Random, options: int = 4) -> tuple[list[float], list[bool]]:
    """Confidences of winners and whether they were right; in one world each weight varies with the prompt."""
    skills, weights = WORLDS[world]
    confidences: list[float] = []
    right: list[bool] = []
    for _ in range(count):
        sums = [0.0] * options
        truth = dice.randrange(options)
        for skill, weight in zip(skills, weights, strict=True):
            wrong = [option for option in range(options) if option != truth]
            own = weight * dice.uniform(0.7, 1.3) if world == "continuous" else weight
            sums[truth if dice.random() < skill else dice.choice(wrong)] += own
        winner = sums.index(max(sums))
        confidences.append(sums[winner] / sum(sums))
        right.append(winner == truth)
    return confidences, right


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("seed", range(3))
def test_calibration_brings_the_error_under_3_percent_on_ballots_held_out(world: str, seed: int) -> None:
    dice = Random(seed)
    chance = fit_calibration(*ballots(world, 1000, dice))
    confidences, right = ballots(world, 10_000, dice)
    assert chance is not None
    before = expected_calibration_error(confidences, right)
    after = expected_calibration_error([chance(one)[0] for one in confidences], right)
    assert after < 0.03
    assert after < before / 3
    assert chance(0.5)[1] == 1000


@pytest.mark.parametrize("world", WORLDS)
def test_what_is_said_of_ballots_held_out_comes_true(world: str) -> None:
    dice = Random(11)
    marked = ballots(world, 1000, dice)
    quality = quality_of(*marked)
    assert quality is not None
    assert quality.estimator is not None
    assert quality.calibrated_brier_score is not None
    assert quality.calibrated_brier_score < quality.brier_score
    assert quality.calibrated_expected_calibration_error is not None
    assert quality.calibrated_expected_calibration_error < 0.06  # of 67 ballots in a bin the noise is large
    assert quality.accuracy == sum(marked[1]) / 1000
    assert sum(one.count for one in quality.bins) == 1000


def test_a_few_ballots_tell_accuracy_but_fit_nothing() -> None:
    confidences, right = ballots("five alike", FEWEST - 1, Random(1))
    assert fit_calibration(confidences, right) is None
    quality = quality_of(confidences, right)
    assert quality is not None
    assert quality.estimator is None
    assert quality_of([], []) is None


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=80))
def test_the_map_never_falls_and_gives_chances(pairs: list[tuple[float, bool]]) -> None:
    chance = fit_logistic([one for one, _ in pairs], [hit for _, hit in pairs])
    told = [chance(step / 20) for step in range(21)]
    assert all(0 <= one <= 1 for one in told)
    assert told == sorted(told)


def test_confidences_that_are_right_already_stay_about_as_they_are() -> None:
    dice = Random(2)
    confidences = [dice.uniform(0.3, 0.97) for _ in range(3000)]
    chance = fit_logistic(confidences, [dice.random() < one for one in confidences])
    assert chance.slope == pytest.approx(1, abs=0.12)
    assert chance.offset == pytest.approx(0, abs=0.12)
