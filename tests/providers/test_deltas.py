"""Deltas and messages as other dialects build them."""

from __future__ import annotations

import json
from typing import Any

from msgspec import Raw

from turnout.providers.deltas import (
    EncryptedDetail,
    TextDetail,
    ToolCallMade,
    UrlCitation,
    annotations_delta,
    images_delta,
    message_of,
    reasoning_delta,
    text_delta,
    tool_call_delta,
)


def _read(raw: Raw) -> Any:  # noqa: ANN401 - JSON
    return json.loads(bytes(raw))


def test_texts_are_escaped() -> None:
    assert _read(text_delta('a "b"\n\u2028é')) == {"content": 'a "b"\n\u2028é'}


def test_a_thought_stands_as_text_and_as_detail() -> None:
    assert _read(reasoning_delta("so")) == {
        "reasoning": "so",
        "reasoning_details": [{"type": "reasoning.text", "text": "so", "format": "unknown", "index": 0}],
    }
    signed = TextDetail("so", "x-v1", 2, "sig")
    assert _read(reasoning_delta("so", [signed]))["reasoning_details"] == [
        {"type": "reasoning.text", "text": "so", "format": "x-v1", "index": 2, "signature": "sig"}
    ]
    hidden = EncryptedDetail("xyz", "x-v1", 0)
    assert _read(reasoning_delta(None, [hidden])) == {
        "reasoning_details": [{"type": "reasoning.encrypted", "data": "xyz", "format": "x-v1", "index": 0}]
    }


def test_a_detail_that_is_json_stays_as_it_is() -> None:
    assert b'{ "odd" : 1.50 }' in bytes(reasoning_delta(None, [Raw(b'{ "odd" : 1.50 }')]))


def test_a_tool_call_starts_with_its_name_and_goes_on_without() -> None:
    assert _read(tool_call_delta(1, "c", "f")) == {
        "tool_calls": [{"index": 1, "id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}]
    }
    assert _read(tool_call_delta(1, arguments='{"a')) == {
        "tool_calls": [{"index": 1, "function": {"arguments": '{"a'}}]
    }


def test_images_and_sources_have_the_shapes_that_clients_know() -> None:
    assert _read(images_delta(["data:x"])) == {"images": [{"type": "image_url", "image_url": {"url": "data:x"}}]}
    assert _read(annotations_delta([UrlCitation("https://a.example", "A", start_index=0, end_index=3)])) == {
        "annotations": [
            {
                "type": "url_citation",
                "url_citation": {"url": "https://a.example", "title": "A", "start_index": 0, "end_index": 3},
            }
        ]
    }


def test_a_message_holds_what_there_is() -> None:
    assert {name: _read(value) for name, value in message_of("hi").items()} == {"content": "hi"}
    message = message_of("", reasoning="so", tool_calls=[ToolCallMade("c", "f", '{"a":1}')], images=["data:x"])
    assert {name: _read(value) for name, value in message.items()} == {
        "content": None,
        "reasoning": "so",
        "reasoning_details": [{"type": "reasoning.text", "text": "so", "format": "unknown", "index": 0}],
        "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}],
        "images": [{"type": "image_url", "image_url": {"url": "data:x"}}],
    }
