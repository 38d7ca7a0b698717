"""The Messages API as a client reads it: an answer put together from its events, whose order is checked on the way."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from answers import Answer, Said, Tokens, ToolCall

__all__ = ["collected", "events_of", "said_in"]

_DELTAS = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "redacted_thinking": "redacted_thinking",
    "signature_delta": "thinking",
    "input_json_delta": "tool_use",
    "citations_delta": "text",
}


def events_of(body: bytes) -> list[dict[str, Any]]:
    """The events of a stream. Each is named as its type says; comments are left out."""
    events = []
    for frame in body.decode().split("\n\n"):
        lines = [line for line in frame.split("\n") if line and not line.startswith(":")]
        if not lines:
            continue
        assert len(lines) == 2, frame
        event = json.loads(lines[1].removeprefix("data: "))
        assert lines[0] == f"event: {event['type']}"
        events.append(event)
    return events


def collected(events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The message that *events* make: one start, blocks one after another by index, why it ended, and the end."""
    first, *middle, last, end = [event for event in events if event["type"] != "ping"]
    assert first["type"] == "message_start"
    assert (last["type"], end["type"]) == ("message_delta", "message_stop")
    message = dict(first["message"])
    assert message["content"] == []
    assert message["stop_reason"] is None
    blocks: list[dict[str, Any]] = []
    open_block: dict[str, Any] | None = None
    pieces: list[str] = []
    for event in middle:
        kind = event["type"]
        if kind == "content_block_start":
            assert open_block is None
            assert event["index"] == len(blocks)
            open_block = dict(event["content_block"])
            blocks.append(open_block)
            pieces = []
        elif kind == "content_block_delta":
            assert open_block is not None
            assert event["index"] == len(blocks) - 1
            _grow(open_block, event["delta"], pieces)
        elif kind == "content_block_stop":
            assert open_block is not None
            assert event["index"] == len(blocks) - 1
            if pieces:
                open_block["input"] = json.loads("".join(pieces))
            open_block = None
    assert open_block is None
    message |= last["delta"] | {"content": blocks, "usage": message["usage"] | last["usage"]}
    return message


def said_in(message: Mapping[str, Any]) -> Answer:
    """What a message says, in the words in which answers of all families are compared."""
    said = Said(native=message["stop_reason"], finish=message["stop_reason"])
    for block in message["content"]:
        kind = block["type"]
        if kind == "text":
            said.text += block["text"]
        elif kind == "thinking":
            said.reasoning += block["thinking"]
        elif kind == "tool_use":
            said.tool_calls.append(ToolCall(block["id"], block["name"], block["input"]))
    usage = message["usage"]
    cached, written = usage["cache_read_input_tokens"] or 0, usage["cache_creation_input_tokens"] or 0
    thoughts = (usage.get("output_tokens_details") or {}).get("thinking_tokens") or 0
    tokens = Tokens(usage["input_tokens"] + cached + written, usage["output_tokens"], thoughts, cached)
    return Answer({0: said}, tokens)


def _grow(block: dict[str, Any], delta: Mapping[str, Any], pieces: list[str]) -> None:
    kind = delta["type"]
    assert _DELTAS.get(kind, block["type"]) in {block["type"], f"server_{block['type']}"} or kind == "input_json_delta"
    if kind == "input_json_delta":
        pieces.append(delta["partial_json"])
    elif kind == "citations_delta":
        block["citations"] = [*(block.get("citations") or []), delta["citation"]]
    else:
        name = kind.removesuffix("_delta")
        block[name] = block.get(name, "") + delta[name]
