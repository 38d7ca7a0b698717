"""Sums of use as reports ask for them, from the daily sums and never from single generations; for every database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, and_, case, func, select

from turnout.base.money import PICO_PER_DOLLAR, Pico
from turnout.domain.activity import ActivityQuery, ActivitySum, Dimension
from turnout.domain.budget import Budget
from turnout.stores.activity import SECONDS_PER_DAY
from turnout.stores.dialects import insert_into
from turnout.stores.schema import ACTIVITY, ALERTS, BUDGETS, COUNTS, MOMENTS, OWN_USE, TOTALS, WINDOWS

__all__ = ["activity", "claim_alert", "half_spent", "last_used", "own_spendings", "spendings", "spent_by"]

_COLUMNS: Final[Mapping[Dimension, str]] = {
    "day": "day",
    "model": "model",
    "provider": "provider",
    "key": "key_hash",
    "user": "end_user",
}
_SECOND: Final = slice(4, 14)  # of a moment: gen-<unix seconds>


def activity(connection: Connection, wanted: ActivityQuery) -> list[ActivitySum]:
    """The sums that are *wanted*: newest day first, then by name."""
    filters = {"key_hash": wanted.key_hash, "model": wanted.model, "provider": wanted.provider, "end_user": wanted.user}
    filters = {name: value for name, value in filters.items() if value is not None}
    names = [_COLUMNS[name] for name in wanted.by]
    table = ACTIVITY if {"key_hash", "end_user"} & {*names, *filters} else TOTALS
    columns = [table.c[name] for name in names]
    counts = [func.sum(table.c[name]) for name in COUNTS]
    query = select(*columns, *counts, func.sum(table.c.dollars), func.sum(table.c.pico))
    query = query.where(table.c.account_id == wanted.account_id, table.c.day.between(wanted.first, wanted.last))
    query = query.where(*[table.c[name] == value for name, value in filters.items()]).group_by(*columns)
    rows = connection.execute(query.order_by(*[one.desc() if one.key == "day" else one for one in columns])).all()
    return [_sum(wanted.by, row) for row in rows if row[-1] is not None]  # which is the sum of nothing


def spent_by(
    connection: Connection,
    first_day: int,
    *,
    account_id: str | None = None,
    key_hash: str | None = None,
    user: str | None = None,
) -> int:
    """Pico-dollars spent from *first_day* (since 1970, UTC) on, exact."""
    filters = {"account_id": account_id, "key_hash": key_hash, "end_user": user}
    filters = {name: value for name, value in filters.items() if value is not None}
    table = ACTIVITY if {"key_hash", "end_user"} & {*filters} else TOTALS
    query = select(func.sum(table.c.dollars), func.sum(table.c.pico)).where(table.c.day >= first_day)
    dollars, pico = connection.execute(query.where(*[table.c[name] == value for name, value in filters.items()])).one()
    return int(dollars or 0) * PICO_PER_DOLLAR + int(pico or 0)


def spendings(connection: Connection, hashes: Sequence[str], since: Sequence[float]) -> dict[str, tuple[int, ...]]:
    """What each key has spent from the beginning of the day of each of *since* (unix seconds, UTC) on."""
    days = [int(second) // SECONDS_PER_DAY for second in since]
    sums = []
    for day in days:
        counted = ACTIVITY.c.day >= day
        sums += [func.sum(case((counted, column), else_=0)) for column in (ACTIVITY.c.dollars, ACTIVITY.c.pico)]
    query = select(ACTIVITY.c.key_hash, *sums).group_by(ACTIVITY.c.key_hash)
    query = query.where(and_(ACTIVITY.c.key_hash.in_(hashes), ACTIVITY.c.day >= min(days, default=0)))
    spent = dict.fromkeys(hashes, (0,) * len(days))
    for row in connection.execute(query):
        figures = [int(figure) for figure in row[1:]]
        spent[row[0]] = tuple(
            dollars * PICO_PER_DOLLAR + pico for dollars, pico in zip(figures[::2], figures[1::2], strict=True)
        )
    return spent


def own_spendings(connection: Connection, hashes: Sequence[str], since: Sequence[float]) -> dict[str, tuple[int, ...]]:
    """As :func:`spendings`, for what providers billed the accounts of the keys directly."""
    days = [int(second) // SECONDS_PER_DAY for second in since]
    spent = {key_hash: [0] * len(days) for key_hash in hashes}
    rows = OWN_USE.c
    query = select(rows.key_hash, rows.day, rows.dollars, rows.pico).where(rows.key_hash.in_(hashes))
    for row in connection.execute(query):
        for place, day in enumerate(days):
            if row.day >= day:
                spent[row.key_hash][place] += int(row.dollars) * PICO_PER_DOLLAR + int(row.pico)
    return {key_hash: tuple(amounts) for key_hash, amounts in spent.items()}


def last_used(connection: Connection, keys: Sequence[tuple[str, str]]) -> dict[str, int]:
    """In which unix second each of *keys* (account, hash) was used last; those that never were are left out."""
    found = {}
    for account_id, key_hash in keys:
        day = connection.execute(select(func.max(ACTIVITY.c.day)).where(ACTIVITY.c.key_hash == key_hash)).scalar()
        if day is None:
            continue
        begun = f"gen-{day * SECONDS_PER_DAY:010d}"
        query = select(MOMENTS.c.moment).where(
            MOMENTS.c.account_id == account_id, MOMENTS.c.key_hash == key_hash, MOMENTS.c.moment >= begun
        )
        moment = connection.execute(query.order_by(MOMENTS.c.moment.desc()).limit(1)).scalar()
        second = moment[_SECOND] if moment is not None else ""
        found[key_hash] = int(second) if second.isdecimal() else day * SECONDS_PER_DAY
    return found


def half_spent(connection: Connection, windows: Sequence[int]) -> list[tuple[Budget, int, int]]:
    """Budgets of which at least half is booked in one of *windows* (their beginnings): budget, beginning, booked."""
    query = select(BUDGETS, WINDOWS.c.begins, WINDOWS.c.booked).join(WINDOWS, WINDOWS.c.budget_id == BUDGETS.c.id)
    query = query.where(WINDOWS.c.begins.in_(windows), WINDOWS.c.booked >= BUDGETS.c.limit - BUDGETS.c.limit // 2)
    rows = connection.execute(query).mappings().all()
    return [
        (Budget(**{name: row[name] for name in Budget.__struct_fields__}), row["begins"], row["booked"]) for row in rows
    ]


def claim_alert(connection: Connection, budget_id: str, begins: int, percent: int) -> bool:
    """Whether nobody has told yet that so much of a budget is spent in that window; from now on somebody has."""
    row = {"budget_id": budget_id, "begins": begins, "percent": percent}
    return connection.execute(insert_into(ALERTS, connection).values(row).on_conflict_do_nothing()).rowcount > 0


def _sum(by: Sequence[Dimension], row: Sequence[Any]) -> ActivitySum:
    parts: dict[str, Any] = dict(zip(by, row, strict=False))
    counts: dict[str, Any] = dict(zip(COUNTS, map(int, row[len(by) :]), strict=False))
    return ActivitySum(**parts, **counts, cost=Pico(int(row[-2]) * PICO_PER_DOLLAR + int(row[-1])))
