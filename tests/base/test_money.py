from __future__ import annotations

from decimal import Context, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.base.money import (
    MAX_PICO,
    PICO_PER_DOLLAR,
    InvalidPrice,
    Pico,
    dollars,
    json_number,
    parse_price,
    per_million,
)

AMOUNTS = st.integers(0, MAX_PICO).map(Pico)
EXACT = Context(prec=200)


@given(AMOUNTS)
def test_an_amount_survives_being_written_and_read(amount: Pico) -> None:
    assert parse_price(dollars(amount)) == amount


@given(st.integers(-MAX_PICO, MAX_PICO).map(Pico))
def test_dollars_are_exact_and_never_scientific(amount: Pico) -> None:
    text = dollars(amount)
    assert Decimal(text).scaleb(12, EXACT) == amount
    assert "e" not in text.lower()
    assert not (("." in text) and text.endswith(("0", ".")))


@given(AMOUNTS)
def test_a_price_for_a_million_is_a_million_prices(amount: Pico) -> None:
    assert Decimal(per_million(amount)).scaleb(12, EXACT) == amount * 10**6


@given(st.integers(0, 10**15).map(Pico))
def test_a_json_number_of_up_to_fifteen_digits_is_exact(amount: Pico) -> None:
    assert Decimal(repr(json_number(amount))) == Decimal(amount) / PICO_PER_DOLLAR


@given(st.decimals(allow_nan=True, allow_infinity=True) | st.text(max_size=20), st.sampled_from(["{}", "{:f}", "{:e}"]))
def test_what_is_read_is_exact_or_refused(value: Decimal | str, form: str) -> None:
    text = (
        form.format(value) if isinstance(value, Decimal) and value.is_finite() and len(str(value)) < 60 else str(value)
    )
    try:
        amount = parse_price(text)
    except InvalidPrice:
        return
    assert 0 <= amount <= MAX_PICO
    assert Decimal(text).scaleb(12, EXACT) == amount


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("0", 0),
        ("0.00000015", 150_000),
        ("1.5e-7", 150_000),
        ("1E1", 10**13),
        ("0.000000000001", 1),
        ("0.000000000001000000000000000000", 1),
        ("9223372.036854775807", MAX_PICO),
    ],
)
def test_prices_are_read(text: str, amount: int) -> None:
    assert parse_price(text) == amount


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "-1", "+1", "1.", ".5", "1,5", "0x1", "NaN", "Infinity", "-0", "1_000", "$1", "1 ", "1\n", "\uff11",
        "0.0000000000001", "1.000000000000000000000000000001", "9223372.036854775808", "1e99", "1e-99", "1e999",
    ],
)  # fmt: skip
def test_what_is_no_price_is_refused(text: str) -> None:
    with pytest.raises(InvalidPrice):
        parse_price(text)


def test_a_million_tokens_at_a_tenth_of_a_microdollar_cost_a_tenth_of_a_dollar() -> None:
    assert dollars(Pico(1_000_000 * parse_price("0.0000001"))) == "0.1"
