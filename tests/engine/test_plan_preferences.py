"""Every field of ``provider``, alone and in pairs, on one model with endpoints that differ in everything."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from random import Random
from typing import Any

import pytest

from examples import a_model, a_provider, a_request, a_snapshot, an_endpoint, prices
from turnout.base.errors import BadRequest, Forbidden, NoEndpoints
from turnout.domain.health import Spread, Vitals
from turnout.domain.provider import Policy
from turnout.domain.routing import NO_BOUNDS, Bounds, Outlook, Plan
from turnout.engine.plan import make_plan
from turnout.engine.routes import Routes

KEEPS, FORGETS = Policy(data_collection="allow", zdr=False, regions=("us",)), Policy("deny", True, ("eu",))
PROVIDERS = [
    a_provider("openai", name="OpenAI", policy=KEEPS),
    a_provider("azure", name="Azure", policy=FORGETS),
    a_provider("deepinfra", name="DeepInfra"),
    a_provider("vertex", name="Google Vertex", policy=Policy("deny", False, ("eu", "us"))),
    a_provider("keyless", usable=False),
]


def offer(provider: str, prompt: str, completion: str, **fields: Any) -> Any:  # noqa: ANN401 - an endpoint
    return an_endpoint(provider, "acme/tiny", pricing=prices(prompt, completion), **fields)


TINY = a_model(
    "acme/tiny",
    [
        offer("openai", "0.000003", "0.000015", context_length=1_000, supported_parameters=("tools", "temperature")),
        offer("azure", "0.000004", "0.000012", quantization="fp8", max_completion_tokens=500),
        offer("deepinfra", "0.000001", "0.000002", tag="deepinfra/turbo", quantization="mxfp4"),
        offer("deepinfra", "0.000001", "0.000003", tag="deepinfra/base", quantization="bf16", supported_parameters=()),
        offer("vertex", "0.000002", "0.000006", tag="vertex/eu", context_length=100),
        offer("keyless", "0", "0"),
        offer("openai", "0.0000015", "0.0000075", tag="openai/flex", service_tier="flex"),
        offer("openai", "0.000006", "0.00003", tag="openai/priority", service_tier="priority"),
    ],
    distillable=True,
)
LARGE = a_model("acme/large", [an_endpoint("azure", "acme/large", pricing=prices("0.0000005"))])
ROUTES = Routes(a_snapshot([TINY, LARGE], PROVIDERS))
CHEAPEST_FIRST = ["deepinfra/turbo", "deepinfra/base", "vertex/eu", "azure", "openai"]


def even(value: float) -> Spread:
    return Spread(value, value, value, value)


SPEEDS: Mapping[str, Vitals] = {
    "acme/tiny|openai|openai": Vitals(latency=Spread(0.2, 0.3, 0.5, 4.0), throughput=Spread(90, 80, 60, 5)),
    "acme/tiny|azure|azure": Vitals(latency=even(0.4), throughput=even(50)),
    "acme/tiny|deepinfra|deepinfra/turbo": Vitals(latency=even(1.5), throughput=even(120)),
    "acme/tiny|vertex|vertex/eu": Vitals(latency=even(0.1), throughput=even(10)),
}


def planned(preferences: Mapping[str, object] | None = None, bounds: Bounds = NO_BOUNDS, **fields: Any) -> Plan:  # noqa: ANN401 - any field of a request
    request = a_request(provider=... if preferences is None else preferences, **fields)
    return make_plan(request, ROUTES, Outlook(SPEEDS, Random(3), bounds=bounds))


def tags(preferences: Mapping[str, object] | None = None, **fields: Any) -> list[str]:  # noqa: ANN401 - any field of a request
    return [candidate.endpoint.tag for candidate in planned(preferences, **fields).candidates]


# -- filters, alone --

ALL = set(CHEAPEST_FIRST)
FILTERS: list[tuple[str, dict[str, object], set[str]]] = [
    ("only a slug", {"only": ["azure"]}, {"azure"}),
    ("only a display name", {"only": ["OpenAI", "google vertex"]}, {"openai", "vertex/eu"}),
    ("only a base slug", {"only": ["deepinfra"]}, {"deepinfra/turbo", "deepinfra/base"}),
    ("only one tag", {"only": ["DeepInfra/Turbo"]}, {"deepinfra/turbo"}),
    ("only a tier's tag", {"only": ["openai/flex"]}, {"openai/flex"}),
    ("ignore a slug", {"ignore": ["deepinfra"]}, {"azure", "openai", "vertex/eu"}),
    ("ignore a tag", {"ignore": ["deepinfra/base", "nobody"]}, ALL - {"deepinfra/base"}),
    ("ignore nothing", {"ignore": []}, ALL),
    ("parameters", {"require_parameters": True}, ALL - {"deepinfra/base"}),
    ("no collection", {"data_collection": "deny"}, {"azure", "vertex/eu"}),
    ("collection", {"data_collection": "allow"}, ALL),
    ("zero retention", {"zdr": True}, {"azure"}),
    ("any retention", {"zdr": False}, ALL),
    ("distillable", {"enforce_distillable_text": True}, ALL),
    ("a quantization", {"quantizations": ["fp8"]}, {"azure"}),
    ("a family", {"quantizations": ["fp4", "bf16"]}, {"deepinfra/turbo", "deepinfra/base"}),
    ("unknown", {"quantizations": ["unknown"]}, {"openai", "vertex/eu"}),
    ("a prompt price", {"max_price": {"prompt": 2}}, {"deepinfra/turbo", "deepinfra/base", "vertex/eu"}),
    ("the mission's words", {"max_price": {"input": 5, "output": 12}}, ALL - {"openai"}),
    ("a price as text", {"max_price": {"completion": "2.0"}}, {"deepinfra/turbo"}),
    ("an order that is all", {"order": ["azure", "openai"], "allow_fallbacks": False}, {"azure", "openai"}),
    ("nothing", {}, ALL),
]
IDS = [name for name, _, _ in FILTERS]


@pytest.mark.parametrize(("preferences", "left"), [row[1:] for row in FILTERS], ids=IDS)
def test_a_filter_alone(preferences: dict[str, object], left: set[str]) -> None:
    assert set(tags(preferences, temperature=1)) == left


PAIRS = [
    pytest.param(first | second, one & other, id=f"{name} and {name_too}")
    for (name, first, one), (name_too, second, other) in combinations(FILTERS, 2)
    if not first.keys() & second.keys() and "openai/flex" not in one | other
]


@pytest.mark.parametrize(("preferences", "left"), PAIRS)
def test_two_filters_leave_what_each_of_them_leaves(preferences: dict[str, object], left: set[str]) -> None:
    if not left:
        with pytest.raises(NoEndpoints):
            tags(preferences, temperature=1)
    else:
        assert set(tags(preferences, temperature=1)) == left


# -- orders, alone and on what filters leave --

ORDERS: list[tuple[str, dict[str, object], list[str]]] = [
    ("price", {"sort": "price"}, CHEAPEST_FIRST),
    ("price by object", {"sort": {"by": "price", "partition": "model"}}, CHEAPEST_FIRST),
    (
        "latency",
        {"sort": "latency"},
        ["vertex/eu", "openai", "azure", "deepinfra/turbo", "deepinfra/base"],
    ),
    (
        "throughput",
        {"sort": "throughput"},
        ["deepinfra/turbo", "openai", "azure", "vertex/eu", "deepinfra/base"],
    ),
    ("exacto without data", {"sort": "exacto"}, CHEAPEST_FIRST),
    (
        "an order",
        {"order": ["Azure", "nobody", "deepinfra/base"]},
        ["azure", "deepinfra/base", "deepinfra/turbo", "vertex/eu", "openai"],
    ),
    ("an order by base slug", {"order": ["deepinfra"]}, CHEAPEST_FIRST),
    (
        "an order and a sort",
        {"order": ["azure"], "sort": "latency"},
        ["azure", "vertex/eu", "openai", "deepinfra/turbo", "deepinfra/base"],
    ),
    (
        "a median throughput",
        {"sort": "price", "preferred_min_throughput": 60},
        ["deepinfra/turbo", "deepinfra/base", "openai", "vertex/eu", "azure"],
    ),
    (
        "a tail of throughput",
        {"sort": "price", "preferred_min_throughput": {"p99": 10}},
        ["deepinfra/turbo", "deepinfra/base", "vertex/eu", "azure", "openai"],
    ),
    (
        "a latency",
        {"sort": "price", "preferred_max_latency": 0.4},
        ["deepinfra/base", "vertex/eu", "azure", "openai", "deepinfra/turbo"],
    ),
    (
        "a tail of latency",
        {"sort": "price", "preferred_max_latency": {"p50": 9, "p99": 3.5}},
        ["deepinfra/turbo", "deepinfra/base", "vertex/eu", "azure", "openai"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("preferences", "order"), [row[1:] for row in ORDERS], ids=[row[0] for row in ORDERS])
def test_an_order_alone(preferences: dict[str, object], order: list[str]) -> None:
    assert tags(preferences) == order


ORDERED_PAIRS = [
    pytest.param(preferences | filtering, order, left, id=f"{name} and {name_too}")
    for name, preferences, order in ORDERS
    for name_too, filtering, left in FILTERS
    if not preferences.keys() & filtering.keys() and "openai/flex" not in left and "order" not in filtering
]


@pytest.mark.parametrize(("preferences", "order", "left"), ORDERED_PAIRS)
def test_what_filters_leave_keeps_its_order(preferences: dict[str, object], order: list[str], left: set[str]) -> None:
    assert tags(preferences, temperature=1) == [tag for tag in order if tag in left]


@pytest.mark.parametrize(("preferences", "order"), [row[1:] for row in ORDERS], ids=[row[0] for row in ORDERS])
def test_without_fallbacks_the_first_is_all(preferences: dict[str, object], order: list[str]) -> None:
    named = preferences.get("order")
    found = tags(preferences | {"allow_fallbacks": False})
    assert found == order[:1] if named is None else set(found) <= set(order)


# -- several models --


def test_endpoints_of_all_models_may_be_sorted_together() -> None:
    fields: dict[str, Any] = {"model": "acme/tiny", "models": ["acme/large"]}
    apart = [one.model.id for one in planned({"sort": {"by": "price", "partition": "model"}}, **fields).candidates]
    together = [one.model.id for one in planned({"sort": {"by": "price", "partition": "none"}}, **fields).candidates]
    assert apart == ["acme/tiny"] * 5 + ["acme/large"]
    assert together == ["acme/large"] + ["acme/tiny"] * 5


@pytest.mark.parametrize(("route", "first"), [("sort", "acme/large"), ("fallback", "acme/tiny")])
def test_the_old_field_route_says_the_same(route: str, first: str) -> None:
    plan = planned({"sort": "price"}, route=route, models=["acme/large"])
    assert plan.candidates[0].model.id == first


def test_thresholds_work_across_models_that_are_sorted_together() -> None:
    slow = {"acme/large|azure|azure": Vitals(throughput=even(1))}
    preferences = {"sort": {"by": "price", "partition": "none"}, "preferred_min_throughput": 5}
    request = a_request(models=["acme/large"], provider=preferences)
    plan = make_plan(request, ROUTES, Outlook(dict(SPEEDS) | slow, Random(1)))
    assert plan.candidates[-1].model.id == "acme/large"
    assert len(plan.candidates) == 6


# -- what the request itself says --


@pytest.mark.parametrize(
    ("fields", "missing"),
    [
        ({"max_tokens": 501}, {"azure": "max_tokens"}),
        ({"max_completion_tokens": 500}, {}),
        ({"messages": [{"role": "user", "content": "word " * 400}]}, {"vertex/eu": "context_length"}),
        (
            {"messages": [{"role": "user", "content": "word " * 4_000}]},
            {"vertex/eu": "context_length", "openai": "context_length"},
        ),
        ({"tools": [{"type": "function"}]}, {"deepinfra/base": "unsupported_parameters"}),
        (
            {"response_format": {"type": "json_object"}},
            {"deepinfra/base": "unsupported_parameters", "openai": "unsupported_parameters"},
        ),
    ],
)
def test_what_an_endpoint_cannot_do_excludes_it(fields: dict[str, Any], missing: dict[str, str]) -> None:
    plan = planned(**fields)
    out = {entry.candidate.endpoint.tag: entry.reason for entry in plan.excluded}
    assert {tag: reason for tag, reason in out.items() if reason not in {"service_tier", "no_credential"}} == missing


def test_an_endpoint_that_may_be_too_small_is_tried_after_those_that_are_not() -> None:
    prompt = [{"role": "user", "content": "word " * 120}]
    assert tags({"sort": "latency"}, messages=prompt)[-1] == "vertex/eu"
    assert tags({"sort": "latency"})[0] == "vertex/eu"


def test_a_picture_does_not_count_as_text() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "iVBORw0KGgo" * 10_000}}
    assert "vertex/eu" in tags(messages=[{"role": "user", "content": [picture]}])


def test_a_parameter_that_no_endpoint_supports_removes_none_and_is_warned_of() -> None:
    plan = planned({"only": ["deepinfra/base"]}, tools=[{"type": "function"}])
    assert [one.endpoint.tag for one in plan.candidates] == ["deepinfra/base"]
    assert plan.warnings == ("No endpoint of acme/tiny supports `tools`: it may be ignored",)


def test_a_parameter_that_no_endpoint_supports_is_a_dead_end_where_it_is_required() -> None:
    with pytest.raises(NoEndpoints, match="require_parameters"):
        planned({"only": ["deepinfra/base"], "require_parameters": True}, tools=[{"type": "function"}])


@pytest.mark.parametrize(
    ("fields", "fits"),
    [
        ({"response_format": {"type": "json_schema", "json_schema": {}}}, False),
        ({"max_completion_tokens": 5}, True),
        ({"reasoning_effort": "low"}, True),
    ],
)
def test_required_parameters_are_known_by_their_other_names(fields: dict[str, Any], fits: bool) -> None:  # noqa: FBT001 - a column
    supported = ("response_format", "max_tokens", "reasoning")
    model = a_model("acme/tiny", [an_endpoint(supported_parameters=supported)])
    routes = Routes(a_snapshot([model], [a_provider()]))
    request = a_request(provider={"require_parameters": True}, **fields)
    if fits:
        assert make_plan(request, routes, Outlook({}, Random(1))).candidates
    else:
        with pytest.raises(NoEndpoints):
            make_plan(request, routes, Outlook({}, Random(1)))


@pytest.mark.parametrize("distillable", [None, False])
def test_text_to_distil_wants_an_author_who_allows_it(distillable: bool | None) -> None:  # noqa: FBT001 - a column
    model = a_model("acme/tiny", [an_endpoint()], distillable=distillable)
    routes = Routes(a_snapshot([model], [a_provider()]))
    with pytest.raises(NoEndpoints, match="enforce_distillable_text"):
        make_plan(a_request(provider={"enforce_distillable_text": True}), routes, Outlook({}, Random(1)))


def test_an_endpoint_that_states_no_price_is_under_no_cap() -> None:
    model = a_model("acme/tiny", [an_endpoint(priced=False)])
    routes = Routes(a_snapshot([model], [a_provider()]))
    with pytest.raises(NoEndpoints, match="max_price"):
        make_plan(a_request(provider={"max_price": {"prompt": 1000}}), routes, Outlook({}, Random(1)))
    assert make_plan(a_request(provider={"max_price": {}}), routes, Outlook({}, Random(1))).candidates


# -- what the key may use --


@pytest.mark.parametrize(
    ("bounds", "left"),
    [
        (Bounds(providers=frozenset({"azure", "deepinfra"})), ["deepinfra/turbo", "deepinfra/base", "azure"]),
        (Bounds(ignored_providers=frozenset({"deepinfra"})), ["vertex/eu", "azure", "openai"]),
        (Bounds(zdr=True), ["azure"]),
        (Bounds(deny_collection=True), ["vertex/eu", "azure"]),
        (Bounds(regions=frozenset({"eu"})), ["vertex/eu", "azure"]),
        (Bounds(models=("acme/*",)), CHEAPEST_FIRST),
    ],
)
def test_a_key_is_bound_to_what_it_may_use(bounds: Bounds, left: list[str]) -> None:
    assert tags({"sort": "price"}, bounds=bounds) == left


@pytest.mark.parametrize(
    ("bounds", "preferences", "left"),
    [
        (Bounds(providers=frozenset({"azure", "vertex"})), {"only": ["azure", "openai"]}, ["azure"]),
        (Bounds(ignored_providers=frozenset({"azure"})), {"ignore": ["deepinfra"]}, ["vertex/eu", "openai"]),
        (Bounds(zdr=True), {"zdr": False}, ["azure"]),
    ],
)
def test_a_request_can_only_narrow_what_its_key_may_use(
    bounds: Bounds, preferences: dict[str, object], left: list[str]
) -> None:
    assert tags(preferences | {"sort": "price"}, bounds=bounds) == left


def test_dead_ends_of_keys_are_told() -> None:
    with pytest.raises(NoEndpoints, match="allowed_models"):
        planned(bounds=Bounds(models=("openai/*",)))
    with pytest.raises(NoEndpoints, match="allowed_models"):
        planned(bounds=Bounds(ignored_models=("*/tiny",)))
    with pytest.raises(Forbidden) as caught:
        planned(bounds=Bounds(regions=frozenset({"mars"})))
    assert caught.value.availability is not None
    assert caught.value.availability["code"] == "region_restricted"
    with pytest.raises(Forbidden, match="`tools`"):
        planned(bounds=Bounds(parameters=frozenset({"temperature"})), tools=[])


# -- dead ends and bad preferences --


def test_an_empty_allowlist_names_who_serves_the_model_and_who_is_permitted() -> None:
    with pytest.raises(NoEndpoints, match="Served by: deepinfra, vertex, azure, openai; permitted: nobody"):
        planned({"only": ["nobody"]})


@pytest.mark.parametrize(
    ("preferences", "code", "field"),
    [
        ({"max_price": {"prompt": 0}}, "constraint_filtered", "provider.max_price"),
        ({"quantizations": ["int4"]}, "constraint_filtered", "provider.quantizations"),
        ({"only": ["openai"], "zdr": True}, "constraint_filtered", None),
        ({"only": ["nobody"]}, "constraint_filtered", "provider.only"),
    ],
)
def test_a_dead_end_says_which_rule_emptied_the_list(
    preferences: dict[str, object], code: str, field: str | None
) -> None:
    with pytest.raises(NoEndpoints) as caught:
        planned(preferences)
    availability = caught.value.availability
    assert availability is not None
    assert availability["code"] == code
    constraint = availability.get("constraint")
    assert constraint == (None if field is None else constraint)
    if field is not None:
        assert constraint["field"] == field  # type: ignore[index]  # an object


@pytest.mark.parametrize(
    ("preferences", "named"),
    [
        ({"unheard_of": 1}, "unheard_of"),
        ({"order": []}, "provider.order"),
        ({"order": "openai"}, "provider.order"),
        ({"only": [1]}, "provider.only"),
        ({"ignore": {"a": 1}}, "provider.ignore"),
        ({"sort": "speed"}, "provider.sort"),
        ({"sort": {"by": "price", "then": "latency"}}, "then"),
        ({"sort": {"partition": "all"}}, "provider.sort.partition"),
        ({"allow_fallbacks": "no"}, "provider.allow_fallbacks"),
        ({"require_parameters": 1}, "provider.require_parameters"),
        ({"data_collection": "maybe"}, "provider.data_collection"),
        ({"zdr": "yes"}, "provider.zdr"),
        ({"enforce_distillable_text": []}, "provider.enforce_distillable_text"),
        ({"quantizations": ["fp9"]}, "provider.quantizations"),
        ({"max_price": 3}, "provider.max_price"),
        ({"max_price": {"prompt": -1}}, "provider.max_price.prompt"),
        ({"max_price": {"input": "-1"}}, "provider.max_price.input"),
        ({"max_price": {"tokens": 1}}, "tokens"),
        ({"preferred_min_throughput": -5}, "provider.preferred_min_throughput"),
        ({"preferred_min_throughput": {"p51": 5}}, "p51"),
        ({"preferred_max_latency": "fast"}, "provider.preferred_max_latency"),
        ([], "provider"),
    ],
)
def test_a_bad_preference_is_a_bad_request_that_names_the_field(preferences: Any, named: str) -> None:  # noqa: ANN401 - wrong on purpose
    with pytest.raises(BadRequest, match=named.replace(".", r"\.")):
        planned(preferences)
