"""A simulated day of twenty endpoints: who offers what at which price, who asks when, and what goes wrong where."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from random import Random
from typing import Literal, NamedTuple

from turnout.base.money import Pico
from turnout.domain.catalog import CatalogSnapshot, Endpoint, Model
from turnout.domain.provider import Provider
from turnout.domain.usage import Pricing

__all__ = ["DAY", "Arrival", "Fate", "Incident", "Shop", "World", "a_day"]

DAY = 86_400.0
_MINUTE = 60.0
_MINUTES = int(DAY / _MINUTE)
_SHARES = (0.5, 0.25, 0.15, 0.1)
"""Of the traffic, by model."""

_PER_MODEL = 5
_TIERS = {0: "priority", 1: "flex"}
"""The last endpoint of the two busiest models is at a service tier: it is used by who asks for it."""

_TIER_PRICE = {"priority": 2.0, "flex": 0.5}
_TIER_SPEED = {"priority": 2.0, "flex": 0.5}
_DRIFT = 0.06
_PULL = 0.02
"""The logarithm of a latency takes such a step each minute, and is pulled back by this part: it remembers an hour."""

_DRAWS = 1 << 17

Kind = Literal["refusing", "silent", "partial", "slow"]
_INCIDENTS: tuple[tuple[Kind, float, float], ...] = (
    ("refusing", 0.6, 8.0),
    ("silent", 0.5, 6.0),
    ("partial", 1.2, 12.0),
    ("slow", 1.2, 20.0),
)
"""Of each kind: how many a day at each endpoint, and minutes that half of them exceed."""


class Incident(NamedTuple):
    """Something that is wrong from *start* to *end*; *degree* is a share of failures, or a factor of slowness."""

    start: float
    end: float
    kind: Kind
    degree: float


class Arrival(NamedTuple):
    """One request of a client: *at* that second of the day, for that model, with so many tokens."""

    at: float
    model: int
    prompt: int
    completion: int


class Fate(NamedTuple):
    """What becomes of one attempt.

    *first* is the seconds to the first token (or to the failure before it), *last* to the end. *status* None: there
    was none; *broken*: it fails after the first token.
    """

    first: float
    last: float
    status: int | None = 200
    retry_after: int | None = None
    broken: bool = False


@dataclass(slots=True)
class Shop:
    """One endpoint as it really is.

    ``latency`` is seconds to the first token on a quiet minute, ``rate`` tokens per second, ``limit`` requests a
    minute, ``drift`` a factor of slowness for each minute, ``taken`` the requests of the present minute.
    """

    endpoint: Endpoint
    place: int
    latency: float
    rate: float
    limit: int
    hints: bool
    slips: float
    drift: list[float]
    incidents: list[Incident]
    minute: int = -1
    taken: int = 0

    def incident(self, at: float) -> Incident | None:
        """What is wrong at that second."""
        place = bisect_right(self.incidents, at, key=lambda one: one.start) - 1
        found = self.incidents[place] if place >= 0 else None
        return found if found is not None and at < found.end else None


@dataclass(slots=True)
class World:
    """A day. It is the same for every policy, and so is the luck of a request at an endpoint."""

    snapshot: CatalogSnapshot
    models: list[str]
    shops: dict[str, Shop]
    arrivals: list[Arrival]
    luck: list[tuple[float, float, float]]

    def fate(self, arrival: Arrival, number: int, shop: Shop, at: float, patience: tuple[float, float]) -> Fate:
        """What becomes of request *number* at *shop*; *patience* is the gateway's, to connect and to the first byte."""
        minute = int(at / _MINUTE)
        if shop.minute != minute:
            shop.minute, shop.taken = minute, 0
        incident = shop.incident(at)
        connect, first_byte = patience
        chance, slips, spread = self.luck[(number * 31 + shop.place * 7919 + int(at)) % _DRAWS]
        if incident is not None and incident.kind in {"refusing", "silent"}:
            return Fate(0.002 if incident.kind == "refusing" else connect, 0.0, None)
        if shop.taken >= shop.limit:
            left = math.ceil((minute + 1) * _MINUTE - at)
            return Fate(0.05, 0.0, 429, left if shop.hints else None)
        shop.taken += 1
        slow = incident.degree if incident is not None and incident.kind == "slow" else 1.0
        load = 1 + (shop.taken / shop.limit) ** 3
        first = shop.latency * shop.drift[minute % _MINUTES] * load * slow * math.exp(0.35 * spread)
        last = first + arrival.completion / shop.rate * min(slow, 3.0)
        failing = incident.degree if incident is not None and incident.kind == "partial" else 0.0
        if slips < max(failing, shop.slips):
            return _failure(chance, first, last, first_byte)
        return Fate(min(first, first_byte), last, 200 if first < first_byte else None)


