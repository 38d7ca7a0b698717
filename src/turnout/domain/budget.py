"""Budgets: how much may be spent by whom in which span of time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal, get_args

from msgspec import Struct

from turnout.base.money import Pico

__all__ = ["WINDOWS", "Budget", "Claim", "Scope", "Window", "begins", "counts_own", "ends"]

Scope = Literal["account", "key", "tag", "user", "guardrail"]
Window = Literal["lifetime", "daily", "weekly", "monthly"]
WINDOWS: tuple[Window, ...] = get_args(Window)

_DAY = 86_400
_MONDAY = 4 * _DAY  # 1970 began on a Thursday


class Budget(Struct, frozen=True, kw_only=True):
    """A limit in pico-dollars for what *subject* (an account's id, a key's hash, a tag, an end user's name, a
    guardrail's id) of an account may spend in each *window*.
    """

    account_id: str
    scope: Scope
    subject: str
    window: Window
    limit: Pico

    @property
    def id(self) -> str:
        """The same for the same subject and window, whatever the limit. The window stands first."""
        return f"{self.window}|{self.scope}|{self.account_id}|{self.subject}"


class Claim(Struct, frozen=True):
    """One window of one budget, as a request of that time claims it. ``begins`` is in unix seconds, 0 for ever."""

    budget_id: str
    begins: int
    limit: Pico


def counts_own(budget_id: str, *, key_limited: bool) -> bool:
    """Whether a budget counts what a provider bills the caller directly: a key's where the key says so
    (*key_limited*), a guardrail's where the guardrail does.
    """
    _, scope, subject = budget_id.split("|", 2)
    return key_limited if scope == "key" else scope == "guardrail" and "/byok/" in subject


def begins(window: str, now: float) -> int:
    """The first unix second of the window that *now* lies in. Days begin at midnight UTC, weeks on Monday."""
    second = int(now)
    if window == "daily":
        return second - second % _DAY
    if window == "weekly":
        return second - (second - _MONDAY) % (7 * _DAY)
    if window == "monthly":
        return int(_month(second).timestamp())
    return 0


def ends(window: str, now: float) -> int | None:
    """The first unix second after the window that *now* lies in; None for a lifetime."""
    first = begins(window, now)
    if window == "daily":
        return first + _DAY
    if window == "weekly":
        return first + 7 * _DAY
    if window == "monthly":
        return int((_month(first) + timedelta(days=31)).replace(day=1).timestamp())
    return None


def _month(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC).replace(day=1, hour=0, minute=0, second=0)
