from __future__ import annotations

import json
import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.query.canonical import canonical_json, content_id, float_text, is_id, through_decimal
from vectors import vectors

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def test_numbers_are_written_as_published() -> None:
    for vector in vectors()["number_format"]:
        assert float_text(float(vector["value"])) == vector["text"]


def test_published_texts_have_their_published_ids() -> None:
    for group in ("query_dialect", "score_dialect", "score_dialect_early_layout"):
        for vector in vectors()[group]:
            assert content_id(vector["canonical"]) == vector["id"]
    early = vectors()["score_dialect_early_layout"][0]
    assert content_id('{"type":"static"}' + 3 * early["id"]) == early["model_of_three"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.5e-7, "1.5e-7"),
        (1.2345678901234568e17, "1.2345678901234568e17"),
        (1234567890123456.0, "1234567890123456.0"),
        (0.000012, "0.000012"),
        (0.0000012, "1.2e-6"),
        (-2.0, "-2.0"),
        (-0.5, "-0.5"),
        (5e-324, "5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e308"),
        (100.0, "100.0"),
    ],
)
def test_exponents_begin_where_rust_begins_them(value: float, text: str) -> None:
    assert float_text(value) == text


@given(NUMBERS)
def test_a_number_reads_back_as_itself_and_looks_like_a_float(value: float) -> None:
    text = float_text(value)
    assert float(text) == value
    assert re.fullmatch(r"-?\d+\.\d+|-?\d(\.\d+)?e-?[1-9]\d*", text)
    assert len(re.sub(r"[-.]|e.*", "", text).strip("0")) <= 17


@given(VALUES)
def test_canonical_json_reads_back_as_what_it_was(value: object) -> None:
    assert json.loads(canonical_json(value)) == value


@given(st.text())
def test_texts_are_escaped_as_little_as_json_allows(text: str) -> None:
    assert canonical_json(text) == json.dumps(text, ensure_ascii=False)


@given(st.text())
def test_ids_have_one_form_and_are_stable(text: str) -> None:
    name = content_id(text)
    assert is_id(name)
    assert name == content_id(text)


@pytest.mark.parametrize("text", ["", "0" * 21, "0" * 23, "-" + "0" * 21, "0" * 21 + "é", "0" * 21 + "\n"])
def test_what_has_another_form_is_no_id(text: str) -> None:
    assert not is_id(text)


def test_22_characters_of_the_alphabet_are_an_id_though_no_hash_is_that_large() -> None:
    assert is_id("z" * 22)


def test_a_weight_that_comes_back_changed_from_a_decimal_is_hashed_so() -> None:
    assert through_decimal(0.41338181851550476) == 0.4133818185155048


@given(st.floats(1e-12, 1e15))
def test_weights_change_by_the_last_digit_at_most_and_only_once(weight: float) -> None:
    once = through_decimal(weight)
    assert abs(Decimal(once) - Decimal(weight)) <= Decimal(weight) * Decimal(2) ** -51
    assert through_decimal(once) == pytest.approx(once, rel=2**-51)


@pytest.mark.parametrize("weight", [0.1, 0.2, 0.5, 1.0, 2.5, 10.0, 100.0, 1e15, 0.05])
def test_short_weights_are_hashed_as_they_are(weight: float) -> None:
    assert through_decimal(weight) == weight
