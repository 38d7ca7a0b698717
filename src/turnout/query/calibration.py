"""From confidence to the chance of being right: fitting a monotone map on marked ballots, and measuring how good it is.

Everywhere *confidences* are those of winners, 0 to 1, and *right* says of each whether it was.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import groupby
from math import inf
from typing import Final

from msgspec import Struct

__all__ = [
    "Bin",
    "Isotonic",
    "brier_score",
    "expected_calibration_error",
    "fit_isotonic",
    "reliability_bins",
]

_FEWEST: Final = 10  # ballots behind a point


class Isotonic(Struct, frozen=True):
    """A map that never falls: straight between its points, level outside of them."""

    points: tuple[tuple[float, float], ...]
    rows: int

    def __call__(self, confidence: float) -> float:
        """The chance of being right."""
        place = bisect_right(self.points, (confidence, inf))
        if place == 0:
            return self.points[0][1]
        low_x, low_y = self.points[place - 1]
        if place == len(self.points) or low_x == confidence:
            return low_y
        high_x, high_y = self.points[place]
        return low_y + (high_y - low_y) * (confidence - low_x) / (high_x - low_x)


class Bin(Struct, frozen=True):
    """Ballots of about the same confidence: how many, their mean confidence, and how many of them were right (0..1)."""

    count: int
    confidence: float
    accuracy: float


def fit_isotonic(confidences: Sequence[float], right: Sequence[bool], *, smallest: int | None = None) -> Isotonic:
    """The monotone map nearest to the ballots (least squares, pool adjacent violators).

    Each of its points rests on at least *smallest* ballots, if there are so many. Left out it is the number of ballots
    to the power of 2/3: fewer follow the noise, more lose the shape.

    Raises:
        ValueError: no ballots, or the lengths differ.
    """
    if smallest is None:
        smallest = max(_FEWEST, round(len(confidences) ** (2 / 3)))
    pools = _pools(_ordered(confidences, right), smallest)
    stack: list[tuple[float, float, int]] = []
    for pool in pools:
        stack.append(pool)
        while len(stack) > 1 and stack[-2][1] * stack[-1][2] >= stack[-1][1] * stack[-2][2]:
            later, earlier = stack.pop(), stack.pop()
            stack.append((earlier[0] + later[0], earlier[1] + later[1], earlier[2] + later[2]))
    points = tuple((x / count, y / count) for x, y, count in stack)
    return Isotonic(points, len(confidences))


def brier_score(confidences: Sequence[float], right: Sequence[bool]) -> float:
    """The mean square of confidence minus outcome: 0 is perfect, 0.25 is what a coin gets."""
    pairs = list(zip(confidences, right, strict=True))
    return sum((one - hit) ** 2 for one, hit in pairs) / len(pairs) if pairs else 0.0


def reliability_bins(confidences: Sequence[float], right: Sequence[bool], bins: int = 15) -> tuple[Bin, ...]:
    """The ballots by confidence in at most so many *bins* of equal size; equal confidences are never put apart."""
    ordered = _ordered(confidences, right) if confidences else []
    found: list[Bin] = []
    sums = [0.0, 0.0, 0]
    passed = 0
    for tied in (list(group) for _, group in groupby(ordered, key=lambda pair: pair[0])):
        passed += len(tied)
        sums = [sums[0] + sum(one for one, _ in tied), sums[1] + sum(hit for _, hit in tied), sums[2] + len(tied)]
        if passed * bins >= (len(found) + 1) * len(ordered):
            found.append(Bin(int(sums[2]), sums[0] / sums[2], sums[1] / sums[2]))
            sums = [0.0, 0.0, 0]
    if sums[2]:
        found.append(Bin(int(sums[2]), sums[0] / sums[2], sums[1] / sums[2]))
    return tuple(found)


def expected_calibration_error(confidences: Sequence[float], right: Sequence[bool], bins: int = 15) -> float:
    """How far confidence and accuracy are apart, bin by bin, weighted by their size; 0 is perfect."""
    found = reliability_bins(confidences, right, bins)
    total = sum(one.count for one in found)
    return sum(one.count * abs(one.confidence - one.accuracy) for one in found) / total if total else 0.0


def _ordered(confidences: Sequence[float], right: Sequence[bool]) -> list[tuple[float, bool]]:
    if not confidences or len(confidences) != len(right):
        raise ValueError("as many outcomes as confidences, and at least one")
    return sorted(zip(confidences, right, strict=True), key=lambda pair: pair[0])


def _pools(ordered: Sequence[tuple[float, bool]], smallest: int) -> list[tuple[float, float, int]]:
    """Sum of confidences, number of hits and size: equal confidences together, and at least *smallest* of them."""
    pools: list[tuple[float, float, int]] = []
    open_pool = (0.0, 0.0, 0)
    for tied in (list(group) for _, group in groupby(ordered, key=lambda pair: pair[0])):
        x, y, count = open_pool
        open_pool = (x + sum(one for one, _ in tied), y + sum(hit for _, hit in tied), count + len(tied))
        if open_pool[2] >= smallest:
            pools.append(open_pool)
            open_pool = (0.0, 0.0, 0)
    if open_pool[2]:
        if pools:
            x, y, count = pools.pop()
            open_pool = (x + open_pool[0], y + open_pool[1], count + open_pool[2])
        pools.append(open_pool)
    return pools
