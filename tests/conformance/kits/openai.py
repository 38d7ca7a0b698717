"""The OpenAI dialect, as OpenRouter speaks it: with reasoning details."""

from __future__ import annotations

import json
from typing import Any

from conformance.voice import Kit, Said, event
from turnout.domain.provider import Capabilities

_FORMAT = "anthropic-claude-v1"


def _usage(said: Said) -> dict[str, Any]:
    return {
        "prompt_tokens": said.prompt,
        "completion_tokens": said.completion,
        "total_tokens": said.prompt + said.completion,
        "prompt_tokens_details": {"cached_tokens": said.cached},
        "completion_tokens_details": {"reasoning_tokens": said.thinking},
    }


def _details(said: Said) -> list[dict[str, Any]]:
    detail = {"type": "reasoning.text", "text": said.thought, "format": _FORMAT, "index": 0}
    return [detail | ({"signature": said.signature} if said.signature else {})]


def _calls(said: Said, **more: int) -> list[dict[str, Any]]:
    return [
        {"id": one.id, "type": "function", "function": {"name": one.name, "arguments": json.dumps(one.arguments)}}
        | more
        for one in said.calls
    ]


def _whole(said: Said) -> bytes:
    message: dict[str, Any] = {"role": "assistant", "content": said.text or None}
    if said.thought:
        message |= {"reasoning": said.thought, "reasoning_details": _details(said)}
    if said.calls:
        message["tool_calls"] = _calls(said)
    choice = {"index": 0, "message": message, "finish_reason": said.finish, "logprobs": None}
    return json.dumps({"id": "up-1", "choices": [choice], "usage": _usage(said)}, ensure_ascii=False).encode()


def _chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
    return event({"id": "up-1", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


def _stream(said: Said) -> list[bytes]:
    frames = [_chunk({"role": "assistant", "content": ""})]
    if said.thought:
        [detail] = _details(said)
        middle = len(said.thought) // 2
        for piece in (said.thought[:middle], said.thought[middle:]):
            part = {"type": detail["type"], "text": piece, "format": _FORMAT, "index": 0}
            frames.append(_chunk({"reasoning": piece, "reasoning_details": [part]}))
        if said.signature:
            frames.append(_chunk({"reasoning_details": [detail | {"text": ""}]}))
    frames += [_chunk({"content": piece}) for piece in (said.text[:3], said.text[3:]) if piece]
    for index, whole in enumerate(_calls(said)):
        text = whole["function"]["arguments"]
        first = whole | {"index": index, "function": whole["function"] | {"arguments": text[:4]}}
        frames.append(_chunk({"tool_calls": [first]}))
        frames.append(_chunk({"tool_calls": [{"index": index, "function": {"arguments": text[4:]}}]}))
    frames.append(_chunk({}, said.finish))
    frames.append(event({"id": "up-1", "choices": [], "usage": _usage(said)}))
    return [*frames, b"data: [DONE]\n\n"]


def _error(status: int, message: str) -> bytes:
    return json.dumps({"error": {"message": message, "type": "x", "code": status}}).encode()


KIT = Kit(
    _whole,
    _stream,
    _error,
    lambda message: event({"error": {"message": message, "code": 502}}),
    provider={"capabilities": Capabilities(reasoning="object", developer_role=True)},
)
