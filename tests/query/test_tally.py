from __future__ import annotations

from collections.abc import Sequence
from math import comb
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from turnout.domain.query import Ballot, BallotRules, Vote
from turnout.query.tally import code_of_failures, count, is_narrow, is_settled, with_abstention
from vectors import vectors

WEIGHTS = st.floats(0.01, 100)


def ballot(votes: Sequence[tuple[float, Sequence[float] | None]], options: int = 3, **more: Any) -> Ballot:  # noqa: ANN401 - fields
    cast = tuple(
        Vote(voter=place, weight=weight, shares=None if shares is None else tuple(shares))
        for place, (weight, shares) in enumerate(votes)
    )
    return Ballot(options=options, votes=cast, **more)


def hard(option: int, options: int) -> tuple[float, ...]:
    return tuple(float(one == option) for one in range(options))


@st.composite
def ballots(draw: st.DrawFn) -> Ballot:
    options = draw(st.integers(2, 6))

    def shares() -> tuple[float, ...] | None:
        if draw(st.integers(0, 5)) == 0:
            return None
        if draw(st.booleans()):
            return hard(draw(st.integers(0, options - 1)), options)
        parts = draw(st.lists(st.floats(0, 1), min_size=options, max_size=options))
        total = sum(parts)
        return tuple(part / total for part in parts) if total > 1e-3 else hard(0, options)

    return ballot([(draw(WEIGHTS), shares()) for _ in range(draw(st.integers(1, 9)))], options)


def test_published_ballots() -> None:
    for vector in vectors()["votes"]:
        if "choices" not in vector or "choice_weight" not in vector.get("expect", {}):
            continue
        tally = count(ballot([(one["weight"], one["vote"]) for one in vector["votes"]], vector["choices"]))
        assert list(tally.weights) == pytest.approx(vector["expect"]["choice_weight"], abs=1e-12)
        assert list(tally.confidences) == pytest.approx(vector["expect"]["confidence"], abs=1e-12)
        for found, expected in zip(tally.agreement, vector["expect"]["voter_confidence"], strict=True):
            assert found == (None if expected is None else pytest.approx(expected, abs=1e-12))


def test_published_confidences_of_answers_and_selections() -> None:
    for vector in vectors()["votes"]:
        if "generate" in vector:
            cast = [(one["weight"], one["confidence_id"]) for one in vector["generate"] + vector.get("select", [])]
            shares = {name: [(weight, _share(voted, name)) for weight, voted in cast] for name in vector["expect"]}
            votes = [(weight, [shares[name][place][1] for name in shares]) for place, (weight, _) in enumerate(cast)]
            tally = count(ballot(votes, len(shares)))
            assert dict(zip(shares, tally.confidences, strict=True)) == pytest.approx(vector["expect"])


def _share(voted: str | dict[str, float], name: str) -> float:
    return float(voted == name) if isinstance(voted, str) else voted.get(name, 0.0)


def test_published_codes_of_ballots_without_a_vote() -> None:
    vector = next(one for one in vectors()["votes"] if "codes" in one)
    assert code_of_failures(vector["codes"]) == vector["expect_code"]
    for case in vector["also"]:
        assert code_of_failures(case["codes"]) == case["code"]


@given(ballots())
def test_confidences_are_shares(cast: Ballot) -> None:
    tally = count(cast)
    assert all(0 <= one <= 1 for one in (*tally.confidences, *tally.support))
    if tally.succeeded:
        assert sum(tally.confidences) == pytest.approx(1.0)
        assert tally.winner is not None
        assert tally.confidences[tally.winner] >= max(tally.confidences) - 1e-9
        assert tally.confidences[tally.winner] >= tally.support[tally.winner] - 1e-12
    else:
        assert (tally.status, tally.winner, sum(tally.confidences)) == ("failed", None, 0)
    assert tally.succeeded + tally.failed == tally.voters == len(cast.votes)


@given(ballots(), st.randoms(use_true_random=False))
def test_options_and_voters_may_stand_in_any_order(cast: Ballot, dice: Random) -> None:
    order = list(range(cast.options))
    dice.shuffle(order)
    votes = [
        replace(vote, shares=None if vote.shares is None else tuple(vote.shares[option] for option in order))
        for vote in cast.votes
    ]
    dice.shuffle(votes)
    before, after = count(cast), count(replace(cast, votes=tuple(votes)))
    assert after.confidences == pytest.approx(tuple(before.confidences[option] for option in order))
    assert after.margin == pytest.approx(before.margin, abs=1e-9)
    assert after.entropy == pytest.approx(before.entropy, abs=1e-9)
    assert after.tie == before.tie
    if not before.tie and before.winner is not None and before.margin > 1e-9:
        assert after.winner is not None
        assert order[after.winner] == before.winner


@given(ballots(), st.floats(0.1, 10))
def test_only_the_proportions_of_weights_count(cast: Ballot, factor: float) -> None:
    scaled = tuple(replace(vote, weight=vote.weight * factor) for vote in cast.votes)
    assert count(replace(cast, votes=scaled)).confidences == pytest.approx(count(cast).confidences)


