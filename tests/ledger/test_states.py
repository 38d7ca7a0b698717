"""The ledger as a state machine over real stores: whatever happens in whatever order, no instant exceeds a limit."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from servers import NewStore
from stored import generation_row
from turnout.base.clock import Clock
from turnout.base.errors import PaymentRequired, Unavailable
from turnout.base.money import Pico
from turnout.contracts.store import Delivery, Store
from turnout.domain.account import Account, Generation
from turnout.domain.budget import Budget, Claim, begins
from turnout.ledger.ledger import Ledger
from turnout.ledger.purse import Purse, Reservation

START = 1_790_035_200.0 - 40  # a Tuesday, 40 seconds before midnight UTC
NODES = ("a", "b")
BUDGETS = (
    Budget(account_id="default", scope="key", subject="k", window="daily", limit=Pico(1_000)),
    Budget(account_id="default", scope="key", subject="k", window="weekly", limit=Pico(2_500)),
    Budget(account_id="default", scope="tag", subject="t", window="monthly", limit=Pico(6_000)),
    Budget(account_id="default", scope="account", subject="default", window="lifetime", limit=Pico(20_000)),
)
LIMITS = {budget.id: budget.limit for budget in BUDGETS}
Place = tuple[str, int]
T = TypeVar("T")
Held = tuple[str, Reservation]


class Breaking:
    """A store whose answers can be lost, before it has done something or after."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.breaks = ""

    async def lease(self, node: str, claim: Claim, amounts: tuple[int, ...]) -> int:
        return await self._ask(lambda: self._store.lease(node, claim, amounts))

    async def lease_rest(self, node: str, claim: Claim, most: int) -> int:
        return await self._ask(lambda: self._store.lease_rest(node, claim, most))

    async def give_back(self, node: str, claim: Claim, amount: int) -> None:
        await self._ask(lambda: self._store.give_back(node, claim, amount))

    async def _ask(self, operation: Callable[[], Awaitable[T]]) -> T:
        breaks, self.breaks = self.breaks, ""
        if breaks == "before":
            raise Unavailable("gone")
        done = await operation()
        if breaks == "after":
            lost = Unavailable("gone")
            lost.in_doubt = True
            raise lost
        return done


