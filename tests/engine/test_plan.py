from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples import a_model, a_provider, a_request, a_snapshot, an_endpoint, prices
from turnout.base.errors import BadRequest, ModelNotFound, NoEndpoints
from turnout.domain.catalog import Model
from turnout.domain.health import Vitals
from turnout.domain.routing import Outlook, Plan
from turnout.engine.plan import make_plan
from turnout.engine.routes import Routes

PROVIDERS = [*(a_provider(slug) for slug in ("one", "two", "three", "free")), a_provider("keyless", usable=False)]


def _priced(model: str, *offers: tuple[str, str], **fields: Any) -> Model:  # noqa: ANN401 - any field of an endpoint
    return a_model(model, [an_endpoint(slug, model, pricing=prices(price), **fields) for slug, price in offers])


TINY = _priced("acme/tiny", ("one", "0.000001"), ("two", "0.000002"), ("three", "0.000003"), ("keyless", "0"))
LARGE = _priced("acme/large", ("two", "0.00002"), ("three", "0.00001"))
LOCKED = _priced("acme/locked", ("keyless", "0"))
NAMES = {"acme/small": "acme/tiny"}


def _routes(
    models: Sequence[Model] = (TINY, LARGE, LOCKED),
    adhoc: Callable[[str], Model | None] = lambda _name: None,
) -> Routes:
    return Routes(a_snapshot(models, PROVIDERS, NAMES), adhoc)


ROUTES = _routes()


def _outlook(routes: Routes, seed: int, ill: Collection[str] = ()) -> Outlook:
    endpoints = (endpoint for model in routes.snapshot.models.values() for endpoint in model.endpoints)
    vitals = {endpoint.id: Vitals(outage=True) for endpoint in endpoints if endpoint.provider in ill}
    return Outlook(vitals, Random(seed))


def planned(routes: Routes = ROUTES, seed: int = 1, ill: Collection[str] = (), **fields: object) -> Plan:
    return make_plan(a_request(**fields), routes, _outlook(routes, seed, ill))


def _slugs(plan: Plan) -> list[str]:
    return [candidate.endpoint.provider for candidate in plan.candidates]


def _places(plan: Plan) -> list[str]:
    return [f"{candidate.model.id}@{candidate.endpoint.provider}" for candidate in plan.candidates]


# -- which models --


def test_a_model_and_its_fallbacks_are_tried_in_their_order() -> None:
    plan = planned(models=["acme/large"], provider={"sort": "price"})
    assert plan.requested == ("acme/tiny", "acme/large")
    assert _places(plan) == [
        "acme/tiny@one",
        "acme/tiny@two",
        "acme/tiny@three",
        "acme/large@three",
        "acme/large@two",
    ]


def test_models_alone_are_enough() -> None:
    assert planned(model=..., models=["acme/large"]).requested == ("acme/large",)


@pytest.mark.parametrize("models", [[], None])
def test_no_model_at_all_is_a_bad_request(models: list[str] | None) -> None:
    with pytest.raises(BadRequest, match="`model` is missing"):
        planned(model=..., models=models if models is not None else ...)


@pytest.mark.parametrize(
    "models",
    [
        ["acme/tiny"],
        ["acme/tiny", "acme/tiny"],
        ["acme/small"],
        ["ACME/Tiny"],
        ["acme/tiny:nitro", "acme/tiny:floor"],
    ],
)
def test_a_model_that_is_named_twice_is_tried_once(models: list[str]) -> None:
    plan = planned(models=models)
    assert sorted(_slugs(plan)) == ["one", "three", "two"]
    assert [exclusion.endpoint_id for exclusion in plan.excluded] == ["acme/tiny|keyless|keyless"]


@pytest.mark.parametrize("name", ["acme/none", "no name!", "acme/tiny:unheard", "x" * 200, "acme/tiny::free"])
def test_an_unknown_model_is_told_by_name(name: str) -> None:
    with pytest.raises(ModelNotFound) as caught:
        planned(model=name)
    assert name[:128] in caught.value.message
    assert caught.value.availability is not None
    assert caught.value.availability["code"] == "model_not_found"


