"""Telling that a budget is half spent, nearly spent, spent: once each in every window, whoever notices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from turnout.accounts.standing import Standing, budget_report, date
from turnout.base.money import Pico, dollars
from turnout.contracts.store import Store
from turnout.domain.budget import WINDOWS, Budget, begins

__all__ = ["PERCENTS", "Alert", "alert_report", "alert_text", "due_alerts"]

PERCENTS: Final = (50, 80, 100)
_WORDS: Final = {"key": "key", "account": "account", "tag": "tag", "user": "end user", "guardrail": "guardrail"}
_HASH_DIGITS: Final = 12


class Alert(NamedTuple):
    """At *now* (unix seconds), *spent* pico-dollars are at least *percent* of a budget, in the window from *begins*."""

    budget: Budget
    percent: int
    begins: int
    spent: Pico
    now: float


async def due_alerts(store: Store, now: float, told: set[tuple[str, int, int]]) -> Sequence[Alert]:
    """What is to be told now. It counts as told from here on, on every node; *told* remembers what this one knows of.

    Raises:
        Unavailable: the store cannot be asked.
    """
    current = {begins(window, now) for window in WINDOWS}
    told -= {one for one in told if one[1] not in current}
    found = []
    for budget, began, booked in await store.half_spent(sorted(current)):
        if began != begins(budget.window, now) or not booked:
            continue
        reached = [one for one in PERCENTS if booked * 100 >= budget.limit * one]
        for percent in (one for one in reached if (budget.id, began, one) not in told):
            if await store.claim_alert(budget.id, began, percent):
                found.append(Alert(budget, percent, began, Pico(booked), now))
            told.add((budget.id, began, percent))
    return found


def alert_text(alert: Alert) -> str:
    """One sentence for a log or a chat."""
    budget = alert.budget
    subject = budget.subject[:_HASH_DIGITS] if budget.scope == "key" else budget.subject
    span = "" if budget.window == "lifetime" else f"{budget.window} "
    return (
        f"{alert.percent} % of the {span}budget of {_WORDS[budget.scope]} {subject} is spent:"
        f" ${dollars(alert.spent)} of ${dollars(budget.limit)}"
    )


def alert_report(alert: Alert) -> dict[str, Any]:
    """What a webhook is sent. Money in dollars."""
    budget = alert.budget
    return {
        "event": "budget",
        "text": alert_text(alert),
        "percent": alert.percent,
        "account_id": budget.account_id,
        **budget_report(Standing(budget, alert.spent, alert.now)),
        "begins_at": None if budget.window == "lifetime" else date(alert.begins),
        "at": date(alert.now),
    }
