"""What may be written about keys, accounts and budgets: each field with its check, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import ROUND_FLOOR, Context, Decimal, InvalidOperation
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from turnout.base.errors import BadRequest
from turnout.base.jsons import BadJSON, decode_fields, encode
from turnout.base.money import MAX_PICO, Pico
from turnout.domain.account import Account, Key
from turnout.domain.budget import WINDOWS, Scope, Window

__all__ = [
    "ACCOUNT_FIELDS",
    "BUDGET_FIELDS",
    "KEY_FIELDS",
    "NEW_KEY_FIELDS",
    "changed_account",
    "changed_key",
    "read_body",
    "read_dollars",
    "read_line",
    "read_names",
    "read_optional_line",
    "read_reset",
    "read_switch",
    "unix_second",
]

T = TypeVar("T")

_NUMBER: Final = re.compile(rb"-?\d{1,18}(\.\d{1,40})?([eE][+-]?\d{1,3})?")
_UTC: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,9})?(Z|\+00:00)", re.ASCII | re.IGNORECASE)
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_EXACT: Final = Context(prec=150)
_LONGEST_NAME: Final = 256  # characters
_MOST_NAMES: Final = 1_000
_MOST_TAGS: Final = 32
_MOST_PLUGINS: Final = 32
_MOST_PER_MINUTE: Final = 10**12
_SCOPES: Final = ("key", "account", "tag", "user")
_RESETS: Final = ("daily", "weekly", "monthly")
_READ_ONLY: Final = frozenset({
    "hash", "label", "key", "id", "usage", "usage_daily", "usage_weekly", "usage_monthly", "byok_usage",
    "byok_usage_daily", "byok_usage_weekly", "byok_usage_monthly", "limit_remaining", "created_at", "updated_at",
    "last_used_at", "external_user", "remaining", "spent", "begins_at", "resets_at",
})  # fmt: skip

_TRUE: Final = Raw(b"true")
_RULES: Final = ("models", "providers", "tags", "plugins", "store_content")

_decode = msgspec.json.decode
_Read = Callable[[Raw], object]


def read_body(body: bytes, fields: Mapping[str, _Read], required: tuple[str, ...] = ()) -> dict[str, Any]:
    """The values of a JSON object that has none but *fields*, among them all that are *required*.

    Raises:
        BadRequest: it is no such object; the message names the field.
    """
    try:
        given = decode_fields(body)
    except BadJSON as error:
        raise BadRequest(f"Invalid JSON: {error}") from None
    for name in given:
        if name not in fields:
            shown = name[:64].encode("ascii", "replace").decode()
            why = "is read-only" if name in _READ_ONLY else "is not a field that can be set here"
            raise BadRequest(f"`{shown}` {why}; these can: {', '.join(sorted(fields))}")
    for name in required:
        if name not in given:
            raise BadRequest(f"`{name}` is missing")
    values = {}
    for name, raw in given.items():
        try:
            values[name] = fields[name](raw)
        except (ValueError, msgspec.MsgspecError) as error:
            words = "has a wrong type" if isinstance(error, msgspec.MsgspecError) else str(error)
            raise BadRequest(f"`{name}` {words}") from None
    return values


def changed_key(key: Key, values: Mapping[str, Any], now: float) -> Key:
    """*key* with what *values* of :data:`KEY_FIELDS` say.

    Raises:
        BadRequest: it would expire in the past.
    """
    changes = {_KEY_NAMES.get(name, name): value for name, value in values.items()}
    if changes.get("expires") is not None and changes["expires"] <= now:
        raise BadRequest("`expires_at` must lie in the future; `disabled` switches a key off at once")
    rules = {name: changes.pop(name) for name in _RULES if name in changes}
    return replace(key, updated=now, rules=replace(key.rules, **rules), **changes)


def changed_account(account: Account, values: Mapping[str, Any]) -> Account:
    """*account* with what *values* of :data:`ACCOUNT_FIELDS` say."""
    return replace(account, **values)


def unix_second(text: str) -> float:
    """The unix second of a date with time in UTC, seconds included: ``2026-01-31T23:59:59Z``.

    Raises:
        ValueError: it is none.
    """
    if not _UTC.fullmatch(text):
        raise ValueError("must be a date with time in UTC, such as 2026-01-31T23:59:59Z")
    try:
        return datetime.fromisoformat(text.upper()).timestamp()
    except (ValueError, OverflowError):
        raise ValueError("must be a date that exists") from None


def read_line(raw: Raw) -> str:
    """A name or another line of text.

    Raises:
        ValueError: it is none.
        DecodeError: it is no text.
    """
    text = _decode(raw, type=str)
    if not text.strip() or len(text) > _LONGEST_NAME or _CONTROL.search(text):
        raise ValueError(f"must be a line of 1 to {_LONGEST_NAME} characters")
    return text


def read_switch(raw: Raw) -> bool:
    """True or false. Raises DecodeError: it is neither."""
    return _decode(raw, type=bool)


def read_dollars(raw: Raw) -> Pico:
    """Pico-dollars of a JSON number; what is finer than one is cut off, for doubles are never exact."""
    text = bytes(raw).strip()
    if not _NUMBER.fullmatch(text):
        raise ValueError("must be a number of dollars")
    try:
        amount = Decimal(text.decode()).scaleb(12, _EXACT)
        pico = int(amount.to_integral_value(ROUND_FLOOR, _EXACT))
    except InvalidOperation:
        raise ValueError("must be a number of dollars") from None
    if amount < 0 or pico > MAX_PICO:
        raise ValueError("must be at least 0 and at most 9223372 dollars")
    return Pico(pico)


def _window(raw: Raw) -> Window:
    text = _decode(raw, type=str)
    for window in WINDOWS:
        if window == text:
            return window
    raise ValueError(f"must be {', '.join(WINDOWS)}")


def read_reset(raw: Raw) -> Window:
    """After how long a limit begins anew. Raises ValueError: it is no such word."""
    text = _decode(raw, type=str)
    if text not in _RESETS:
        raise ValueError(f"must be {', '.join(_RESETS)}, or null for a limit for ever")
    return _window(raw)


def _scope(raw: Raw) -> Scope:
    text: Any = _decode(raw, type=str)
    if text not in _SCOPES:
        raise ValueError(f"must be {', '.join(_SCOPES)}")
    scope: Scope = text
    return scope


def _per_minute(raw: Raw) -> int:
    count = _decode(raw, type=int)
    if not 1 <= count <= _MOST_PER_MINUTE:
        raise ValueError(f"must be from 1 to {_MOST_PER_MINUTE}, or null for no limit")
    return count


def read_names(raw: Raw) -> tuple[str, ...]:
    """Names, at least one. Raises ValueError: there is none, or one is no line."""
    names = _decode(raw, type=list[str])
    if not names:
        raise ValueError("must not be empty: that would allow nothing; null allows everything")
    return _lines(names, _MOST_NAMES)


def _tags(raw: Raw) -> tuple[str, ...]:
    return _lines(_decode(raw, type=list[str]), _MOST_TAGS)


def _lines(names: list[str], most: int) -> tuple[str, ...]:
    unfit = any(not name.strip() or len(name) > _LONGEST_NAME or _CONTROL.search(name) for name in names)
    if len(names) > most or unfit:
        raise ValueError(f"must be at most {most} lines of 1 to {_LONGEST_NAME} characters")
    return tuple(dict.fromkeys(names))


def _plugins(raw: Raw) -> tuple[str, ...]:
    """Entries as requests have them, each a JSON object with an ``id``; whether there are such plugins others know."""
    entries = _decode(raw, type=list[Raw])
    if len(entries) > _MOST_PLUGINS:
        raise ValueError(f"must be at most {_MOST_PLUGINS} entries")
    texts = []
    for entry in entries:
        try:
            fields = decode_fields(bytes(entry))
        except BadJSON as error:
            raise ValueError(f"must be a list of objects: {error}") from None
        if "id" not in fields:
            raise ValueError("must be a list of objects that each have an `id`")
        _decode(fields["id"], type=str)
        _decode(fields.get("enabled", _TRUE), type=bool)
        texts.append(encode(fields).decode())
    return tuple(texts)


def _date(raw: Raw) -> float:
    return unix_second(_decode(raw, type=str))


def _or_none(read: Callable[[Raw], T]) -> Callable[[Raw], T | None]:
    return lambda raw: None if bytes(raw).strip() == b"null" else read(raw)


def _null(raw: Raw) -> None:
    if bytes(raw).strip() != b"null":
        raise ValueError("is not kept here; leave it out")


read_optional_line: Final = _or_none(read_line)
"""As :func:`read_line`; null is None."""

KEY_FIELDS: Final[Mapping[str, _Read]] = {
    "name": read_line,
    "disabled": read_switch,
    "limit": _or_none(read_dollars),
    "limit_reset": _or_none(read_reset),
    "include_byok_in_limit": read_switch,
    "expires_at": _or_none(_date),
    "requests_per_minute": _or_none(_per_minute),
    "tokens_per_minute": _or_none(_per_minute),
    "allowed_models": _or_none(read_names),
    "allowed_providers": _or_none(read_names),
    "tags": _tags,
    "plugins": _plugins,
    "store_content": read_switch,
    "workspace_id": _or_none(read_line),
}
"""What ``PATCH /keys/{hash}`` may change."""

NEW_KEY_FIELDS: Final[Mapping[str, _Read]] = {
    **KEY_FIELDS,
    "account_id": read_line,
    "management": read_switch,
    "creator_user_id": _null,
}
"""What ``POST /keys`` may say."""

ACCOUNT_FIELDS: Final[Mapping[str, _Read]] = {"name": read_line, "admin": read_switch, "credit": _or_none(read_dollars)}
"""What may be said of an account."""

BUDGET_FIELDS: Final[Mapping[str, _Read]] = {
    "scope": _scope,
    "subject": read_line,
    "window": _window,
    "limit": read_dollars,
}
"""What a budget is."""

_KEY_NAMES: Final[Mapping[str, str]] = {
    "expires_at": "expires",
    "allowed_models": "models",
    "allowed_providers": "providers",
}