@given(ballots(), st.data())
def test_stopping_early_never_changes_the_winner_or_the_status(cast: Ballot, data: st.DataObject) -> None:
    rules = BallotRules(
        min_voters=data.draw(st.integers(0, 4)),
        min_weight_share=data.draw(st.floats(0, 1)),
        threshold=data.draw(st.floats(0, 1)),
    )
    cast = replace(cast, rules=rules)
    whole = count(cast)
    for heard in range(1, len(cast.votes)):
        waiting = tuple(vote.weight for vote in cast.votes[heard:])
        part = replace(cast, votes=cast.votes[:heard], waiting=waiting)
        if is_settled(part):
            found = count(part)
            assert (found.winner, found.tie) == (whole.winner, whole.tie)
            assert found.unheard == len(waiting)
            if abs(whole.confidences[whole.winner or 0] - rules.threshold) > 1e-9:
                assert whole.status == (
                    "decided" if whole.confidences[whole.winner or 0] >= rules.threshold else "undecided"
                )
        if is_narrow(part, 0.2):
            assert is_settled(part)


def test_three_of_five_equal_voters_settle_it() -> None:
    two = [(1.0, hard(0, 2))] * 2
    assert not is_settled(ballot(two, 2, waiting=(1.0,) * 3))
    assert is_settled(ballot([*two, (1.0, hard(0, 2))], 2, waiting=(1.0,) * 2))
    assert not is_settled(ballot([*two, (1.0, None)], 2, waiting=(1.0,) * 2))
    assert is_settled(ballot([], 2))


def test_a_quorum_that_is_not_there_yet_is_waited_for() -> None:
    votes = [(10.0, hard(0, 2))]
    assert is_settled(ballot(votes, 2, waiting=(1.0, 1.0)))
    assert not is_settled(ballot(votes, 2, waiting=(1.0, 1.0), rules=BallotRules(min_voters=2)))
    assert not is_settled(ballot(votes, 2, waiting=(1.0, 1.0), rules=BallotRules(min_weight_share=0.9)))
    assert not is_settled(ballot(votes, 2, waiting=(1.0, 1.0), rules=BallotRules(threshold=0.9)))


@pytest.mark.parametrize(
    ("rules", "status"),
    [
        (BallotRules(), "decided"),
        (BallotRules(min_voters=2), "decided"),
        (BallotRules(min_voters=3), "no_quorum"),
        (BallotRules(min_weight_share=0.75), "decided"),
        (BallotRules(min_weight_share=0.76), "no_quorum"),
        (BallotRules(threshold=2 / 3 - 1e-9), "decided"),
        (BallotRules(threshold=0.7), "undecided"),
    ],
)
def test_the_status_follows_the_rules(rules: BallotRules, status: str) -> None:
    assert count(ballot([(2.0, hard(1, 2)), (1.0, hard(0, 2)), (1.0, None)], 2, rules=rules)).status == status


def test_a_tie_goes_to_the_first_and_is_told_even_where_floats_differ() -> None:
    tally = count(ballot([(0.1, hard(2, 3)), (0.2, hard(2, 3)), (0.3, hard(1, 3))]))
    assert (tally.winner, tally.tie, tally.margin) == (1, True, 0.0)


def test_what_was_withheld_is_told_and_goes_to_nobody() -> None:
    shares, abstained = with_abstention((0.5, 0.25, 0.25))
    votes = (
        Vote(voter=0, weight=2.0, shares=shares, abstained=abstained),
        Vote(voter=1, weight=1.0, shares=(0.0, 0.0), abstained=1.0),
    )
    tally = count(Ballot(options=2, votes=votes))
    assert tally.confidences == pytest.approx((2 / 3, 1 / 3))
    assert (tally.weight_cast, tally.weight_abstained, tally.weight_total) == (3.0, 1.5, 3.0)
    assert tally.support == pytest.approx((1 / 3, 1 / 6))
    silent = count(Ballot(options=2, votes=votes[1:]))
    assert (silent.status, silent.winner, silent.confidences) == ("undecided", None, (0.0, 0.0))


@pytest.mark.parametrize(("voters", "skill"), [(5, 0.7), (15, 0.6)])
def test_a_majority_is_right_as_often_as_the_binomial_formula_says(voters: int, skill: float) -> None:
    dice = Random(f"{voters} voters of {skill}")
    right = 0
    for _ in range(10_000):
        votes = [(1.0, hard(0 if dice.random() < skill else 1, 2)) for _ in range(voters)]
        right += count(ballot(votes, 2)).winner == 0
    wins = range(voters // 2 + 1, voters + 1)
    expected = sum(comb(voters, hits) * skill**hits * (1 - skill) ** (voters - hits) for hits in wins)
    assert right / 10_000 == pytest.approx(expected, abs=0.02)
    assert right / 10_000 > skill + 0.05
