from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.query.answers import confidence_id, confidence_text, generate_id
from turnout.query.schemas import schema_of

ANY: dict[str, Any] = {"type": "object"}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5) | st.floats(-1e6, 1e6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


def schema(properties: dict[str, Any], **more: object) -> dict[str, Any]:
    return {"type": "object", "properties": properties} | more


def shuffled(value: object, dice: Random) -> object:
    if isinstance(value, dict):
        entries = [(name, shuffled(inner, dice)) for name, inner in value.items()]
        dice.shuffle(entries)
        return dict(entries)
    if isinstance(value, list):
        items = [shuffled(inner, dice) for inner in value]
        dice.shuffle(items)
        return items
    return value


@given(VALUES, st.integers())
def test_the_order_of_keys_and_items_makes_no_difference(value: object, seed: int) -> None:
    other = shuffled(value, Random(seed))
    assert confidence_id(json.dumps(value), ANY) == confidence_id(json.dumps(other, indent=1), ANY)


@given(st.text())
def test_without_a_schema_or_json_it_is_the_generate_id(text: str) -> None:
    assert confidence_id(text, None) == generate_id(text)
    assert confidence_id(text + "{", ANY) == generate_id(text + "{")


def test_what_makes_no_difference_is_left_out() -> None:
    node = schema({"why": {"type": "string", "_confidence": False}, "answer": {"type": "string"}})
    one = confidence_id('{"answer": "x", "why": "a"}', node)
    assert one == confidence_id('{"why": "b", "answer": "x"}', node) == confidence_id('{"answer":"x"}', node)
    assert one != confidence_id('{"answer": "y", "why": "a"}', node)


def test_it_is_left_out_wherever_it_stands() -> None:
    step = schema({"text": {"_confidence": False}, "kind": {"type": "string"}})
    node = schema({"steps": {"type": "array", "items": {"$ref": "#/$defs/step"}}, "end": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/step"}]}}) | {"$defs": {"step": step}}  # fmt: skip  # noqa: E501 - one schema
    text = '{"steps": [{"text": "a", "kind": "k"}, {"kind": "j"}], "end": {"kind": "z", "text": "b"}}'
    assert confidence_text(text, node) == '{"end":{"kind":"z"},"steps":[{"kind":"j"},{"kind":"k"}]}'
    marked = schema({"a": {"$ref": "#/$defs/step", "_confidence": False}}) | {"$defs": {"step": step}}
    assert confidence_text('{"a": {"kind": "k"}, "b": 1}', marked) == '{"b":1}'


@pytest.mark.parametrize("mark", ["_preserveOrder", "_preserve_order"])
def test_order_counts_where_the_schema_says_so(mark: str) -> None:
    node = schema({"ranking": {"type": "array", mark: True, "items": {"type": "object"}}, "set": {"type": "array"}})
    text = '{"set": [3, 1, 2], "ranking": ["b", "a", {"z": 1, "y": 2}]}'
    assert confidence_text(text, node) == '{"ranking":["b","a",{"y":2,"z":1}],"set":[1,2,3]}'
    assert confidence_text('{"b":1,"a":2}', {mark: True}) == '{"b":1,"a":2}'


def test_alternatives_are_told_apart_by_constants_and_types() -> None:
    kinds = [
        schema({"kind": {"const": "a"}, "note": {"_confidence": False}}, required=["kind"]),
        schema({"kind": {"const": "b"}, "note": {"type": "string"}}, required=["kind"]),
        {"type": "array", "_preserveOrder": True},
    ]
    node = {"oneOf": kinds}
    assert confidence_text('{"kind":"a","note":"n"}', node) == '{"kind":"a"}'
    assert confidence_text('{"kind":"b","note":"n"}', node) == '{"kind":"b","note":"n"}'
    assert confidence_text("[2,1]", node) == "[2,1]"


def test_numbers_that_are_equal_are_equal_answers() -> None:
    assert confidence_text("[1.0, 1e2, -0.0, 0.5]", ANY) == "[0,0.5,1,100]"


@pytest.mark.parametrize(
    "node",
    [
        {"$ref": "#"},
        {"anyOf": [{"$ref": "#"}]},
        {"$ref": "http://x"},
        {"properties": 1},
        {"anyOf": [{"required": [[], {}]}, {}]},
    ],
)
def test_odd_schemas_do_no_harm(node: dict[str, Any]) -> None:
    assert confidence_text('{"b":[2,1],"a":1}', node) == '{"a":1,"b":[1,2]}'


def test_deep_answers_and_bad_numbers_are_texts() -> None:
    for text in ("[" * 5000 + "]" * 5000, "[" * 200 + "]" * 200, "NaN", '{"a": Infinity}', '"\\ud800"'):
        assert confidence_id(text, ANY) == generate_id(text)


def test_only_a_json_schema_counts_as_a_schema() -> None:
    assert schema_of({"type": "json_schema", "json_schema": {"name": "x", "schema": ANY}}) == ANY
    assert schema_of({"type": "json_schema"}) == {}
    for other in (None, {"type": "json_object"}, {"type": "text"}, "json_schema"):
        assert schema_of(other) is None
