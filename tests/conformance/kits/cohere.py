"""Version 2 of Cohere's chat API, after its documented examples."""

from __future__ import annotations

import json
from typing import Any

from conformance.voice import Kit, Said, event

_FINISH = {"stop": "COMPLETE", "length": "MAX_TOKENS", "tool_calls": "TOOL_CALL", "content_filter": "ERROR_TOXIC"}


def _usage(said: Said) -> dict[str, Any]:
    return {
        "billed_units": {"input_tokens": said.prompt // 2, "output_tokens": said.completion},
        "tokens": {"input_tokens": said.prompt, "output_tokens": said.completion},
        "cached_tokens": said.cached,
    }


def _contents(said: Said) -> list[dict[str, str]]:
    parts = [{"type": "thinking", "thinking": said.thought}] if said.thought else []
    return [*parts, *([{"type": "text", "text": said.text}] if said.text else [])]


def _calls(said: Said) -> list[dict[str, Any]]:
    return [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": json.dumps(call.arguments, ensure_ascii=False)},
        }
        for call in said.calls
    ]


def _whole(said: Said) -> bytes:
    message: dict[str, Any] = {"role": "assistant", "content": _contents(said)}
    if said.calls:
        message["tool_calls"] = _calls(said)
    body = {"id": "c-1", "finish_reason": _FINISH[said.finish], "message": message, "usage": _usage(said)}
    return json.dumps(body, ensure_ascii=False).encode()


def _told(kind: str, index: int | None = None, **message: object) -> dict[str, Any]:
    place = {} if index is None else {"index": index}
    return {"type": kind} | place | ({"delta": {"message": message}} if message else {})


def _stream(said: Said) -> list[bytes]:
    empty: dict[str, Any] = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
    events: list[dict[str, Any]] = [_told("message-start", **empty) | {"id": "c-1"}]
    for index, part in enumerate(_contents(said)):
        name = part["type"]
        text = part[name]
        events.append(_told("content-start", index, content={"type": name, name: ""}))
        events += [
            _told("content-delta", index, content={name: piece})
            for piece in (text[: len(text) // 2], text[len(text) // 2 :])
        ]
        events.append(_told("content-end", index))
    for index, call in enumerate(_calls(said)):
        text = call["function"]["arguments"]
        begun = call | {"function": call["function"] | {"arguments": ""}}
        events.append(_told("tool-call-start", index, tool_calls=begun))
        events += [
            _told("tool-call-delta", index, tool_calls={"function": {"arguments": piece}})
            for piece in (text[:3], text[3:])
        ]
        events.append(_told("tool-call-end", index))
    last = {"finish_reason": _FINISH[said.finish], "usage": _usage(said)}
    events.append({"type": "message-end", "delta": last})
    return [event(one, one["type"]) for one in events]


def _error(status: int, message: str) -> bytes:
    return json.dumps({"id": f"e-{status}", "message": message}).encode()


KIT = Kit(
    _whole,
    _stream,
    _error,
    lambda message: event(
        {"type": "message-end", "delta": {"finish_reason": "ERROR", "error": message}}, "message-end"
    ),
    model="command-a-reasoning-08-2025",
    provider={"base_url": "http://127.0.0.1:9"},
    signs=False,
    counts_thinking=False,
    refuses=frozenset({"file"}),
)
