"""Those that call tools well first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from statistics import median

from turnout.domain.health import Vitals
from turnout.domain.routing import Candidate
from turnout.strategies.balanced import balanced
from turnout.strategies.price import by_price

__all__ = ["balanced_exacto", "by_exacto", "grades"]

_FEWEST_ENDPOINTS = 4
_FEWEST_REQUESTS = 100
_FEWEST_TOOL_REQUESTS = 200
_SIGMA_OF_MAD = 1.4826
"""The standard deviation of a normal distribution, in median absolute deviations."""
_SLOW_SIGMAS = 1.5
_CLUMSY_SIGMAS = 2.0
_LEAST_SIGMA = 0.02
"""Of the median: where all but one are alike, a hair's breadth is no difference."""


def by_exacto(candidates: Sequence[Candidate], vitals: Mapping[str, Vitals], dice: Random) -> list[Candidate]:
    """Good ones, then those that too little is known of, then those that stand out as slow or clumsy; each by price."""
    return [one for grade in grades(candidates, vitals) for one in by_price(grade, vitals, dice)]


def balanced_exacto(candidates: Sequence[Candidate], vitals: Mapping[str, Vitals], dice: Random) -> list[Candidate]:
    """As :func:`by_exacto`, but among the best the first is drawn by its price: for requests that only send tools."""
    best, *others = grades(candidates, vitals)
    return balanced(best, vitals, dice) + [one for grade in others for one in by_price(grade, vitals, dice)]


def grades(candidates: Sequence[Candidate], vitals: Mapping[str, Vitals]) -> list[Sequence[Candidate]]:
    """*candidates* in up to three groups, the best first; none is empty.

    An endpoint is poor when its throughput lies more than 1.5 deviations below the median of all, or its share of
    sound tool calls more than 2. With fewer than four endpoints there is nothing to stand out from.
    Source: OpenRouter, "Auto Exacto"; deviations are median absolute ones, which one bad endpoint cannot stretch.
    """
    if len(candidates) < _FEWEST_ENDPOINTS:
        return [candidates]
    unknown: list[Candidate] = []
    known: list[tuple[Candidate, float | None, float]] = []
    for candidate in candidates:
        found = vitals.get(candidate.endpoint_id)
        if found is None or found.requests < _FEWEST_REQUESTS or found.tool_requests < _FEWEST_TOOL_REQUESTS:
            unknown.append(candidate)
        else:
            speed = None if found.throughput is None else found.throughput.p50
            known.append((candidate, speed, 1 - found.tool_errors / found.tool_requests))
    if not known:
        return [candidates]
    slow = _floor([speed for _, speed, _ in known if speed is not None], _SLOW_SIGMAS)
    clumsy = _floor([soundness for _, _, soundness in known], _CLUMSY_SIGMAS)
    good: list[Candidate] = []
    poor: list[Candidate] = []
    for candidate, speed, soundness in known:
        is_poor = soundness < clumsy or (speed is not None and speed < slow)
        (poor if is_poor else good).append(candidate)
    return [group for group in (good, unknown, poor) if group]


def _floor(values: Sequence[float], sigmas: float) -> float:
    """What lies so many deviations below the median; with fewer than four values nothing lies below."""
    if len(values) < _FEWEST_ENDPOINTS:
        return float("-inf")
    middle = median(values)
    sigma = _SIGMA_OF_MAD * median([abs(value - middle) for value in values])
    return middle - sigmas * max(sigma, _LEAST_SIGMA * middle)
