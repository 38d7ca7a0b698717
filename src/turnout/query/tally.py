"""What a ballot comes to: weights, confidences, quorum, and whether the rest can still change it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import log2
from typing import Final

from turnout.domain.query import Ballot, Tally, TallyStatus, Vote

__all__ = ["code_of_failures", "count", "is_narrow", "is_settled", "with_abstention"]

_EVEN: Final = 1e-12
"""Weights that differ by less, relative to all of them, differ by rounding only."""


def count(ballot: Ballot) -> Tally:
    """The result of *ballot*.

    The weight of an option is the sum over voters of weight times share, its confidence that weight over the sum of
    all. Voters that failed, and what went to no option, are in neither; ``support`` counts them.
    """
    heard = [vote for vote in ballot.votes if vote.shares is not None]
    weights = _weights(heard, ballot.options)
    received = _sum(weights)
    total = _sum(vote.weight for vote in ballot.votes) + _sum(ballot.waiting)
    confidences = tuple(weight / received if received > 0 else 0.0 for weight in weights)
    winner, tie = _winner(weights, received)
    second = max((one for place, one in enumerate(confidences) if place != winner), default=0.0)
    margin = 0.0 if winner is None or tie else max(0.0, confidences[winner] - second)
    cast = _sum(vote.weight for vote in heard)
    return Tally(
        weights=weights,
        confidences=confidences,
        support=tuple(weight / total if total > 0 else 0.0 for weight in weights),
        agreement=tuple(_agreement(vote, confidences) for vote in ballot.votes),
        status=_status(ballot, len(heard), cast, total, None if winner is None else confidences[winner]),
        winner=winner,
        margin=margin,
        entropy=_entropy(confidences),
        tie=tie,
        voters=len(ballot.votes) + len(ballot.waiting),
        succeeded=len(heard),
        failed=len(ballot.votes) - len(heard),
        unheard=len(ballot.waiting),
        weight_cast=cast,
        weight_abstained=_sum(vote.weight * vote.abstained for vote in heard),
        weight_total=total,
    )


def is_settled(ballot: Ballot) -> bool:
    """Whether the voters that wait can change neither the winner of *ballot* nor its status, whatever they say.

    True of a ballot that waits for none.
    """
    if not ballot.waiting:
        return True
    heard = [vote for vote in ballot.votes if vote.shares is not None]
    weights = sorted(_weights(heard, ballot.options), reverse=True)
    rest, received = _sum(ballot.waiting), _sum(weights)
    second = weights[1] if len(weights) > 1 else 0.0
    if weights[0] - second <= rest + _EVEN * (received + rest):
        return False
    rules = ballot.rules
    total = _sum(vote.weight for vote in ballot.votes) + rest
    if len(heard) < rules.min_voters or _sum(vote.weight for vote in heard) < rules.min_weight_share * total:
        return False
    least, most = weights[0] / (received + rest), (weights[0] + rest) / (received + rest)
    return least >= rules.threshold or most < rules.threshold


def is_narrow(ballot: Ballot, width: float) -> bool:
    """Whether *ballot* is settled and its top confidence can end at most *width* (0 to 1) from lowest to highest."""
    if not ballot.waiting:
        return True
    received = _sum(_weights([vote for vote in ballot.votes if vote.shares is not None], ballot.options))
    rest = _sum(ballot.waiting)
    return is_settled(ballot) and rest / (received + rest) <= width


def with_abstention(shares: Sequence[float]) -> tuple[tuple[float, ...], float]:
    """The shares of a ballot whose last option is to abstain: those of the real options, and what was withheld."""
    return tuple(shares[:-1]), shares[-1]


def code_of_failures(codes: Sequence[int]) -> int:
    """The status of a ballot in which every voter failed: the common one; 400 where all are the client's; else 500."""
    if len(set(codes)) == 1:
        return codes[0]
    return 400 if codes and all(400 <= code <= 499 for code in codes) else 500


def _weights(votes: Iterable[Vote], options: int) -> tuple[float, ...]:
    weights = [0.0] * options
    for vote in votes:
        for option, share in enumerate(vote.shares or ()):
            weights[option] += vote.weight * share
    return tuple(weights)


def _winner(weights: Sequence[float], received: float) -> tuple[int | None, bool]:
    """The first of the heaviest, and whether there are several."""
    if received <= 0:
        return None, False
    top = max(weights) - _EVEN * received
    heaviest = [option for option, weight in enumerate(weights) if weight >= top]
    return heaviest[0], len(heaviest) > 1


def _status(ballot: Ballot, heard: int, cast: float, total: float, confidence: float | None) -> TallyStatus:
    if not heard:
        return "failed"
    if heard < ballot.rules.min_voters or cast < ballot.rules.min_weight_share * total * (1 - _EVEN):
        return "no_quorum"
    if confidence is None or confidence < ballot.rules.threshold:
        return "undecided"
    return "decided"


def _agreement(vote: Vote, confidences: Sequence[float]) -> float | None:
    if vote.shares is None:
        return None
    return _sum(confidence * share for confidence, share in zip(confidences, vote.shares, strict=True))


def _entropy(confidences: Sequence[float]) -> float:
    return _sum(-one * log2(one) for one in confidences if one > 0)


def _sum(values: Iterable[float]) -> float:
    """From left to right: newer Pythons add floats in another way."""
    total = 0.0
    for value in values:
        total += value
    return total