class Machine(RuleBasedStateMachine):
    """Two nodes, four budgets with windows of every length, a clock that also jumps, and kills."""

    new_store: NewStore
    loop: asyncio.AbstractEventLoop
    steps: list[int]

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.number = 0
        self.held: list[Held] = []
        self.unbooked: dict[str, list[tuple[int, float]]] = {name: [] for name in NODES}
        self.spent: Counter[Place] = Counter()
        self.booked: Counter[Place] = Counter()
        self.seen: set[Place] = set()
        self.store: Store = self.new_store()
        self._run(self._open())
        self.lender = Breaking(self.store)
        self.nodes = {name: self._node(name) for name in NODES}

    def teardown(self) -> None:
        try:
            for name in NODES:
                self._crash(name)
            self._run(self._all_free())
        finally:
            self._run(self.store.close())

    @rule(name=st.sampled_from(NODES), amount=st.integers(1, 700))
    def reserve(self, name: str, amount: int) -> None:
        claims = [Claim(one.id, begins(one.window, self.now), one.limit) for one in BUDGETS]
        with suppress(PaymentRequired, Unavailable):
            made = self._run(self.nodes[name].reserve(claims, amount, self.now))
            self.held.append((name, made))
        self.seen.update((claim.budget_id, claim.begins) for claim in claims)

    @rule(name=st.sampled_from(NODES), wanted=st.integers(1, 2_000))
    def clamp(self, name: str, wanted: int) -> None:
        claims = [Claim(one.id, begins(one.window, self.now), one.limit) for one in BUDGETS]
        with suppress(Unavailable):
            assert 0 <= self._run(self.nodes[name].affordable(claims, wanted)) <= wanted

    @precondition(lambda self: self.held)
    @rule(which=st.integers(0, 10**6), part=st.integers(0, 100))
    def settle(self, which: int, part: int) -> None:
        name, made = self.held.pop(which % len(self.held))
        cost = made.amount * part // 100
        self.nodes[name].settle(made, cost)
        self.unbooked[name].append((cost, made.made))
        for claim in made.claims:
            self.spent[claim.budget_id, claim.begins] += cost

    @rule(name=st.sampled_from(NODES))
    def book(self, name: str) -> None:
        for claim, cost in self._deliver(name).items():
            self.nodes[name].purse.booked({Claim(*claim, Pico(0)): cost}, 0)

    @rule(name=st.sampled_from(NODES))
    def exhaust(self, name: str) -> None:
        """Whatever was granted twice would be spent twice here."""
        for power in range(10, -1, -1):
            for other in (name, *NODES):
                self.reserve(other, 2**power)

    @rule(name=st.sampled_from(NODES), everything=st.booleans(), breaks=st.sampled_from(["", "before", "after"]))
    def give_back(self, name: str, *, everything: bool, breaks: str) -> None:
        one = self.nodes[name]
        self.lender.breaks = breaks
        with suppress(Unavailable):
            self._run(one.give_back_all() if everything else one.give_back_idle())

    @rule(when=st.sampled_from(["before", "after"]))
    def lose_an_answer(self, when: str) -> None:
        self.lender.breaks = when

    @rule(seconds=st.sampled_from([1, 50, 3_600, 86_400, -3_600, -86_400, 6 * 86_400]))
    def let_time_pass(self, seconds: int) -> None:
        self.now += seconds

    @rule(name=st.sampled_from(NODES))
    def kill(self, name: str) -> None:
        self._crash(name)

    @invariant()
    def no_budget_is_exceeded(self) -> None:
        self.steps[0] += 1
        total = Counter(self.spent)
        for _, made in self.held:
            for claim in made.claims:
                total[claim.budget_id, claim.begins] += made.amount
        assert all(amount <= LIMITS[place[0]] for place, amount in total.items()), total

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        waiting: Counter[Place] = Counter()
        for costs in self.unbooked.values():
            for cost, made in costs:
                for one in BUDGETS:
                    waiting[one.id, begins(one.window, made)] += cost
        assert self.booked + waiting == +self.spent

    def _crash(self, name: str) -> None:
        """What was settled stands in the journal, and is booked before the node serves again."""
        self._deliver(name)
        self.held = [one for one in self.held if one[0] != name]
        self._run(self.store.reclaim(name, float("inf")))
        self.nodes[name] = self._node(name)

    def _deliver(self, name: str) -> Counter[Place]:
        taken, self.unbooked[name] = self.unbooked[name], []
        if not taken:
            return Counter()
        rows, sums = [], Counter[Place]()
        for cost, made in taken:
            self.number += 1
            record = Generation(
                id=f"gen-{self.number}", account_id="default", key_hash="k", created=made, api="chat",
                requested_model="m", outcome="answered", cost=Pico(cost), budgets=tuple(one.id for one in BUDGETS),
            )  # fmt: skip
            rows.append(generation_row(record))
            for one in BUDGETS:
                sums[one.id, begins(one.window, made)] += cost
        assert self._run(self.store.take_generations(lambda: Delivery(rows, {}, name))) == len(rows)
        assert self._run(self.store.take_generations(lambda: Delivery(rows, {}, name))) == 0  # a second time: nothing
        self.booked += sums
        self.seen.update(sums)
        stored = self._run(self.store.booked(list(sums)))
        assert dict(stored) == {place: self.booked[place] for place in sums}
        return sums

    async def _open(self) -> None:
        await self.store.open()
        await self.store.put_account(Account(id="default", name="Default"))
        for one in BUDGETS:
            await self.store.put_budget(one)

    async def _all_free(self) -> None:
        """Nothing is reserved any more: all that was not spent can be leased, to the last pico-dollar."""
        for budget_id, begun in self.seen:
            claim = Claim(budget_id, begun, Pico(LIMITS[budget_id]))
            left = LIMITS[budget_id] - self.booked[budget_id, begun]
            assert await self.store.lease_rest("last", claim, 10**9) == left

    def _node(self, name: str) -> Ledger:
        return Ledger(Purse(entries=256), self.lender, name, Clock(lambda: self.now, lambda: self.now))

    def _run(self, operation: Any) -> Any:  # noqa: ANN401 - any coroutine
        return self.loop.run_until_complete(operation)


@contextmanager
def _machine(new_store: NewStore) -> Iterator[type[Machine]]:
    loop = asyncio.new_event_loop()
    try:
        yield type("Bound", (Machine,), {"new_store": staticmethod(new_store), "loop": loop, "steps": [0]})
    finally:
        loop.close()


def _explore(new_store: NewStore, examples: int, steps: int) -> int:
    """How many steps were taken."""
    with _machine(new_store) as bound:
        run_state_machine_as_test(
            bound,
            settings=settings(
                max_examples=examples,
                stateful_step_count=steps,
                deadline=None,
                database=None,
                phases=[Phase.generate, Phase.shrink],
                suppress_health_check=list(HealthCheck),
            ),
        )
        return bound.steps[0]


def test_no_order_of_events_exceeds_a_limit_or_loses_a_cost(empty_store: NewStore) -> None:
    assert _explore(empty_store, 5, 40)


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_no_order_of_fifty_thousand_events_exceeds_a_limit_or_loses_a_cost(empty_store: NewStore) -> None:
    steps = 0
    while steps < 50_000:
        steps += _explore(empty_store, 10, 1_000)
    print(f"{steps} steps")  # noqa: T201 - a measurement