def test_an_unknown_fallback_is_not_ignored() -> None:
    with pytest.raises(ModelNotFound):
        planned(models=["acme/none"])


def test_a_name_that_no_catalog_lists_may_be_served_by_a_server_of_the_operators() -> None:
    own = _priced("local/any", ("one", "0"))
    routes = _routes(adhoc=lambda name: own if name == "local/any" else None)
    assert _slugs(planned(routes, model="local/any")) == ["one"]
    with pytest.raises(ModelNotFound):
        planned(routes, model="local/other")


# -- in which order --


def test_the_default_is_balanced_by_price() -> None:
    firsts = Counter(_slugs(planned(seed=seed))[0] for seed in range(2_000))
    shares = {slug: count / 2_000 for slug, count in firsts.items()}
    assert shares == pytest.approx({"one": 36 / 49, "two": 9 / 49, "three": 4 / 49}, abs=0.04)


@pytest.mark.parametrize("sort", ["price", {"by": "price"}, {"by": "price", "partition": "model"}])
def test_sorting_by_price_leaves_nothing_to_the_dice(sort: object) -> None:
    assert {tuple(_slugs(planned(seed=seed, provider={"sort": sort}))) for seed in range(20)} == {
        ("one", "two", "three")
    }


def test_the_floor_variant_sorts_by_price() -> None:
    assert {tuple(_slugs(planned(seed=seed, model="acme/tiny:floor"))) for seed in range(20)} == {
        ("one", "two", "three")
    }


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (["three"], ["three", "one", "two"]),
        (["three", "two"], ["three", "two", "one"]),
        (["Three", "TWO", "one"], ["three", "two", "one"]),
        (["nobody", "two"], ["two", "one", "three"]),
        (["two", "two"], ["two", "one", "three"]),
    ],
)
def test_an_explicit_order_comes_first_and_the_rest_follows(order: list[str], expected: list[str]) -> None:
    assert _slugs(planned(provider={"order": order, "sort": "price"})) == expected


def test_an_explicit_order_is_kept_whatever_the_dice_and_outages_say() -> None:
    for seed in range(20):
        plan = planned(seed=seed, ill=["three"], provider={"order": ["three"]})
        assert _slugs(plan)[0] == "three"


def test_ailing_endpoints_are_tried_last() -> None:
    for seed in range(20):
        assert _slugs(planned(seed=seed, ill=["one"]))[-1] == "one"


# -- and no others --


def test_without_fallbacks_only_the_first_is_tried_and_the_others_say_why() -> None:
    plan = planned(provider={"allow_fallbacks": False, "sort": "price"})
    assert _slugs(plan) == ["one"]
    assert {entry.endpoint_id: entry.reason for entry in plan.excluded} == {
        "acme/tiny|two|two": "allow_fallbacks",
        "acme/tiny|three|three": "allow_fallbacks",
        "acme/tiny|keyless|keyless": "no_credential",
    }


def test_without_fallbacks_an_order_is_all_that_is_tried() -> None:
    assert _slugs(planned(provider={"allow_fallbacks": False, "order": ["three", "two"]})) == ["three", "two"]


def test_only_and_order_together_filter_before_they_order() -> None:
    assert _slugs(planned(provider={"only": ["one", "two"], "order": ["three", "two"]})) == ["two", "one"]


@pytest.mark.parametrize(
    ("fields", "code", "words"),
    [
        ({"model": "acme/locked"}, "no_endpoints", "credential"),
        ({"provider": {"only": ["nobody"]}}, "constraint_filtered", "allowed_providers"),
        ({"provider": {"max_price": {"prompt": 0}}}, "constraint_filtered", "max_price"),
        ({"provider": {"zdr": True}}, "privacy_restricted", "data_policy:zdr"),
        ({"provider": {"quantizations": ["fp4"]}}, "constraint_filtered", "quantization"),
    ],
)
def test_a_dead_end_names_what_led_there(fields: dict[str, Any], code: str, words: str) -> None:
    with pytest.raises(NoEndpoints) as caught:
        planned(**fields)
    assert words in caught.value.message
    assert caught.value.availability is not None
    assert caught.value.availability["code"] == code


