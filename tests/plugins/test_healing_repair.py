"""Claims about JSON that models spoil."""

import json
import statistics
import time
from random import Random
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from damage import DAMAGES, SCHEMAS, damaged, undamaged
from turnout.plugins.healing.fits import Misfit, fitted
from turnout.plugins.healing.repair import diagnose, is_sound

_OBJECT = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "string"}}, "required": ["a"]}


def _fits(text: str | None, schema: Any) -> bool:  # noqa: ANN401 - a JSON Schema
    if text is None:
        return False
    try:
        jsonschema.validate(json.loads(text), schema)
    except (ValueError, jsonschema.ValidationError):
        return False
    return True


@pytest.mark.parametrize("kind", DAMAGES)
def test_ninety_eight_of_a_hundred_damaged_texts_fit_their_schema_afterwards(kind: str) -> None:
    found = [(name, one) for name, one in damaged(Random(11), 60 * len(DAMAGES)) if name == kind]
    healed = [_fits(diagnose(one.text, one.schema).text, one.schema) for _, one in found]
    assert len(found) >= 50
    assert sum(healed) >= 0.98 * len(healed)


def test_what_is_json_already_is_never_touched() -> None:
    assert all(is_sound(one.text) for one in undamaged(Random(12), 500))


@pytest.mark.alone
def test_a_text_of_two_kilobytes_takes_less_than_a_tenth_of_a_millisecond() -> None:
    dice, took = Random(13), []
    for _, one in damaged(dice, 2000):
        if 1500 <= len(one.text) <= 2600:
            times = []
            for _ in range(5):
                began = time.perf_counter()
                diagnose(one.text, one.schema)
                times.append(time.perf_counter() - began)
            took.append(min(times))
    assert len(took) > 20
    assert statistics.median(took) < 300e-6  # a tenth of a millisecond on a machine that does nothing else


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ('```json\n{"a": 1}\n```', {"a": 1}),
        ('Sure! {"a": 1} Anything else?', {"a": 1}),
        ("{a: 1, b: 'it\\'s'}", {"a": 1, "b": "it's"}),
        ('{"a": 1, "b": "he said "hi" to me"}', {"a": 1, "b": 'he said "hi" to me'}),
        ('{"a": "1"', {"a": 1}),
        ('[{"a": 1}', {"a": 1}),
        ('{"a": 1, "b": "half a sen', {"a": 1, "b": "half a sen"}),
        ('{"b": "x" "a": 1}', {"a": 1, "b": "x"}),
        ('"a": 1, "b": "x"}', {"a": 1, "b": "x"}),
        ('{"A": 1,}', {"a": 1}),
        ('Braces {like this} first, then {"a": 1}', {"a": 1}),
        ('{"a": 1}, "b": "x"}', {"a": 1, "b": "x"}),
        ('{"a": 1, "b": "line\nbreak"}', {"a": 1, "b": "line\nbreak"}),
        ('{"a": 1, "b": "\\ud83d\\ude00 é}', {"a": 1, "b": "😀 é}"}),
    ],
)
def test_what_was_meant_is_found(text: str, meant: object) -> None:
    assert json.loads(diagnose(text, _OBJECT).text or "null") == meant


@pytest.mark.parametrize(
    "text", ["I cannot do that.", "", "{}", "[1, 2", '{"b": "x"', '{"a": "many"}', "{" * 500, "[" * 9000]
)
def test_what_cannot_fit_is_left_alone(text: str) -> None:
    assert diagnose(text, _OBJECT).text is None


@given(st.text(max_size=200))
def test_no_text_is_an_accident(text: str) -> None:
    for schema in (None, *SCHEMAS.values()):
        made = diagnose(text, schema).text
        assert made is None or is_sound(made)


@given(st.text(alphabet="{}[]\":,'\\ab1 \n#/`.", max_size=300))
def test_no_heap_of_signs_is_an_accident(text: str) -> None:
    made = diagnose(text, _OBJECT).text
    assert made is None or _fits(made, _OBJECT)


@pytest.mark.parametrize(
    "text",
    [
        "```{" * 250_000,
        '{"a": "x" y" z", ' * 60_000,
        '```json\n{"b": "x" y" z", ' * 40_000,
        '{"a ' + '"a ' * 60_000,
        "{'a': 'b' c 'd' " * 10_000,
        '{"a":"' + '":"' * 60_000,
        "[" + "'" * 200_000,
    ],
)
def test_a_hostile_text_costs_no_more_than_a_moment(text: str) -> None:
    began = time.process_time()
    diagnose(text, _OBJECT)
    assert time.process_time() - began < 0.5  # a fifth of that on a machine that does nothing else


@pytest.mark.parametrize("kind", SCHEMAS)
def test_a_value_that_fits_by_the_reference_fits_here(kind: str) -> None:
    for one in undamaged(Random(14), 100):
        value = json.loads(one.text)
        try:
            jsonschema.validate(value, SCHEMAS[kind])
        except jsonschema.ValidationError:
            with pytest.raises(Misfit):
                fitted(value, SCHEMAS[kind], gently=True)
        else:
            assert fitted(value, SCHEMAS[kind], gently=True) == value


@pytest.mark.parametrize(
    ("value", "schema", "becomes"),
    [
        ("12", {"type": "integer"}, 12),
        ("1,200.5", {"type": "number"}, 1200.5),
        (3.0, {"type": "integer"}, 3),
        (7, {"type": "string"}, "7"),
        ("Yes", {"type": "boolean"}, True),
        ("OPEN", {"enum": ["open", "shut"]}, "open"),
        ("x", {"type": "array", "items": {"type": "string"}}, ["x"]),
        ({"a": 1, "z": 2}, {"properties": {"a": {}}, "additionalProperties": False}, {"a": 1}),
        (None, {"anyOf": [{"type": "string"}, {"type": "null"}]}, None),
        ({"x-y": 1}, {"type": "object", "required": ["x_y"]}, {"x_y": 1}),
    ],
)
def test_small_changes_of_type_make_a_value_fit(value: object, schema: object, becomes: object) -> None:
    assert fitted(value, schema) == becomes
