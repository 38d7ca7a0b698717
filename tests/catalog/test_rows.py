"""Prices of sources become whole pico-dollars."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.base.money import MAX_PICO, dollars
from turnout.catalog.rows import per_million_to_pico, per_unit_to_pico


@given(st.integers(0, 10**15))
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


def test_the_largest_price_that_is_stored_is_the_limit_of_money() -> None:
    assert per_unit_to_pico(Decimal(MAX_PICO).scaleb(-12)) == (MAX_PICO, False)
    assert per_unit_to_pico(Decimal(MAX_PICO + 1).scaleb(-12)) is None
