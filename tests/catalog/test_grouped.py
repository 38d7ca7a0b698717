"""The grouped listing has a value of the promised type at every key."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import given

from catalogs import NOW, bundled, snapshots
from turnout.base.money import Pico
from turnout.catalog.grouped import flat_reply, grouped_reply
from turnout.domain.catalog import CatalogSnapshot, Endpoint, Model
from turnout.domain.provider import Provider
from turnout.domain.usage import Pricing

_SHAPE: dict[str, Any] = {
    "id": str,
    "name": str,
    "created": int,
    "description": str,
    "architecture": {
        "input_modalities": [str],
        "output_modalities": [str],
        "tokenizer": str,
        "instruct_type": str,
    },
    "topProvider": {"is_moderated": bool, "context_length": int, "max_completion_tokens": int},
    "pricing": dict.fromkeys(
        (
            "prompt",
            "completion",
            "image",
            "request",
            "web_search",
            "internal_reasoning",
            "input_cache_read",
            "input_cache_write",
        ),
        str,
    ),
    "context_length": int,
    "max_completion_tokens": int,
    "per_request_limits": {},
    "supported_parameters": [str],
}


def _fits(value: object, shape: object) -> bool:
    if isinstance(shape, dict):
        return (
            isinstance(value, dict)
            and value.keys() == shape.keys()
            and all(_fits(value[key], inner) for key, inner in shape.items())
        )
    if isinstance(shape, list):
        return isinstance(value, list) and all(_fits(one, shape[0]) for one in value)
    return type(value) is shape


def _check(snapshot: CatalogSnapshot) -> None:
    reply = msgspec.json.decode(grouped_reply(snapshot, NOW))
    assert list(reply) == ["text", "image"]
    for group, entries in reply.items():
        assert len({entry["provider"] for entry in entries}) == len(entries)
        for entry in entries:
            assert entry.keys() == {"provider", "configured", "models"}
            assert entry["configured"] is snapshot.providers[entry["provider"]].usable
            assert entry["models"]
            for model in entry["models"]:
                assert _fits(model, _SHAPE), model
                assert group in model["architecture"]["output_modalities"]
                assert all(Decimal(price) >= 0 for price in model["pricing"].values())


@given(snapshots())
def test_any_catalog_fits_the_shape(snapshot: CatalogSnapshot) -> None:
    _check(snapshot)


def test_the_bundled_catalog_fits_the_shape() -> None:
    _check(bundled())


def _both() -> CatalogSnapshot:
    def endpoint(provider: str, tag: str, price: int) -> Endpoint:
        pricing = Pricing(prompt=Pico(price), completion=Pico(10_000_000))
        return Endpoint(model_id="acme/both", provider=provider, tag=tag, upstream_model="m", pricing=pricing)

    model = Model(
        id="acme/both",
        canonical_slug="acme/both",
        name="Both",
        created=7,
        output_modalities=("text", "image"),
        endpoints=(
            endpoint("acme", "acme", 3_000_000),
            endpoint("acme", "acme/turbo", 2_500_000),
            endpoint("zeta", "zeta", 1),
        ),
    )
    vectors = Model(id="acme/vectors", canonical_slug="acme/vectors", name="V", output_modalities=("embeddings",))
    providers = {
        "acme": Provider(slug="acme", name="Acme", usable=True),
        "zeta": Provider(slug="zeta", name="Zeta"),
    }
    return CatalogSnapshot(models={one.id: one for one in (model, vectors)}, providers=providers, built=NOW)


def test_a_model_with_both_outputs_stands_in_both_groups_of_each_provider() -> None:
    reply = msgspec.json.decode(grouped_reply(_both(), NOW))
    for group in ("text", "image"):
        assert [(entry["provider"], entry["configured"]) for entry in reply[group]] == [("acme", True), ("zeta", False)]
        assert [model["id"] for entry in reply[group] for model in entry["models"]] == ["acme/both", "acme/both"]
    assert reply["text"][0]["models"][0]["pricing"]["prompt"] == "0.0000025"
    assert reply["text"][0]["models"][0]["pricing"]["web_search"] == "0"


def test_the_flat_form_has_each_offer_once_with_prices_per_million() -> None:
    reply = msgspec.json.decode(flat_reply(_both(), NOW))
    assert reply[0] == {
        "id": "acme/both|acme|acme/turbo",
        "modelId": "acme/both",
        "provider": "acme",
        "created": 7,
        "inputModality": ["text"],
        "outputModality": ["text", "image"],
        "inputPrice": "2.5",
        "outputPrice": "10",
    }
    assert [offer["provider"] for offer in reply] == ["acme", "zeta"]


def test_a_service_tier_is_no_offer_of_the_provider_while_it_has_another() -> None:
    def endpoint(tag: str, price: int, tier: str | None) -> Endpoint:
        pricing = Pricing(prompt=Pico(price * 10**6))
        return Endpoint(
            model_id="acme/one", provider="acme", tag=tag, upstream_model="one", pricing=pricing, service_tier=tier
        )

    endpoints = endpoint("acme", 4, None), endpoint("acme/flex", 2, "flex")
    model = Model(id="acme/one", canonical_slug="acme/one", name="One", endpoints=endpoints)
    providers = {"acme": Provider(slug="acme", name="Acme")}
    snapshot = CatalogSnapshot(models={"acme/one": model}, providers=providers, built=NOW)

    assert [one["inputPrice"] for one in msgspec.json.decode(flat_reply(snapshot, NOW))] == ["4"]
