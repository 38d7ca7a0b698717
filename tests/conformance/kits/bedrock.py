"""Converse, with a Claude behind it."""

from __future__ import annotations

import json
from binascii import crc32
from struct import pack
from typing import Any

from conformance.voice import Kit, Said

_FINISH = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "content_filtered"}


def framed(headers: dict[str, str], payload: bytes) -> bytes:
    """A message of an event stream, as its description has it."""
    head = b"".join(
        pack(">B", len(name)) + name.encode() + pack(">BH", 7, len(value.encode())) + value.encode()
        for name, value in headers.items()
    )
    start = pack(">II", 16 + len(head) + len(payload), len(head))
    message = start + pack(">I", crc32(start)) + head + payload
    return message + pack(">I", crc32(message))


def _event(kind: str, value: dict[str, Any]) -> bytes:
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return framed(headers, json.dumps(value | {"p": "abcdef"}, ensure_ascii=False).encode())


def _usage(said: Said) -> dict[str, Any]:
    return {
        "inputTokens": said.prompt - said.cached,
        "cacheReadInputTokens": said.cached,
        "cacheWriteInputTokens": 0,
        "outputTokens": said.completion,
        "totalTokens": said.prompt + said.completion,
    }


def _whole(said: Said) -> bytes:
    blocks: list[dict[str, Any]] = []
    if said.thought:
        text = {"text": said.thought} | ({"signature": said.signature} if said.signature else {})
        blocks.append({"reasoningContent": {"reasoningText": text}})
    if said.text:
        blocks.append({"text": said.text})
    blocks += [{"toolUse": {"toolUseId": one.id, "name": one.name, "input": dict(one.arguments)}} for one in said.calls]
    body = {
        "metrics": {"latencyMs": 7},
        "output": {"message": {"role": "assistant", "content": blocks}},
        "stopReason": _FINISH[said.finish],
        "usage": _usage(said),
    }
    return json.dumps(body, ensure_ascii=False).encode()


def _stream(said: Said) -> list[bytes]:
    frames = [_event("messageStart", {"role": "assistant"})]
    blocks: list[tuple[dict[str, Any] | None, list[dict[str, Any]]]] = []
    if said.thought:
        deltas = [{"reasoningContent": {"text": half}} for half in _halves(said.thought)]
        if said.signature:
            deltas.append({"reasoningContent": {"signature": said.signature}})
        blocks.append((None, deltas))
    if said.text:
        blocks.append((None, [{"text": half} for half in _halves(said.text)]))
    for one in said.calls:
        text = json.dumps(dict(one.arguments), ensure_ascii=False)
        start = {"toolUse": {"toolUseId": one.id, "name": one.name}}
        blocks.append((start, [{"toolUse": {"input": half}} for half in _halves(text)] if one.arguments else []))
    for index, (begun, deltas) in enumerate(blocks):
        place = {"contentBlockIndex": index}
        if begun is not None:
            frames.append(_event("contentBlockStart", place | {"start": begun}))
        frames += [_event("contentBlockDelta", place | {"delta": delta}) for delta in deltas]
        frames.append(_event("contentBlockStop", place))
    frames.append(_event("messageStop", {"stopReason": _FINISH[said.finish]}))
    frames.append(_event("metadata", {"usage": _usage(said), "metrics": {"latencyMs": 7}}))
    return frames


def _halves(text: str) -> tuple[str, str]:
    return text[: len(text) // 2], text[len(text) // 2 :]


def _error(_status: int, message: str) -> bytes:
    return json.dumps({"message": message}).encode()


def _error_frame(message: str) -> bytes:
    headers = {
        ":exception-type": "serviceUnavailableException",
        ":content-type": "application/json",
        ":message-type": "exception",
    }
    return framed(headers, json.dumps({"message": message}).encode())


KIT = Kit(
    _whole,
    _stream,
    _error,
    _error_frame,
    model="us.anthropic.claude-sonnet-4-6",
    provider={"base_url": "http://127.0.0.1:9"},
    counts_thinking=False,
    lines=False,
)
