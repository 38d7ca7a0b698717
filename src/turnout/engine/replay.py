"""The past under another policy: what recorded generations would have cost, how long they would have taken.

An estimate, and called one: a record tells neither the messages nor the preferences of its request, and how an endpoint
would have answered what went elsewhere is taken from how it answered what it got.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from statistics import fmean, quantiles

from msgspec import Raw, Struct

from turnout.base.errors import TurnoutError
from turnout.base.money import PICO_PER_DOLLAR
from turnout.domain.account import Generation
from turnout.domain.chat import ChatParameters, ChatRequest
from turnout.domain.health import Spread, Vitals
from turnout.domain.routing import Candidate, Outlook, Preferences
from turnout.domain.usage import Usage, cost, effective
from turnout.engine.plan import make_plan
from turnout.engine.routes import Routes

__all__ = ["Past", "Replayed", "Sums", "remember", "replay"]

_BYTES_PER_TOKEN = 4
_FEWEST = 5
"""Attempts at an endpoint before its record says something of it."""
_MOST_TRIED = 5
_MOST_SHOWN = 20
_NO_MESSAGES = {"messages": Raw(b"[]")}


class _Case(Struct, frozen=True, gc=False):
    """What a replay needs of one generation."""

    model: str
    created: float
    usage: Usage


@dataclass(slots=True)
class _Record:
    """What an endpoint has done: first bytes and failures in milliseconds, tokens per second."""

    latencies: list[float] = field(default_factory=list)
    failures: list[float] = field(default_factory=list)
    speeds: list[float] = field(default_factory=list)

    @property
    def success(self) -> float | None:
        """The share of its attempts that went well; None where there are too few."""
        attempts = len(self.latencies) + len(self.failures)
        return len(self.latencies) / attempts if attempts >= _FEWEST else None


class Sums(Struct, frozen=True):
    """What a set of requests came to: dollars, milliseconds to the first byte, the share that succeeded."""

    requests: int
    success: float | None
    cost: float
    latency_mean: float | None
    latency_p50: float | None
    latency_p95: float | None
    endpoints: dict[str, float]


class Replayed(Struct, frozen=True):
    """The past, and the same under a policy. ``without_record`` is the share of requests that the policy sends to an
    endpoint of which the past says too little; ``unserved`` counts those that it leaves without any.
    """

    note: str
    recorded: Sums
    estimated: Sums
    unserved: int
    without_record: float


@dataclass(slots=True)
class Past:
    """What is kept of the generations that :func:`remember` was given."""

    cases: list[_Case] = field(default_factory=list)
    records: defaultdict[str, _Record] = field(default_factory=lambda: defaultdict(_Record))
    answered: int = 0
    cost: int = 0
    latencies: list[float] = field(default_factory=list)
    endpoints: Counter[str] = field(default_factory=Counter)


def remember(past: Past, generations: Iterable[Generation]) -> None:
    """Add *generations*; those that their clients gave up are left out: they say nothing of any policy."""
    for one in generations:
        if one.outcome == "cancelled" or one.endpoint_id is None:
            continue
        past.cases.append(_Case(one.requested_model, one.created, one.usage))
        past.cost += one.cost
        past.endpoints[one.endpoint_id] += 1
        if one.outcome == "answered":
            past.answered += 1
            if one.latency_ms is not None:
                past.latencies.append(one.started_ms + one.latency_ms)
        for attempt in one.attempts:
            record = past.records[attempt.endpoint_id]
            if attempt.outcome == "failed":
                record.failures.append(attempt.ended_ms - attempt.started_ms)
            elif attempt.first_byte_ms is not None:
                record.latencies.append(attempt.first_byte_ms - attempt.started_ms)
                seconds = (attempt.ended_ms - attempt.started_ms) / 1000
                if attempt.usage.completion_tokens and seconds > 0:
                    record.speeds.append(attempt.usage.completion_tokens / seconds)


def replay(past: Past, routes: Routes, policy: Preferences, dice: Random) -> Replayed:
    """Every case of *past* planned anew under *policy*, with *dice* for what is drawn.

    Raises:
        BadRequest: the policy makes no sense.
    """
    vitals = {endpoint_id: _vitals(record) for endpoint_id, record in past.records.items()}
    usual = _usual(past)
    estimate = _Estimate()
    for case in past.cases:
        parameters = ChatParameters(model=case.model, provider=policy)
        request = ChatRequest(parameters, dict(_NO_MESSAGES), case.usage.prompt_tokens * _BYTES_PER_TOKEN)
        try:
            plan = make_plan(request, routes, Outlook(vitals, dice, wall=case.created))
        except TurnoutError as error:
            if error.availability is None:  # the policy itself is wrong
                raise
            estimate.unserved += 1
            continue
        estimate.add(case, plan.candidates[:_MOST_TRIED], past.records, usual)
    return Replayed(
        note="An estimate: planned from records, without the messages and preferences of the requests.",
        recorded=_sums(len(past.cases), past.answered, past.cost, past.latencies, past.endpoints),
        estimated=_sums(len(past.cases), estimate.answered, estimate.cost, estimate.latencies, estimate.endpoints),
        unserved=estimate.unserved,
        without_record=round(estimate.unknown / len(past.cases), 4) if past.cases else 0.0,
    )


@dataclass(slots=True)
class _Estimate:
    """What the plans would have come to."""

    answered: float = 0.0
    cost: float = 0.0
    unserved: int = 0
    unknown: int = 0
    latencies: list[float] = field(default_factory=list)
    endpoints: Counter[str] = field(default_factory=Counter)

    def add(
        self, case: _Case, candidates: Sequence[Candidate], records: Mapping[str, _Record], usual: tuple[float, float]
    ) -> None:
        """One request: each candidate answers with the probability of its record, else the next is tried."""
        reached, waited, latency = 1.0, 0.0, 0.0
        usage = case.usage
        for place, candidate in enumerate(candidates):
            record = records.get(candidate.endpoint_id)
            success, answer_ms = usual
            failure_ms = answer_ms
            if record is not None and record.success is not None:
                success = record.success
                answer_ms = fmean(record.latencies) if record.latencies else answer_ms
                failure_ms = fmean(record.failures) if record.failures else answer_ms
            elif not place:
                self.unknown += 1
            if not place:
                self.endpoints[candidate.endpoint_id] += 1
            share = reached * success
            pricing = effective(candidate.endpoint.pricing, usage.prompt_tokens, case.created)
            if usage.prompt_tokens or usage.completion_tokens:  # a failed one says nothing of its size
                self.cost += share * cost(usage, pricing).total
            latency += share * (waited + answer_ms)
            waited += failure_ms
            reached -= share
        self.answered += 1 - reached
        if reached < 1:
            self.latencies.append(latency / (1 - reached))


def _vitals(record: _Record) -> Vitals:
    return Vitals(
        latency=_spread([latency / 1000 for latency in record.latencies], rising=True),
        throughput=_spread(record.speeds, rising=False),
        requests=len(record.latencies) + len(record.failures),
    )


def _spread(values: Sequence[float], *, rising: bool) -> Spread | None:
    if len(values) < _FEWEST:
        return None
    cuts = quantiles(values, n=100, method="inclusive")
    return Spread(*(cuts[p - 1 if rising else 99 - p] for p in (50, 75, 90, 99)))


def _usual(past: Past) -> tuple[float, float]:
    """The share of all attempts that went well, and the milliseconds to their first bytes: for unknown endpoints."""
    latencies = [latency for record in past.records.values() for latency in record.latencies]
    failures = sum(len(record.failures) for record in past.records.values())
    attempts = len(latencies) + failures
    return (len(latencies) / attempts if attempts else 1.0), (fmean(latencies) if latencies else 0.0)


def _sums(requests: int, answered: float, total: float, latencies: Sequence[float], endpoints: Counter[str]) -> Sums:
    cuts = quantiles(latencies, n=100, method="inclusive") if len(latencies) > 1 else None
    return Sums(
        requests=requests,
        success=round(answered / requests, 6) if requests else None,
        cost=round(total / PICO_PER_DOLLAR, 9),
        latency_mean=round(fmean(latencies), 1) if latencies else None,
        latency_p50=None if cuts is None else round(cuts[49], 1),
        latency_p95=None if cuts is None else round(cuts[94], 1),
        endpoints={name: round(count / requests, 4) for name, count in endpoints.most_common(_MOST_SHOWN)},
    )
