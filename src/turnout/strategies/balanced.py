"""Load balancing: the cheaper an endpoint, the more often it comes first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from turnout.domain.routing import Candidate
from turnout.strategies.price import blended_price, by_price

__all__ = ["balanced"]


def balanced(candidates: Sequence[Candidate], ailing: Callable[[Candidate], bool], dice: Random) -> list[Candidate]:
    """The first is drawn by the inverse square of its price among those without an outage; the rest go by price.

    Free endpoints come before all others, one of them drawn evenly.
    Source: OpenRouter, "Provider routing", price-based load balancing.
    """
    if len(candidates) == 1:
        return list(candidates)
    ordered = by_price(candidates, ailing, dice)
    well = [candidate for candidate in ordered if not ailing(candidate)]
    if not well:
        return ordered
    free = [candidate for candidate in well if not blended_price(candidate)]
    if free:
        first = dice.choice(free)
    else:
        weights = [1 / blended_price(candidate) ** 2 for candidate in well]
        first = dice.choices(well, weights)[0]
    ordered.remove(first)
    return [first, *ordered]
