"""Those that call tools well first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from statistics import median

from turnout.domain.health import UNKNOWN, Vitals
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

_GOOD, _UNKNOWN, _POOR = range(3)


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
    known = {one: found for one in candidates if _is_known(found := vitals.get(one.endpoint_id, UNKNOWN))}
    if not known:
        return [candidates]
    slow = _floor([one.throughput.p50 for one in known.values() if one.throughput is not None], _SLOW_SIGMAS)
    clumsy = _floor([_soundness(one) for one in known.values()], _CLUMSY_SIGMAS)

    def grade(candidate: Candidate) -> int:
        found = known.get(candidate)
        if found is None:
            return _UNKNOWN
        is_slow = found.throughput is not None and found.throughput.p50 < slow
        return _POOR if is_slow or _soundness(found) < clumsy else _GOOD

    by_grade: tuple[list[Candidate], ...] = ([], [], [])
    for candidate in candidates:
        by_grade[grade(candidate)].append(candidate)
    return [group for group in by_grade if group]


def _is_known(vitals: Vitals) -> bool:
    return vitals.requests >= _FEWEST_REQUESTS and vitals.tool_requests >= _FEWEST_TOOL_REQUESTS


def _soundness(vitals: Vitals) -> float:
    return 1 - vitals.tool_errors / vitals.tool_requests


def _floor(values: Sequence[float], sigmas: float) -> float:
    """What lies so many deviations below the median; with fewer than four values nothing lies below."""
    if len(values) < _FEWEST_ENDPOINTS:
        return float("-inf")
    middle = median(values)
    sigma = _SIGMA_OF_MAD * median([abs(value - middle) for value in values])
    return middle - sigmas * max(sigma, _LEAST_SIGMA * middle)
