"""Values on their way to PostgreSQL and back, where it is stricter than SQLite."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from turnout.domain.account import GenerationRow

__all__ = ["records_of", "whole"]

_MOST: Final = 2**63
_NUL: Final = "\0"
_REPLACEMENT: Final = "\ufffd"

Record = tuple[str, str, str, float, str, str, str | None, str | None, int, str]
"""A row of the table of generations, in the order of its columns."""


def records_of(rows: Iterable[GenerationRow]) -> list[Record]:
    """The rows of the table.

    PostgreSQL keeps no NUL in a text, which a client may well send as a name; records hold it as an escape.

    Raises:
        OverflowError: a cost does not fit into 64 bits.
    """
    records: list[Record] = []
    for row in rows:
        if not -_MOST <= row.cost < _MOST:
            raise OverflowError(f"the cost of generation {row.id} does not fit into 64 bits")
        record: Record = (
            row.id,
            row.account_id,
            row.key_hash,
            row.created,
            row.outcome,
            row.model,
            row.provider,
            row.user,
            row.cost,
            row.record,
        )
        if _NUL in row.model or (row.user is not None and _NUL in row.user):
            record = (*record[:5], _clean(row.model), row.provider, _clean(row.user or ""), *record[8:])
        records.append(record)
    return records


def whole(text: str) -> int | Decimal:
    """A number without bounds, as PostgreSQL writes it: sums of 64-bit integers have that type."""
    return Decimal(text) if "." in text or "N" in text or "I" in text else int(text)


def _clean(text: str) -> str:
    return text.replace(_NUL, _REPLACEMENT)
