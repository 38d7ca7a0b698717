from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path
from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from turnout.base.errors import Unavailable
from turnout.base.money import Pico
from turnout.domain.budget import Claim
from turnout.ledger.purse import Purse, Reservation, Shortage

KEY = Claim("daily|key|default|abc", 86_400, Pico(1_000))
ACCOUNT = Claim("lifetime|account|default|default", 0, Pico(5_000))


def held(purse: Purse, claim: Claim, amount: int) -> Reservation:
    made = purse.reserve([claim], amount)
    assert isinstance(made, Reservation)
    return made


def test_nothing_is_reserved_that_was_not_granted() -> None:
    purse = Purse()
    assert purse.reserve([KEY], 1) == Shortage(KEY, 1)
    purse.grant(KEY, 100)
    held(purse, KEY, 60)
    assert purse.reserve([KEY], 41) == Shortage(KEY, 1)
    assert purse.free(KEY) == 40


def test_a_request_holds_all_its_budgets_or_none() -> None:
    purse = Purse()
    purse.grant(KEY, 100)
    purse.grant(ACCOUNT, 50)
    assert purse.reserve([KEY, ACCOUNT], 60) == Shortage(ACCOUNT, 10)
    assert (purse.free(KEY), purse.free(ACCOUNT)) == (100, 50)


def test_settling_spends_the_cost_and_frees_the_rest() -> None:
    purse = Purse()
    purse.grant(KEY, 100)
    purse.settle(held(purse, KEY, 60), 25)
    assert purse.free(KEY) == 75
    purse.booked({KEY: 25}, 0)
    assert purse.free(KEY) == 75


def test_what_is_spare_leaves_the_purse_once() -> None:
    purse = Purse()
    purse.grant(KEY, 100)
    held(purse, KEY, 30)
    assert purse.spare(KEY, keep=20) == 50
    assert purse.free(KEY) == 20
    assert purse.spare(KEY, keep=20) == 0


def test_a_new_window_begins_with_nothing() -> None:
    purse = Purse()
    purse.grant(KEY, 100)
    assert purse.free(Claim(KEY.budget_id, KEY.begins + 86_400, KEY.limit)) == 0


def test_room_is_made_where_a_window_is_over_and_only_there() -> None:
    purse = Purse(entries=8)
    claims = [Claim(f"daily|key|default|{n}", 0, Pico(1)) for n in range(8)]
    for claim in claims:
        purse.grant(claim, 10)
    with pytest.raises(Unavailable):
        purse.grant(KEY, 10)
    assert not purse.retire(claims[3])
    assert purse.spare(claims[3]) == 10
    assert purse.retire(claims[3])
    purse.grant(KEY, 7)
    assert purse.free(KEY) == 7
    assert [purse.free(claim) for claim in claims if claim is not claims[3]] == [10] * 7


def test_workers_of_a_node_share_one_purse(tmp_path: Path) -> None:
    first, second = (Purse(tmp_path / "purse", 2) for _ in range(2))
    first.grant(KEY, 100)
    held(second, KEY, 70)
    assert first.reserve([KEY], 40) == Shortage(KEY, 10)
    first.forget_worker(0)
    assert first.free(KEY) == second.free(KEY) == 100


def test_an_entry_that_made_room_is_not_found_where_it_was(tmp_path: Path) -> None:
    first, second = (Purse(tmp_path / "purse", 2, entries=1) for _ in range(2))
    first.grant(KEY, 5)
    assert second.free(KEY) == 5
    assert first.spare(KEY) == 5
    assert first.retire(KEY)
    first.grant(ACCOUNT, 9)
    with pytest.raises(Unavailable):
        second.free(KEY)
    assert second.free(ACCOUNT) == 9


def test_a_column_is_taken_once_and_again_only_when_it_is_clean(tmp_path: Path) -> None:
    path = tmp_path / "purse"
    watcher = Purse(path, 3)
    fork = multiprocessing.get_context("fork")
    workers = [fork.Process(target=_spend_for_ever, args=(path, seed)) for seed in range(3)]
    for worker in workers:
        worker.start()
    late = Purse(path, 3)
    deadline = time.monotonic() + 10
    while sum(watcher._used) < 3 and time.monotonic() < deadline:
        time.sleep(0.001)
    with pytest.raises(Unavailable):
        late.join()
    assert watcher.dead() == []
    for worker in workers:
        worker.kill()
        worker.join()
    with pytest.raises(Unavailable):
        late.join()
    assert watcher.dead() == [0, 1, 2]
    watcher.forget_worker(1)
    late.join()
    assert (late.column, watcher.dead()) == (1, [0, 1, 2])  # one process holds both ends here


