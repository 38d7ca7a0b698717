"""models.dev's document becomes rows with exact prices."""

import json
from typing import Any

import msgspec
import pytest

from turnout.catalog.rows import Row
from turnout.catalog.sources import models_dev


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
