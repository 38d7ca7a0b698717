"""The quickest to write first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

from turnout.domain.health import UNKNOWN, Vitals
from turnout.domain.routing import Candidate
from turnout.strategies.price import price_key

__all__ = ["by_throughput"]


def by_throughput(candidates: Sequence[Candidate], vitals: Mapping[str, Vitals], _dice: Random) -> list[Candidate]:
    """By the median of tokens per second; those that nothing is known of come last, by price."""

    def key(candidate: Candidate) -> tuple[bool, float, tuple[int, str]]:
        throughput = vitals.get(candidate.endpoint_id, UNKNOWN).throughput
        return throughput is None, 0.0 if throughput is None else -throughput.p50, price_key(candidate)

    return sorted(candidates, key=key)
