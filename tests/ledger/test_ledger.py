from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from random import Random
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from servers import NewStore
from stored import generation_row
from turnout.base.clock import SYSTEM_CLOCK
from turnout.base.errors import PaymentRequired, Unavailable
from turnout.base.money import Pico
from turnout.contracts.store import Delivery, Store
from turnout.domain.account import Account, Generation, GenerationRow
from turnout.domain.budget import Budget, Claim, begins
from turnout.ledger.ledger import Ledger
from turnout.ledger.purse import Purse, Reservation

NOW = 1_790_000_000.0
BUDGETS = (
    Budget(account_id="default", scope="key", subject="k", window="daily", limit=Pico(1_000)),
    Budget(account_id="default", scope="account", subject="default", window="lifetime", limit=Pico(1_500)),
)
CLAIMS = tuple(Claim(budget.id, begins(budget.window, NOW), budget.limit) for budget in BUDGETS)
DAILY, EVER = CLAIMS


@pytest.fixture
async def store(new_store: NewStore) -> AsyncIterator[Store]:
    opened = new_store()
    await opened.open()
    await opened.put_account(Account(id="default", name="Default"))
    for budget in BUDGETS:
        await opened.put_budget(budget)
    yield opened
    await opened.close()


def ledger(store: Store, node: str = "here") -> Ledger:
    return Ledger(Purse(entries=64), store, node, SYSTEM_CLOCK)


def row(name: str, cost: int) -> GenerationRow:
    return generation_row(
        Generation(
            id=name, account_id="default", key_hash="k", created=NOW, api="chat", requested_model="m",
            outcome="answered", cost=Pico(cost), budgets=tuple(budget.id for budget in BUDGETS),
        )
    )  # fmt: skip


async def book(store: Store, one: Ledger, node: str, name: str, cost: int) -> None:
    """What the writer of *node* does with one settled generation."""
    await store.take_generations(lambda: Delivery([row(name, cost)], {}, node))
    one.purse.booked(dict.fromkeys(CLAIMS, cost), 0)


async def test_a_budget_that_is_not_used_up_affords_a_request_and_settles_its_cost(store: Store) -> None:
    one = ledger(store)
    assert one.at_hand(CLAIMS, 100, NOW) is None
    made = await one.reserve(CLAIMS, 100, NOW)
    one.settle(made, 40)
    await book(store, one, "here", "gen-1", 40)
    place = [(claim.budget_id, claim.begins) for claim in CLAIMS]
    assert await store.booked(place) == dict.fromkeys(place, 40)


async def test_what_is_at_hand_asks_no_store(store: Store) -> None:
    one = ledger(store)
    one.settle(await one.reserve(CLAIMS, 5, NOW), 0)
    asked = one.leases
    for _ in range(10):
        held = one.at_hand(CLAIMS, 5, NOW)
        assert held is not None
        one.settle(held, 1)
    assert one.leases == asked


async def test_a_budget_that_has_not_enough_refuses_and_says_which(store: Store) -> None:
    one = ledger(store)
    with pytest.raises(PaymentRequired, match=r"limit of this key \(daily\)") as caught:
        await one.reserve(CLAIMS, 1_001, NOW)
    assert caught.value.metadata["scope"] == "key"
    assert isinstance(await one.reserve(CLAIMS, 1_000, NOW), Reservation)
    with pytest.raises(PaymentRequired):
        await one.reserve(CLAIMS, 1, NOW)


async def test_of_two_hundred_parallel_requests_as_many_succeed_as_the_budget_affords(store: Store) -> None:
    nodes = [ledger(store, name) for name in ("a", "b")]
    made = await asyncio.gather(
        *[nodes[turn % 2].reserve(CLAIMS, 100, NOW) for turn in range(200)], return_exceptions=True
    )
    held = [one for one in made if isinstance(one, Reservation)]
    assert 9 <= len(held) <= 10
    assert all(isinstance(one, PaymentRequired) for one in made if not isinstance(one, Reservation))