def test_a_dead_end_for_want_of_a_credential_names_the_provider() -> None:
    with pytest.raises(NoEndpoints, match="keyless"):
        planned(model="acme/locked")


def test_a_fallback_that_leads_nowhere_does_not_spoil_the_rest() -> None:
    assert _slugs(planned(model="acme/locked", models=["acme/large"], provider={"sort": "price"})) == ["three", "two"]


# -- properties --

SLUGS = [provider.slug for provider in PROVIDERS]
PREFERENCES = st.fixed_dictionaries(
    {},
    optional={
        "order": st.lists(st.sampled_from(SLUGS), min_size=1, max_size=3),
        "only": st.lists(st.sampled_from(SLUGS), min_size=2, max_size=5),
        "ignore": st.lists(st.sampled_from(SLUGS), max_size=2),
        "allow_fallbacks": st.booleans(),
        "sort": st.sampled_from(["price", "throughput", "latency", "exacto"]),
        "max_price": st.fixed_dictionaries({"prompt": st.integers(0, 5) | st.sampled_from(["1", "2.5"])}),
        "quantizations": st.lists(st.sampled_from(["fp8", "fp4", "unknown"]), min_size=1, max_size=3),
        "data_collection": st.sampled_from(["allow", "deny"]),
        "require_parameters": st.booleans(),
    },
)
ENDPOINTS = st.builds(
    lambda slug, price, quantization, parameters: (slug, price, quantization, parameters),
    st.sampled_from(SLUGS),
    st.integers(0, 6),
    st.sampled_from([None, "fp8", "mxfp4"]),
    st.sampled_from([None, ("temperature",), ()]),
)
MODELS = st.lists(st.lists(ENDPOINTS, max_size=4), min_size=1, max_size=3)


def _models(rows: Sequence[Sequence[tuple[str, int, str | None, tuple[str, ...] | None]]]) -> list[Model]:
    return [
        a_model(
            f"acme/m{m}",
            [
                an_endpoint(
                    slug,
                    f"acme/m{m}",
                    tag=f"{slug}/{e}",
                    pricing=prices(f"0.00000{price}"),
                    quantization=quantization,
                    supported_parameters=parameters,
                )
                for e, (slug, price, quantization, parameters) in enumerate(endpoints)
            ],
        )
        for m, endpoints in enumerate(rows)
    ]


@given(MODELS, PREFERENCES, st.sets(st.sampled_from(SLUGS)), st.integers())
def test_every_endpoint_is_either_tried_once_or_has_exactly_one_reason(
    rows: list[list[tuple[str, int, str | None, tuple[str, ...] | None]]],
    preferences: dict[str, object],
    ill: set[str],
    seed: int,
) -> None:
    models = _models(rows)
    offered = {endpoint.id for model in models for endpoint in model.endpoints}
    names = [model.id for model in models]
    request = a_request(model=names[0], models=names, provider=preferences, temperature=1)
    routes = _routes(models)
    try:
        plan = make_plan(request, routes, _outlook(routes, seed, ill))
    except NoEndpoints:
        return
    tried = [candidate.endpoint.id for candidate in plan.candidates]
    out = [entry.endpoint_id for entry in plan.excluded]
    assert sorted(tried + out) == sorted(offered)
    assert all(entry.reason for entry in plan.excluded)
    assert all(candidate.provider.usable for candidate in plan.candidates)
    order = [names.index(candidate.model.id) for candidate in plan.candidates]
    assert order == sorted(order)


@given(MODELS, PREFERENCES, st.integers())
def test_the_same_request_with_the_same_dice_makes_the_same_plan(
    rows: list[list[tuple[str, int, str | None, tuple[str, ...] | None]]], preferences: dict[str, object], seed: int
) -> None:
    models = _models(rows)
    request = a_request(model="acme/m0", provider=preferences)
    routes = _routes(models)

    def places() -> list[str] | None:
        try:
            return [c.endpoint.id for c in make_plan(request, routes, _outlook(routes, seed)).candidates]
        except NoEndpoints:
            return None

    assert places() == places()
