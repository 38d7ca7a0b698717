from __future__ import annotations

import json
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from turnout.engine.tool_calls import ToolCalls

OFFERED = [Raw(b'{"type":"function","function":{"name":"look_up","parameters":{}}}'), Raw(b'{"type":"web_search"}')]


def _message(*calls: tuple[str, str]) -> dict[str, Raw]:
    listed = [{"id": "c", "type": "function", "function": {"name": n, "arguments": a}} for n, a in calls]
    return {"role": Raw(b'"assistant"'), "tool_calls": Raw(json.dumps(listed).encode())}


def _sound(*calls: tuple[str, str], offered: Sequence[Raw] = OFFERED) -> bool | None:
    found = ToolCalls(offered)
    found.message(_message(*calls))
    return found.sound()


@pytest.mark.parametrize("arguments", ["{}", "", '{"city":"Ulm"}', ' {"a": [1, {"b": null}]} '])
def test_an_object_for_a_tool_that_was_offered_is_sound(arguments: str) -> None:
    assert _sound(("look_up", arguments)) is True


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("look_up", '{"city":'), ("look_up", "[]"), ("look_up", "Ulm"), ("look_down", "{}"), ("", "{}")],
)
def test_one_bad_call_spoils_the_answer(name: str, arguments: str) -> None:
    assert _sound((name, arguments)) is False
    assert _sound(("look_up", "{}"), (name, arguments)) is False


def test_arguments_that_are_an_object_already_are_sound() -> None:
    found = ToolCalls(OFFERED)
    found.message({"tool_calls": Raw(b'[{"function":{"name":"look_up","arguments":{"city":"Ulm"}}}]')})
    assert found.sound() is True


def test_without_calls_or_with_tools_that_cannot_be_read_there_is_no_telling() -> None:
    assert ToolCalls(OFFERED).sound() is None
    assert _sound(("look_up", "{}"), offered=[Raw(b"7")]) is None


def test_calls_that_are_none_at_all_are_bad() -> None:
    found = ToolCalls(OFFERED)
    found.message({"tool_calls": Raw(b'{"name":"look_up"}')})
    assert found.sound() is False


@given(st.lists(st.integers(1, 9), max_size=6), st.booleans())
def test_a_call_in_parts_is_judged_like_the_whole(cuts: list[int], good: bool) -> None:  # noqa: FBT001 - drawn
    arguments = '{"city":"Neu-Ulm","days":12}' if good else '{"city":"Neu-Ulm","days":'
    found, place = ToolCalls(OFFERED), 0
    found.delta(0, _delta({"index": 0, "id": "c", "function": {"name": "look_up", "arguments": ""}}))
    found.delta(0, Raw(b'{"content":"and words between"}'))
    for cut in [*cuts, len(arguments)]:
        found.delta(0, _delta({"index": 0, "function": {"arguments": arguments[place : place + cut]}}))
        place += cut
    assert found.sound() is good


def test_two_calls_in_parts_are_kept_apart() -> None:
    found = ToolCalls(OFFERED)
    for index in (0, 1):
        found.delta(0, _delta({"index": index, "function": {"name": "look_up", "arguments": "{"}}))
    for index in (0, 1):
        found.delta(0, _delta({"index": index, "function": {"arguments": "}"}}))
    assert found.sound() is True


def test_very_long_calls_are_not_kept() -> None:
    found = ToolCalls(OFFERED)
    for _ in range(300):
        found.delta(0, _delta({"index": 0, "function": {"name": "look_up", "arguments": "x" * 1024}}))
    assert found.sound() is None
    assert len(found._parts) < 260


@given(st.binary(max_size=60))
def test_nothing_that_a_provider_sends_raises(junk: bytes) -> None:
    found = ToolCalls(OFFERED)
    found.delta(0, Raw(b'"tool_calls"' + junk))
    found.message({"tool_calls": Raw(junk)})
    assert found.sound() in {True, False, None}


def _delta(call: dict[str, object]) -> Raw:
    return Raw(msgspec.json.encode({"tool_calls": [call]}))
