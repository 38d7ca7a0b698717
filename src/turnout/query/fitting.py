"""Which map from confidence to the chance of being right suits some marked ballots: chosen by cross-validation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import exp, log
from typing import Final, Literal

from msgspec import Struct

from turnout.query.calibration import (
    Bin,
    Isotonic,
    brier_score,
    expected_calibration_error,
    fit_isotonic,
    reliability_bins,
)

__all__ = ["FEWEST", "Calibration", "Logistic", "Quality", "fit_calibration", "fit_logistic", "quality_of"]

FEWEST: Final = 20
"""Ballots without which nothing is fitted."""

Estimator = Literal["logistic", "isotonic"]
Fitted = Callable[[float], float]

_FOLDS: Final = 5
_EDGE: Final = 0.005  # a confidence of 1 counts as 0.995: its logarithm would be infinite
_ENOUGH_FOR_STEPS: Final = 50
_PRIOR: Final = 1.0  # ballots that would speak for taking confidences as they are
_ROUNDS: Final = 50
_CAUTIOUS: Final = 1e-3


class Logistic(Struct, frozen=True):
    """1 / (1 + e^-(slope * logit(confidence) + offset)): with a slope of 1 and no offset, nothing is changed."""

    slope: float
    offset: float

    def __call__(self, confidence: float) -> float:
        """The chance of being right."""
        return _sigmoid(self.slope * _logit(confidence) + self.offset)


class Calibration(Struct, frozen=True):
    """A fitted map, and how many ballots it rests on."""

    estimator: Estimator
    chance: Logistic | Isotonic
    rows: int

    def __call__(self, confidence: float) -> tuple[float, int]:
        """The chance of being right, and from how many ballots that is known."""
        return min(1.0, max(0.0, self.chance(confidence))), self.rows


class Quality(Struct, frozen=True, kw_only=True):
    """How good confidences are, on ballots of which the truth is known.

    ``calibrated_`` figures are of ballots that the map was not fitted on. Without enough ballots they are None.
    """

    rows: int
    accuracy: float
    mean_confidence: float
    brier_score: float
    expected_calibration_error: float
    bins: tuple[Bin, ...]
    estimator: Estimator | None = None
    calibrated_brier_score: float | None = None
    calibrated_expected_calibration_error: float | None = None
    calibrated_bins: tuple[Bin, ...] = ()


def fit_logistic(confidences: Sequence[float], right: Sequence[bool]) -> Logistic:
    """The likeliest logistic map, drawn a little to the one that changes nothing: by Newton's method.

    Raises:
        ValueError: no ballots, or the lengths differ.
    """
    if not confidences or len(confidences) != len(right):
        raise ValueError("as many outcomes as confidences, and at least one")
    counts: dict[float, list[int]] = {}
    for confidence, hit in zip(confidences, right, strict=True):
        one = counts.setdefault(_logit(confidence), [0, 0])
        one[0] += 1
        one[1] += hit
    points = [(x, count, hits) for x, (count, hits) in counts.items()]
    slope, offset = 1.0, 0.0
    for _ in range(_ROUNDS):
        down, turn, mixed, wide, narrow = _PRIOR * (slope - 1), _PRIOR * offset, 0.0, _PRIOR, _PRIOR
        for x, count, hits in points:
            chance = _sigmoid(slope * x + offset)
            excess, spread = count * chance - hits, count * chance * (1 - chance)
            down += excess * x
            turn += excess
            wide += spread * x * x
            mixed += spread * x
            narrow += spread
        whole = wide * narrow - mixed * mixed
        by_slope, by_offset = (narrow * down - mixed * turn) / whole, (wide * turn - mixed * down) / whole
        longest = max(1.0, abs(by_slope), abs(by_offset))  # a long step may lead too far
        slope, offset = slope - by_slope / longest, offset - by_offset / longest
        if max(abs(by_slope), abs(by_offset)) < 1e-9:
            break
    return Logistic(max(0.0, slope), offset)


def fit_calibration(confidences: Sequence[float], right: Sequence[bool]) -> Calibration | None:
    """The map that surprises least on ballots that it was not fitted on; None for too few ballots.

    With few ballots that is the logistic one, which has two parameters; a monotone one may be better with many.
    """
    if len(confidences) < FEWEST:
        return None
    estimator = _chosen(confidences, right)[0]
    return Calibration(estimator, _FITS[estimator](confidences, right), len(confidences))


def quality_of(confidences: Sequence[float], right: Sequence[bool]) -> Quality | None:
    """How good *confidences* of winners are, and would be with a map; None without ballots."""
    count = len(confidences)
    if not count:
        return None
    raw = Quality(
        rows=count,
        accuracy=sum(right) / count,
        mean_confidence=sum(confidences) / count,
        brier_score=brier_score(confidences, right),
        expected_calibration_error=expected_calibration_error(confidences, right),
        bins=reliability_bins(confidences, right),
    )
    if count < FEWEST:
        return raw
    estimator, chances = _chosen(confidences, right)
    bins = _rebinned(raw.bins, confidences, chances)
    return Quality(
        rows=count,
        accuracy=raw.accuracy,
        mean_confidence=raw.mean_confidence,
        brier_score=raw.brier_score,
        expected_calibration_error=raw.expected_calibration_error,
        bins=raw.bins,
        estimator=estimator,
        calibrated_brier_score=brier_score(chances, right),
        calibrated_expected_calibration_error=sum(one.count * abs(one.confidence - one.accuracy) for one in bins)
        / count,
        calibrated_bins=bins,
    )


_FITS: Final[dict[Estimator, Callable[[Sequence[float], Sequence[bool]], Logistic | Isotonic]]] = {
    "logistic": fit_logistic,
    "isotonic": fit_isotonic,
}


def _chosen(confidences: Sequence[float], right: Sequence[bool]) -> tuple[Estimator, list[float]]:
    """The better estimator, and what it says of each ballot when it is fitted on the others."""
    names: list[Estimator] = ["logistic", "isotonic"] if len(confidences) >= _ENOUGH_FOR_STEPS else ["logistic"]
    found = {name: _crossed(_FITS[name], confidences, right) for name in names}
    best = min(names, key=lambda name: _surprise(found[name], right))
    return best, found[best]


def _rebinned(bins: Sequence[Bin], confidences: Sequence[float], chances: Sequence[float]) -> tuple[Bin, ...]:
    """The same ballots in the same bins, with their chances: those of one confidence have one for each fold."""
    ordered = [chance for _, chance in sorted(zip(confidences, chances, strict=True))]
    found: list[Bin] = []
    place = 0
    for one in bins:
        some = ordered[place : place + one.count]
        place += one.count
        found.append(Bin(one.count, sum(some) / one.count, one.accuracy))
    return tuple(found)


def _crossed(
    fit: Callable[[Sequence[float], Sequence[bool]], Fitted], confidences: Sequence[float], right: Sequence[bool]
) -> list[float]:
    chances = [0.0] * len(confidences)
    for fold in range(_FOLDS):
        known = [place for place in range(len(confidences)) if place % _FOLDS != fold]
        chance = fit([confidences[place] for place in known], [right[place] for place in known])
        for place in range(fold, len(confidences), _FOLDS):
            chances[place] = min(1.0, max(0.0, chance(confidences[place])))
    return chances


def _surprise(chances: Sequence[float], right: Sequence[bool]) -> float:
    """The mean negative logarithm of what was held possible; nothing counts as impossible."""
    sure = [min(1 - _CAUTIOUS, max(_CAUTIOUS, chance)) for chance in chances]
    return -sum(log(chance if hit else 1 - chance) for chance, hit in zip(sure, right, strict=True)) / len(sure)


def _logit(confidence: float) -> float:
    inside = min(1 - _EDGE, max(_EDGE, confidence))
    return log(inside / (1 - inside))


def _sigmoid(value: float) -> float:
    return 1 / (1 + exp(-value)) if value >= 0 else exp(value) / (1 + exp(value))
