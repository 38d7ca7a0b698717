"""Money as whole pico-dollars (1e-12 USD), exact and never a float."""

from __future__ import annotations

import re
from decimal import Context, Decimal
from typing import NewType

__all__ = [
    "MAX_PICO",
    "PICO_PER_DOLLAR",
    "InvalidPrice",
    "Pico",
    "dollars",
    "json_number",
    "parse_price",
    "per_million",
]

Pico = NewType("Pico", int)
"""An amount or a price per unit, in pico-dollars."""

PICO_PER_DOLLAR = 10**12
MAX_PICO = 2**63 - 1
"""The largest amount that is stored: about 9.2 million dollars."""

_EXACT = Context(prec=150)
"""More digits than a price may have: reading one rounds nothing."""
_DECIMAL = re.compile(r"\d{1,12}(\.\d{1,30})?([eE][+-]?\d{1,2})?", re.ASCII)


class InvalidPrice(ValueError):
    """The text is not a price: not a decimal number, negative, too large, or finer than a pico-dollar."""


def parse_price(text: str) -> Pico:
    """Pico-dollars of a decimal string in US dollars, such as ``"0.00000015"`` per token.

    Raises:
        InvalidPrice: the text is empty, negative, not a plain decimal, above ``MAX_PICO``, or not a
            whole number of pico-dollars.
    """
    if not _DECIMAL.fullmatch(text):
        raise InvalidPrice(f"not a price in dollars: {text[:40]!r}")
    scaled = Decimal(text).scaleb(12, _EXACT)
    amount = int(scaled)
    if amount != scaled:
        raise InvalidPrice(f"finer than a pico-dollar (12 decimals): {text[:40]!r}")
    if amount > MAX_PICO:
        raise InvalidPrice(f"too large: {text[:40]!r}")
    return Pico(amount)


def per_million(pico_per_token: Pico) -> str:
    """Dollars for a million units, as the shortest exact decimal string."""
    return dollars(Pico(pico_per_token * 10**6))


def dollars(amount: Pico) -> str:
    """The shortest exact decimal string of *amount* in dollars, never in scientific form: ``"0.00000015"``."""
    sign = "-" if amount < 0 else ""
    whole, fraction = divmod(abs(amount), PICO_PER_DOLLAR)
    digits = f"{fraction:012d}".rstrip("0")
    return f"{sign}{whole}.{digits}" if digits else f"{sign}{whole}"


def json_number(amount: Pico) -> float:
    """The double nearest to *amount* in dollars, for JSON numbers such as ``usage.cost``.

    Python divides integers with correct rounding, so amounts of up to 15 digits print exactly.
    """
    return amount / PICO_PER_DOLLAR