async def test_what_one_node_has_no_use_for_another_may_have(store: Store) -> None:
    first, second = ledger(store, "a"), ledger(store, "b")
    first.settle(await first.reserve(CLAIMS, 900, NOW), 0)
    with pytest.raises(PaymentRequired):
        await second.reserve(CLAIMS, 900, NOW)
    for _ in range(4):
        await first.give_back_idle()
    assert isinstance(await second.reserve(CLAIMS, 900, NOW), Reservation)


async def test_a_node_that_starts_anew_has_its_leases_taken_back_and_its_spending_kept(store: Store) -> None:
    first = ledger(store, "a")
    first.settle(await first.reserve(CLAIMS, 900, NOW), 300)
    await book(store, first, "a", "gen-1", 300)
    assert await store.reclaim("a", float("inf")) == 2
    again = ledger(store, "a")
    with pytest.raises(PaymentRequired):
        await again.reserve(CLAIMS, 701, NOW)
    assert isinstance(await again.reserve(CLAIMS, 700, NOW), Reservation)


async def test_a_lowered_limit_admits_nothing_more_and_a_raised_one_does(store: Store) -> None:
    one = ledger(store)
    one.settle(await one.reserve(CLAIMS, 500, NOW), 500)
    await book(store, one, "here", "gen-1", 500)
    for limit, works in ((400, False), (500, False), (600, True)):
        await one.give_back_all()
        budget = Budget(account_id="default", scope="key", subject="k", window="daily", limit=Pico(limit))
        await store.put_budget(budget)
        claims = (Claim(budget.id, DAILY.begins, budget.limit), EVER)
        if works:
            one.settle(await one.reserve(claims, 100, NOW), 0)
        else:
            with pytest.raises(PaymentRequired):
                await one.reserve(claims, 100, NOW)


async def test_an_answer_is_clamped_to_a_quarter_of_what_is_free(store: Store) -> None:
    one = ledger(store)
    assert await one.affordable(CLAIMS, 10) == 10
    assert await one.affordable(CLAIMS, 10_000) <= 250
    assert await one.affordable(CLAIMS, 10_000) >= 200


@settings(deadline=None, max_examples=8)
@given(seed=st.integers(0, 2**32), steps=st.integers(1, 60))
async def test_whatever_happens_on_two_nodes_no_instant_exceeds_a_limit(
    empty_store: NewStore, seed: int, steps: int
) -> None:
    store = empty_store()
    await store.open()
    for budget in BUDGETS:
        await store.put_budget(budget)
    try:
        await _live(store, Random(seed), steps)
    finally:
        await store.close()


async def _live(store: Store, dice: Random, steps: int) -> None:
    nodes = {name: ledger(store, name) for name in ("a", "b")}
    held: list[tuple[str, Reservation]] = []
    unbooked: dict[str, list[int]] = {"a": [], "b": []}
    booked = number = 0
    for _ in range(steps):
        name = dice.choice("ab")
        match dice.choice(["reserve", "reserve", "settle", "settle", "book", "give back", "crash"]):
            case "reserve":
                with suppress(PaymentRequired):
                    held.append((name, await nodes[name].reserve(CLAIMS, dice.randrange(1, 400), NOW)))
            case "settle" if held:
                owner, made = held.pop(dice.randrange(len(held)))
                cost = dice.randrange(made.amount + 1)
                nodes[owner].settle(made, cost)
                unbooked[owner].append(cost)
            case "book":
                for cost in unbooked[name]:
                    number += 1
                    await book(store, nodes[name], name, f"gen-{number}", cost)
                    booked += cost
                unbooked[name] = []
            case "give back":
                await nodes[name].give_back_all()
            case "crash":  # what was settled stands in the journal and is booked before the node serves again
                for cost in unbooked[name]:
                    number += 1
                    await book(store, nodes[name], name, f"gen-{number}", cost)
                    booked += cost
                unbooked[name] = []
                held = [one for one in held if one[0] != name]
                await store.reclaim(name, float("inf"))
                nodes[name] = ledger(store, name)
        reserved = sum(made.amount for _, made in held)
        spent = booked + sum(sum(costs) for costs in unbooked.values())
        assert spent + reserved <= min(budget.limit for budget in BUDGETS)
        place = [(claim.budget_id, claim.begins) for claim in CLAIMS]
        assert await store.booked(place) == dict.fromkeys(place, booked)


