"""Windows of budgets: a request counts where it was admitted, whatever the clock does meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from servers import NewStore
from stored import generation_row
from turnout.base.clock import Clock
from turnout.base.errors import PaymentRequired
from turnout.base.money import Pico
from turnout.contracts.store import Delivery, Store
from turnout.domain.account import Account, Generation
from turnout.domain.budget import Budget, Claim, Window, begins, ends
from turnout.ledger.ledger import Ledger
from turnout.ledger.purse import Purse

LIMIT = Pico(1_000)
WINDOWS: tuple[Window, ...] = ("daily", "weekly", "monthly")


@pytest.fixture
async def store(new_store: NewStore) -> AsyncIterator[Store]:
    opened = new_store()
    await opened.open()
    await opened.put_account(Account(id="default", name="Default"))
    for window in WINDOWS:
        await opened.put_budget(budget(window))
    yield opened
    await opened.close()


def budget(window: Window) -> Budget:
    return Budget(account_id="default", scope="key", subject="k", window=window, limit=LIMIT)


def claim(window: Window, now: float) -> Claim:
    one = budget(window)
    return Claim(one.id, begins(window, now), one.limit)


def unix(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("window", "last"),
    [
        ("daily", "2026-03-04T23:59:59.5"),
        ("weekly", "2026-03-08T23:59:59.5"),  # a Sunday
        ("monthly", "2026-02-28T23:59:59.5"),
        ("monthly", "2028-02-29T23:59:59.5"),
        ("monthly", "2026-12-31T23:59:59.5"),
    ],
)
async def test_a_request_across_a_boundary_counts_where_it_was_admitted(
    store: Store, window: Window, last: str
) -> None:
    now = [unix(last)]
    one = Ledger(Purse(entries=64), store, "here", Clock(lambda: now[0], lambda: now[0]))
    before = claim(window, now[0])
    assert ends(window, now[0]) == int(now[0]) + 1
    made = await one.reserve([before], LIMIT, now[0])
    with pytest.raises(PaymentRequired):
        await one.reserve([claim(window, now[0])], 1, now[0])
    admitted = now[0]
    now[0] += 1
    after = claim(window, now[0])
    assert after.begins == int(now[0])
    other = await one.reserve([after], LIMIT, now[0])  # a new window begins with nothing
    one.settle(made, 700)
    one.settle(other, 1)
    record = Generation(
        id="gen-1", account_id="default", key_hash="k", created=admitted, api="chat", requested_model="m",
        outcome="answered", cost=Pico(700), budgets=(before.budget_id,),
    )  # fmt: skip
    await store.take_generations(lambda: Delivery([generation_row(record)], {}, "here"))
    one.purse.booked({before: 700}, 0)
    places = [(before.budget_id, before.begins), (after.budget_id, after.begins)]
    assert await store.booked(places) == {places[0]: 700, places[1]: 0}


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("jump", [3_600, -3_600, 86_400, -86_400, 40 * 86_400])
async def test_a_clock_that_jumps_neither_forgets_what_was_spent_nor_exceeds_a_window(
    store: Store, window: Window, jump: int
) -> None:
    now = [unix("2026-03-04T12:00:00")]
    one = Ledger(Purse(entries=64), store, "here", Clock(lambda: now[0], lambda: now[0]))
    made = await one.reserve([claim(window, now[0])], 600, now[0])
    now[0] += jump
    there = claim(window, now[0])
    same = there.begins == made.claims[0].begins
    if same:
        with pytest.raises(PaymentRequired):
            await one.reserve([there], 401, now[0])
    one.settle(await one.reserve([there], 400, now[0]), 400)
    for _ in range(4):
        await one.give_back_idle()
    one.settle(made, 600)  # after the windows were looked through
    now[0] -= jump
    with pytest.raises(PaymentRequired):
        await one.reserve([claim(window, now[0])], 401, now[0])
    if same:
        with pytest.raises(PaymentRequired):
            await one.reserve([claim(window, now[0])], 1, now[0])
    else:
        one.settle(await one.reserve([claim(window, now[0])], 400, now[0]), 0)
