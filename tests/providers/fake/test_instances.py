import time
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.providers.fake.instances import Json, instance

NODE: dict[str, Any] = {
    "$ref": "#/$defs/node",
    "$defs": {
        "node": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}},
            "required": ["name", "next"],
            "additionalProperties": False,
        }
    },
}


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "object"},
        {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "boolean"}}, "required": ["a", "b"]},
        {"properties": {"a": {"enum": ["x", "y"]}}, "required": ["a"]},
        {"type": "object", "required": ["unlisted"]},
        {"type": "object", "minProperties": 3, "properties": {"a": {"type": "null"}}},
        {"const": {"fixed": [1]}},
        {"type": ["null", "string"]},
        {"type": "array", "items": {"type": "number"}, "minItems": 3, "uniqueItems": True},
        {"type": "array", "prefixItems": [{"type": "string"}, {"const": 2}], "items": False, "minItems": 2},
        {"type": "array", "contains": {"const": 5}},
        {"type": "integer", "minimum": 3, "maximum": 4},
        {"type": "integer", "exclusiveMinimum": 3, "multipleOf": 5},
        {"type": "integer", "maximum": -7, "multipleOf": 5},
        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.5},
        {"type": "number", "exclusiveMaximum": 0},
        {"type": "string", "minLength": 9, "maxLength": 9},
        {"type": "string", "maxLength": 2},
        {"type": "string", "pattern": r"^[A-Z]{2}-\d{3,}(?:x|y)?$"},
        {"type": "string", "pattern": r"^#[0-9a-f]{6}$"},
        {"type": "string", "pattern": r"^[^@\s]+@[^@\s]+\.[a-z]{2,}$", "minLength": 12},
        {"type": "string", "format": "uuid"},
        {"anyOf": [{"type": "string"}, {"type": "null"}]},
        {"oneOf": [{"type": "object", "properties": {"k": {"const": "a"}}, "required": ["k"]}, {"type": "null"}]},
        {
            "allOf": [
                {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
                {"properties": {"b": {"minimum": 2}}, "required": ["b"]},
            ]
        },
        NODE,
        {"definitions": {"a/b": {"type": "integer"}}, "$ref": "#/definitions/a~1b"},
    ],
)
def test_instance_is_valid_and_always_the_same(schema: dict[str, Any]) -> None:
    made = instance(schema)
    jsonschema.validate(made, schema)
    assert made == instance(schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"$ref": "#/missing"},
        {"$ref": "https://example.org/schema"},
        {"type": "array", "minItems": 10**9, "items": {"type": "array", "minItems": 10**9}},
        {"properties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}}, "required": ["a", "b"]},
        {"type": "string", "minLength": 10**9},
        {"type": "string", "pattern": "(" * 400},
        {"type": "string", "pattern": "(((a{900}){900}){900}){900}"},
        {"enum": "no list", "type": 5, "required": "x", "properties": []},
        True,
        None,
    ],
)
def test_hostile_schemas_end_quickly_and_raise_nothing(schema: Json) -> None:
    begun = time.thread_time()
    instance(schema)
    assert time.thread_time() - begun < 2


def test_the_chooser_picks_among_enum_values() -> None:
    schema = {"properties": {"key": {"enum": ["`A`", "`B`"]}}, "required": ["key"]}
    assert instance(schema, lambda values: values[-1]) == {"key": "`B`"}


_KEYWORDS = st.sampled_from(
    ["type", "items", "properties", "required", "enum", "const", "anyOf", "allOf", "$ref", "minimum", "maximum",
     "multipleOf", "exclusiveMinimum", "minLength", "pattern", "minItems", "string", "object", "array", "number", "#"]
)  # fmt: skip
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-20, 20) | st.floats(allow_nan=False) | _KEYWORDS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYWORDS | st.text(max_size=3), inner, max_size=5),
    max_leaves=20,
)


@given(_VALUES)
def test_no_schema_raises(schema: Json) -> None:
    instance(schema)
