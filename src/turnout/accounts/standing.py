"""How much of a key's, an account's or another budget is left, as reports say it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid5

from turnout.base.money import Pico, json_number
from turnout.contracts.store import Store
from turnout.domain.account import Account
from turnout.domain.budget import Budget, begins, counts_own, ends

__all__ = ["Standing", "account_report", "budget_report", "date", "key_budget", "standings", "workspace_of"]

_WORKSPACES: Final = UUID("6f2d9c1e-58a4-4d07-9b7e-3a1c5e8f7240")
_SCOPES: Final = {"key": "key_limit", "account": "workspace", "user": "member"}


class Standing(NamedTuple):
    """A budget and what is booked of it in its present window, in pico-dollars."""

    budget: Budget
    booked: Pico
    now: float

    @property
    def remaining(self) -> Pico:
        """What is left; never less than nothing."""
        return Pico(max(0, self.budget.limit - self.booked))


async def standings(store: Store, budgets: Iterable[Budget], now: float) -> Sequence[Standing]:
    """How *budgets* stand at *now* (unix seconds)."""
    every = list(budgets)
    windows = [(budget.id, begins(budget.window, now)) for budget in every]
    booked = await store.booked(windows) if windows else {}
    return [Standing(budget, Pico(booked[window]), now) for budget, window in zip(every, windows, strict=True)]


def budget_report(standing: Standing) -> dict[str, Any]:
    """An entry of ``GET /budgets``. Money in dollars."""
    budget = standing.budget
    over = ends(budget.window, standing.now)
    return {
        "scope": budget.scope,
        "subject": budget.subject,
        "window": budget.window,
        "limit": json_number(budget.limit),
        "spent": json_number(standing.booked),
        "remaining": json_number(standing.remaining),
        "resets_at": None if over is None else date(over),
    }


def key_budget(standing: Standing, *, byok: bool) -> dict[str, Any]:
    """An entry of ``budgets`` in ``GET /key``; *byok*: the key's own count what providers bill the caller directly.

    Source: the schema of the OpenRouter client.
    """
    budget = standing.budget
    over = ends(budget.window, standing.now)
    return {
        "budget_id": budget.id,
        "guardrail_id": budget.subject.partition("/")[0] if budget.scope == "guardrail" else None,
        "include_byok": counts_own(budget.id, key_limited=byok),
        "limit_usd": json_number(budget.limit),
        "remaining_usd": json_number(standing.remaining),
        "reset_interval": None if budget.window == "lifetime" else budget.window,
        "resets_at": None if over is None else date(over),
        "scope": _SCOPES.get(budget.scope, budget.scope),
        "spend_usd": json_number(standing.booked),
    }


def account_report(account: Account, spent: int) -> dict[str, Any]:
    """An entry of ``GET /accounts``. Money in dollars; a credit of null is unlimited."""
    credit = account.credit
    return {
        "id": account.id,
        "name": account.name,
        "admin": account.admin,
        "credit": None if credit is None else json_number(credit),
        "usage": json_number(Pico(spent)),
        "remaining": None if credit is None else json_number(Pico(max(0, credit - spent))),
        "workspace_id": workspace_of(account.id),
        "created_at": date(account.created),
    }


def workspace_of(account_id: str) -> str:
    """The name that clients know an account by who expect a UUID: the same for ever."""
    return str(uuid5(_WORKSPACES, account_id))


def date(unix_seconds: float) -> str:
    """RFC 3339 in UTC, with milliseconds."""
    return datetime.fromtimestamp(unix_seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
