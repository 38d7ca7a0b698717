"""models.dev's document becomes rows with exact prices."""

import json
from typing import Any

import msgspec
import pytest

from turnout.base.money import Pico
from turnout.catalog.rows import Row
from turnout.catalog.sources import models_dev
from turnout.domain.usage import PriceOverride


def document(model: dict[str, Any], **provider: object) -> bytes:
    entry = {"id": "m", "name": "M", "limit": {"context": 8192, "output": 4096}, **model}
    return json.dumps({"p": {"id": "p", "models": {entry["id"]: entry}, **provider}}).encode()


def one(model: dict[str, Any], **provider: object) -> Row:
    (row,) = models_dev.parse(document(model, **provider))
    return row


def test_a_price_per_million_is_exact_per_token() -> None:
    row = one({"cost": {"input": 0.1, "output": 0.4, "cache_read": 0.025}})

    assert row.pricing is not None
    assert (row.pricing.prompt, row.pricing.completion, row.pricing.input_cache_read) == (100_000, 400_000, 25_000)
    assert not row.rounded


def test_a_price_finer_than_a_pico_dollar_is_rounded_and_noted() -> None:
    row = one({"cost": {"input": 0.08333333333333334, "output": 1}})

    assert row.pricing is not None
    assert row.pricing.prompt == 83_333
    assert row.rounded


@pytest.mark.parametrize("cost", [{"input": 1}, {"input": -1, "output": 2}, {"input": 1e300, "output": 2}, {}])
def test_what_is_no_price_leaves_the_model_unpriced(cost: dict[str, float]) -> None:
    assert one({"cost": cost}).pricing is None


def test_a_cache_price_of_zero_is_unknown_not_free() -> None:
    row = one({"cost": {"input": 1, "output": 2, "cache_read": 0}})

    assert row.pricing is not None
    assert row.pricing.input_cache_read is None


def test_modalities_and_dates_are_read_in_our_words() -> None:
    row = one(
        {
            "modalities": {"input": ["text", "pdf", "hologram"], "output": ["text"]},
            "release_date": "2024-10",
            "knowledge": "2024-04-30",
        }
    )

    assert row.input_modalities == ("text", "file")
    assert row.output_modalities == ("text",)
    assert (row.created, row.knowledge_cutoff) == (1727740800, "2024-04-30")


def test_what_a_model_cannot_do_is_known() -> None:
    row = one({"tool_call": False, "reasoning": False, "modalities": {"input": ["text"], "output": ["text"]}})

    assert row.without is not None
    assert {"tools", "tool_choice", "reasoning"} <= set(row.without)
    assert "temperature" not in row.without


@pytest.mark.parametrize(
    ("name", "output"),
    [("text-embedding-3-small", "embeddings"), ("rerank-v4", "rerank"), ("whisper-large-v3", "transcription")],
)
def test_models_that_do_not_chat_are_told_by_their_names(name: str, output: str) -> None:
    assert one({"id": name, "modalities": {"input": ["text"], "output": ["text"]}}).output_modalities == (output,)


def test_servers_on_the_own_machine_are_left_out() -> None:
    assert models_dev.parse(document({}, api="http://127.0.0.1:1234/v1")) == ()


def test_of_a_broken_model_only_the_name_remains() -> None:
    both = {"p": {"id": "p", "models": {"a": {"id": 7}, "b": {"id": "b"}}}, "q": []}

    broken, whole = models_dev.parse(json.dumps(both).encode())
    assert broken == Row(source="models.dev", provider="p", upstream_model="a")
    assert whole.upstream_model == "b"


def test_a_document_that_is_no_object_is_an_error() -> None:
    with pytest.raises(msgspec.DecodeError):
        models_dev.parse(b"[]")


def test_the_installed_package_has_thousands_of_priced_rows() -> None:
    rows = models_dev.parse(models_dev.packaged())

    assert len(rows) > 4000
    assert sum(row.pricing is not None for row in rows) > 0.9 * len(rows)


def test_the_price_of_long_prompts_is_an_override() -> None:
    cost = {
        "input": 1.25,
        "output": 10,
        "context_over_200k": {"input": 9, "output": 9},
        "tiers": [
            {"input": 5, "output": 20, "tier": {"type": "context", "size": 500000}},
            {"input": 2.5, "output": 15, "cache_read": 0, "tier": {"type": "context", "size": 272000}},
            {"input": 7, "output": 7, "tier": {"type": "phase of the moon", "size": 1}},
        ],
    }
    pricing = one({"cost": cost}).pricing

    assert pricing is not None
    assert pricing.overrides == (
        PriceOverride(prices={"prompt": Pico(2_500_000), "completion": Pico(15_000_000)}, min_prompt_tokens=272_000),
        PriceOverride(prices={"prompt": Pico(5_000_000), "completion": Pico(20_000_000)}, min_prompt_tokens=500_000),
    )


def test_an_older_document_tells_of_200k_only() -> None:
    pricing = one({"cost": {"input": 1, "output": 2, "context_over_200k": {"input": 3}}}).pricing

    assert pricing is not None
    assert pricing.overrides == (PriceOverride(prices={"prompt": Pico(3_000_000)}, min_prompt_tokens=200_000),)


@pytest.mark.parametrize("tier", [{"input": -1, "tier": {"size": 5}}, {"input": 3, "tier": {"size": -5}}])
def test_a_tier_that_is_no_price_leaves_the_model_unpriced(tier: dict[str, Any]) -> None:
    assert one({"cost": {"input": 1, "output": 2, "tiers": [tier]}}).pricing is None


def test_a_mode_that_is_a_service_tier_is_a_row_of_its_own() -> None:
    def mode(**request: object) -> dict[str, object]:
        return {"cost": {"input": 5, "output": 9}, "provider": request}

    modes = {
        "fast": mode(body={"service_tier": "priority"}),
        "slow": mode(body={"service_tier": "batch"}),
        "odd": mode(body={"service_tier": "flex"}, headers={"x": "y"}),
        "speedy": mode(body={"speed": "fast"}),
    }
    rows = models_dev.parse(document({"cost": {"input": 1, "output": 2}, "experimental": {"modes": modes}}))

    assert [(row.service_tier, row.pricing and row.pricing.prompt) for row in rows] == [
        (None, 1_000_000),
        ("priority", 5_000_000),
    ]


def test_deprecation_and_open_weights_are_told() -> None:
    assert one({"status": "deprecated", "open_weights": True}).deprecated is True
    assert one({"status": "beta"}).deprecated is None
    assert one({"open_weights": True}).open_weights is True


def test_rows_name_the_source_and_the_day_that_the_caller_gives() -> None:
    (row,) = models_dev.parse(document({}), "here", "2026-11-20")

    assert row.origin_of("context_length") == ("here", "2026-11-20")


@pytest.mark.parametrize("entry", [{"id": "x" * 201}, {"id": "a\nb"}, {"limit": {"context": -5}}])
def test_absurd_entries_are_left_out_or_lose_the_fact(entry: dict[str, Any]) -> None:
    assert [row.context_length for row in models_dev.parse(document(entry))] in ([], [None])
