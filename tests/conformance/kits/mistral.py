"""Mistral's chat API, after its documented examples: thoughts are parts of the content, and pieces of calls whole."""

from __future__ import annotations

import json
from typing import Any

from conformance.voice import Kit, Said, event

_FINISH = {"stop": "stop", "length": "length", "tool_calls": "tool_calls", "content_filter": "content_filter"}


def _usage(said: Said) -> dict[str, Any]:
    return {
        "prompt_tokens": said.prompt,
        "completion_tokens": said.completion,
        "total_tokens": said.prompt + said.completion,
        "prompt_tokens_details": {"cached_tokens": said.cached},
    }


def _thinking(text: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": [{"type": "text", "text": text}]}


def _calls(said: Said) -> list[dict[str, Any]]:
    return [
        {
            "id": call.id,
            "function": {"name": call.name, "arguments": json.dumps(call.arguments, ensure_ascii=False)},
            "index": index,
        }
        for index, call in enumerate(said.calls)
    ]


def _body(**more: object) -> dict[str, Any]:
    return {"id": "m-1", "created": 1784541117, "model": "mistral-small-latest"} | more


def _whole(said: Said) -> bytes:
    content: Any = said.text
    if said.thought:
        content = [_thinking(said.thought) | {"closed": True}]
        content += [{"type": "text", "text": said.text}] if said.text else []
    message = {"role": "assistant", "content": content, "tool_calls": _calls(said) or None}
    choice = {"index": 0, "message": message, "finish_reason": _FINISH[said.finish]}
    body = _body(object="chat.completion", choices=[choice], usage=_usage(said))
    return json.dumps(body, ensure_ascii=False).encode()


def _chunk(delta: dict[str, Any], finish: str | None = None, **more: object) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return event(_body(object="chat.completion.chunk", choices=[choice], **more))


def _stream(said: Said) -> list[bytes]:
    frames = [_chunk({"role": "assistant", "content": ""})]
    thought = said.thought
    frames += [_chunk({"content": [_thinking(piece)]}) for piece in (thought[:5], thought[5:]) if piece]
    frames += [_chunk({"content": piece}) for piece in (said.text[:3], said.text[3:]) if piece]
    last: dict[str, Any] = {"content": ""}
    if said.calls:
        last["tool_calls"] = _calls(said)
    frames.append(_chunk(last, _FINISH[said.finish], usage=_usage(said)))
    return [*frames, b"data: [DONE]\n\n"]


def _error(status: int, message: str) -> bytes:
    if status == 422:
        detail = {"detail": [{"type": "extra_forbidden", "loc": ["body", "x"], "msg": message, "input": 1}]}
        return json.dumps({"object": "error", "message": detail, "type": "invalid_request_error"}).encode()
    return json.dumps({"object": "error", "message": message, "type": "x", "param": None, "code": "3051"}).encode()


KIT = Kit(
    _whole,
    _stream,
    _error,
    lambda message: event({"object": "error", "error": {"message": message, "type": "server_error", "code": 503}}),
    model="mistral-small-latest",
    signs=False,
    counts_thinking=False,
)
