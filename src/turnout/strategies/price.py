"""The cheapest first, always in the same order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

from turnout.domain.health import Vitals
from turnout.domain.routing import Candidate

__all__ = ["by_price", "price_key"]


def price_key(candidate: Candidate) -> tuple[int, str]:
    """Sorts by price; the id makes the order independent of the catalog's."""
    return candidate.price, candidate.endpoint_id


def by_price(candidates: Sequence[Candidate], _vitals: Mapping[str, Vitals], _dice: Random) -> list[Candidate]:
    """By price; those without a stated price last."""
    return sorted(candidates, key=price_key)
