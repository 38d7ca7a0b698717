"""The Messages API of Anthropic."""

from __future__ import annotations

import json
from typing import Any

from conformance.voice import Kit, Said, event

_FINISH = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}
_TYPES = {400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error",
          429: "rate_limit_error", 529: "overloaded_error"}  # fmt: skip


def _usage(said: Said) -> dict[str, Any]:
    return {
        "input_tokens": said.prompt - said.cached,
        "cache_read_input_tokens": said.cached,
        "cache_creation_input_tokens": 0,
        "output_tokens": said.completion,
    }


def _blocks(said: Said) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    if said.thought:
        blocks.append({"type": "thinking", "thinking": said.thought, "signature": said.signature})
    if said.text:
        blocks.append({"type": "text", "text": said.text})
    blocks += [{"type": "tool_use", "id": one.id, "name": one.name, "input": dict(one.arguments)} for one in said.calls]
    return blocks


def _message() -> dict[str, Any]:
    return {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "stop_sequence": None}


def _whole(said: Said) -> bytes:
    body = _message() | {"content": _blocks(said), "stop_reason": _FINISH[said.finish], "usage": _usage(said)}
    return json.dumps(body, ensure_ascii=False).encode()


def _stream(said: Said) -> list[bytes]:
    start: dict[str, Any] = {"content": [], "stop_reason": None, "usage": _usage(said) | {"output_tokens": 1}}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": _message() | start}, {"type": "ping"}]
    for index, block in enumerate(_blocks(said)):
        deltas: list[dict[str, Any]]
        if block["type"] == "thinking":
            empty = {"type": "thinking", "thinking": "", "signature": ""}
            deltas = [{"type": "thinking_delta", "thinking": one} for one in _halves(said.thought)]
            deltas.append({"type": "signature_delta", "signature": said.signature})
        elif block["type"] == "text":
            empty = {"type": "text", "text": ""}
            deltas = [{"type": "text_delta", "text": one} for one in _halves(said.text)]
        else:
            empty = block | {"input": {}}
            text = json.dumps(block["input"], ensure_ascii=False)
            deltas = [{"type": "input_json_delta", "partial_json": one} for one in ("", *_halves(text))]
        events.append({"type": "content_block_start", "index": index, "content_block": empty})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    stop = {"stop_reason": _FINISH[said.finish], "stop_sequence": None}
    events.append({"type": "message_delta", "delta": stop, "usage": {"output_tokens": said.completion}})
    events.append({"type": "message_stop"})
    return [event(one, one["type"]) for one in events]


def _halves(text: str) -> tuple[str, str]:
    return text[: len(text) // 2], text[len(text) // 2 :]


def _error(status: int, message: str) -> bytes:
    return json.dumps(
        {"type": "error", "error": {"type": _TYPES.get(status, "api_error"), "message": message}}
    ).encode()


KIT = Kit(
    _whole,
    _stream,
    _error,
    lambda message: event({"type": "error", "error": {"type": "overloaded_error", "message": message}}, "error"),
    model="claude-sonnet-4-5",
    provider={"base_url": "http://127.0.0.1:9"},
    counts_thinking=False,
)
