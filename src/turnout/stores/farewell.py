"""An account's end: what goes at once, and what goes a little at a time. For every database alike.

What it has spent stays, summed by day and model under an id that means nothing any more: money must add up, and the
operator's bills were paid. docs/decisions has the reasons.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, delete, func, insert, select

from turnout.base.money import PICO_PER_DOLLAR
from turnout.stores.dialects import insert_into
from turnout.stores.owners import keys_have_changed
from turnout.stores.schema import (
    ACCOUNTS,
    ACTIVITY,
    ALERTS,
    COUNTS,
    DELETED_ACCOUNTS,
    GENERATIONS,
    LEASES,
    METADATA,
    MOMENTS,
    OWN_USE,
    PRESET_VERSIONS,
    PRESETS,
    TOTALS,
    WINDOWS,
)

__all__ = ["bid_farewell", "erase_deleted"]

_LATER: Final = (GENERATIONS, MOMENTS, ACTIVITY, TOTALS, OWN_USE)
"""What goes a little at a time, or stays as sums."""

_OWN: Final = tuple(
    table for table in reversed(METADATA.sorted_tables) if "account_id" in table.c and table not in _LATER
)
"""Tables of which nothing stays, those that others refer to last."""

_NOBODY: Final = ""
_LATE_SECONDS: Final = 86_400.0
"""For so long a journal may still bring generations of an account that is gone."""


def bid_farewell(connection: Connection, account_id: str, now: float) -> bool:
    """Remove an account with all that is its own, but for its generations, which :func:`erase_deleted` takes.

    False when there is none.
    """
    if connection.execute(select(ACCOUNTS.c.id).where(ACCOUNTS.c.id == account_id).with_for_update()).scalar() is None:
        return False
    own = select(PRESETS.c.id).where(PRESETS.c.account_id == account_id)
    connection.execute(delete(PRESET_VERSIONS).where(PRESET_VERSIONS.c.preset_id.in_(own)))
    for table in _OWN:
        connection.execute(delete(table).where(table.c.account_id == account_id))
    connection.execute(delete(ACCOUNTS).where(ACCOUNTS.c.id == account_id))
    gone = insert_into(DELETED_ACCOUNTS, connection).values(id=account_id, expires=now + _LATE_SECONDS)
    connection.execute(gone.on_conflict_do_nothing())
    keys_have_changed(connection)
    return True


def erase_deleted(connection: Connection, most: int, now: float) -> int:
    """Delete at most about *most* generations of accounts that are deleted; how many, 0 when there are none any more.

    Their sums then name no key and no end user.
    """
    gone = 0
    query = select(DELETED_ACCOUNTS).order_by(DELETED_ACCOUNTS.c.id)
    for account_id, expires in connection.execute(query).all():
        while gone < most and (took := _erase_moment(connection, account_id)) is not None:
            gone += took
        if gone >= most:
            return gone
        _anonymise(connection, account_id)
        if expires < now:
            connection.execute(delete(DELETED_ACCOUNTS).where(DELETED_ACCOUNTS.c.id == account_id))
    return gone


def _erase_moment(connection: Connection, account_id: str) -> int | None:
    """Delete the generations of one second; how many, at least one for the second itself. None: there is no second."""
    moments = MOMENTS.c
    moment = connection.execute(select(moments.moment).where(moments.account_id == account_id).limit(1)).scalar()
    if moment is None:
        return None
    ids = GENERATIONS.c.id
    there = (ids >= moment) & (ids < f"{moment}~") & (GENERATIONS.c.account_id == account_id)
    gone = connection.execute(delete(GENERATIONS).where(there)).rowcount
    connection.execute(delete(MOMENTS).where(moments.account_id == account_id, moments.moment == moment))
    return max(gone, 1)


def _anonymise(connection: Connection, account_id: str) -> None:
    """Add up what an account used, whichever key and end user it was, and drop what is named after them."""
    rows = ACTIVITY.c
    named = (rows.account_id == account_id) & ((rows.key_hash != _NOBODY) | (rows.end_user != _NOBODY))
    if connection.execute(select(rows.day).where(named).limit(1)).scalar() is not None:
        by = (rows.day, rows.account_id, rows.model, rows.provider)
        figures = [func.sum(rows[name]).label(name) for name in (*COUNTS, "dollars", "pico")]
        found = connection.execute(select(*by, *figures).where(rows.account_id == account_id).group_by(*by)).mappings()
        sums = []
        for row in found.all():
            pico = int(row["pico"])
            money = {"dollars": int(row["dollars"]) + pico // PICO_PER_DOLLAR, "pico": pico % PICO_PER_DOLLAR}
            counts = {name: int(row[name]) for name in COUNTS}
            sums.append({**row, **counts, **money, "key_hash": _NOBODY, "end_user": _NOBODY})
        connection.execute(delete(ACTIVITY).where(rows.account_id == account_id))
        connection.execute(insert(ACTIVITY), sums)
    connection.execute(delete(OWN_USE).where(OWN_USE.c.account_id == account_id))
    for table in (LEASES, WINDOWS, ALERTS):  # budgets are named after keys, tags and end users
        connection.execute(delete(table).where(table.c.budget_id.contains(f"|{account_id}|", autoescape=True)))
