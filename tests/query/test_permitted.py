from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from turnout.base.errors import BadRequest
from turnout.query.permitted import MOST_OUTPUTS, permitted_outputs

LEAVES = st.sampled_from(
    [{"enum": ["a", "b"]}, {"enum": [1, None, "ü"]}, {"type": "boolean"}, {"type": "null"}, {"const": {"x": [1]}},
     {"type": "integer", "minimum": -1, "maximum": 2}, {"type": ["boolean", "null"]},
     {"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 9, "multipleOf": 4}]
)  # fmt: skip


def _above(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    names = st.sampled_from(["p", "q"])
    objects = st.builds(
        lambda properties, required: {
            "type": "object", "properties": properties, "additionalProperties": False,
            "required": [name for name in required if name in properties],
        },
        st.dictionaries(names, inner, min_size=1, max_size=2), st.lists(names, unique=True),
    )  # fmt: skip
    lists = st.builds(lambda items: {"type": "array", "items": items, "maxItems": 2}, inner)
    return objects | lists | st.builds(lambda one, other: {"anyOf": [one, other]}, inner, inner)


@given(st.recursive(LEAVES, _above, max_leaves=3))
def test_every_output_fits_the_schema_and_stands_there_once(schema: dict[str, Any]) -> None:
    try:
        outputs = permitted_outputs(schema, 300)
    except BadRequest:
        return
    validator = Draft202012Validator(schema)
    assert all(validator.is_valid(json.loads(output)) for output in outputs)
    assert len(set(outputs)) == len(outputs) <= 300


def test_outputs_come_in_the_order_of_the_schema() -> None:
    schema = {"type": "object", "properties": {"b": {"enum": ["y", "x"]}, "a": {"type": "boolean"}}, "required": ["b"]}
    assert permitted_outputs({"enum": ["high", "low", "mid"]}) == ('"high"', '"low"', '"mid"')
    assert permitted_outputs(schema) == (
        '{"b":"y"}', '{"b":"y","a":true}', '{"b":"y","a":false}',
        '{"b":"x"}', '{"b":"x","a":true}', '{"b":"x","a":false}',
    )  # fmt: skip


def test_sets_are_listed_once_and_orders_where_they_count() -> None:
    items = {"type": "array", "items": {"enum": ["a", "b", "c"]}, "uniqueItems": True, "minItems": 2, "maxItems": 2}
    assert permitted_outputs(items) == ('["a","b"]', '["a","c"]', '["b","c"]')
    assert len(permitted_outputs(items | {"_preserveOrder": True})) == 6


def test_what_makes_no_difference_has_one_value() -> None:
    properties = {
        "why": {"type": "string", "_confidence": False},
        "how": {"enum": ["x", "y"], "_confidence": False},
        "answer": {"type": "boolean"},
    }
    schema = {"type": "object", "properties": properties, "required": ["why", "how", "answer"]}
    assert permitted_outputs(schema) == ('{"why":"","how":"x","answer":true}', '{"why":"","how":"x","answer":false}')


def test_references_are_followed() -> None:
    schema = {"$defs": {"size": {"enum": ["s", "m"]}}, "anyOf": [{"$ref": "#/$defs/size"}, {"type": "null"}]}
    assert permitted_outputs(schema) == ('"s"', '"m"', "null")


@pytest.mark.parametrize(
    "schema",
    [
        {}, {"type": "string"}, {"type": "number"}, {"type": "integer"}, {"type": "integer", "minimum": 0},
        {"type": "object"}, {"type": "array"}, {"type": "array", "items": {"type": "boolean"}}, {"enum": []},
        {"$ref": "#"}, {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]},
        {"type": "array", "items": {"$ref": "#"}, "maxItems": 2},
        {"type": "integer", "minimum": 0, "maximum": MOST_OUTPUTS},
        {"type": "integer", "minimum": 0, "maximum": 10**15, "multipleOf": 3},
        {"type": "array", "items": {"type": "boolean"}, "maxItems": 1000},
        {"type": "object", "properties": {str(n): {"type": "boolean"} for n in range(1000)}},
        {"type": "object", "properties": {str(n): {"$ref": "#", "_confidence": False} for n in range(200)},
         "required": [str(n) for n in range(200)]} | {"enum": []},
        {"type": "object", "properties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}}},
        {"type": "array", "items": {"enum": []}, "minItems": 1, "maxItems": 10**12},
        {"type": "array", "items": {"enum": [1, 2]}, "uniqueItems": True, "minItems": 3, "maxItems": 10**12},
        {"type": "array", "items": {"enum": [1, 2]}, "minItems": 10**9, "maxItems": 10**9},
        {"enum": [[1] * 1000] * 20_000},
        {"$ref": "#/$defs/a0", "$defs": {"a12": {"const": 1}} | {f"a{place}": {
            "type": "object", "required": list("abcdefgh"),
            "properties": {name: {"$ref": f"#/$defs/a{place + 1}"} for name in "abcdefgh"}} for place in range(12)}},
    ],
)  # fmt: skip
def test_what_cannot_be_listed_is_refused_in_no_time(schema: dict[str, Any]) -> None:
    began = time.thread_time()
    with pytest.raises(BadRequest, match="select_deterministic"):
        permitted_outputs(schema)
    assert time.thread_time() - began < 1.0


def test_a_schema_that_ignores_itself_ends() -> None:
    names = [str(number) for number in range(60)]
    properties: dict[str, Any] = {name: {"$ref": "#", "_confidence": False} for name in names}
    assert len(permitted_outputs({"type": "object", "properties": properties, "required": names})) == 1


def test_odd_requirements_do_no_harm() -> None:
    schema = {"type": "object", "properties": {"a": {"const": 1}}, "required": [["a"], {}, "a"]}
    assert permitted_outputs(schema) == ('{"a":1}',)
