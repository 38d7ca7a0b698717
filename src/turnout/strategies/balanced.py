"""Load balancing: the cheaper an endpoint, the more often it comes first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

from turnout.domain.health import Vitals
from turnout.domain.routing import UNPRICED, Candidate
from turnout.strategies.price import by_price

__all__ = ["balanced", "draw"]


def balanced(candidates: Sequence[Candidate], vitals: Mapping[str, Vitals], dice: Random) -> list[Candidate]:
    """The first is drawn by the inverse square of its price; the rest go by price.

    Free endpoints come before all others, one of them drawn evenly; those without a stated price after all others.
    Source: OpenRouter, "Provider routing", price-based load balancing.
    """
    ordered = by_price(candidates, vitals, dice)
    if len(ordered) > 1:
        ordered.insert(0, ordered.pop(draw([candidate.price for candidate in ordered], dice)))
    return ordered


def draw(prices: Sequence[int], dice: Random) -> int:
    """The place of the one of *prices*, which ascend, that comes first."""
    lowest = prices[0]
    if not lowest or lowest == UNPRICED:
        return int(dice.random() * prices.count(lowest))
    left = dice.random() * sum([(lowest / price) ** 2 for price in prices if price != UNPRICED])
    for place, price in enumerate(prices):
        left -= (lowest / price) ** 2
        if left < 0:
            return place
    return 0  # what rounding has left over
