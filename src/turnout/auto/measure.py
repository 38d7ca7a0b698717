"""Figures of merit of a router: shares of strong calls, curves of quality against cost, calibration, intervals."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Interval", "Points", "apgr", "calibration_error", "calls_needed", "frontier", "gap_closed", "interval", "points",
    "recovered", "saved_at",
]  # fmt: skip

Numbers = NDArray[np.floating]

_BINS = 11
_PRICES = 120


class Interval(NamedTuple):
    """A figure and the middle 95 % of what resampled prompts give."""

    value: float
    low: float
    high: float


class Points(NamedTuple):
    """By weight of cost (rows) and prompt: quality and cost of the model that would have been chosen."""

    quality: Numbers
    cost: Numbers


def recovered(preference: Numbers, strong: Numbers, weak: Numbers, dice: np.random.Generator) -> Numbers:
    """Share of the gap between two models that is recovered when the first k prompts by *preference* go to *strong*.

    One entry for k from 0 to all. Ties are broken at random.
    """
    order = np.lexsort((dice.random(len(preference)), -preference))
    gains = np.concatenate(([0.0], np.cumsum(strong[order] - weak[order], dtype=float)))
    whole = gains[-1]
    curve: Numbers = gains / whole if abs(whole) > 1e-12 else gains * 0
    return curve


def apgr(curve: Numbers) -> float:
    """Mean share recovered over the shares of strong calls: trapezoids over eleven points (RouteLLM's definition)."""
    places = np.round(np.linspace(0, 1, _BINS) * (len(curve) - 1)).astype(int)
    return float(np.trapezoid(curve[places], np.linspace(0, 1, _BINS)))


def calls_needed(curve: Numbers, share: float) -> float:
    """The least share of strong calls that recovers *share* of the gap."""
    reached = np.flatnonzero(curve >= share)
    return float(reached[0]) / (len(curve) - 1) if len(reached) else 1.0


def points(quality: Numbers, cost: Numbers, true_quality: Numbers, true_cost: Numbers) -> Points:
    """What the choice of highest quality minus weight times cost brings, for weights from 0 to where cost is all."""
    scale = 1 / max(1e-12, float(np.median(true_cost)))
    weights = np.concatenate(([0.0], np.geomspace(1e-4, 1e4, _PRICES) * scale))
    rows = np.arange(len(true_quality))
    chosen = [np.argmax(quality - weight * cost, axis=1) for weight in weights]
    return Points(
        np.stack([true_quality[rows, one] for one in chosen]), np.stack([true_cost[rows, one] for one in chosen])
    )


def frontier(cost: Numbers, quality: Numbers) -> tuple[Numbers, Numbers]:
    """The upper, never falling hull of points: what mixtures of them reach. Costs rise."""
    hull: list[tuple[float, float]] = []
    for place in np.lexsort((-quality, cost)):
        point = float(cost[place]), float(quality[place])
        if hull and point[1] <= hull[-1][1]:
            continue
        while len(hull) > 1 and _turns_up(hull[-2], hull[-1], point):
            hull.pop()
        hull.append(point)
    flat = np.array(hull)
    return flat[:, 0], flat[:, 1]


def _turns_up(first: tuple[float, float], middle: tuple[float, float], last: tuple[float, float]) -> bool:
    return (middle[1] - first[1]) * (last[0] - first[0]) <= (last[1] - first[1]) * (middle[0] - first[0])


def gap_closed(
    router: tuple[Numbers, Numbers],
    blind: tuple[Numbers, Numbers],
    oracle: tuple[Numbers, Numbers],
    ends: tuple[float, float],
) -> float:
    """Share of the way from *blind* to *oracle* that *router* goes, over the logarithm of cost between *ends*."""
    low, high = ends
    grid = np.geomspace(low, max(high, low * 1.01), 200)
    heights = [np.interp(grid, costs, qualities) for costs, qualities in (router, blind, oracle)]
    room = (heights[2] - heights[1]).mean()
    return float((heights[0] - heights[1]).mean() / room) if room > 1e-9 else 0.0


def saved_at(curve: tuple[Numbers, Numbers], best_quality: float, best_cost: float, share: float) -> float:
    """Share of the best model's cost that is saved at *share* of its quality; NaN where that is not reached."""
    costs, qualities = curve
    if qualities[-1] < share * best_quality:
        return float("nan")
    return 1 - float(np.interp(share * best_quality, qualities, costs)) / best_cost


def calibration_error(predicted: Numbers, true: Numbers, bins: int = 10) -> float:
    """Expected calibration error: distance between prediction and truth over equal bins of prediction, by weight."""
    seen = np.isfinite(true)
    said, was = predicted[seen].astype(float), true[seen].astype(float)
    places = np.clip((said * bins).astype(int), 0, bins - 1)
    return float(np.abs(np.bincount(places, said - was, minlength=bins)).sum() / max(1, len(said)))


def interval(value: float, resampled: Numbers) -> Interval:
    """*value* with the middle 95 % of *resampled*."""
    finite = resampled[np.isfinite(resampled)]
    if not len(finite):
        return Interval(value, value, value)
    low, high = np.quantile(finite, (0.025, 0.975))
    return Interval(value, float(low), float(high))
