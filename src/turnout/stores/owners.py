"""Accounts, keys and budgets as they are changed: the statements, for every database alike.

A key's limit and an account's credit are budgets too: they are written in the transaction that writes the key or the
account, so that neither is ever without the other. Every change makes caches elsewhere forget.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING

from msgspec.structs import asdict
from sqlalchemy import Connection, Dialect, Table, delete, select, update

from turnout.base.money import MAX_PICO
from turnout.domain.account import Account, Key
from turnout.domain.budget import Budget, begins
from turnout.stores.activity import SECONDS_PER_DAY
from turnout.stores.dialects import insert_into
from turnout.stores.reports import spent_by
from turnout.stores.rows import key_of, key_row, one_row
from turnout.stores.schema import (
    ACCOUNTS,
    BUDGETS,
    GUARDRAIL_ASSIGNMENTS,
    KEYS,
    REVISIONS,
    WINDOWS,
)

if TYPE_CHECKING:
    from turnout.stores.dialects import Insert

__all__ = [
    "KEYS_REVISION",
    "change_account",
    "change_key",
    "delete_budget",
    "delete_key",
    "find_account",
    "find_key",
    "keys_have_changed",
    "put_account",
    "put_budget",
    "put_key",
    "release_from_guardrails",
]

KEYS_REVISION = "keys"
"""The name of the number that grows with every change here."""


def find_account(connection: Connection, account_id: str) -> Account | None:
    """The account of that id."""
    return one_row(connection, Account, select(ACCOUNTS).where(ACCOUNTS.c.id == account_id))


def find_key(connection: Connection, key_hash: str) -> Key | None:
    """The key of that hash, disabled ones included."""
    return one_row(connection, key_of, select(KEYS).where(KEYS.c.hash == key_hash))


def put_account(connection: Connection, account: Account, now: float) -> None:
    """Add or replace an account."""
    before = find_account(connection, account.id)
    connection.execute(_putting(ACCOUNTS, connection.dialect), asdict(account))
    _follow(connection, None if before is None else before.budget, account.budget, now)
    keys_have_changed(connection)


def put_key(connection: Connection, key: Key, now: float) -> None:
    """Add or replace a key.

    Raises:
        IntegrityError: there is no such account.
    """
    before = find_key(connection, key.hash)
    connection.execute(_putting(KEYS, connection.dialect), key_row(key))
    _follow(connection, None if before is None else before.budget, key.budget, now)
    keys_have_changed(connection)


def change_account(
    connection: Connection, account_id: str, change: Callable[[Account], Account], now: float
) -> Account | None:
    """Put what *change* makes of an account in its place; None when there is none."""
    connection.execute(select(ACCOUNTS.c.id).where(ACCOUNTS.c.id == account_id).with_for_update())
    before = find_account(connection, account_id)
    if before is None:
        return None
    changed = change(before)
    put_account(connection, changed, now)
    return changed


def change_key(connection: Connection, key_hash: str, change: Callable[[Key], Key], now: float) -> Key | None:
    """Put what *change* makes of a key in its place; None when there is none."""
    connection.execute(select(KEYS.c.hash).where(KEYS.c.hash == key_hash).with_for_update())
    before = find_key(connection, key_hash)
    if before is None:
        return None
    changed = change(before)
    put_key(connection, changed, now)
    return changed


def delete_key(connection: Connection, key_hash: str) -> bool:
    """Remove a key with its budgets; its generations stay. False when there is none."""
    found = connection.execute(delete(KEYS).where(KEYS.c.hash == key_hash)).rowcount > 0
    if found:
        connection.execute(delete(BUDGETS).where(BUDGETS.c.scope == "key", BUDGETS.c.subject == key_hash))
        release_from_guardrails(connection, "key", [key_hash])
        keys_have_changed(connection)
    return found


def put_budget(connection: Connection, budget: Budget, now: float) -> None:
    """Add a budget, or give one another limit.

    What its subject has spent in the present window counts, also what it spent without a budget. Of a tag that is not
    known: it begins with nothing spent.
    """
    connection.execute(_putting(BUDGETS, connection.dialect), asdict(budget) | {"id": budget.id})
    began = begins(budget.window, now)
    spent = min(_spent(connection, budget, began), MAX_PICO)
    here = (WINDOWS.c.budget_id == budget.id) & (WINDOWS.c.begins == began)
    row = {"budget_id": budget.id, "begins": began, "booked": spent, "leased": 0}
    connection.execute(insert_into(WINDOWS, connection).values(row).on_conflict_do_nothing())
    connection.execute(update(WINDOWS).where(here, WINDOWS.c.booked < spent).values(booked=spent))
    keys_have_changed(connection)


def delete_budget(connection: Connection, budget_id: str) -> bool:
    """Remove a budget; False when there is none."""
    found = connection.execute(delete(BUDGETS).where(BUDGETS.c.id == budget_id)).rowcount > 0
    if found:
        keys_have_changed(connection)
    return found


def release_from_guardrails(
    connection: Connection, holder: str, subjects: Sequence[str], guardrail_id: str | None = None
) -> int:
    """Take the guardrail of each of *subjects* away, if it is that one, with its budgets; how many had one."""
    rows = GUARDRAIL_ASSIGNMENTS.c
    there = (rows.holder == holder) & rows.subject.in_(subjects)
    if guardrail_id is not None:
        there &= rows.guardrail_id == guardrail_id
    found = connection.execute(select(rows.guardrail_id, rows.subject).where(there)).all()
    names = [f"{row.guardrail_id}/{byok}{holder}/{row.subject}" for row in found for byok in ("", "byok/")]
    connection.execute(delete(BUDGETS).where(BUDGETS.c.scope == "guardrail", BUDGETS.c.subject.in_(names)))
    connection.execute(delete(GUARDRAIL_ASSIGNMENTS).where(there))
    return len(found)


def _follow(connection: Connection, before: Budget | None, after: Budget | None, now: float) -> None:
    """Make the budget that stands for a limit what the limit has become."""
    if before is not None and (after is None or after.id != before.id):
        connection.execute(delete(BUDGETS).where(BUDGETS.c.id == before.id))
    if after is not None and after != before:
        put_budget(connection, after, now)


def _spent(connection: Connection, budget: Budget, began: int) -> int:
    """What the subject of *budget* has spent since *began*, as far as it is known."""
    day = began // SECONDS_PER_DAY
    if budget.scope == "account":
        return spent_by(connection, day, account_id=budget.account_id)
    if budget.scope == "key":
        return spent_by(connection, day, key_hash=budget.subject)
    if budget.scope == "user":
        return spent_by(connection, day, account_id=budget.account_id, user=budget.subject)
    return 0


def keys_have_changed(connection: Connection) -> None:
    """Make caches of keys elsewhere forget."""
    connection.execute(_bumping(connection.dialect))


@cache
def _putting(table: Table, dialect: Dialect) -> Insert:
    """A row of *table*, instead of the one with its primary key if there is one."""
    adding = insert_into(table, dialect)
    changed = {column.key: adding.excluded[column.key] for column in table.c if not column.primary_key}
    return adding.on_conflict_do_update(index_elements=list(table.primary_key), set_=changed)


@cache
def _bumping(dialect: Dialect) -> Insert:
    """Say that keys have changed."""
    adding = insert_into(REVISIONS, dialect).values(name=KEYS_REVISION, value=1)
    return adding.on_conflict_do_update(index_elements=[REVISIONS.c.name], set_={"value": REVISIONS.c.value + 1})
