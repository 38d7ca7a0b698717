"""Measures what a plan costs, from the decoded request to the ordered candidates, look-ups of health included.

plan.py [--seconds S] [--enforce]    one Markdown table; some seconds, no other program needed
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from statistics import median

from turnout.api.chat import ChatSurface
from turnout.base.money import parse_price
from turnout.domain.catalog import CatalogSnapshot, Endpoint, Model
from turnout.domain.chat import ChatRequest
from turnout.domain.health import Spread, Vitals
from turnout.domain.provider import Provider
from turnout.domain.routing import Outlook
from turnout.domain.usage import Pricing
from turnout.engine.plan import make_plan
from turnout.engine.routes import Routes

_WISHES: dict[str, object] = {
    "ignore": ["p1"],
    "sort": "throughput",
    "max_price": {"prompt": 8, "completion": "40"},
    "preferred_max_latency": {"p90": 9},
    "data_collection": "allow",
}
_TOGETHER = {"sort": {"by": "latency", "partition": "none"}}
_TOOLS = [{"type": "function", "function": {"name": "look", "parameters": {}}}]


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of plan; *must* is in microseconds, at the median."""

    title: str
    models: int
    endpoints: int
    must: float
    known: bool = True
    fields: dict[str, object] | None = None


ROWS = (
    Row("one endpoint", 1, 1, 3),
    Row("three endpoints, all well", 1, 3, 3, known=False),
    Row("ten endpoints, all well", 1, 10, 25, known=False),
    Row("ten endpoints, one of seven in an outage", 1, 10, 25),
    Row("ten endpoints, five preferences", 1, 10, 25, fields={"provider": _WISHES}),
    Row("ten endpoints, tools", 1, 10, 25, fields={"tools": _TOOLS}),
    Row("300 endpoints of ten models", 10, 30, 400),
    Row("300 endpoints, five preferences", 10, 30, 400, fields={"provider": _WISHES}),
    Row("300 endpoints, tools", 10, 30, 400, fields={"tools": _TOOLS}),
    Row("300 endpoints, all in one order", 10, 30, 400, fields={"provider": _TOGETHER}),
)


def main() -> int:
    """Print the table; the exit status is 1 when a must is missed under ``--enforce``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=0.5, help="for each row")
    parser.add_argument("--enforce", action="store_true", help="exit with 1 when a must is missed")
    options = parser.parse_args()
    print("| plan over | p50 µs | p99 µs | must |\n| --- | ---: | ---: | ---: |")
    missed = 0
    for row in ROWS:
        times = _times(_plan(row), options.seconds)
        middle, tail = median(times), times[int(len(times) * 0.99)]
        missed += middle > row.must
        print(f"| {row.title} | {middle:.2f} | {tail:.2f} | ≤ {row.must:g} |")
    return 1 if missed and options.enforce else 0


def _plan(row: Row) -> Callable[[], object]:
    slugs = [f"p{n}" for n in range(row.endpoints)]
    models = [_model(f"acme/m{n}", slugs) for n in range(row.models)]
    providers = {slug: Provider(slug=slug, name=slug.title(), usable=True) for slug in slugs}
    snapshot = CatalogSnapshot(models={model.id: model for model in models}, providers=providers)
    routes = Routes(snapshot)
    vitals = {endpoint.id: _vitals(n) for model in models for n, endpoint in enumerate(model.endpoints)}
    request = _request([model.id for model in models], row.fields or {})
    dice, known = Random(1), vitals if row.known else {}
    return lambda: make_plan(request, routes, Outlook(known, dice, 5.0, 5.0))


def _model(name: str, slugs: list[str]) -> Model:
    endpoints = tuple(
        Endpoint(
            model_id=name,
            provider=slug,
            tag=slug,
            upstream_model="m",
            pricing=Pricing(parse_price(f"0.00000{1 + n % 9}"), parse_price(f"0.0000{1 + n % 7}")),
            context_length=128_000,
            supported_parameters=("tools", "temperature", "max_tokens"),
        )
        for n, slug in enumerate(slugs)
    )
    return Model(id=name, canonical_slug=name, name=name, endpoints=endpoints)


def _vitals(place: int) -> Vitals:
    speed = 20.0 + place % 11
    return Vitals(
        outage=place % 7 == 3,
        latency=Spread(speed / 20, speed / 15, speed / 10, speed / 4),
        throughput=Spread(speed, speed - 3, speed - 6, speed - 9),
        requests=500,
        tool_requests=300,
        tool_errors=place % 5,
        uptime=99.5,
    )


def _request(models: list[str], fields: dict[str, object]) -> ChatRequest:
    body: dict[str, object] = {"model": models[0], "messages": [{"role": "user", "content": "Hello"}]} | fields
    if len(models) > 1:
        body["models"] = models
    return ChatSurface().decode(json.dumps(body).encode())


def _times(plan: Callable[[], object], seconds: float) -> list[float]:
    """Microseconds of single plans, ascending."""
    for _ in range(200):
        plan()
    gc.collect()
    gc.freeze()
    times = []
    end = time.perf_counter() + seconds
    while (began := time.perf_counter()) < end:
        plan()
        times.append((time.perf_counter() - began) * 1e6)
    return sorted(times)


if __name__ == "__main__":
    sys.exit(main())
