"""Catalog JSON has the shapes that OpenRouter's clients read."""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from msgspec.structs import replace

from catalogs import NOTHING_MEASURED
from turnout.base.money import Pico
from turnout.catalog.build import merge
from turnout.catalog.entries import PriceWeights
from turnout.catalog.listing import Listing
from turnout.catalog.query import Query
from turnout.catalog.render import (
    default_endpoint,
    endpoint_object,
    endpoints_object,
    listed_models,
    model_object,
)
from turnout.catalog.rows import Row
from turnout.catalog.sources.bundled import bundled_rows
from turnout.catalog.sources.sample import sample_rows
from turnout.domain.catalog import CatalogSnapshot
from turnout.domain.provider import Provider
from turnout.domain.usage import Pricing

COMPULSORY = {
    "id", "canonical_slug", "name", "created", "pricing", "context_length", "architecture", "top_provider",
    "per_request_limits", "supported_parameters", "default_parameters", "supported_voices", "links",
}  # fmt: skip


@cache
def schemas() -> dict[str, Any]:
    folder = os.environ.get("TURNOUT_TEST_DATA")
    path = Path(folder or "") / "openrouter-openapi.json"
    if not folder or not path.is_file():
        pytest.skip("TURNOUT_TEST_DATA names no folder with openrouter-openapi.json")
    document: dict[str, Any] = json.loads(path.read_bytes())
    return document


def check(value: object, name: str) -> None:
    schema = {"$ref": f"#/components/schemas/{name}", "components": schemas()["components"]}
    jsonschema.Draft202012Validator(schema).validate(json.loads(msgspec.json.encode(value)))


def snapshot(*usable: str) -> CatalogSnapshot:
    providers = {
        slug: Provider(
            slug=slug, name=slug.title(), usable=slug in usable, dialect="fake" if slug == "fake" else "openai"
        )
        for slug in ("openai", "azure", "groq", "fake")
    }
    rows = [
        Row(
            source="t",
            provider=provider,
            upstream_model="gpt-x",
            pricing=Pricing(prompt=Pico(prompt), completion=Pico(600_000), input_cache_read=Pico(75_000)),
            context_length=context,
            reasoning=True,
        )
        for provider, prompt, context in (("openai", 150_000, 100), ("azure", 140_000, 90))
    ]
    return merge([*rows, *sample_rows("fake", ["echo", "embed"])], (), providers, built=1.0).snapshot


def bundled() -> CatalogSnapshot:
    rows = bundled_rows(1_795_000_000.0, {})
    providers = {row.provider: Provider(slug=row.provider, name=row.provider) for row in rows}
    return merge(rows, (), providers, built=1.0).snapshot


def test_a_model_object_has_every_compulsory_key_and_prices_as_strings() -> None:
    catalog = snapshot()
    shape = model_object(catalog.models["openai/gpt-x"], catalog)

    assert set(shape) >= COMPULSORY
    assert shape["pricing"] == {"prompt": "0.00000015", "completion": "0.0000006", "input_cache_read": "0.000000075"}
    assert shape["architecture"]["modality"] == "text->text"
    assert shape["reasoning"]["mandatory"] is False


def test_the_model_object_is_what_the_schema_wants() -> None:
    catalog = snapshot("openai")
    for model in catalog.models.values():
        check({"data": model_object(model, catalog)}, "ModelResponse")


def test_the_endpoints_are_what_the_schema_wants() -> None:
    catalog = snapshot()
    for model in catalog.models.values():
        check(endpoints_object(model, catalog), "ListEndpointsResponse")


def test_the_listing_of_the_bundled_catalog_is_what_the_schema_wants() -> None:
    schemas()
    catalog = bundled()
    listing = Listing(catalog, NOTHING_MEASURED, PriceWeights(), 1.0)
    reply = msgspec.json.decode(listing.models_reply(Query(output_modalities=None), 1.0))

    assert reply["total_count"] == len(reply["data"]) > 400
    check(reply, "ModelsListResponse")
    for model in list(catalog.models.values())[::40]:
        check(endpoints_object(model, catalog), "ListEndpointsResponse")


def test_the_cheapest_endpoint_that_can_be_called_stands_for_the_model() -> None:
    for usable, shown in ((("openai",), "openai"), (("openai", "azure"), "azure")):
        catalog = snapshot(*usable)
        endpoint = default_endpoint(catalog.models["openai/gpt-x"], catalog)

        assert endpoint is not None
        assert endpoint.provider == shown


def test_the_makers_own_endpoint_stands_for_a_model_that_nobody_can_call() -> None:
    catalog = snapshot()
    shape = model_object(catalog.models["openai/gpt-x"], catalog)

    assert shape["top_provider"]["context_length"] == 100
    assert shape["context_length"] == 100


def test_every_model_is_listed_until_a_real_provider_hides_the_fake_ones() -> None:
    assert len(listed_models(snapshot())) == 3
    assert len(listed_models(snapshot("fake"))) == 3
    assert [model.id for model in listed_models(snapshot("groq", "fake"))] == ["openai/gpt-x"]


def test_what_health_has_measured_stands_in_the_endpoint_object() -> None:
    catalog = snapshot()
    model = catalog.models["openai/gpt-x"]
    shape = endpoint_object(
        model, model.endpoints[0], catalog.providers["openai"], {"status": -1, "uptime_last_5m": 99.5}
    )

    assert (shape["status"], shape["uptime_last_5m"], shape["uptime_last_1d"]) == (-1, 99.5, None)
    assert shape["name"] == "Openai | openai/gpt-x"


def test_a_service_tier_never_stands_for_the_model_while_there_is_another_offer() -> None:
    providers = {"openai": Provider(slug="openai", name="OpenAI", usable=True)}
    usual = Row(source="t", provider="openai", upstream_model="gpt-x", pricing=Pricing(prompt=Pico(10)))
    flex = replace(usual, service_tier="flex", pricing=Pricing(prompt=Pico(5)))
    both = merge([flex, usual], (), providers, built=1.0).snapshot
    alone = merge([flex], (), providers, built=1.0).snapshot

    assert model_object(both.models["openai/gpt-x"], both)["pricing"]["prompt"] == "0.00000000001"
    assert model_object(alone.models["openai/gpt-x"], alone)["pricing"]["prompt"] == "0.000000000005"
