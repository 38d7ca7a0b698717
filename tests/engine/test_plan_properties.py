"""What holds of every plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples import a_model, a_provider, a_request, a_snapshot, an_endpoint, prices
from turnout.base.errors import NoEndpoints
from turnout.domain.catalog import Model
from turnout.domain.health import Spread, Vitals
from turnout.domain.provider import Policy
from turnout.domain.routing import Outlook, Plan
from turnout.engine.plan import make_plan
from turnout.engine.routes import Routes

SLUGS = ["one", "two", "three", "four", "keyless"]
POLICIES = [Policy(), Policy("deny", True), Policy("allow", False), Policy("deny", False), Policy()]
PROVIDERS = [
    a_provider(slug, policy=policy, usable=slug != "keyless") for slug, policy in zip(SLUGS, POLICIES, strict=True)
]
NAMES = st.lists(st.sampled_from([*SLUGS, "One", "one/0", "two/1", "nobody"]), min_size=1, max_size=4)
PRICE = st.integers(0, 6) | st.sampled_from(["0.5", "1", "2.5", "1e0"])
CUTOFF = st.floats(0, 5) | st.fixed_dictionaries({}, optional={"p50": st.floats(0, 5), "p99": st.floats(0, 5)})

HARD: dict[str, st.SearchStrategy[Any]] = {
    "only": NAMES,
    "ignore": NAMES,
    "require_parameters": st.booleans(),
    "data_collection": st.sampled_from(["allow", "deny"]),
    "zdr": st.booleans(),
    "enforce_distillable_text": st.booleans(),
    "quantizations": st.lists(st.sampled_from(["fp8", "fp4", "unknown"]), min_size=1, max_size=3),
    "max_price": st.fixed_dictionaries({}, optional={"prompt": PRICE, "output": PRICE}),
}
SOFT: dict[str, st.SearchStrategy[Any]] = {
    "order": NAMES,
    "sort": st.sampled_from(["price", "throughput", "latency", "exacto", {"by": "price", "partition": "none"}]),
    "preferred_min_throughput": CUTOFF,
    "preferred_max_latency": CUTOFF,
}
PREFERENCES = st.fixed_dictionaries({}, optional=HARD | SOFT | {"allow_fallbacks": st.booleans()})
FILTERING = st.fixed_dictionaries({}, optional=HARD)
SPREADS = st.none() | st.floats(0, 5).map(lambda value: Spread(value, value, value, value))
VITALS = st.builds(
    Vitals,
    outage=st.booleans(),
    probing=st.booleans(),
    standing=st.sampled_from(["normal", "lowered", "last"]),
    limited_until=st.sampled_from([0.0, 5.0, 50.0]),
    latency=SPREADS,
    throughput=SPREADS,
    tool_requests=st.sampled_from([0, 300]),
    tool_errors=st.integers(0, 300),
    requests=st.sampled_from([0, 500]),
)


class World(NamedTuple):
    models: list[Model]
    vitals: dict[str, Vitals]

    def routes(self, turned: bool = False) -> Routes:  # noqa: FBT001, FBT002 - the other way round
        models = [a_model(one.id, one.endpoints[::-1], distillable=one.distillable) for one in self.models[::-1]]
        return Routes(a_snapshot(models if turned else self.models, PROVIDERS))


@st.composite
def worlds(draw: st.DrawFn) -> World:
    models = []
    vitals = {}
    for m in range(draw(st.integers(1, 3))):
        endpoints = []
        for e in range(draw(st.integers(0, 6))):
            slug = draw(st.sampled_from(SLUGS))
            endpoint = an_endpoint(
                slug,
                f"acme/m{m}",
                tag=f"{slug}/{e}",
                pricing=prices(f"0.00000{draw(st.integers(0, 6))}", f"0.00000{draw(st.integers(0, 6))}"),
                priced=draw(st.integers(0, 5)) > 0,
                quantization=draw(st.sampled_from([None, "fp8", "mxfp4"])),
                supported_parameters=draw(st.sampled_from([None, ("temperature", "tools"), ()])),
                service_tier=draw(st.sampled_from([None, None, None, "flex", "priority"])),
            )
            endpoints.append(endpoint)
            if draw(st.booleans()):
                vitals[endpoint.id] = draw(VITALS)
        models.append(a_model(f"acme/m{m}", endpoints, distillable=draw(st.sampled_from([True, None]))))
    return World(models, vitals)


def plan_of(
    world: World,
    preferences: Mapping[str, object],
    seed: int,
    routes: Routes | None = None,
    **fields: object,
) -> Plan | None:
    names = [model.id for model in world.models]
    request = a_request(model=names[0], models=names, provider=preferences, temperature=1, **fields)
    try:
        return make_plan(request, routes or world.routes(), Outlook(world.vitals, Random(seed), now=10.0))
    except NoEndpoints:
        return None


def ids(plan: Plan | None) -> list[str]:
    return [] if plan is None else [candidate.endpoint_id for candidate in plan.candidates]


@given(worlds(), PREFERENCES, st.booleans(), st.integers())
def test_every_endpoint_is_tried_once_or_has_exactly_one_reason(
    world: World,
    preferences: dict[str, object],
    tools: bool,  # noqa: FBT001 - drawn
    seed: int,
) -> None:
    plan = plan_of(world, preferences, seed, tools=[] if tools else ...)
    if plan is None:
        return
    out = [entry.endpoint_id for entry in plan.excluded]
    offered = sorted(endpoint.id for model in world.models for endpoint in model.endpoints)
    assert sorted(ids(plan) + out) == offered
    assert all(entry.reason for entry in plan.excluded)


@given(worlds(), PREFERENCES, st.integers())
def test_a_plan_is_what_request_catalog_health_and_dice_make_it(
    world: World, preferences: dict[str, object], seed: int
) -> None:
    assert ids(plan_of(world, preferences, seed)) == ids(plan_of(world, preferences, seed))


@given(worlds(), PREFERENCES, st.integers())
def test_a_plan_does_not_depend_on_the_order_of_the_catalog(
    world: World, preferences: dict[str, object], seed: int
) -> None:
    turned = plan_of(world, preferences, seed, world.routes(turned=True))
    assert ids(plan_of(world, preferences, seed)) == ids(turned)


@given(worlds(), FILTERING, FILTERING, st.integers())
def test_a_stricter_filter_never_adds_an_endpoint(
    world: World, preferences: dict[str, object], more: dict[str, object], seed: int
) -> None:
    stricter = more | preferences
    for name in ("require_parameters", "zdr", "enforce_distillable_text"):
        if more.get(name) is True:
            stricter[name] = True
    named_tiers = "only" in more and "only" not in preferences  # naming a tier's tag is what admits it
    added = set(ids(plan_of(world, stricter, seed))) - set(ids(plan_of(world, preferences, seed)))
    tiers = {endpoint.id for model in world.models for endpoint in model.endpoints if endpoint.service_tier}
    assert not added or (named_tiers and added <= tiers)


@given(worlds(), FILTERING, st.integers(0, 6), st.integers(0, 3), st.sampled_from(["prompt", "input", "output"]))
def test_a_raised_cap_never_removes_an_endpoint(
    world: World, preferences: dict[str, object], cap: int, more: int, name: str
) -> None:
    low = plan_of(world, preferences | {"max_price": {name: cap}}, 1)
    high = plan_of(world, preferences | {"max_price": {name: str(cap + more)}}, 1)
    assert set(ids(low)) <= set(ids(high))


@given(worlds(), st.fixed_dictionaries({}, optional=SOFT), st.integers())
def test_orders_and_thresholds_drop_nobody(world: World, preferences: dict[str, object], seed: int) -> None:
    named = preferences.get("order")
    plain = ids(plan_of(world, {}, seed))
    found = ids(plan_of(world, preferences, seed))
    assert set(plain) <= set(found)
    if named is None:
        assert len(plain) == len(found)


@given(worlds(), st.sampled_from([{}, {"sort": "price"}, {"sort": "latency"}]), st.integers())
def test_within_a_model_an_outage_is_tried_after_all_that_are_well(
    world: World, preferences: dict[str, object], seed: int
) -> None:
    plan = plan_of(world, preferences, seed)
    for model in world.models:
        states = [world.vitals.get(one, Vitals()) for one in ids(plan) if one.startswith(f"{model.id}|")]
        out = [state.outage and not state.probing for state in states]
        assert out == sorted(out)


def _firsts(plans: int, vitals: Mapping[str, Vitals], models: Sequence[Model]) -> Mapping[str, float]:
    routes = Routes(a_snapshot(models, PROVIDERS))
    request, dice = a_request(), Random(11)
    outlook = Outlook(vitals, dice)
    firsts = Counter(make_plan(request, routes, outlook).candidates[0].provider.slug for _ in range(plans))
    return {slug: firsts[slug] / plans for slug in SLUGS[:3]}


THREE = a_model("acme/tiny", [an_endpoint(slug, pricing=prices(f"0.00000{n}")) for n, slug in enumerate(SLUGS[:3], 1)])


def test_prices_of_one_two_and_three_share_a_hundred_thousand_plans_by_inverse_squares() -> None:
    shares = _firsts(100_000, {}, [THREE])
    assert shares == pytest.approx({"one": 0.735, "two": 0.184, "three": 0.082}, abs=0.01)


@pytest.mark.parametrize(
    "vitals",
    [Vitals(outage=True), Vitals(limited_until=1.0), Vitals(standing="last"), Vitals(standing="lowered")],
    ids=["an outage", "a rate limit", "a bad standing", "a lowered standing"],
)
def test_shares_move_to_those_that_are_well_and_the_rest_stay_as_fallbacks(vitals: Vitals) -> None:
    shares = _firsts(20_000, {THREE.endpoints[0].id: vitals}, [THREE])
    assert shares == pytest.approx({"one": 0.0, "two": 9 / 13, "three": 4 / 13}, abs=0.01)
    plan = make_plan(
        a_request(),
        Routes(a_snapshot([THREE], PROVIDERS)),
        Outlook({THREE.endpoints[0].id: vitals}, Random(1)),
    )
    assert plan.candidates[-1].provider.slug == "one"


@pytest.mark.parametrize("vitals", [Vitals(outage=True, probing=True), Vitals(limited_until=-1.0), Vitals(requests=9)])
def test_an_outage_that_is_due_to_be_tested_and_a_limit_that_is_over_count_as_well(vitals: Vitals) -> None:
    shares = _firsts(20_000, {THREE.endpoints[0].id: vitals}, [THREE])
    assert shares == pytest.approx({"one": 0.735, "two": 0.184, "three": 0.082}, abs=0.015)


@settings(max_examples=30)
@given(st.lists(st.integers(1, 9), min_size=2, max_size=5), st.integers())
def test_the_usual_plan_and_the_full_one_draw_alike(costs: list[int], seed: int) -> None:
    model = a_model(
        "acme/tiny", [an_endpoint("one", tag=f"one/{n}", pricing=prices(f"0.00000{c}")) for n, c in enumerate(costs)]
    )
    routes = Routes(a_snapshot([model], PROVIDERS))
    usual = make_plan(a_request(), routes, Outlook({}, Random(seed)))
    full = make_plan(a_request(provider={}), routes, Outlook({}, Random(seed)))
    assert ids(usual) == ids(full)
