"""Numbers and dates as people read them: the filters of the templates."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Final
from urllib.parse import quote

__all__ = ["FILTERS", "ago", "day", "milliseconds", "path", "per_million", "short", "tokens"]

_MILLION: Final = 1_000_000
_THOUSAND: Final = 1_000
_FEW: Final = 9.95  # milliseconds; below, tenths are told
_UNKNOWN: Final = "–"  # noqa: RUF001 - a dash, as it is set
_STEPS: Final = ((86_400 * 365, "year"), (86_400 * 30, "month"), (86_400, "day"), (3_600, "hour"), (60, "minute"))


def per_million(price: str | None) -> str:
    """A price per token in dollars, as dollars for a million tokens."""
    try:
        value = Decimal(price or "") * _MILLION
    except InvalidOperation:
        return _UNKNOWN
    if not value:
        return "free"
    if value >= 100:
        return f"${value:,.0f}"
    text = f"{value:,.2f}" if value >= Decimal("0.1") else f"{value:.4f}".rstrip("0")
    return f"${text.ljust(4, '0')}" if value >= Decimal("0.0001") else f"${value.normalize():f}"


def tokens(count: int | None) -> str:
    """Tokens as models are advertised: 8K, 200K, 1.05M."""
    if not count:
        return _UNKNOWN
    if count >= _MILLION:
        return f"{count / _MILLION:.2f}".rstrip("0").rstrip(".") + "M"
    return f"{round(count / _THOUSAND)}K" if count >= _THOUSAND else str(count)


def short(count: float | None) -> str:
    """A large number in three digits: 1.2K, 34M, 5.6B."""
    if count is None:
        return _UNKNOWN
    for size, letter in ((10**12, "T"), (10**9, "B"), (_MILLION, "M"), (_THOUSAND, "K")):
        if count >= size:
            return f"{count / size:.1f}".removesuffix(".0") + letter
    return f"{count:g}"


def day(seconds: float | None) -> str:
    """Unix seconds as a date in UTC: 31 Jan 2026."""
    return f"{datetime.fromtimestamp(seconds, UTC):%-d %b %Y}" if seconds else _UNKNOWN


def ago(seconds: float) -> str:
    """A length of time, roughly: 3 days ago."""
    for size, word in _STEPS:
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {word}{'s' if count > 1 else ''} ago"
    return "just now"


def milliseconds(value: float | None) -> str:
    """Milliseconds, as seconds from one on."""
    if value is None:
        return _UNKNOWN
    return f"{value / _THOUSAND:.1f} s" if value >= _THOUSAND else f"{round(value, 1 if value < _FEW else None):g} ms"


def path(name: str) -> str:
    """A model's or provider's name as part of an address."""
    return quote(name, safe="/:~@+,")


FILTERS: Final[dict[str, Callable[..., str]]] = {
    "per_million": per_million, "tokens": tokens, "short": short, "day": day, "ago": ago,
    "milliseconds": milliseconds, "path": path,
}  # fmt: skip
"""By the name that templates use."""
