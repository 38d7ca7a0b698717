"""The budgets that a key's requests are charged to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import final

from turnout.domain.account import Key
from turnout.domain.budget import Budget, Claim, begins

__all__ = ["Budgets", "budgets_of", "charged_to"]

_DAY = 86_400


@final
class Budgets:
    """The budgets of one key: those that every request is charged to, and those of single end users.

    Claims are the same all day long, so they are made once a day.
    """

    __slots__ = ("_always", "_day", "_made", "_users")

    def __init__(self, always: Iterable[Budget], users: Mapping[str, tuple[Budget, ...]]) -> None:
        self._always = tuple(always)
        self._users = users
        self._day = -1
        self._made: dict[str | None, tuple[Claim, ...]] = {}

    def claims(self, user: str | None, now: float) -> tuple[Claim, ...]:
        """What a request for *user* at *now* (unix seconds) claims, in the order of the budgets' ids."""
        day = int(now) // _DAY
        if day != self._day:
            self._day, self._made = day, {}
        whose = user if user in self._users else None
        made = self._made.get(whose)
        if made is None:
            budgets = sorted((*self._always, *self._users.get(user or "", ())), key=lambda budget: budget.id)
            made = tuple(Claim(one.id, begins(one.window, now), one.limit) for one in budgets)
            self._made[whose] = made
        return made


def budgets_of(key: Key, budgets: Iterable[Budget]) -> Budgets | None:
    """Those of *budgets*, all of the key's account, that requests under *key* are charged to; None without any."""
    always: list[Budget] = []
    users: dict[str, tuple[Budget, ...]] = {}
    for budget in budgets:
        if budget.scope == "user":
            users[budget.subject] = (*users.get(budget.subject, ()), budget)
        elif _applies(budget, key):
            always.append(budget)
    return Budgets(always, users) if always or users else None


def charged_to(key: Key, budgets: Iterable[Budget]) -> tuple[Budget, ...]:
    """Those of *budgets*, all of the key's account, that every request under *key* is charged to."""
    return tuple(budget for budget in budgets if _applies(budget, key))


def _applies(budget: Budget, key: Key) -> bool:
    return (
        budget.scope == "account"
        or (budget.scope == "key" and budget.subject == key.hash)
        or (budget.scope == "tag" and budget.subject in key.rules.tags)
        or (budget.scope == "guardrail" and budget.subject.endswith((f"/key/{key.hash}", f"/member/{key.account_id}")))
    )