def _spend_for_ever(path: Path, seed: int) -> None:
    purse, dice = Purse(path, 3), Random(seed)
    purse.join()
    while True:
        made = purse.reserve([KEY, ACCOUNT], dice.randrange(50))
        if isinstance(made, Reservation):
            purse.settle(made, dice.randrange(made.amount + 1))


def test_a_worker_killed_at_any_moment_leaves_a_purse_that_can_be_put_right(tmp_path: Path) -> None:
    path = tmp_path / "purse"
    watcher = Purse(path, 3)
    for claim in (KEY, ACCOUNT):
        watcher.grant(claim, 10**12)
    fork = multiprocessing.get_context("fork")
    for turn in range(20):
        workers = [fork.Process(target=_spend_for_ever, args=(path, column)) for column in range(2)]
        for worker in workers:
            worker.start()
        time.sleep(0.01 + turn % 5 * 0.004)
        for worker in workers:
            assert worker.pid is not None
            os.kill(worker.pid, signal.SIGKILL)
            worker.join()
        for column in watcher.dead():
            watcher.forget_worker(column)
        assert watcher.free(KEY) == watcher.free(ACCOUNT) == 10**12


class Spending(RuleBasedStateMachine):
    """A purse against the plainest model of it: lists of what was granted, reserved and spent."""

    def __init__(self) -> None:
        super().__init__()
        self.purse = Purse(entries=16)
        self.granted = {KEY: 0, ACCOUNT: 0}
        self.spent = {KEY: 0, ACCOUNT: 0}
        self.unbooked = {KEY: 0, ACCOUNT: 0}
        self.open: list[Reservation] = []

    def reserved(self, claim: Claim) -> int:
        return sum(one.amount for one in self.open if claim in one.claims)

    def left(self, claim: Claim) -> int:
        return self.granted[claim] - self.unbooked[claim] - self.reserved(claim)

    @rule(claim=st.sampled_from([KEY, ACCOUNT]), amount=st.integers(0, 2**55))
    def grant(self, claim: Claim, amount: int) -> None:
        self.purse.grant(claim, amount)
        self.granted[claim] += amount

    @rule(claims=st.sampled_from([[KEY], [ACCOUNT], [KEY, ACCOUNT]]), amount=st.integers(0, 2**54))
    def reserve(self, claims: list[Claim], amount: int) -> None:
        made = self.purse.reserve(claims, amount)
        if isinstance(made, Reservation):
            self.open.append(made)
        else:
            assert made.lacking == amount - self.left(made.claim) > 0

    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        if self.open:
            one = self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))
            cost = data.draw(st.integers(0, one.amount))
            self.purse.settle(one, cost)
            for claim in one.claims:
                self.unbooked[claim] += cost

    @rule(claim=st.sampled_from([KEY, ACCOUNT]))
    def book(self, claim: Claim) -> None:
        self.purse.booked({claim: self.unbooked[claim]}, 0)
        self.granted[claim] -= self.unbooked[claim]
        self.unbooked[claim] = 0

    @rule(claim=st.sampled_from([KEY, ACCOUNT]), keep=st.integers(0, 2**54))
    def give_back(self, claim: Claim, keep: int) -> None:
        self.granted[claim] -= self.purse.spare(claim, keep)

    @invariant()
    def what_is_free_is_what_is_left(self) -> None:
        for claim in (KEY, ACCOUNT):
            assert self.purse.free(claim) == self.left(claim) >= 0


TestSpending = Spending.TestCase
TestSpending.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_an_emptied_purse_keeps_what_is_held_and_nothing_else() -> None:
    purse = Purse(entries=8)
    purse.grant(KEY, 100)
    made = purse.reserve([KEY], 30)
    assert isinstance(made, Reservation)
    purse.empty()
    assert purse.free(KEY) == 0
    assert isinstance(purse.reserve([KEY], 1), Shortage)
    purse.settle(made, 30)
    assert purse.free(KEY) == 0
