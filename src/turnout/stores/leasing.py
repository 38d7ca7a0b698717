"""What nodes may spend of budgets, and what they have spent: the statements, for every database alike.

For each window of each budget, always: ``booked + leased <= limit`` when a lease is given, and ``leased`` is the sum of
what the leases of all nodes grant. Booking moves an amount from ``leased`` to ``booked``, in the transaction that adds
the generations which cost it; where the lease has been taken back meanwhile, ``booked`` grows alone.

Rows are locked in one order everywhere, by window and then its leases, so that nodes do not wait for each other for
ever.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    BindParameter,
    Connection,
    Double,
    bindparam,
    cast,
    delete,
    func,
    select,
    tuple_,
    update,
)

from turnout.domain.budget import Claim
from turnout.stores.dialects import insert_into
from turnout.stores.schema import BUDGETS, LEASES, NODES, WINDOWS

__all__ = ["Booking", "beat", "book", "give_back", "lease", "lease_rest", "reclaim", "spent_in"]

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
_book = update(WINDOWS).where(*_of_window).values(booked=WINDOWS.c.booked + _amount)
_spend = (
    update(LEASES)
    .where(
        LEASES.c.node == bindparam("of_node"),
        LEASES.c.budget_id == bindparam("of_budget"),
        LEASES.c.begins == bindparam("of_begins"),
    )
    .values(granted=LEASES.c.granted - _amount, renewed=bindparam("now"))
)

_now_there = {
    "postgresql": select(cast(func.extract("epoch", func.clock_timestamp()), Double())),
    "sqlite": select(cast(func.strftime("%s", "now"), BigInteger())),
}


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


def lease_rest(connection: Connection, node: str, claim: Claim, most: int, now: float) -> int:
    """Lease what the budget has left to *node*, but no more than *most*; how much that is."""
    place = {"of_budget": claim.budget_id, "of_begins": claim.begins}
    _open(connection, claim.budget_id, claim.begins)
    rest = select(_limit - WINDOWS.c.booked - WINDOWS.c.leased).where(*_of_window).with_for_update()
    amount = min(most, connection.execute(rest, place).scalar() or 0)
    return lease(connection, node, claim, (amount,), now) if amount > 0 else 0


def give_back(connection: Connection, node: str, claim: Claim, amount: int, now: float) -> None:
    """*node* has no use for *amount* of what was leased to it; nothing happens if that has been taken back already."""
    spent = {"of_budget": claim.budget_id, "of_begins": claim.begins, "amount": amount}
    here = (WINDOWS.c.budget_id == claim.budget_id) & (WINDOWS.c.begins == claim.begins)
    connection.execute(select(WINDOWS.c.leased).where(here).with_for_update())
    if connection.execute(_spend, spent | {"of_node": node, "now": now}).rowcount:
        connection.execute(_unlease, spent)


def book(connection: Connection, node: str, booking: Booking, now: float) -> None:
    """*node* has spent the sums of *booking*. For use within the transaction that adds the generations."""
    for (budget_id, begins), amount in sorted(booking.items()):
        spent = {"of_budget": budget_id, "of_begins": begins, "amount": amount}
        _open(connection, budget_id, begins)
        connection.execute(_book, spent)
        if connection.execute(_spend, spent | {"of_node": node, "now": now}).rowcount:
            connection.execute(_unlease, spent)


def reclaim(connection: Connection, node: str | None, renewed_before: float) -> int:
    """Take back all leases of *node*, or of every node, that were not renewed since; how many there were.

    A node may only be reclaimed from when its journals are in the store, or when it is given up for lost.
    """
    stale = LEASES.c.renewed < renewed_before
    if node is not None:
        stale = stale & (LEASES.c.node == node)
    windows = tuple_(WINDOWS.c.budget_id, WINDOWS.c.begins)
    of_stale = select(WINDOWS.c.leased).where(windows.in_(select(LEASES.c.budget_id, LEASES.c.begins).where(stale)))
    of_stale = of_stale.order_by(WINDOWS.c.budget_id, WINDOWS.c.begins)
    connection.execute(of_stale.with_for_update())  # leases change only under this
    removing = delete(LEASES).where(stale).returning(LEASES.c.budget_id, LEASES.c.begins, LEASES.c.granted)
    removed = connection.execute(removing).all()
    if removed:
        amounts = [{"of_budget": name, "of_begins": begins, "amount": granted} for name, begins, granted in removed]
        connection.execute(_unlease, amounts)
    return len(removed)


def beat(connection: Connection, node: str, lost_seconds: float) -> int:
    """*node* lives; take back the leases of nodes that were not heard of for so long; how many.

    A node touches no row but its own here, whatever leases it has. The clock is the database's: one node's that is set
    wrong must not make all others look lost.
    """
    now = float(connection.execute(_now_there[connection.dialect.name]).scalar_one())
    adding = insert_into(NODES, connection).values(node=node, seen=now)
    connection.execute(adding.on_conflict_do_update(index_elements=[NODES.c.node], set_={"seen": now}))
    removing = delete(NODES).where(NODES.c.seen < now - lost_seconds, NODES.c.node != node).returning(NODES.c.node)
    lost = sorted(connection.execute(removing).scalars().all())
    return sum(reclaim(connection, one, float("inf")) for one in lost)


def spent_in(connection: Connection, claims: tuple[tuple[str, int], ...]) -> dict[tuple[str, int], int]:
    """What has been booked of each of *claims* (budget id, beginning)."""
    spent = dict.fromkeys(claims, 0)
    for budget_id, begins in claims:
        query = select(WINDOWS.c.booked).where(WINDOWS.c.budget_id == budget_id, WINDOWS.c.begins == begins)
        spent[budget_id, begins] = connection.execute(query).scalar() or 0
    return spent


def _open(connection: Connection, budget_id: str, begins: int) -> None:
    """Make sure that the window has a row."""
    row = {"budget_id": budget_id, "begins": begins, "booked": 0, "leased": 0}
    connection.execute(insert_into(WINDOWS, connection).values(row).on_conflict_do_nothing())


def _grant(connection: Connection, node: str, change: _Change, now: float) -> None:
    adding = insert_into(LEASES, connection).values(
        node=node, budget_id=change.budget_id, begins=change.begins, granted=change.amount, renewed=now
    )
    connection.execute(
        adding.on_conflict_do_update(
            index_elements=[LEASES.c.node, LEASES.c.budget_id, LEASES.c.begins],
            set_={"granted": LEASES.c.granted + adding.excluded.granted, "renewed": now},
        )
    )