def a_day(seed: int, requests: int) -> World:
    """The world of *seed*, with about so many requests."""
    dice = Random(seed)
    models, shops, providers = [], [], {}
    for number, share in enumerate(_SHARES):
        busiest = requests * share / _MINUTES * 2  # requests a minute, at the height of the day
        offers = [_shop(number, place, busiest, dice) for place in range(_PER_MODEL)]
        shops += offers
        name = f"sim/model-{number}"
        models.append(Model(id=name, canonical_slug=name, name=name, endpoints=tuple(one.endpoint for one in offers)))
        for one in offers:
            slug = one.endpoint.provider
            providers[slug] = Provider(slug=slug, name=slug.title(), usable=True)
    snapshot = CatalogSnapshot(models={one.id: one for one in models}, providers=providers)
    luck = [(dice.random(), dice.random(), dice.gauss(0, 1)) for _ in range(_DRAWS)]
    return World(
        snapshot, [one.id for one in models], {one.endpoint.id: one for one in shops}, _arrivals(requests, dice), luck
    )


def _shop(number: int, place: int, busiest: float, dice: Random) -> Shop:
    provider = f"shop-{number}{place}"
    tier = _TIERS.get(number) if place == _PER_MODEL - 1 else None
    dearness = 1.0 if place == 0 else dice.uniform(1.0, 3.0)
    price = (0.3, 1.0, 2.5, 6.0)[number] * dearness * _TIER_PRICE.get(tier or "", 1.0)
    speed = _TIER_SPEED.get(tier or "", 1.0)
    endpoint = Endpoint(
        model_id=f"sim/model-{number}",
        provider=provider,
        tag=provider if tier is None else f"{provider}/{tier}",
        upstream_model="sim",
        pricing=Pricing(Pico(round(price * 1e6)), Pico(round(price * 4e6))),
        service_tier=tier,
    )
    return Shop(
        endpoint=endpoint,
        place=number * _PER_MODEL + place,
        latency=math.exp(dice.uniform(math.log(0.25), math.log(1.2))) / speed,
        rate=dice.uniform(30, 120) * speed,
        limit=max(int(busiest * dice.uniform(0.4, 1.2)), 3),
        hints=dice.random() < 0.75,
        slips=dice.uniform(0.001, 0.005),
        drift=_walk(dice),
        incidents=_incidents(dice),
    )


def _walk(dice: Random) -> list[float]:
    """A factor for each minute that wanders about 1."""
    factors, logarithm = [], 0.0
    for _ in range(_MINUTES):
        logarithm += dice.gauss(0, _DRIFT) - _PULL * logarithm
        factors.append(math.exp(logarithm))
    return factors


def _incidents(dice: Random) -> list[Incident]:
    """Incidents of one endpoint that do not overlap, the earliest first."""
    found: list[Incident] = []
    for kind, per_day, minutes in _INCIDENTS:
        at = dice.expovariate(per_day / DAY)
        while at < DAY:
            lasts = min(minutes * math.exp(dice.gauss(0, 0.8)), 90.0) * _MINUTE
            degree = dice.uniform(4, 20) if kind == "slow" else dice.uniform(0.3, 0.95)
            found.append(Incident(at, at + lasts, kind, degree))
            at += lasts + dice.expovariate(per_day / DAY)
    apart: list[Incident] = []
    for one in sorted(found):
        if not apart or one.start >= apart[-1].end:
            apart.append(one)
    return apart


def _arrivals(requests: int, dice: Random) -> list[Arrival]:
    """Requests by a daily curve: at its height twice the mean, at its depth hardly any."""
    found: list[Arrival] = []
    at, highest = 0.0, 2 * requests / DAY
    places = range(len(_SHARES))
    while (at := at + dice.expovariate(highest)) < DAY:
        if dice.random() < 0.5 - 0.45 * math.cos(2 * math.pi * at / DAY):
            prompt, completion = int(dice.lognormvariate(7, 0.8)), int(dice.lognormvariate(5.3, 0.8)) + 1
            found.append(Arrival(at, dice.choices(places, _SHARES)[0], prompt, completion))
    return found


def _failure(chance: float, first: float, last: float, first_byte: float) -> Fate:
    """Most failures come at once with a status; some break off the answer, a few say nothing at all."""
    if chance < 0.8:
        return Fate(min(first, 2.0), 0.0, 503 if chance < 0.4 else 500)
    if chance < 0.92:
        return Fate(first, (first + last) / 2, broken=True)
    return Fate(first_byte, 0.0, None)
