"""One policy through one simulated day, on the gateway's own trip, record and health; only the network is made up."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import chain
from random import Random
from typing import Any, NamedTuple, cast

from routing_policies import POLICIES, Policy, Turnout
from routing_world import Arrival, Fate, World

from turnout.api.chat import ChatSurface
from turnout.base.clock import Clock
from turnout.base.errors import UpstreamError
from turnout.base.ids import GenerationIds
from turnout.base.money import PICO_PER_DOLLAR
from turnout.domain.account import Generation, Key
from turnout.domain.routing import Candidate
from turnout.domain.usage import Usage
from turnout.engine.draft import Draft
from turnout.engine.house import Call, House
from turnout.engine.routes import Routes
from turnout.engine.trip import Trip
from turnout.health.book import HealthBook
from turnout.observe.tally import new_tally
from turnout.providers.failures import failure_from_status

__all__ = ["Records", "Result", "Simulation", "simulate", "summary"]

_START = 100_000.0
"""What the clocks say at midnight."""

_PULSE = 0.25
_CLIENT_PATIENCE = 120.0
"""Seconds after which a client without a first token leaves."""

_KEY = Key(hash="k" * 64, account_id="default", name="simulation", label="sk-to-v1-...")
_SURFACE = ChatSurface()


class Result(NamedTuple):
    """What the records of a day say. Latency is seconds to the first token, from the request's arrival, over those that
    got one; cost is dollars per thousand answers, attempts are per request.
    """

    name: str
    requests: int
    success: float
    p50: float
    p99: float
    cost: float
    attempts: float


@dataclass(slots=True)
class Records:
    """Takes the generations, as the journal does."""

    failing: bool = False
    attempts: int = 0
    requests: int = 0
    cost: int = 0
    waits: list[float] = field(default_factory=list)

    def add(self, generation: Generation) -> None:
        """Count one."""
        self.requests += 1
        self.attempts += len(generation.earlier) + (generation.endpoint_id is not None)
        self.cost += generation.cost
        if generation.outcome == "answered":
            self.waits.append((generation.started_ms + (generation.latency_ms or 0.0)) / 1000)


@dataclass(slots=True, eq=False)
class _Journey:
    """A request on its way."""

    arrival: Arrival
    number: int
    trip: Trip
    candidates: Iterator[Candidate]
    candidate: Candidate | None = None
    fate: Fate | None = None
    began: float = 0.0


class _Still:
    """An outbox from which nothing leaves."""

    def wake(self) -> None:
        """Nothing is waited for."""


class Simulation:
    """A world, a policy, and a gateway between them; ``now`` is monotonic seconds."""

    def __init__(self, world: World, policy: Policy, dice: Random) -> None:
        self.world = world
        self.policy = policy
        self.now = _START
        self.records = Records()
        self.health = HealthBook(dice=dice)
        self._judges = isinstance(policy, Turnout)
        self._next_pulse = 0.0
        self._events: list[tuple[float, int, _Journey]] = []
        self._numbered = 0
        absent: Any = None
        self.house = House(
            rails=absent,
            keys=absent,
            client=absent,
            deadlines=absent,
            recorder=self.records,
            outbox=cast("Any", _Still()),
            health=self.health,
            tally=new_tally(),
            ids=GenerationIds(dice),
            clock=Clock(lambda: self.now, lambda: self.now),
            dice=dice,
            loop=cast("asyncio.AbstractEventLoop", absent),
            report=print,
        )

    def run(self) -> None:
        """All arrivals of the world, and what they lead to."""
        events = self._events
        for number, arrival in enumerate(self.world.arrivals):
            at = _START + arrival.at
            while events and events[0][0] <= at:
                self._next()
            self._set(at)
            self._arrive(arrival, number)
        while events:
            self._next()
        self.health.close()

    def _set(self, now: float) -> None:
        """Turn the clock; the book's pulse comes before whatever happens then."""
        self.now = now
        if self._judges and now >= self._next_pulse:
            self.health.pulse(now)
            self._next_pulse = now + _PULSE

    def _next(self) -> None:
        at, _, journey = heappop(self._events)
        self._set(at)
        self._happen(journey)

    def _arrive(self, arrival: Arrival, number: int) -> None:
        model = self.world.models[arrival.model]
        policy, request = self.policy, self.policy.requests[model]
        plan = policy.plan(model, self.health.known, self.now)
        absent: Any = None
        call = Call(_SURFACE, None, b"", absent, self.now, {})
        draft = Draft(call, _KEY, request, self.house)
        trip = Trip(call, self.house, absent, request, plan, draft, absent)
        journey = _Journey(arrival, number, trip, trip.candidates())
        self._try_next(journey)

    def _try_next(self, journey: _Journey) -> None:
        candidate = next(journey.candidates, None)
        if candidate is None:
            journey.trip.draft.broke(journey.trip.exhausted())
            return
        now, timeouts = self.now, candidate.provider.timeouts
        shop = self.world.shops[candidate.endpoint_id]
        self.policy.began(candidate.endpoint_id)
        journey.candidate, journey.began = candidate, now
        journey.fate = self.world.fate(
            journey.arrival, journey.number, shop, now - _START, (timeouts.connect, timeouts.first_byte)
        )
        self._later(now + journey.fate.first, journey)

    def _later(self, at: float, journey: _Journey) -> None:
        self._numbered += 1
        heappush(self._events, (at, self._numbered, journey))

    def _happen(self, journey: _Journey) -> None:
        """The first token, the end, or a failure."""
        candidate, fate, draft = journey.candidate, journey.fate, journey.trip.draft
        assert candidate is not None  # noqa: S101 - events are of attempts
        assert fate is not None  # noqa: S101 - the same
        if draft.first_byte_at is not None:
            if fate.broken:
                draft.failed(_error(fate), self._usage(journey.arrival, 2))
                draft.broke(_error(fate))
            else:
                draft.answered(self._usage(journey.arrival, 1))
            return
        good = fate.status == 200
        self.policy.ended(candidate.endpoint_id, self.now, self.now - journey.began, ok=good and not fate.broken)
        if self.now - draft.created > _CLIENT_PATIENCE:
            draft.cancelled()
        elif good:
            draft.first_byte_at = self.now
            draft.finish_reason = "stop"
            self._later(journey.began + fate.last, journey)
        else:
            journey.trip.failed(candidate, _error(fate))
            self._try_next(journey)

    @staticmethod
    def _usage(arrival: Arrival, part: int) -> Usage:
        return Usage(fresh=arrival.prompt, completion=arrival.completion // part)


def simulate(name: str, world: World, seed: int) -> Records:
    """The day of *world* under the policy of that name."""
    dice = Random(seed)
    routes = Routes(world.snapshot)
    simulation = Simulation(world, POLICIES[name](routes, world.models, dice), dice)
    simulation.run()
    return simulation.records


def summary(name: str, days: Sequence[Records]) -> Result:
    """What the records of *days* say together."""
    waits = sorted(chain.from_iterable(one.waits for one in days))
    requests, answered = sum(one.requests for one in days), len(waits)
    return Result(
        name,
        requests,
        answered / requests,
        waits[answered // 2],
        waits[int(answered * 0.99)],
        sum(one.cost for one in days) / PICO_PER_DOLLAR / answered * 1000,
        sum(one.attempts for one in days) / requests,
    )


def _error(fate: Fate) -> UpstreamError:
    """As the gateway's client and adapters tell it."""
    if fate.broken:
        return UpstreamError("The provider closed the connection in mid-answer", may_be_billed=True)
    if fate.status is not None and fate.status != 200:
        return failure_from_status(fate.status, b"", fate.retry_after)
    waited = fate.first > 10  # longer than a connection may take
    return UpstreamError("The provider does not answer", error_type="timeout", may_be_billed=waited)
