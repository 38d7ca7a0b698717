"""Values on their way to PostgreSQL and back, where it is stricter than SQLite."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from turnout.domain.account import GenerationRow
from turnout.stores.arrivals import Record, record_of

__all__ = ["packed", "records_of", "unpacked", "whole"]

_MOST: Final = 2**63


def records_of(rows: Iterable[GenerationRow]) -> list[Record]:
    """The rows of the table of generations.

    Raises:
        OverflowError: a cost does not fit into 64 bits.
    """
    records: list[Record] = []
    for row in rows:
        if not -_MOST <= row.cost < _MOST:
            raise OverflowError(f"the cost of generation {row.id} does not fit into 64 bits")
        records.append(record_of(row))
    return records


def packed(text: str) -> bytes:
    """A text on its way. PostgreSQL keeps no NUL, which anybody may send as a name: it is replaced."""
    return text.replace("\0", "\ufffd").encode()


def unpacked(text: bytes) -> str:
    """A text on its way back."""
    return bytes(text).decode()


def whole(text: str) -> int | Decimal:
    """A number without bounds, as PostgreSQL writes it: sums of 64-bit integers have that type."""
    return int(text) if text.lstrip("-").isdecimal() else Decimal(text)
