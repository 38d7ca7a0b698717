"""Between domain values and rows."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import asdict
from sqlalchemy import RowMapping

from turnout.base.jsons import encode
from turnout.domain.account import Account, Key, KeyRules

__all__ = ["Row", "account_row", "key_of", "key_row"]

_rules = msgspec.json.Decoder(KeyRules).decode

Row = dict[str, Any]
"""Column name to value, as a database driver takes it."""


def account_row(account: Account) -> Row:
    """The row of an account."""
    return asdict(account)


def key_row(key: Key) -> Row:
    """The row of a key."""
    row = asdict(key) | {"rules": encode(key.rules).decode()}
    del row["guard"]  # it stands elsewhere
    return row


def key_of(row: RowMapping) -> Key:
    """The key that a row holds."""
    return Key(**{**row, "rules": _rules(row["rules"])})
