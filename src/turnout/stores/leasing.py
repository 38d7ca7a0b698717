"""What nodes may spend of budgets, and what they have spent: the statements, for every database alike.

For each window of each budget, always: ``booked + leased <= limit`` when a lease is given, and ``leased`` is the sum of
what the leases of all nodes grant. Booking moves an amount from ``leased`` to ``booked``, in the transaction that adds
the generations which cost it.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from sqlalchemy import BigInteger, BindParameter, Connection, bindparam, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from turnout.domain.budget import Claim
from turnout.stores.schema import BUDGETS, LEASES, WINDOWS

__all__ = ["Booking", "book", "give_back", "lease", "reclaim", "spent_in"]

Booking = Mapping[tuple[str, int], int]
"""Pico-dollars by budget id and beginning of the window."""


class _Change(Struct, frozen=True):
    """A claim and an amount as parameters of a statement."""

    budget_id: str
    begins: int
    amount: int


_of_window = (WINDOWS.c.budget_id == bindparam("of_budget"), WINDOWS.c.begins == bindparam("of_begins"))
_amount: BindParameter[int] = bindparam("amount", type_=BigInteger())
_limit = select(BUDGETS.c.limit).where(BUDGETS.c.id == bindparam("of_budget")).scalar_subquery()
_lease = (
    update(WINDOWS)
    .where(*_of_window, WINDOWS.c.booked + WINDOWS.c.leased + _amount <= _limit)
    .values(leased=WINDOWS.c.leased + _amount)
)
_unlease = update(WINDOWS).where(*_of_window).values(leased=WINDOWS.c.leased - _amount)
_book = update(WINDOWS).where(*_of_window).values(leased=WINDOWS.c.leased - _amount, booked=WINDOWS.c.booked + _amount)


def lease(connection: Connection, node: str, claim: Claim, amounts: tuple[int, ...], now: float) -> int:
    """Lease the first of *amounts* (pico-dollars, the largest first) that the budget has left to *node*; which it was,
    or 0. The limit is the one that the store knows, not the claim's.
    """
    place = {"of_budget": claim.budget_id, "of_begins": claim.begins}
    _open(connection, claim.budget_id, claim.begins)
    for amount in amounts:
        if connection.execute(_lease, place | {"amount": amount}).rowcount:
            _grant(connection, node, _Change(claim.budget_id, claim.begins, amount), now)
            return amount
    return 0


def give_back(connection: Connection, node: str, claim: Claim, amount: int, now: float) -> None:
    """*node* has no use for *amount* of what was leased to it."""
    place = {"of_budget": claim.budget_id, "of_begins": claim.begins}
    connection.execute(_unlease, place | {"amount": amount})
    _grant(connection, node, _Change(claim.budget_id, claim.begins, -amount), now)


def book(connection: Connection, node: str, booking: Booking, now: float) -> None:
    """*node* has spent the sums of *booking*. For use within the transaction that adds the generations."""
    for (budget_id, begins), amount in booking.items():
        _open(connection, budget_id, begins)
        connection.execute(_book, {"of_budget": budget_id, "of_begins": begins, "amount": amount})
        _grant(connection, node, _Change(budget_id, begins, -amount), now)


def reclaim(connection: Connection, node: str | None, renewed_before: float) -> int:
    """Take back all leases of *node*, or of every node, that were not renewed since; how many there were.

    A node may only be reclaimed from when its journals are in the store, or when it is given up for lost.
    """
    stale = LEASES.c.renewed < renewed_before
    if node is not None:
        stale = stale & (LEASES.c.node == node)
    found = connection.execute(
        select(LEASES.c.budget_id, LEASES.c.begins, func.sum(LEASES.c.granted).label("granted"), func.count())
        .where(stale)
        .group_by(LEASES.c.budget_id, LEASES.c.begins)
    ).all()
    for budget_id, begins, granted, _ in found:
        connection.execute(_unlease, {"of_budget": budget_id, "of_begins": begins, "amount": int(granted)})
    connection.execute(delete(LEASES).where(stale))
    return sum(count for *_, count in found)


def spent_in(connection: Connection, claims: tuple[tuple[str, int], ...]) -> dict[tuple[str, int], int]:
    """What has been booked of each of *claims* (budget id, beginning)."""
    spent = dict.fromkeys(claims, 0)
    for budget_id, begins in claims:
        query = select(WINDOWS.c.booked).where(WINDOWS.c.budget_id == budget_id, WINDOWS.c.begins == begins)
        spent[budget_id, begins] = connection.execute(query).scalar() or 0
    return spent


def _open(connection: Connection, budget_id: str, begins: int) -> None:
    """Make sure that the window has a row."""
    insert = postgresql_insert if connection.dialect.name == "postgresql" else sqlite_insert
    row = {"budget_id": budget_id, "begins": begins, "booked": 0, "leased": 0}
    connection.execute(insert(WINDOWS).values(row).on_conflict_do_nothing())


def _grant(connection: Connection, node: str, change: _Change, now: float) -> None:
    insert = postgresql_insert if connection.dialect.name == "postgresql" else sqlite_insert
    adding = insert(LEASES).values(
        node=node, budget_id=change.budget_id, begins=change.begins, granted=change.amount, renewed=now
    )
    connection.execute(
        adding.on_conflict_do_update(
            index_elements=[LEASES.c.node, LEASES.c.budget_id, LEASES.c.begins],
            set_={"granted": LEASES.c.granted + adding.excluded.granted, "renewed": now},
        )
    )
