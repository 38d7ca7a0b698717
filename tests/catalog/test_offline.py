"""Before any network is touched, the catalog is already large and knows every model that documents speak of."""

import os
import re
from functools import cache
from pathlib import Path

import pytest

from turnout import config
from turnout.app.catalog import provider_aliases
from turnout.app.providers import providers_of
from turnout.catalog.build import Merge, merge
from turnout.catalog.compose import MODEL_FACTS
from turnout.catalog.ours import our_facts, our_rows
from turnout.catalog.sources.bundled import bundled_rows
from turnout.domain.catalog import CatalogSnapshot

NOW = 1_795_000_000.0
DOCUMENTED = {
    "openai/gpt-5.4": 1_000_000,
    "openai/gpt-5.4-mini": 1_000_000,
    "anthropic/claude-sonnet-4.6": 1_000_000,
    "anthropic/claude-opus-4.6": 1_000_000,
    "google/gemini-3.1-pro-preview": 1_000_000,
    "google/gemini-3-flash-preview": 1_000_000,
    "google/gemini-3.1-flash-lite": 1_000_000,
    "x-ai/grok-4.20": 256_000,
    "qwen/qwen3.5-plus": 128_000,
    "moonshotai/kimi-k2": 128_000,
}


@cache
def merged() -> Merge:
    providers, _ = providers_of(config.Settings(), {}, "http://127.0.0.1:1/v1")
    rows = (*bundled_rows(NOW, provider_aliases()), *our_rows())
    return merge(rows, (), providers, built=NOW, known=our_facts())


def snapshot() -> CatalogSnapshot:
    return merged().snapshot


def test_450_models_have_a_price_a_context_and_modalities() -> None:
    whole = [
        model
        for model in snapshot().models.values()
        if model.context_length
        and model.input_modalities
        and model.output_modalities
        and any(endpoint.priced for endpoint in model.endpoints)
    ]

    assert len(whole) >= 450


def test_there_are_1500_endpoints_and_250_models_of_two_providers() -> None:
    models = snapshot().models.values()

    assert sum(len(model.endpoints) for model in models) >= 1500
    assert sum(len({endpoint.provider for endpoint in model.endpoints}) > 1 for model in models) >= 250


@pytest.mark.parametrize("model_id", DOCUMENTED)
def test_documented_models_have_their_documented_context(model_id: str) -> None:
    model = snapshot().find(model_id)

    assert model is not None
    assert model.endpoints
    assert model.context_length == pytest.approx(DOCUMENTED[model_id], rel=0.06)
    assert max(endpoint.context_length or 0 for endpoint in model.endpoints) == model.context_length


@pytest.mark.parametrize(
    ("name", "model_id"),
    [
        ("anthropic/claude-3-5-sonnet", "anthropic/claude-3.5-sonnet"),
        ("openai/gpt-4:free", "openai/gpt-4"),
        ("openai/gpt-5.4:nitro", "openai/gpt-5.4"),
        ("openrouter/auto", "openrouter/auto"),
        ("google/gemini-2.5-pro-preview", "google/gemini-2.5-pro-preview"),
        ("Anthropic/Claude-3-Haiku-20240307", "anthropic/claude-3-haiku"),
    ],
)
def test_aliases_and_suffixes_lead_to_the_model(name: str, model_id: str) -> None:
    model = snapshot().base_of(name)

    assert model is not None
    assert model.id == model_id


def test_every_model_that_the_documents_name_is_found() -> None:
    folder = Path(os.environ.get("TURNOUT_TEST_DATA") or "") / "mission"
    if not os.environ.get("TURNOUT_TEST_DATA") or not folder.is_dir():
        pytest.skip("TURNOUT_TEST_DATA names no folder with mission pages")
    authors = {model_id.partition("/")[0] for model_id in snapshot().models}
    text = "\n".join(page.read_text() for page in folder.glob("*.txt"))
    named = {name for name in re.findall(r"[a-z0-9-]+/[a-z0-9][\w.:-]*\w", text) if name.partition("/")[0] in authors}

    assert len(named) >= 15
    assert [name for name in sorted(named) if snapshot().base_of(name) is None] == []


