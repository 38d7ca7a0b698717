"""The cheapest first, always in the same order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from turnout.domain.routing import Candidate

__all__ = ["blended_price", "by_price"]

_PROMPT_SHARE = 3


def blended_price(candidate: Candidate) -> int:
    """One number to compare prices by: three parts prompt to one part completion, in pico-dollars.

    Most traffic reads more than it writes; docs/decisions/0004-routing-rules.md has the reasons.
    """
    pricing = candidate.endpoint.pricing
    return _PROMPT_SHARE * pricing.prompt + pricing.completion


def by_price(candidates: Sequence[Candidate], ailing: Callable[[Candidate], bool], _dice: Random) -> list[Candidate]:
    """Endpoints without an outage by price, then the others by price."""
    return sorted(
        candidates, key=lambda candidate: (ailing(candidate), blended_price(candidate), candidate.endpoint_id)
    )
