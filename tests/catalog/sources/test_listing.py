"""A provider's own list of models is read in each shape that is met, and trusted in none."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.catalog.rows import Row
from turnout.catalog.sources.listing import UnreadableListing, parse

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(
        ["data", "models", "id", "name", "pricing", "prompt", "meta", "created", "context_length", "architecture"]
    ), inner, max_size=5),
    max_leaves=12,
)  # fmt: skip


def entries(*models: dict[str, Any]) -> tuple[Row, ...]:
    return parse("acme", json.dumps({"object": "list", "data": models}).encode())


def test_openais_shape() -> None:
    (row,) = entries({"id": "gpt-x", "object": "model", "created": 1_700_000_000, "owned_by": "openai"})

    assert (row.provider, row.upstream_model, row.created, row.pricing) == ("acme", "gpt-x", 1_700_000_000, None)


def test_openrouters_shape_with_exact_prices() -> None:
    (row,) = entries(
        {
            "id": "a/b",
            "name": "A: B",
            "context_length": 131072,
            "architecture": {"input_modalities": ["text", "image"], "output_modalities": ["text"]},
            "pricing": {"prompt": "0.00000015", "completion": "0.0000006", "input_cache_read": "0.000000075"},
            "top_provider": {"max_completion_tokens": 16384},
            "supported_parameters": ["tools", "seed", "made_up"],
        }
    )

    assert row.pricing is not None
    assert (row.pricing.prompt, row.pricing.completion, row.pricing.input_cache_read) == (150_000, 600_000, 75_000)
    assert (row.name, row.context_length, row.max_completion_tokens) == ("A: B", 131072, 16384)
    assert row.input_modalities == ("text", "image")
    assert row.supported_parameters == ("seed", "tools")


def test_vllm_llama_cpp_and_groq_state_the_context_each_in_their_way() -> None:
    vllm, llama, groq = entries(
        {"id": "v", "max_model_len": 4096},
        {"id": "l", "meta": {"n_ctx_train": 8192}},
        {"id": "g", "context_window": 131072, "max_completion_tokens": 32768},
    )

    assert (vllm.context_length, llama.context_length, groq.context_length) == (4096, 8192, 131072)
    assert groq.max_completion_tokens == 32768


def test_ollamas_tags_and_geminis_models() -> None:
    (ollama,) = parse("ollama", b'{"models":[{"name":"llama3.1:8b","model":"llama3.1:8b","size":1}]}')
    (gemini,) = parse(
        "google", b'{"models":[{"name":"models/gemini-x","displayName":"Gemini X","inputTokenLimit":1000}]}'
    )

    assert ollama.upstream_model == "llama3.1:8b"
    assert (gemini.upstream_model, gemini.name, gemini.context_length) == ("gemini-x", "Gemini X", 1000)


def test_a_bare_list_is_read_too() -> None:
    assert [row.upstream_model for row in parse("together", b'[{"id":"x"},{"id":"y"},{"id":"x"}]')] == ["x", "y"]


@pytest.mark.parametrize("prompt", ["-1", "x", "", "1e40", "NaN", 0.1])
def test_what_is_no_price_leaves_the_model_unpriced(prompt: object) -> None:
    (row,) = entries({"id": "m", "pricing": {"prompt": prompt, "completion": "0.1"}})

    assert row.pricing is None


@pytest.mark.parametrize("value", [-1, 0, True, "8192", 10**30, [], None])
def test_a_length_that_is_no_length_is_unknown(value: object) -> None:
    (row,) = entries({"id": "m", "context_length": value})

    assert row.context_length is None


def test_names_that_cannot_be_names_are_left_out() -> None:
    assert entries({"id": ""}, {"id": 7}, {"id": "a\nb"}, {"id": "x" * 500}, {}) == ()


@pytest.mark.parametrize("body", [b"", b"<html>", b"7", b"{}", b'{"data":7}', b"[" * 100_000])
def test_an_answer_of_no_known_shape_is_refused(body: bytes) -> None:
    with pytest.raises(UnreadableListing):
        parse("acme", body)


@given(JSON)
def test_any_json_is_rows_or_refused(document: object) -> None:
    try:
        rows = parse("acme", json.dumps(document).encode())
    except UnreadableListing:
        return
    assert all(row.upstream_model.strip() for row in rows)
