"""How requests are shared while providers fail: the real plan, health, record and failover, on a made-up network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, cast

import pytest

from examples import a_model, a_provider, a_request, a_snapshot, an_endpoint, prices
from line import KEY, Paper, Records, a_call
from turnout.base.clock import Clock
from turnout.base.errors import UpstreamError
from turnout.base.ids import GenerationIds
from turnout.domain.account import Generation
from turnout.domain.routing import Outlook
from turnout.domain.usage import Usage
from turnout.engine.draft import Draft
from turnout.engine.house import Call, House
from turnout.engine.plan import make_plan
from turnout.engine.routes import Routes
from turnout.engine.trip import Trip
from turnout.engine.why import explanation
from turnout.health.book import HealthBook
from turnout.observe.tally import new_tally
from turnout.providers.failures import failure_from_status

START = 1000.0
SLUGS = ("one", "two", "three")
Fault = Callable[[str], UpstreamError | None]


class _Still:
    """An outbox from which nothing leaves."""

    def wake(self) -> None:
        """Nothing is waited for."""


class Town:
    """Three providers at prices of 1, 2 and 3, and the gateway before them. ``fault`` says what an attempt ends in."""

    def __init__(self, seed: int, fault: Fault, costs: tuple[str, ...] = ("1", "2", "3")) -> None:
        self.now = START
        self.fault = fault
        self.records = Records()
        self.book = HealthBook(dice=Random(seed))
        self.dice = Random(seed)
        offers = [
            an_endpoint(slug, pricing=prices(f"0.00000{cost}", f"0.00000{cost}"))
            for slug, cost in zip(SLUGS, costs, strict=True)
        ]
        snapshot = a_snapshot([a_model("acme/tiny", offers)], [a_provider(slug) for slug in SLUGS])
        self.routes = Routes(snapshot)
        self.request = a_request()
        absent: Any = None
        self.house = House(
            rails=absent,
            keys=absent,
            client=absent,
            deadlines=absent,
            recorder=self.records,
            outbox=cast("Any", _Still()),
            health=self.book,
            tally=new_tally(),
            ids=GenerationIds(Random(1)),
            clock=Clock(lambda: self.now, lambda: self.now),
            dice=self.dice,
            loop=absent,
            report=lambda _: None,
        )

    def ask(self) -> Generation:
        """One request from its plan to its record; an attempt takes 50 ms."""
        if self.now >= self.book._next_pulse:
            self.book.pulse(self.now)
        plan = make_plan(self.request, self.routes, Outlook(self.book.known, self.dice, self.now, self.now))
        call = a_call(Paper())
        draft = Draft(Call(call.surface, None, b"", call.reply, self.now, call.headers), KEY, self.request, self.house)
        trip = Trip(call, self.house, cast("Any", None), self.request, plan, draft, cast("Any", None))
        for candidate in trip.candidates():
            self.now += 0.05
            error = self.fault(candidate.endpoint.provider)
            if error is None:
                draft.first_byte_at = self.now
                draft.answered(Usage(fresh=10, completion=5))
                break
            trip.failed(candidate, error)
        else:
            draft.broke(trip.exhausted())
        return self.records.generations[-1]

    def asks(self, number: int, gap: float = 0.1) -> list[Generation]:
        """So many requests, about *gap* seconds apart."""
        return list(self._asks(number, gap))

    def _asks(self, number: int, gap: float) -> Iterator[Generation]:
        for _ in range(number):
            self.now += gap * self.dice.uniform(0.5, 1.5)
            yield self.ask()


def _failing(shares: dict[str, float], seed: int) -> Fault:
    dice = Random(seed)
    return lambda slug: failure_from_status(503, b"") if dice.random() < shares.get(slug, 0.0) else None


def _attempts(generations: list[Generation]) -> float:
    return sum(1 + len(one.earlier) for one in generations) / len(generations)


def _successes(generations: list[Generation]) -> float:
    return sum(one.outcome == "answered" for one in generations) / len(generations)


def _firsts(generations: list[Generation]) -> Counter[str | None]:
    """Which provider was asked first."""
    return Counter((one.earlier[0].provider if one.earlier else one.provider) for one in generations)


@pytest.mark.parametrize("bad", SLUGS)
@pytest.mark.parametrize("gap", [0.02, 1.0])
def test_with_one_of_three_failing_nine_times_in_ten_requests_succeed_with_few_attempts(bad: str, gap: float) -> None:
    town = Town(5, _failing({bad: 0.9}, 5))
    town.asks(100, gap)
    learned = town.asks(5000, gap)
    assert _successes(learned) >= 0.999
    assert _attempts(learned) < 1.5


def test_with_all_three_failing_thirty_times_in_a_hundred_nearly_all_requests_succeed() -> None:
    town = Town(6, _failing(dict.fromkeys(SLUGS, 0.3), 6))
    generations = town.asks(10_000, 0.1)
    assert _successes(generations) >= 0.97  # 1 - 0.3 ** 3: each of them is tried, whatever their health
    assert _attempts(generations) < 1.5


@pytest.mark.parametrize("fault", [UpstreamError("The provider cannot be reached"), failure_from_status(503, b"")])
def test_shares_move_with_the_request_after_an_outage_and_come_back_within_a_minute(fault: UpstreamError) -> None:
    down = False
    town = Town(7, lambda slug: fault if down and slug == "one" else None)
    before = _firsts(town.asks(2000))
    assert before["one"] / 2000 == pytest.approx(0.735, abs=0.04)
    down = True
    seen = 0
    needed = 1 if fault.upstream_status is None else 2
    while seen < needed:
        seen += town.ask().earlier != ()
    during = _firsts(town.asks(200))
    assert during["one"] == 0  # with the very next request
    assert during["two"] / 200 == pytest.approx(0.69, abs=0.12)  # by the inverse squares of 2 and 3
    town.asks(1000)
    down = False
    recovered = town.now
    while _firsts([town.ask()])["one"] == 0:
        town.now += 0.1
    assert town.now - recovered < 60
    after = _firsts(town.asks(2000))
    assert after["one"] / 2000 == pytest.approx(0.735, abs=0.04)


def test_an_endpoint_that_asks_to_be_spared_is_spared_for_as_long() -> None:
    limited = True
    town = Town(8, lambda slug: failure_from_status(429, b"", 20) if limited and slug == "one" else None)
    town.asks(30)
    limited = False
    began = town.now
    while town.now < began + 15:
        assert _firsts(town.asks(1))["one"] == 0
    town.now += 10
    assert _firsts(town.asks(500))["one"] > 300


def test_an_endpoint_that_becomes_far_slower_than_it_was_gives_its_share_away_and_gets_it_back() -> None:
    slow = False
    town = Town(9, lambda _slug: None)
    delay = {True: 6.0, False: 0.0}

    def fault(slug: str) -> None:
        town.now += delay[slow and slug == "one"]

    town.fault = fault
    town.asks(1500, 0.5)
    slow = True
    town.asks(200, 0.5)
    known = town.book.vitals("acme/tiny|one|one", town.now)
    assert known.slowed
    outlook = Outlook({"acme/tiny|one|one": known}, town.dice, town.now, town.now)
    told: Any = explanation(make_plan(town.request, town.routes, outlook), town.request, outlook)
    assert [(one["tag"], one["rule"]) for one in told["endpoints"]][-1] == ("one", "slowed")
    assert _firsts(town.asks(100, 0.5))["one"] <= 3
    slow = False
    town.asks(1500, 0.5)
    assert _firsts(town.asks(500, 0.5))["one"] > 300
