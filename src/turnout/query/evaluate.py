"""How good a set of voters is on ballots of which the truth is known, and which weights would suit it best."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import sqrt
from typing import Any, Final, NamedTuple

from msgspec import Struct

from turnout.domain.query import Ballot, Vote
from turnout.query.fitting import Quality, quality_of
from turnout.query.tally import count
from turnout.query.weights import match_of

__all__ = ["Case", "Evaluation", "FittedWeights", "VoterReport", "evaluate", "fit_weights"]

_FOLDS: Final = 5
_FEWEST: Final = 20
_ROUNDS: Final = 300
_RIDGE: Final = 0.5
_LEAST: Final = 0.01
"""A weight must be above 0."""


class Case(Struct, frozen=True, kw_only=True):
    """One ballot.

    Attributes:
        votes: by voter, a share for each option; None where it failed or was not heard.
        weights: by voter.
        truth: a share for each option.
        cost: dollars.
    """

    votes: tuple[tuple[float, ...] | None, ...]
    weights: tuple[float, ...]
    truth: tuple[float, ...]
    cost: float = 0.0

    @property
    def best(self) -> int | None:
        """The right option; None where none is."""
        return self.truth.index(max(self.truth)) if any(self.truth) else None


class VoterReport(Struct, frozen=True, kw_only=True):
    """One voter: its mean weight, how often it voted and failed, and how right it was.

    ``match_rate`` is the mean share that it gave to what was right, ``winner_rate`` how often that had its most.
    """

    weight: float
    votes: int
    failed: int
    match_rate: float | None
    winner_rate: float | None
    agreement: tuple[float | None, ...]
    """With each voter: how often their first options were the same."""


class FittedWeights(Struct, frozen=True, kw_only=True):
    """Static weights that suit the ballots, with a mean of 1.

    ``winner_accuracy`` is on the ballots that they were fitted on, ``held_out`` on those that they were not:
    each fifth is judged by weights that the others gave. Only the second says what to expect.
    """

    weights: tuple[float, ...]
    winner_accuracy: float
    held_out: float
    equal: float
    """The same with a weight of 1 for all."""


class Evaluation(Struct, frozen=True, kw_only=True):
    """What the voters came to.

    Attributes:
        accuracy: mean confidence in what was right.
        winner_accuracy: how often the winner was right; ``error`` is its standard error.
        undecided: ballots without a winner; they count as wrong.
        cost: dollars, of all.
    """

    cases: int
    accuracy: float
    winner_accuracy: float
    error: float
    undecided: int
    cost: float
    quality: Quality | None
    voters: tuple[VoterReport, ...]
    fitted: FittedWeights | None = None


class _Outcome(NamedTuple):
    confidence: float
    right: bool
    mass: float
    decided: bool


def evaluate(cases: Sequence[Case]) -> Evaluation:
    """The figures of *cases*, which all have the same voters.

    Raises:
        ValueError: there are none.
    """
    if not cases:
        raise ValueError("nothing to evaluate")
    outcomes = [_outcome(one) for one in cases]
    total = len(cases)
    winner = sum(one.right for one in outcomes) / total
    decided = [one for one in outcomes if one.decided]
    return Evaluation(
        cases=total,
        accuracy=sum(one.mass for one in outcomes) / total,
        winner_accuracy=winner,
        error=sqrt(winner * (1 - winner) / total),
        undecided=total - len(decided),
        cost=sum(one.cost for one in cases),
        quality=quality_of([one.confidence for one in decided], [one.right for one in decided]),
        voters=_voters(cases),
        fitted=_crossed(cases) if total >= _FEWEST and len(cases[0].votes) > 1 else None,
    )


def fit_weights(cases: Sequence[Case]) -> tuple[float, ...]:
    """Weights under which what was right is likeliest, if options win with the exponential of what they receive.

    For voters that err independently these are their log odds; of voters that say the same, neither counts twice.
    None is below 0.01, and their mean is 1.
    """
    import numpy as np  # noqa: PLC0415 - it takes a while

    voters = len(cases[0].votes)
    usable = [one for one in cases if one.best is not None]
    most = max((len(one.truth) for one in usable), default=1)
    shares = np.zeros((len(usable), voters, most))
    absent = np.zeros((len(usable), most))
    truth = np.zeros((len(usable), most))
    for line, one in enumerate(usable):
        for voter, vote in enumerate(one.votes):
            if vote is not None:
                shares[line, voter, : len(vote)] = vote
        absent[line, len(one.truth) :] = -1e9
        truth[line, one.best or 0] = 1.0
    weights = np.ones(voters)
    step = 1.0

    def loss_of(values: Any) -> tuple[float, Any]:  # noqa: ANN401 - arrays
        scores = np.einsum("nvk,v->nk", shares, values) + absent
        scores -= scores.max(1, keepdims=True)
        chances = np.exp(scores)
        chances /= chances.sum(1, keepdims=True)
        surprise = -np.log((chances * truth).sum(1) + 1e-300).sum() + _RIDGE * (values**2).sum()
        slope = np.einsum("nvk,nk->v", shares, chances - truth) + 2 * _RIDGE * values
        return float(surprise), slope

    loss, slope = loss_of(weights)
    for _ in range(_ROUNDS):
        moved = np.maximum(_LEAST, weights - step / max(1, len(usable)) * slope)
        new_loss, new_slope = loss_of(moved)
        if new_loss <= loss:
            done = loss - new_loss < 1e-9 * max(1.0, abs(loss))
            weights, loss, slope, step = moved, new_loss, new_slope, step * 1.5
            if done:
                break
        else:
            step /= 2
    scaled = np.maximum(_LEAST, weights / weights.mean())
    return tuple(round(float(one), 4) for one in scaled)


def _outcome(case: Case, weights: Sequence[float] | None = None) -> _Outcome:
    votes = tuple(
        Vote(voter=voter, weight=weight, shares=vote)
        for voter, (vote, weight) in enumerate(zip(case.votes, weights or case.weights, strict=True))
    )
    tally = count(Ballot(options=len(case.truth), votes=votes))
    if tally.winner is None:
        return _Outcome(0.0, False, 0.0, False)
    right = case.truth[tally.winner] == max(case.truth) > 0
    mass = sum(share * true for share, true in zip(tally.confidences, case.truth, strict=True))
    return _Outcome(tally.confidences[tally.winner], right, mass, True)


def _crossed(cases: Sequence[Case]) -> FittedWeights:
    weights = fit_weights(cases)
    held_out = 0
    for fold in range(_FOLDS):
        known = fit_weights([one for place, one in enumerate(cases) if place % _FOLDS != fold])
        held_out += sum(_outcome(one, known).right for one in cases[fold::_FOLDS])
    equal = [1.0] * len(weights)
    return FittedWeights(
        weights=weights,
        winner_accuracy=sum(_outcome(one, weights).right for one in cases) / len(cases),
        held_out=held_out / len(cases),
        equal=sum(_outcome(one, equal).right for one in cases) / len(cases),
    )


def _voters(cases: Sequence[Case]) -> tuple[VoterReport, ...]:
    voters = range(len(cases[0].votes))
    same: dict[tuple[int, int], float | None] = {}
    firsts = [[None if vote is None or not any(vote) else vote.index(max(vote)) for vote in one.votes] for one in cases]
    for one, other in combinations(voters, 2):
        pairs = [(row[one], row[other]) for row in firsts if row[one] is not None and row[other] is not None]
        same[one, other] = same[other, one] = sum(a == b for a, b in pairs) / len(pairs) if pairs else None
    reports: list[VoterReport] = []
    for voter in voters:
        heard = [(one, vote) for one in cases if (vote := one.votes[voter]) is not None]
        matched = sum(match_of(vote, one.truth) for one, vote in heard)
        first = sum(row[voter] is not None and row[voter] == one.best for one, row in zip(cases, firsts, strict=True))
        reports.append(
            VoterReport(
                weight=sum(one.weights[voter] for one in cases) / len(cases),
                votes=len(heard),
                failed=len(cases) - len(heard),
                match_rate=matched / len(heard) if heard else None,
                winner_rate=first / len(heard) if heard else None,
                agreement=tuple(1.0 if other == voter else same[voter, other] for other in voters),
            )
        )
    return tuple(reports)
