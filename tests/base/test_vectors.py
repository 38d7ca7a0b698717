"""Vectors go from numbers to base64 and back without a change of any float32."""

from __future__ import annotations

import json
import struct
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from turnout.base.jsons import BadJSON
from turnout.base.vectors import as_base64, as_numbers, in_form

_FLOATS = st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1)


@given(_FLOATS)
def test_a_vector_survives_both_ways(numbers: list[float]) -> None:
    text = as_base64(Raw(json.dumps(numbers).encode()))
    assert in_form(text, base64=True) is text
    back = as_numbers(text)
    assert in_form(back, base64=False) is back
    assert json.loads(bytes(back)) == numbers
    assert in_form(text, base64=False) == back
    assert in_form(back, base64=True) == text


@given(_FLOATS)
def test_the_text_is_little_endian_float32(numbers: list[float]) -> None:
    packed = struct.pack(f"<{len(numbers)}f", *numbers)
    assert json.loads(bytes(as_base64(Raw(json.dumps(numbers).encode())))) == b64encode(packed).decode()


@given(st.lists(st.floats(-1, 1), min_size=1))
def test_numbers_are_rounded_to_the_nearest_float32(numbers: list[float]) -> None:
    back = json.loads(bytes(as_numbers(as_base64(Raw(json.dumps(numbers).encode())))))
    assert back == [struct.unpack("<f", struct.pack("<f", number))[0] for number in numbers]


@pytest.mark.parametrize("vector", ["[]", '["a"]', "[1,null]", "[1e39]", "[1e400]", "{}", "null", "3"])
def test_what_is_no_list_of_numbers_becomes_no_text(vector: str) -> None:
    with pytest.raises(BadJSON):
        as_base64(Raw(vector.encode()))


@pytest.mark.parametrize(
    "vector", ['""', '"AAA="', '"not base64!"', '"AADAfw=="', '"AACAfw=="', '"é"', "null", "[1]", '"AAAA AAA"']
)
def test_what_is_no_text_of_numbers_becomes_no_list(vector: str) -> None:
    with pytest.raises(BadJSON):
        as_numbers(Raw(vector.encode()))


@pytest.mark.parametrize("base64", [True, False])
@pytest.mark.parametrize(
    "vector",
    [
        "[]",
        "null",
        "true",
        "{}",
        '{"a":1}',
        '["1"]',
        "[1,null]",
        "[true]",
        "[false]",
        "[[1]]",
        '""',
        '"AAA="',
        '"A A"',
        "7",
    ],
)
def test_neither_form_is_made_of_what_is_no_vector(vector: str, base64: bool) -> None:  # noqa: FBT001 - a parameter of the test
    with pytest.raises(BadJSON):
        in_form(Raw(vector.encode()), base64=base64)


def test_a_text_with_escapes_is_written_anew() -> None:
    assert bytes(in_form(Raw(b'"\\/\\/8AAA=="'), base64=True)) == b'"//8AAA=="'
