"""Names: variants, aliases, service tiers, presets and routers."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from msgspec.structs import replace

from examples import a_model, a_provider, a_request, a_snapshot, an_endpoint, prices
from turnout.base.errors import ModelNotFound, NoEndpoints, NotFound
from turnout.contracts.picker import Offers, Pick
from turnout.domain.catalog import Model
from turnout.domain.chat import ChatRequest
from turnout.domain.health import Spread, Vitals
from turnout.domain.routing import Outlook, Plan
from turnout.engine.plan import make_plan
from turnout.engine.routes import Routes

PROVIDERS = [
    a_provider("one"),
    a_provider("two"),
    a_provider("keyless", usable=False),
    a_provider("sample", dialect="fake"),
]


def model_of(name: str, *offers: tuple[str, str], **fields: Any) -> Model:  # noqa: ANN401 - any field of a model
    endpoints = [
        an_endpoint(
            tag.partition("/")[0],
            name,
            tag=tag,
            pricing=prices(price),
            service_tier=tier if (tier := tag.rpartition("/")[2]) in {"flex", "priority"} else None,
        )
        for tag, price in offers
    ]
    return a_model(name, endpoints, **fields)


TIERED = model_of(
    "acme/tiered",
    ("one", "0.000002"),
    ("one/flex", "0.000001"),
    ("one/priority", "0.000004"),
    ("two/eu", "0.000003"),
    created=20260101,
)
FREE = model_of("acme/tiny:free", ("two", "0"))
PAID = model_of("acme/tiny", ("one", "0.000001"))
SEEING = model_of("acme/eye", ("one", "0"), ("keyless", "0"), input_modalities=("text", "image"))
HALF_FREE = model_of("acme/half", ("one", "0.00001"), ("two", "0"))
SAMPLE = model_of("sample/free", ("sample", "0"))
OUT_OF_REACH = model_of("acme/reach", ("keyless", "0"))
GONE = a_model("acme/gone", expiration_date="2025-01-01")
GONE_FREE = a_model("acme/tiered:free", expiration_date="2025-01-01")
ROUTER = a_model("openrouter/auto", router=True)
SNAPSHOT = replace(
    a_snapshot(
        [TIERED, FREE, PAID, SEEING, HALF_FREE, SAMPLE, OUT_OF_REACH, ROUTER], PROVIDERS, {"acme/old": "acme/tiered"}
    ),
    unlisted={"acme/gone": GONE, "acme/tiered:free": GONE_FREE},
    latest={"~acme/tiered-latest": "acme/tiered"},
    latest_callable={"~acme/tiered-latest": "acme/tiered"},
)
ROUTES = Routes(SNAPSHOT)


def even(value: float) -> Spread:
    return Spread(value, value, value, value)


SPEEDS = {
    "acme/tiered|one|one": Vitals(throughput=even(10), latency=even(1)),
    "acme/tiered|one|one/priority": Vitals(throughput=even(90), latency=even(0.1)),
    "acme/tiered|one|one/flex": Vitals(throughput=even(1), latency=even(9)),
    "acme/tiered|two|two/eu": Vitals(throughput=even(50), latency=even(2)),
}


def planned(model: str, seed: int = 1, routes: Routes = ROUTES, **fields: Any) -> Plan:  # noqa: ANN401 - any field of a request
    return make_plan(a_request(model=model, **fields), routes, Outlook(SPEEDS, Random(seed)))


def tags(model: str, **fields: Any) -> list[str]:  # noqa: ANN401 - any field of a request
    return [candidate.endpoint.tag for candidate in planned(model, **fields).candidates]


# -- variants that only route --


@pytest.mark.parametrize(
    ("model", "fields", "order"),
    [
        ("acme/tiered:nitro", {}, ["one/priority", "two/eu", "one"]),
        ("acme/tiered:NITRO", {}, ["one/priority", "two/eu", "one"]),
        ("acme/tiered:floor", {}, ["one/flex", "one", "two/eu"]),
        ("acme/tiered:exacto", {}, ["one", "two/eu"]),
        ("acme/tiered:floor:online", {}, ["one/flex", "one", "two/eu"]),
        ("acme/old:nitro", {}, ["one/priority", "two/eu", "one"]),
        ("~acme/tiered-latest:floor", {}, ["one/flex", "one", "two/eu"]),
        ("acme/tiered:nitro", {"provider": {"sort": "price"}}, ["one", "two/eu"]),
        ("acme/tiered:floor", {"provider": {"sort": "latency"}}, ["one", "two/eu"]),
        ("acme/tiered:nitro", {"provider": {"order": ["one"]}}, ["one", "two/eu"]),
        ("acme/tiered:nitro", {"service_tier": "default"}, ["two/eu", "one"]),
        ("acme/tiered:nitro", {"service_tier": "auto"}, ["one/priority", "two/eu", "one"]),
        ("acme/tiered:nitro", {"tools": [{"type": "function"}]}, ["one/priority", "two/eu", "one"]),
    ],
)
def test_a_variant_sorts_unless_the_request_says_otherwise(
    model: str, fields: dict[str, Any], order: list[str]
) -> None:
    assert {tuple(tags(model, seed=seed, **fields)) for seed in range(10)} == {tuple(order)}


def test_variants_work_on_each_of_several_models() -> None:
    plan = planned("acme/tiny", models=["acme/tiered:nitro"])
    assert [one.endpoint.tag for one in plan.candidates] == ["one", "one/priority", "two/eu", "one"]


# -- service tiers --


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({}, {"one", "two/eu"}),
        ({"service_tier": "auto"}, {"one", "two/eu"}),
        ({"service_tier": "unheard-of"}, {"one", "two/eu"}),
        ({"service_tier": "flex"}, {"one/flex"}),
        ({"service_tier": "priority"}, {"one/priority", "one", "two/eu"}),
        ({"provider": {"only": ["one"]}}, {"one"}),
        ({"provider": {"only": ["One/Flex"]}}, {"one/flex"}),
        ({"provider": {"order": ["one/priority"]}}, {"one/priority", "one", "two/eu"}),
        ({"provider": {"only": ["one"]}, "service_tier": "priority"}, {"one/priority", "one"}),
        ({"provider": {"ignore": ["one"]}, "service_tier": "priority"}, {"two/eu"}),
    ],
)
def test_an_endpoint_of_a_tier_serves_only_who_asks_for_it(fields: dict[str, Any], found: set[str]) -> None:
    plan = planned("acme/tiered", **fields)
    assert {one.endpoint.tag for one in plan.candidates} == found
    assert len(plan.candidates) + len(plan.excluded) == 4


@pytest.mark.parametrize("tier", ["priority", "fast"])
def test_the_priority_tier_comes_first(tier: str) -> None:
    assert tags("acme/tiered", service_tier=tier)[0] == "one/priority"


def test_where_there_is_no_flex_tier_the_request_goes_the_usual_way() -> None:
    assert tags("acme/tiny", service_tier="flex") == ["one"]


# -- names that lead nowhere --


def test_a_real_variant_is_a_model_of_its_own() -> None:
    assert planned("acme/tiny:free").candidates[0].model.id == "acme/tiny:free"
    assert planned("acme/tiny:nitro:free").candidates[0].model.id == "acme/tiny:free"


@pytest.mark.parametrize("name", ["acme/eye:free", "acme/tiered:free"])
def test_a_free_variant_that_is_gone_names_the_paid_one(name: str) -> None:
    with pytest.raises(NoEndpoints) as caught:
        planned(name)
    assert caught.value.availability is not None
    assert caught.value.availability["code"] == "free_variant_ended"
    assert caught.value.availability["fallback_models"] == [name.removesuffix(":free")]


@pytest.mark.parametrize("name", ["acme/tiny:thinking", "acme/tiny:extended", "acme/tiny:unheard", "nobody/none:free"])
def test_a_suffix_that_no_model_has_is_an_unknown_model(name: str) -> None:
    with pytest.raises(ModelNotFound) as caught:
        planned(name)
    assert caught.value.availability is not None
    assert caught.value.availability["code"] == "model_not_found"


def test_a_retired_model_says_so() -> None:
    with pytest.raises(NoEndpoints) as caught:
        planned("acme/gone")
    assert caught.value.availability is not None
    assert caught.value.availability["code"] == "model_deprecated"


@pytest.mark.parametrize("name", ["@preset/mine", "acme/tiny@preset/mine", "acme/tiny:nitro@preset/mine"])
def test_a_preset_that_does_not_exist_is_not_found(name: str) -> None:
    with pytest.raises(NotFound, match="mine"):
        planned(name)


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("acme/tiny", "direct"),
        ("ACME/Tiny", "direct"),
        ("acme/old", "alias"),
        ("~acme/tiered-latest", "latest"),
        ("openrouter/free", "free"),
    ],
)
def test_a_plan_tells_how_the_name_led_to_its_model(name: str, way: str) -> None:
    assert planned(name).strategy == way
    assert planned(name, models=["acme/eye"]).strategy == "fallback"


# -- routers --


def picked(seed: int, **fields: Any) -> list[str]:  # noqa: ANN401 - any field of a request
    return [one.model.id for one in planned("openrouter/free", seed=seed, **fields).candidates]


def test_the_free_router_draws_among_free_models_that_can_be_called() -> None:
    firsts = {picked(seed)[0] for seed in range(50)}
    assert firsts == {"acme/tiny:free", "acme/eye", "acme/half"}
    assert all(not one.price for one in planned("openrouter/free").candidates)


def test_the_free_router_finds_who_can_see() -> None:
    picture = {"type": "image_url", "image_url": {"url": "http://127.0.0.1/p.png"}}
    messages = [{"role": "user", "content": [picture]}]
    assert {one for seed in range(20) for one in picked(seed, messages=messages)} == {"acme/eye"}


def test_the_free_router_leads_nowhere_where_nothing_is_free() -> None:
    routes = Routes(a_snapshot([PAID], PROVIDERS))
    with pytest.raises(NoEndpoints, match="No models match"):
        planned("openrouter/free", routes=routes)


def test_a_paid_fallback_of_the_free_router_stays_in_the_plan() -> None:
    plan = planned("openrouter/free", models=["acme/tiered"], provider={"sort": "price"})
    assert "acme/tiered" in [one.model.id for one in plan.candidates]


def test_a_router_that_nobody_has_set_up_is_a_dead_end() -> None:
    with pytest.raises(NoEndpoints, match="no such router"):
        planned("openrouter/auto")


def test_a_router_is_plugged_in_as_a_function() -> None:
    def pick(request: ChatRequest, offers: Offers, _outlook: Outlook) -> Pick:
        assert request.parameters.model == "openrouter/auto:nitro"
        assert "acme/reach" not in [model.id for model in offers.models]
        assert "sample/free" not in [model.id for model in offers.models]
        return Pick(["acme/tiered", "acme/tiny"], {"task_type": "code"})

    routes = Routes(SNAPSHOT, pickers={"openrouter/auto": pick})
    plan = planned("openrouter/auto:nitro", routes=routes)
    assert [one.model.id for one in plan.candidates][-1] == "acme/tiny"
    assert plan.strategy == "auto"
    assert plan.picked == (("openrouter/auto", {"task_type": "code"}),)