async def test_a_client_that_leaves_while_the_store_is_asked_takes_no_lease_with_it(store: Store) -> None:
    one = ledger(store)
    for _ in range(20):
        asked = asyncio.create_task(one.reserve(CLAIMS[:1], 900, NOW))
        await asyncio.sleep(0)
        asked.cancel()
        [made] = await asyncio.gather(asked, return_exceptions=True)
        if isinstance(made, Reservation):
            one.settle(made, 0)
    async with asyncio.timeout(10):
        while True:
            with suppress(PaymentRequired):
                one.settle(await one.reserve(CLAIMS[:1], 900, NOW), 0)
                break
            await asyncio.sleep(0.01)
    assert one.purse.free(DAILY) >= 900


class Cutting:
    """Passes bytes to a database until a commit goes by, which arrives; the answer does not."""

    def __init__(self, port: int) -> None:
        self.cut = False
        self._port = port

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        database, towards = await asyncio.open_connection("127.0.0.1", self._port)
        gone = asyncio.Event()

        async def forth() -> None:
            while asked := await reader.read(65_536):
                if self.cut and b"COMMIT" in asked:
                    gone.set()
                towards.write(asked)

        async def back() -> None:
            while answered := await database.read(65_536):
                if gone.is_set():
                    break
                writer.write(answered)

        both = [asyncio.ensure_future(forth()), asyncio.ensure_future(back())]
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        for one in both:
            one.cancel()
        await asyncio.gather(*both, return_exceptions=True)
        for end in (writer, towards):
            end.close()


async def test_what_the_database_may_have_taken_back_is_not_spent_again(database: str) -> None:
    postgres = pytest.importorskip("turnout.stores.postgres")
    port = urlsplit(database).port or 0
    between = Cutting(port)
    proxy = await asyncio.start_server(between.serve, "127.0.0.1", 0)
    here = proxy.sockets[0].getsockname()[1]
    store: Store = postgres.PostgresStore(database.replace(f":{port}/", f":{here}/"))
    await store.open()
    try:
        await store.put_budget(BUDGETS[0])
        one, other = ledger(store, "a"), ledger(store, "b")
        one.settle(await one.reserve(CLAIMS[:1], 900, NOW), 0)
        between.cut = True
        with pytest.raises(Unavailable) as caught:
            await one.give_back_all()
        between.cut = False
        assert caught.value.in_doubt
        assert isinstance(await other.reserve(CLAIMS[:1], 900, NOW), Reservation)
        with pytest.raises(PaymentRequired):
            await one.reserve(CLAIMS[:1], 900, NOW)
    finally:
        await store.close()
        proxy.close()


@pytest.mark.parametrize("in_doubt", [False, True])
async def test_what_could_not_be_given_back_is_kept_only_when_nothing_was_done(*, in_doubt: bool) -> None:
    class Away:
        async def lease(self, node: str, claim: Claim, amounts: tuple[int, ...]) -> int:  # noqa: ARG002 - as a store
            return amounts[0]

        async def lease_rest(self, node: str, claim: Claim, most: int) -> int:  # noqa: ARG002 - the same
            return most

        async def give_back(self, node: str, claim: Claim, amount: int) -> None:  # noqa: ARG002 - the same
            away = Unavailable("gone")
            away.in_doubt = in_doubt
            raise away

    one = Ledger(Purse(entries=64), Away(), "here", SYSTEM_CLOCK)
    one.settle(await one.reserve(CLAIMS, 100, NOW), 0)
    free = one.purse.free(DAILY)
    with pytest.raises(Unavailable):
        await one.give_back_all()
    assert one.purse.free(DAILY) == (0 if in_doubt else free)
