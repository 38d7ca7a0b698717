"""Ways to choose among endpoints: Turnout's own plan under several preferences, and what other gateways do."""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Mapping
from random import Random
from typing import final

from turnout.api.chat import ChatSurface
from turnout.domain.chat import ChatRequest
from turnout.domain.health import Vitals
from turnout.domain.routing import Candidate, Outlook, Plan
from turnout.engine.plan import make_plan
from turnout.engine.routes import Routes

__all__ = ["POLICIES", "Policy", "Turnout"]

_WINDOW = 30.0
"""Seconds in which a moving average loses all but a third of what it knew."""

_PENALTY = 10.0
"""Seconds that a failure counts as: else whoever fails fast would look quick."""


class Policy(ABC):
    """Makes the plan of each request; what happened to earlier ones is told to it."""

    def __init__(self, routes: Routes, models: list[str], dice: Random) -> None:
        self.routes = routes
        self.dice = dice
        self.requests = {model: _request(model) for model in models}

    @abstractmethod
    def plan(self, model: str, vitals: Mapping[str, Vitals], now: float) -> Plan:
        """The candidates for a request of *model*."""

    def began(self, endpoint_id: str) -> None:  # noqa: B027 - most do not listen
        """An attempt begins there."""

    def ended(self, endpoint_id: str, now: float, seconds: float, *, ok: bool) -> None:  # noqa: B027 - as above
        """An attempt ended, *seconds* after it began; that is the time to the first token where it was *ok*."""


@final
class Turnout(Policy):
    """The real plan, with the health that the real book tells."""

    def __init__(
        self,
        routes: Routes,
        models: list[str],
        dice: Random,
        provider: Mapping[str, object] | None = None,
        variant: str = "",
    ) -> None:
        super().__init__(routes, models, dice)
        fields = {} if provider is None else {"provider": provider}
        self.requests = {model: _request(model + variant, **fields) for model in models}

    def plan(self, model: str, vitals: Mapping[str, Vitals], now: float) -> Plan:
        """As the gateway does it."""
        return make_plan(self.requests[model], self.routes, Outlook(vitals, self.dice, now, now))


class _Rival(Policy):
    """Orders the same candidates by rules of its own; all of them may be tried, as with Turnout."""

    def plan(self, model: str, vitals: Mapping[str, Vitals], now: float) -> Plan:
        """All plain endpoints, in the order of :meth:`order`."""
        del vitals  # it has its own way to know
        return Plan((model,), tuple(self.order(model, list(self.routes.find(model).plain), now)))

    @abstractmethod
    def order(self, model: str, candidates: list[Candidate], now: float) -> list[Candidate]:
        """*candidates*, which come cheapest first, in the order in which they are tried."""


@final
class _RoundRobin(_Rival):
    def __init__(self, routes: Routes, models: list[str], dice: Random) -> None:
        super().__init__(routes, models, dice)
        self._turns: defaultdict[str, int] = defaultdict(int)

    def order(self, model: str, candidates: list[Candidate], now: float) -> list[Candidate]:
        del now
        self._turns[model] += 1
        first = self._turns[model] % len(candidates)
        return candidates[first:] + candidates[:first]


@final
class _Any(_Rival):
    def order(self, model: str, candidates: list[Candidate], now: float) -> list[Candidate]:
        del model, now
        self.dice.shuffle(candidates)
        return candidates


@final
class _Cheapest(_Rival):
    def order(self, model: str, candidates: list[Candidate], now: float) -> list[Candidate]:
        del model, now
        return candidates


class _Measuring(_Rival):
    """Keeps a moving average of the seconds to the first token. A peak counts at once, and fades; so does silence, so
    that whoever was slow is asked again.
    """

    def __init__(self, routes: Routes, models: list[str], dice: Random) -> None:
        super().__init__(routes, models, dice)
        self._averages: dict[str, tuple[float, float]] = {}
        self.open: defaultdict[str, int] = defaultdict(int)

    def began(self, endpoint_id: str) -> None:
        self.open[endpoint_id] += 1

    def ended(self, endpoint_id: str, now: float, seconds: float, *, ok: bool) -> None:
        self.open[endpoint_id] -= 1
        sample = seconds if ok else max(seconds, _PENALTY)
        before, then = self._averages.get(endpoint_id, (0.0, 0.0))
        kept = math.exp((then - now) / _WINDOW)
        self._averages[endpoint_id] = (sample if sample > before else before * kept + sample * (1 - kept), now)

    def average(self, candidate: Candidate, now: float) -> float:
        """Seconds; zero where nothing is known."""
        value, then = self._averages.get(candidate.endpoint_id, (0.0, 0.0))
        return value * math.exp((then - now) / _WINDOW / 4)


@final
class _LeastLatency(_Measuring):
    def order(self, model: str, candidates: list[Candidate], now: float) -> list[Candidate]:
        del model
        return sorted(candidates, key=lambda one: self.average(one, now))


@final
class _TwoChoices(_Measuring):
    """Of two drawn ones the better comes first; better is a lower average, times the requests under way."""

    def order(self, model: str, candidates: list[Candidate], now: float) -> list[Candidate]:
        del model

        def load(one: Candidate) -> float:
            return self.average(one, now) * (self.open[one.endpoint_id] + 1)

        first = min(self.dice.sample(candidates, 2), key=load)
        return [first, *sorted((one for one in candidates if one is not first), key=load)]


def _turnout(provider: Mapping[str, object] | None = None, variant: str = "") -> Callable[..., Policy]:
    return lambda routes, models, dice: Turnout(routes, models, dice, provider, variant)


def _request(model: str, **fields: object) -> ChatRequest:
    body = {"model": model, "messages": [{"role": "user", "content": "Hello"}], "stream": True} | fields
    return ChatSurface().decode(json.dumps(body).encode())


POLICIES: Mapping[str, Callable[[Routes, list[str], Random], Policy]] = {
    "Turnout": _turnout(),
    "Turnout, latency p90 ≤ 3 s preferred": _turnout({"preferred_max_latency": {"p90": 3}}),
    "Turnout, sort price": _turnout({"sort": "price"}),
    "Turnout, sort latency": _turnout({"sort": "latency"}),
    "Turnout, sort throughput": _turnout({"sort": "throughput"}),
    "Turnout, :nitro": _turnout(variant=":nitro"),
    "Turnout, :floor": _turnout(variant=":floor"),
    "round robin": _RoundRobin,
    "random": _Any,
    "always cheapest": _Cheapest,
    "least latency": _LeastLatency,
    "two choices, peak EWMA": _TwoChoices,
}
