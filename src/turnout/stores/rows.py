"""Between domain values and rows: a generation is one row and one more for each attempt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy import RowMapping

from turnout.domain.account import Account, Generation, Key
from turnout.domain.usage import Usage

__all__ = ["Row", "account_row", "generation_of", "generation_rows", "key_of", "key_row"]

Row = dict[str, Any]
"""Column name to value, as a database driver takes it."""

_BUCKETS = Usage.__struct_fields__
_encode = msgspec.json.Encoder().encode


def account_row(account: Account) -> Row:
    """The row of an account."""
    return asdict(account)


def key_row(key: Key) -> Row:
    """The row of a key."""
    return asdict(key)


def key_of(row: RowMapping) -> Key:
    """The key that a row holds."""
    return Key(**row)


def generation_rows(generations: Sequence[Generation]) -> tuple[list[Row], list[Row]]:
    """Rows of *generations*, and rows of all their attempts."""
    rows: list[Row] = []
    attempts: list[Row] = []
    for generation in generations:
        row = _flat(generation)
        row["end_user"] = row.pop("user")
        row["pricing"] = _encode(generation.pricing).decode()
        rows.append(row)
        for position, attempt in enumerate(row.pop("attempts")):
            attempts.append(_flat(attempt) | {"generation_id": generation.id, "position": position})
    return rows, attempts


def generation_of(row: RowMapping, attempts: Sequence[RowMapping]) -> Generation:
    """The generation of a row and the rows of its attempts, which are in their order."""
    fields = _nested(row)
    fields["user"] = fields.pop("end_user")
    fields["pricing"] = msgspec.json.decode(row["pricing"])
    fields["attempts"] = [_nested(attempt) for attempt in attempts]
    return msgspec.convert(fields, Generation)


def _flat(record: Struct) -> Row:
    """The fields of *record*, those of its usage among them."""
    row = asdict(record)
    row.update(asdict(row.pop("usage")))
    return row


def _nested(row: RowMapping) -> Row:
    fields = {str(name): value for name, value in row.items()}
    fields["usage"] = {bucket: fields.pop(bucket) for bucket in _BUCKETS}
    return fields
