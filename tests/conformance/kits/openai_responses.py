"""The Responses API of OpenAI."""

from __future__ import annotations

import json
from typing import Any

from conformance.voice import Kit, Said, event

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


def _usage(said: Said) -> dict[str, Any]:
    return {
        "input_tokens": said.prompt,
        "input_tokens_details": {"cached_tokens": said.cached},
        "output_tokens": said.completion,
        "output_tokens_details": {"reasoning_tokens": said.thinking},
        "total_tokens": said.prompt + said.completion,
    }


def _items(said: Said) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    if said.thought:
        summary = [{"type": "summary_text", "text": said.thought}]
        items.append({"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": said.signature})
    if said.text:
        part = {"type": "output_text", "text": said.text, "annotations": [], "logprobs": []}
        items.append({"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]})
    items += [
        {
            "type": "function_call",
            "id": f"fc_{place}",
            "call_id": call.id,
            "name": call.name,
            "arguments": json.dumps(call.arguments, ensure_ascii=False),
            "status": "completed",
        }
        for place, call in enumerate(said.calls)
    ]
    return items


def _response(said: Said) -> dict[str, Any]:
    reason = _INCOMPLETE.get(said.finish)
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1_780_000_000,
        "model": "gpt-5-mini-2025-08-07",
        "parallel_tool_calls": True,
        "store": False,
        "tool_choice": "auto",
        "tools": [],
        "status": "incomplete" if reason else "completed",
        "incomplete_details": {"reason": reason} if reason else None,
        "error": None,
        "output": _items(said),
        "usage": _usage(said),
        "service_tier": "default",
    }


def _whole(said: Said) -> bytes:
    return json.dumps(_response(said), ensure_ascii=False).encode()


def _pieces(text: str) -> tuple[str, ...]:
    return tuple(piece for piece in (text[: len(text) // 2], text[len(text) // 2 :]) if piece)


def _written(index: int, item: dict[str, Any]) -> list[dict[str, Any]]:
    """The events of one item."""
    at = {"output_index": index, "item_id": item["id"]}
    if item["type"] == "reasoning":
        empty, text = item | {"summary": [], "encrypted_content": ""}, item["summary"][0]["text"]
        place = at | {"summary_index": 0}
        name = "response.reasoning_summary_text"
        opening = [{"type": "response.reasoning_summary_part.added", "part": {"type": "summary_text", "text": ""}}]
    elif item["type"] == "message":
        empty, text = item | {"content": [], "status": "in_progress"}, item["content"][0]["text"]
        place = at | {"content_index": 0}
        name = "response.output_text"
        opening = [{"type": "response.content_part.added", "part": item["content"][0] | {"text": ""}}]
    else:
        empty, text = item | {"arguments": "", "status": "in_progress"}, item["arguments"]
        place, opening = at, []
        name = "response.function_call_arguments"
    whole = "arguments" if item["type"] == "function_call" else "text"
    return [
        {"type": "response.output_item.added", "output_index": index, "item": empty},
        *(place | one for one in opening),
        *(place | {"type": f"{name}.delta", "delta": piece, "obfuscation": "x"} for piece in _pieces(text)),
        place | {"type": f"{name}.done", whole: text},
        {"type": "response.output_item.done", "output_index": index, "item": item},
    ]


def _stream(said: Said) -> list[bytes]:
    response = _response(said)
    begun = {"response": response | {"status": "in_progress", "output": [], "usage": None, "incomplete_details": None}}
    events: list[dict[str, Any]] = [{"type": f"response.{name}"} | begun for name in ("created", "in_progress")]
    for index, item in enumerate(response["output"]):
        events += _written(index, item)
    events.append({"type": f"response.{response['status']}", "response": response})
    return [event(one | {"sequence_number": place}, one["type"]) for place, one in enumerate(events)]


def _error(status: int, message: str) -> bytes:
    return json.dumps({"error": {"message": message, "type": "x", "param": None, "code": f"code_{status}"}}).encode()


def _error_frame(message: str) -> bytes:
    failed = {"id": "resp_1", "status": "failed", "error": {"code": "server_error", "message": message}}
    return event({"type": "response.failed", "response": failed}, "response.failed")


KIT = Kit(_whole, _stream, _error, _error_frame, model="gpt-5-mini")
