import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.catalog.rows import Row
from turnout.catalog.sources import litellm
from turnout.catalog.sources.listing import UnreadableListing


def _rows(**entries: object) -> tuple[Row, ...]:
    return litellm.parse(json.dumps(entries).encode(), {"moonshot": "moonshotai"}, "2026-11-20")


_ENTRY: dict[str, Any] = {
    "litellm_provider": "openai", "mode": "chat", "max_input_tokens": 1000, "max_output_tokens": 10.0,
    "input_cost_per_token": 1.5e-07, "output_cost_per_token": 6e-07, "cache_read_input_token_cost": 7.5e-08,
    "deprecation_date": "2027-03-01", "supports_reasoning": True, "base_url": "http://127.0.0.1",
}  # fmt: skip


def test_an_entry_becomes_a_row_with_exact_prices() -> None:
    (row,) = _rows(**{"gpt-x": _ENTRY})
    assert row.pricing is not None
    assert (row.pricing.prompt, row.pricing.completion, row.pricing.input_cache_read) == (150_000, 600_000, 75_000)
    assert (row.expiration_date, row.context_length, row.max_completion_tokens) == ("2027-03-01", 1000, 10)
    assert row.price_list_only


def test_service_tiers_are_rows_of_their_own() -> None:
    usual, flex = _rows(
        **{"gpt-x": _ENTRY | {"input_cost_per_token_flex": 7.5e-08, "output_cost_per_token_flex": 3e-07}}
    )
    assert (usual.service_tier, flex.service_tier) == (None, "flex")
    assert flex.pricing is not None
    assert (flex.pricing.prompt, flex.pricing.completion) == (75_000, 300_000)


@pytest.mark.parametrize(
    ("name", "provider", "slug", "upstream"),
    [
        ("gemini/gemini-x", "gemini", "google", "gemini-x"),
        ("moonshot/kimi", "moonshot", "moonshotai", "kimi"),
        ("together_ai/org/m", "together_ai", "together", "org/m"),
        ("some_host/m", "some_host", "some-host", "m"),
    ],
)
def test_providers_have_our_slugs_and_models_their_own_names(
    name: str, provider: str, slug: str, upstream: str
) -> None:
    (row,) = _rows(**{name: _ENTRY | {"litellm_provider": provider}})
    assert (row.provider, row.upstream_model) == (slug, upstream)


def test_what_has_another_shape_costs_only_itself() -> None:
    rows = _rows(
        sample_spec={"litellm_provider": "one of …", "max_input_tokens": "max"}, a=1, b={"mode": "chat"}, ok=_ENTRY
    )
    assert [row.upstream_model for row in rows] == ["ok"]


@pytest.mark.parametrize("price", [-1, 1e30])
def test_a_price_that_is_none_leaves_the_rest(price: float) -> None:
    (row,) = _rows(m=_ENTRY | {"input_cost_per_token": price})
    assert (row.pricing, row.expiration_date) == (None, "2027-03-01")


@given(
    st.dictionaries(
        st.sampled_from([*_ENTRY]),
        st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text() | st.lists(st.none()),
    )
)
def test_whatever_an_entry_holds_it_does_no_harm(changes: dict[str, object]) -> None:
    _rows(m=_ENTRY | changes)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"a":' * 10_000])
def test_what_is_no_object_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableListing):
        litellm.parse(body, {}, "2026-11-20")
