import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.catalog.sources import openrouter
from turnout.catalog.sources.listing import UnreadableListing

_ENTRY: dict[str, Any] = {
    "id": "acme/Tiny-1",
    "canonical_slug": "acme/tiny-1-20250131",
    "name": "Acme: Tiny",
    "created": 1_700_000_000,
    "description": "Small.",
    "context_length": 1000,
    "knowledge_cutoff": "2025-01-31",
    "expiration_date": "2027-02-28T00:00:00Z",
    "hugging_face_id": "acme/Tiny",
    "architecture": {
        "input_modalities": ["text", "image"], "output_modalities": ["text"], "tokenizer": "Llama3",
        "instruct_type": "chatml",
    },
    "top_provider": {"max_completion_tokens": 50},
    "pricing": {"prompt": "0.000001", "completion": "0.000002"},
    "supported_parameters": ["temperature", "reasoning", "unknown_one"],
    "reasoning": {"mandatory": True, "supported_efforts": ["high", "low", "odd"], "default_effort": "low"},
    "benchmarks": {
        "artificial_analysis": {"intelligence_index": 31.5, "coding_index": None, "agentic_index": 1e9},
        "design_arena": [{"arena": "web", "category": "all", "elo": 1200, "win_rate": 0.6, "rank": 1}, 7],
    },
}  # fmt: skip
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*_ENTRY, "tag", "data"]), inner),
    max_leaves=12,
)


def _models(*entries: object) -> bytes:
    return json.dumps({"data": entries}).encode()


def test_a_model_comes_with_everything_that_is_said_of_it() -> None:
    (row,) = openrouter.parse_models(_models(_ENTRY), "2026-11-20")
    assert (row.source, row.fetched, row.provider, row.model) == (
        "openrouter",
        "2026-11-20",
        "openrouter",
        "acme/tiny-1",
    )
    assert (row.canonical_slug, row.upstream_model) == ("acme/tiny-1-20250131", "acme/Tiny-1")
    assert (row.knowledge_cutoff, row.expiration_date) == ("2025-01-31", "2027-02-28")
    assert (row.tokenizer, row.instruct_type, row.hugging_face_id) == ("Llama3", "chatml", "acme/Tiny")
    assert row.supported_parameters == ("temperature", "reasoning")
    assert row.max_completion_tokens == 50
    assert row.reasoning_support is not None
    assert row.reasoning_support.supported_efforts == ("low", "high")
    assert row.benchmarks is not None
    assert (row.benchmarks.intelligence_index, row.benchmarks.agentic_index) == (31.5, None)
    assert [score.elo for score in row.benchmarks.design_arena] == [1200.0]


def test_names_for_the_newest_of_a_family_are_no_models() -> None:
    assert openrouter.parse_models(_models(_ENTRY | {"id": "~acme/tiny-latest"}), "2026-11-20") == ()


def test_endpoints_are_facts_about_offers_of_ours_without_prices() -> None:
    entries = [
        {"tag": "deepinfra/fp8", "context_length": 7, "max_completion_tokens": 3, "quantization": "unknown",
         "pricing": _ENTRY["pricing"], "supports_implicit_caching": True, "supported_parameters": ["seed"]},
        {"tag": "google-vertex/europe", "context_length": 8},
        {"tag": "openai/flex", "context_length": 9},
        {"tag": "openrouter"},
        {"tag": "<b>"},
        {"provider_name": "No Tag"},
        3,
    ]  # fmt: skip
    body = json.dumps({"data": {"id": "acme/tiny-1", "endpoints": entries}}).encode()
    first, second, third = openrouter.parse_endpoints("acme/tiny-1", body, {"google-vertex": "vertex"}, "2026-11-20")
    assert (first.provider, first.upstream_model, first.model) == ("deepinfra", "", "acme/tiny-1")
    assert (first.quantization, first.tag, first.pricing) == ("fp8", None, None)
    assert (first.context_length, first.supported_parameters, first.implicit_caching) == (7, ("seed",), True)
    assert (second.provider, second.tag, second.quantization) == ("vertex", "europe", None)
    assert second.service_tier is None
    assert (third.tag, third.service_tier) == (None, "flex")


@given(_JSON, _JSON)
def test_whatever_comes_is_rows_or_unreadable(entry: object, document: object) -> None:
    for body in (_models(entry), json.dumps(document).encode(), json.dumps({"data": document}).encode()):
        for parse in (
            lambda b: openrouter.parse_models(b, "2026-11-20"),
            lambda b: openrouter.parse_endpoints("a/b", b, {}, "2026-11-20"),
            openrouter.entry_digests,
        ):
            try:
                parse(body)
            except UnreadableListing:
                continue


@pytest.mark.parametrize("body", [b"", b"[]", b"7", b'{"data": 1}', b"[" * 100_000, b"\xff"])
def test_what_is_no_list_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableListing):
        openrouter.parse_models(body, "2026-11-20")
    with pytest.raises(UnreadableListing):
        openrouter.parse_endpoints("a/b", body, {}, "2026-11-20")


def test_digests_tell_changed_models() -> None:
    before, after = (openrouter.entry_digests(_models(_ENTRY | {"context_length": n})) for n in (1, 2))
    assert before.keys() == after.keys() == {"acme/Tiny-1"}
    assert before != after
