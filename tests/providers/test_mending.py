"""Shapes in which providers of the OpenAI dialect answer, and what becomes of them."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from turnout.base.errors import UpstreamError
from turnout.providers.mending import ToolCalls, is_plain, mend_delta, mend_message


def _message(**fields: Any) -> Any:  # noqa: ANN401 - JSON
    raw = msgspec.json.decode(json.dumps(fields), type=dict[str, msgspec.Raw])
    return json.loads(msgspec.json.encode(mend_message(raw, "up-1")))


def _deltas(*deltas: Any) -> list[Any]:  # noqa: ANN401 - JSON
    tools = ToolCalls()
    return [json.loads(bytes(mend_delta(json.dumps(delta).encode(), tools, "up-1"))) for delta in deltas]


def test_empty_shells_are_left_out_of_a_message() -> None:
    shells = {
        "annotations": None,
        "audio": {"data": "", "expires_at": 0, "id": "", "transcript": ""},
        "function_call": {"arguments": "", "name": ""},
        "refusal": "",
        "tool_calls": None,
    }
    assert _message(role="assistant", content="4", **shells) == {"role": "assistant", "content": "4"}
    assert _message(content="4", tool_calls=[], images=None, reasoning=None, reasoning_content="") == {"content": "4"}


def test_what_is_said_is_kept_under_its_name() -> None:
    said = {
        "content": "x",
        "refusal": "no",
        "annotations": [{"type": "url_citation", "url_citation": {"url": "https://a.example"}}],
        "audio": {"id": "a1", "data": "AAAA", "transcript": "x", "expires_at": 1},
        "function_call": {"name": "f", "arguments": "{}"},
        "executed_tools": [{"index": 0}],
    }
    assert _message(**said) == said


def test_a_message_without_content_keeps_null() -> None:
    assert _message(role="assistant", content=None) == {"role": "assistant", "content": None}


@pytest.mark.parametrize("role", [None, "", "model", "ASSISTANT"])
def test_only_an_assistant_answers(role: str | None) -> None:
    assert "role" not in _message(role=role, content="x", name="n")
    assert "role" not in _deltas({"role": role, "content": "x"})[0]


@pytest.mark.parametrize(
    "fields",
    [
        {"reasoning": "so"},
        {"reasoning_content": "so"},
        {"reasoning": "", "reasoning_content": "so"},
        {"reasoning": None, "reasoning_content": "so"},
        {"reasoning": "so", "reasoning_content": "so"},
        {"reasoning": {"content": "so"}},
        {"reasoning": [{"text": "s"}, {"text": "o"}]},
    ],
)
def test_thoughts_stand_under_one_name_and_as_details(fields: dict[str, Any]) -> None:
    expected = {
        "content": "x",
        "reasoning": "so",
        "reasoning_details": [{"type": "reasoning.text", "text": "so", "format": "unknown", "index": 0}],
    }
    assert _message(content="x", **fields) == expected
    assert _deltas({"content": "x", **fields}) == [expected]


def test_details_of_reasoning_stay_as_they_are_and_give_the_text_where_it_is_missing() -> None:
    details = [
        {"type": "reasoning.summary", "summary": "a", "format": "openai-responses-v1", "index": 0},
        {"type": "reasoning.text", "text": "b", "signature": "s=", "format": "anthropic-claude-v1", "index": 1},
        {"type": "reasoning.encrypted", "data": "c", "index": 2},
    ]
    assert _message(content="x", reasoning=None, reasoning_details=details) == {
        "content": "x", "reasoning": "ab", "reasoning_details": details
    }  # fmt: skip
    assert _message(content="x", reasoning="t", reasoning_details=details)["reasoning_details"] == details
    assert _message(content="x", reasoning_details=[]) == {"content": "x"}
    assert _message(content="x", reasoning_details="odd") == {"content": "x"}


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "ab"),
        (["a", "b"], "ab"),
        ([], ""),
        ({"type": "text", "text": "ab"}, "ab"),
        ({"a": 1}, '{"a":1}'),
        (7, "7"),
        ([{"type": "reference", "reference_ids": [1]}, {"type": "text", "text": "ab"}], "ab"),
    ],
)
def test_content_becomes_a_text(content: Any, text: str) -> None:  # noqa: ANN401 - JSON
    assert _message(content=content) == {"content": text}
    assert _deltas({"content": content}) == [{"content": text}]


def test_thoughts_and_images_among_the_parts_of_content_find_their_places() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    mended = _message(content=[thinking, {"type": "text", "text": "x"}, image])
    assert mended["content"] == "x"
    assert mended["reasoning"] == "hm"
    assert mended["images"] == [image]


@pytest.mark.parametrize("kind", [[], {}, 7, None, "else"])
def test_a_part_of_any_kind_is_read_for_its_text(kind: Any) -> None:  # noqa: ANN401 - JSON
    assert _message(content=[{"type": kind, "text": "4"}])["content"] == "4"


def test_tool_calls_of_a_message_have_an_id_a_type_and_arguments_in_a_string() -> None:
    calls = [
        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}, "index": 0},
        {"id": "", "type": None, "function": {"name": "g", "arguments": {"b": [2]}}},
        {"function": {"name": "h", "arguments": None}},
        {"id": "c4", "custom": {"name": "", "input": ""}, "function": {"name": "i"}, "type": "function"},
        {"id": "c5", "type": "custom", "custom": {"name": "j", "input": "text"}},
    ]
    first, second, third, fourth, fifth = _message(content=None, tool_calls=calls)["tool_calls"]
    assert first == calls[0]
    assert second["function"]["arguments"] == '{"b":[2]}'
    assert second["type"] == third["type"] == "function"
    assert second["id"] != third["id"]
    assert all(call["id"].startswith("call_") for call in (second, third))
    assert third["function"]["arguments"] == ""
    assert fourth == {"id": "c4", "function": {"name": "i", "arguments": ""}, "type": "function"}
    assert fifth == calls[4]


def test_made_up_ids_are_the_same_for_the_same_answer_only() -> None:
    raw = {"tool_calls": msgspec.Raw(b'[{"function":{"name":"f","arguments":"{}"}}]')}
    first = mend_message(dict(raw), "one")["tool_calls"]
    assert bytes(mend_message(dict(raw), "one")["tool_calls"]) == bytes(first)
    assert bytes(mend_message(dict(raw), "two")["tool_calls"]) != bytes(first)


def test_pieces_of_tool_calls_keep_their_indexes() -> None:
    deltas = _deltas(
        {"tool_calls": [{"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "id": "", "type": "", "function": {"name": None, "arguments": '{"a"'}}]},
        {"tool_calls": [{"index": 1, "id": "c2", "type": "function", "function": {"name": "g", "arguments": None}}]},
        {"tool_calls": None, "content": ""},
        {"tool_calls": {"index": 0, "id": "c3", "function": {"name": "h", "arguments": "{}"}}},
    )
    assert [delta["tool_calls"][0]["index"] for delta in deltas[:3]] == [0, 0, 1]
    assert deltas[1] == {"tool_calls": [{"index": 0, "function": {"arguments": '{"a"'}}]}
    assert deltas[2]["tool_calls"][0]["function"] == {"name": "g", "arguments": ""}
    assert deltas[3] == {"content": ""}
    assert deltas[4]["tool_calls"][0]["id"] == "c3"


def test_tool_calls_without_indexes_are_told_apart_by_id_or_name() -> None:
    deltas = _deltas(
        {"tool_calls": [{"id": "c1", "function": {"name": "f", "arguments": "{"}}]},
        {"tool_calls": [{"id": "c1", "function": {"arguments": "}"}}]},
        {"tool_calls": [{"function": {"arguments": ""}}]},
        {"tool_calls": [{"id": "c2", "function": {"name": "f", "arguments": {"a": 1}}}]},
        {"tool_calls": [{"function": {"name": "g", "arguments": "{}"}}]},
    )
    assert [delta["tool_calls"][0]["index"] for delta in deltas] == [0, 0, 0, 1, 2]
    assert deltas[3]["tool_calls"][0]["function"]["arguments"] == '{"a":1}'
    assert deltas[4]["tool_calls"][0]["id"].startswith("call_")


def test_a_delta_may_be_null_but_nothing_else_that_is_no_object() -> None:
    assert _deltas(None) == [{}]
    with pytest.raises(UpstreamError):
        _deltas([1])


@pytest.mark.parametrize(
    ("delta", "plain"),
    [
        ('{"content":"x"}', True),
        ('{"content":""}', True),
        ('{"role":"assistant","content":"x"}', True),
        ('{"content":"x","tool_calls":null}', False),
        ('{"content":null}', False),
        ('{"content":["x"]}', False),
        ('{"role":"","content":"x"}', False),
        ("{}", False),
    ],
)
def test_a_delta_that_is_only_text_is_left_as_it_is(delta: str, plain: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert is_plain(delta.encode()) is plain