def test_the_newest_of_a_family_is_a_concrete_model_and_nobody_can_be_called_without_credentials() -> None:
    catalog = snapshot()

    assert len(catalog.latest) >= 20
    assert {"~anthropic/claude-sonnet-latest", "~openai/gpt-latest", "~google/gemini-pro-latest"} <= set(catalog.latest)
    for alias, model_id in catalog.latest.items():
        assert not model_id.startswith("~")
        assert catalog.models[model_id].endpoints
        assert catalog.find(alias) is catalog.models[model_id]
    assert catalog.latest_callable == {}


def test_embedders_write_embeddings() -> None:
    embedders = {model.id for model in snapshot().models.values() if model.output_modalities == ("embeddings",)}

    assert len(embedders) >= 30
    assert {
        "openai/text-embedding-3-small", "google/gemini-embedding-001", "cohere/embed-v4.0", "baai/bge-m3",
        "mistralai/mistral-embed", "qwen/qwen3-embedding-8b",
    } <= embedders  # fmt: skip


def test_service_tiers_stand_beside_the_usual_offer() -> None:
    endpoints = snapshot().models["openai/gpt-5"].endpoints
    by_tag = {endpoint.tag: endpoint for endpoint in endpoints}

    assert by_tag["openai/flex"].service_tier == "flex"
    assert (
        by_tag["openai/flex"].pricing.prompt
        < by_tag["openai"].pricing.prompt
        < by_tag["openai/priority"].pricing.prompt
    )
    assert endpoints[0].tag == "openai"


def test_long_prompts_have_their_own_price() -> None:
    (first, *_) = snapshot().models["google/gemini-2.5-pro"].endpoints
    (override,) = first.pricing.overrides

    assert (first.provider, override.min_prompt_tokens) == ("google", 200_000)
    assert override.prices["prompt"] == 2 * first.pricing.prompt


def test_every_value_has_an_origin() -> None:
    provenance = merged().provenance()

    assert provenance.keys() == snapshot().models.keys()
    for model_id, model in snapshot().models.items():
        found = provenance[model_id]
        stated = {name for name in MODEL_FACTS if getattr(model, name) not in (None, "", (), 0, False)}
        assert stated <= found.fields.keys()
        assert {endpoint.id for endpoint in model.endpoints} == found.endpoints.keys()
        for endpoint in model.endpoints:
            assert ("pricing" in found.endpoints[endpoint.id]) is endpoint.priced


def test_every_model_is_described_in_plain_text() -> None:
    for model in snapshot().models.values():
        assert model.description
        assert model.name.strip() == model.name != ""
        if model.generated_description:
            assert not re.search(r"[<>{}]|None|\b0 tokens", model.description)


@pytest.mark.parametrize(
    ("model_id", "provider", "upstream", "per_million"),
    [
        ("openai/text-embedding-3-small", "openai", "text-embedding-3-small", 20_000),
        ("openai/text-embedding-3-large", "openai", "text-embedding-3-large", 130_000),
        ("google/gemini-embedding-001", "google", "gemini-embedding-001", 150_000),
        ("cohere/embed-v4.0", "cohere", "embed-v4.0", 120_000),
        ("voyageai/voyage-3.5", "voyageai", "voyage-3.5", 60_000),
        ("mistralai/mistral-embed", "mistral", "mistral-embed", 100_000),
        ("amazon/titan-embed-text-v2", "bedrock", "amazon.titan-embed-text-v2:0", 20_000),
    ],
)
def test_embedding_models_are_offered_by_their_makers_at_their_prices(
    model_id: str, provider: str, upstream: str, per_million: int
) -> None:
    model = snapshot().models[model_id]
    [endpoint] = [one for one in model.endpoints if one.provider == provider]

    assert model.output_modalities == ("embeddings",)
    assert not model.assumed_outputs
    assert (endpoint.upstream_model, endpoint.pricing.prompt) == (upstream, per_million)
