"""Between domain values and rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import msgspec
from msgspec.structs import asdict
from sqlalchemy import Connection, Select

from turnout.base.jsons import encode
from turnout.domain.account import Generation, Key, KeyRules

__all__ = ["Row", "all_rows", "decode_generation", "key_of", "key_row", "one_row", "readable"]

T = TypeVar("T")

decode_generation = msgspec.json.Decoder(Generation).decode
_rules = msgspec.json.Decoder(KeyRules).decode

Row = dict[str, Any]
"""Column name to value, as a database driver takes it."""


def one_row(connection: Connection, kind: Callable[..., T], query: Select[Any]) -> T | None:
    """The row of *query*, if there is one, as one of *kind*, which takes its columns by name."""
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else kind(**row)


def all_rows(connection: Connection, kind: Callable[..., T], query: Select[Any]) -> list[T]:
    """The rows of *query*, each as one of *kind*."""
    return [kind(**row) for row in connection.execute(query).mappings()]


def key_row(key: Key) -> Row:
    """The row of a key."""
    row = asdict(key) | {"rules": encode(key.rules).decode()}
    del row["guard"]  # it stands elsewhere
    return row


def key_of(rules: str, **row: Any) -> Key:  # noqa: ANN401 - columns of any type
    """The key that a row holds."""
    return Key(**row, rules=_rules(rules))


def readable(records: Iterable[str]) -> list[Generation]:
    """The generations of *records*; those that cannot be read are left out."""
    found = []
    for record in records:
        try:
            found.append(decode_generation(record))
        except (msgspec.DecodeError, RecursionError):
            continue
    return found
