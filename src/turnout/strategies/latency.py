"""The quickest to begin first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

from turnout.domain.health import UNKNOWN, Vitals
from turnout.domain.routing import Candidate
from turnout.strategies.price import price_key

__all__ = ["by_latency"]


def by_latency(candidates: Sequence[Candidate], vitals: Mapping[str, Vitals], _dice: Random) -> list[Candidate]:
    """By the median time to the first token; those that nothing is known of come last, by price."""

    def key(candidate: Candidate) -> tuple[bool, float, tuple[int, str]]:
        latency = vitals.get(candidate.endpoint_id, UNKNOWN).latency
        return latency is None, 0.0 if latency is None else latency.p50, price_key(candidate)

    return sorted(candidates, key=key)
