from __future__ import annotations

import xml.etree.ElementTree as ET
from random import Random

import pytest

from turnout.base.errors import BadRequest
from turnout.query.answers import confidence_id
from turnout.query.dataset import tasks_in
from turnout.query.diagram import reliability_diagram
from turnout.query.evaluate import Case, evaluate, fit_weights


def one_hot(place: int, options: int = 3) -> tuple[float, ...]:
    return tuple(float(option == place) for option in range(options))


def cases(skills: list[float], count: int, seed: int, *, copies: int = 0) -> list[Case]:
    """Voters of these skills; the last is there so many times more."""
    dice = Random(seed)
    found: list[Case] = []
    for _ in range(count):
        truth = dice.randrange(3)
        votes = [one_hot(truth if dice.random() < skill else (truth + dice.choice((1, 2))) % 3) for skill in skills]
        votes += [votes[-1]] * copies
        found.append(Case(votes=tuple(votes), weights=(1.0,) * len(votes), truth=one_hot(truth), cost=0.25))
    return found


def test_figures_are_those_of_the_ballots() -> None:
    told = evaluate(
        [
            Case(votes=(one_hot(0), one_hot(0), None), weights=(1, 1, 2), truth=one_hot(0), cost=0.5),
            Case(votes=(one_hot(1), one_hot(2), one_hot(2)), weights=(1, 1, 2), truth=one_hot(1), cost=0.25),
            Case(votes=(None, None, None), weights=(1, 1, 2), truth=one_hot(1)),
            Case(votes=(one_hot(1), one_hot(1), one_hot(1)), weights=(1, 1, 2), truth=(0, 0, 0)),
        ]
    )
    assert (told.cases, told.undecided, told.cost) == (4, 1, 0.75)
    assert told.winner_accuracy == 1 / 4
    assert told.accuracy == (1 + 0.25 + 0 + 0) / 4
    first, second, third = told.voters
    assert (first.votes, first.failed, first.match_rate) == (3, 1, 2 / 3)
    assert (second.winner_rate, third.votes) == (1 / 3, 2)
    assert first.agreement == (1.0, 2 / 3, 0.5)
    assert told.fitted is None


def test_fitted_weights_follow_skill_and_say_what_to_expect() -> None:
    known = cases([0.85, 0.5, 0.45, 0.4], 600, 1)
    told = evaluate(known).fitted
    assert told is not None
    assert told.weights[0] > 2 * max(told.weights[1:])
    assert told.held_out >= told.equal + 0.05
    assert told.held_out <= told.winner_accuracy + 1e-9
    fresh = evaluate(
        [Case(votes=one.votes, weights=told.weights, truth=one.truth) for one in cases([0.85, 0.5, 0.45, 0.4], 2000, 2)]
    )
    assert fresh.winner_accuracy == pytest.approx(told.held_out, abs=0.04)


def test_voters_that_say_the_same_do_not_count_more_than_once() -> None:
    weights = fit_weights(cases([0.75, 0.7, 0.7], 1000, 3, copies=3))
    assert sum(weights[2:]) == pytest.approx(weights[1], rel=0.5)
    assert sum(weights) / len(weights) == pytest.approx(1, abs=0.02)


def test_no_weight_is_0() -> None:
    weights = fit_weights(cases([0.9, 0.0], 200, 4))
    assert min(weights) >= 0.01


def test_nothing_cannot_be_evaluated() -> None:
    with pytest.raises(ValueError, match="nothing"):
        evaluate([])


def test_a_truth_is_an_index_a_choice_or_shares() -> None:
    lines = b"""
{"prompt": "p", "choices": ["a", "b"], "truth": 1}
{"prompt": "p", "choices": ["a", "b"], "truth": "b", "a column of somebody's": 3}
{"messages": [{"role": "user", "content": "p"}], "choices": ["a", "b"], "truth": [0, 1]}
{"prompt": "p", "truth": "b"}
"""
    *chosen, written = tasks_in(lines)
    assert [task.truth for task in chosen] == [(0.0, 1.0)] * 3
    assert {task.messages[0]["content"] for task in chosen} == {"p"}
    assert written.right == confidence_id("b", None)
    assert written.shares(["x", confidence_id("b", None)]) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"nonsense", "Line 1 is no JSON"),
        (b'{"choices": ["a", "b"], "truth": 0}', "`line 1.prompt` is required"),
        (b'{"prompt": "p", "choices": ["a", "b"], "truth": 2}', "`line 1.truth` must be below 2"),
        (b'{"prompt": "p", "choices": ["a", "b"], "truth": "c"}', "must be one of the choices"),
        (b'{"prompt": "p", "choices": ["a", ""], "truth": 0}', "not empty"),
        (b"\n", "empty"),
    ],
)
def test_a_wrong_line_is_named(line: bytes, said: str) -> None:
    with pytest.raises(BadRequest, match=said):
        tasks_in(line)


def test_a_diagram_is_a_picture_of_all_bins() -> None:
    quality = evaluate(cases([0.8, 0.6, 0.7], 300, 5)).quality
    assert quality is not None
    drawn = ET.fromstring(reliability_diagram(quality, "<a & b>"))  # noqa: S314 - our own
    circles = drawn.findall("{http://www.w3.org/2000/svg}circle")
    assert len(circles) == len(quality.bins) + len(quality.calibrated_bins) + 2
