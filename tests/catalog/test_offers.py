"""Smaller listings: providers, endpoints without retention, images, benchmarks."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given

from catalogs import NOTHING_MEASURED, NOW, Figures, snapshots
from openrouter_schema import check_operation
from turnout.base.errors import BadRequest
from turnout.base.money import Pico
from turnout.catalog.offers import (
    benchmarks_reply,
    image_endpoints_reply,
    image_models_reply,
    parse_benchmark_query,
    providers_reply,
    zdr_reply,
)
from turnout.domain.catalog import ArenaScore, Benchmarks, CatalogSnapshot, Endpoint, Model
from turnout.domain.provider import Policy, Provider
from turnout.domain.usage import Pricing


def _scored(name: str, elo: float, coding: float | None) -> Model:
    score = ArenaScore(arena="models", category="Website", elo=elo, win_rate=51.0)
    return Model(
        id=f"acme/{name}",
        canonical_slug=f"acme/{name}-20260101",
        name=name,
        benchmarks=Benchmarks(coding_index=coding, design_arena=(score,)),
    )


_SCORED = CatalogSnapshot(
    models={one.id: one for one in (_scored("a", 1200, None), _scored("b", 1300, 40.0), _scored("c", 1250, 50.0))},
    built=NOW,
)


def _asked(**parameters: str) -> Any:  # noqa: ANN401 - JSON
    return msgspec.json.decode(benchmarks_reply(_SCORED, parse_benchmark_query(list(parameters.items()))))


@given(snapshots())
def test_any_catalog_fits_the_public_schemas(snapshot: CatalogSnapshot) -> None:
    decode = msgspec.json.decode
    check_operation("get", "/benchmarks", decode(benchmarks_reply(snapshot, parse_benchmark_query([]))))
    check_operation("get", "/endpoints/zdr", decode(zdr_reply(snapshot, NOTHING_MEASURED, NOW, keyed=True)))
    check_operation("get", "/images/models", decode(image_models_reply(snapshot)))
    for model in snapshot.models.values():
        reply = image_endpoints_reply(model, snapshot, NOW)
        assert (reply is None) == ("image" not in model.output_modalities)
        if reply is not None:
            check_operation("get", "/images/models/{author}/{slug}/endpoints", decode(reply))


def test_benchmarks_are_best_first() -> None:
    found = _asked()
    assert [(one["source"], one["display_name"]) for one in found["data"]] == [
        ("artificial-analysis", "b"),
        ("artificial-analysis", "c"),
        ("design-arena", "b"),
        ("design-arena", "c"),
        ("design-arena", "a"),
    ]
    assert found["meta"]["model_count"] == 3
    assert [one["display_name"] for one in _asked(task_type="coding")["data"]] == ["c", "b"]


def test_benchmarks_are_narrowed_down() -> None:
    assert {one["source"] for one in _asked(source="design-arena")["data"]} == {"design-arena"}
    assert len(_asked(arena="models", category="website")["data"]) == 3
    assert _asked(arena="builders")["data"] == []
    assert _asked(task_type="search")["data"] == []
    assert _asked(source="openrouter")["data"] == []
    assert len(_asked(max_results="2")["data"]) == 2
    assert _asked(source="design-arena")["meta"]["source"] == "design-arena"


@pytest.mark.parametrize("name", ["source", "task_type", "arena", "max_results"])
def test_nonsense_is_refused(name: str) -> None:
    with pytest.raises(BadRequest, match=name):
        parse_benchmark_query([(name, "0")])


def _policies() -> CatalogSnapshot:
    def endpoint(provider: str, policy: Policy | None = None) -> Endpoint:
        pricing = Pricing(prompt=Pico(2), image=Pico(10**9), image_output=Pico(5 * 10**6))
        return Endpoint(
            model_id="acme/a", provider=provider, tag=provider, upstream_model="m", policy=policy, pricing=pricing
        )

    model = Model(
        id="acme/a",
        canonical_slug="acme/a",
        name="A",
        output_modalities=("image",),
        endpoints=(endpoint("strict"), endpoint("loose"), endpoint("other", Policy(zdr=True))),
    )
    providers = {
        "strict": Provider(slug="strict", name="Strict", policy=Policy(zdr=True, regions=("de", "eu", "eu-west"))),
        "loose": Provider(slug="loose", name="Loose", policy=Policy(zdr=False, headquarters="US")),
    }
    return CatalogSnapshot(models={"acme/a": model}, providers=providers, built=NOW)


def test_endpoints_without_retention_are_those_of_strict_providers_or_strict_themselves() -> None:
    seen = {"latency_last_30m": {"p50": 1.0, "p75": 1.0, "p90": 1.0, "p99": 1.0}, "status": -1}
    measured = Figures({"acme/a|strict|strict": seen}, {})
    for keyed in (True, False):
        found = msgspec.json.decode(zdr_reply(_policies(), measured, NOW, keyed=keyed))["data"]
        assert [one["tag"] for one in found] == ["strict", "other"]
        assert (found[0]["latency_last_30m"] is not None) is keyed
        assert found[0]["status"] == -1


def test_datacenters_are_countries() -> None:
    strict, loose = msgspec.json.decode(providers_reply(_policies()))["data"]
    assert strict["datacenters"] == ["DE"]
    assert loose["headquarters"] == "US"


def test_prices_of_images_are_numbers_in_dollars() -> None:
    snapshot = _policies()
    reply = image_endpoints_reply(snapshot.models["acme/a"], snapshot, NOW)
    assert reply is not None
    assert msgspec.json.decode(reply)["endpoints"][0]["pricing"] == [
        {"billable": "output_image", "unit": "token", "cost_usd": 5e-06},
        {"billable": "input_image", "unit": "image", "cost_usd": 0.001},
        {"billable": "input_text", "unit": "token", "cost_usd": 2e-12},
    ]
