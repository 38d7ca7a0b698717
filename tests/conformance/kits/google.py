"""The Gemini API."""

from __future__ import annotations

import json
from typing import Any

from conformance.voice import Kit, Said, event

_FINISH = {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP", "content_filter": "SAFETY"}
_WORDS = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
          429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"}  # fmt: skip


def _usage(said: Said) -> dict[str, Any]:
    return {
        "promptTokenCount": said.prompt,
        "cachedContentTokenCount": said.cached,
        "candidatesTokenCount": said.completion - said.thinking,
        "thoughtsTokenCount": said.thinking,
        "totalTokenCount": said.prompt + said.completion,
    }


def _parts(said: Said) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    if said.thought:
        parts.append({"text": said.thought, "thought": True})
    if said.text:
        parts.append({"text": said.text})
    parts += [{"functionCall": {"id": one.id, "name": one.name, "args": dict(one.arguments)}} for one in said.calls]
    if said.signature:
        parts[1 if said.thought and len(parts) > 1 else 0]["thoughtSignature"] = said.signature
    return parts


def _answer(parts: list[dict[str, Any]], finish: str | None, said: Said) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
    if finish is not None:
        candidate["finishReason"] = _FINISH[finish]
    return {"candidates": [candidate], "usageMetadata": _usage(said), "modelVersion": "gemini", "responseId": "r1"}


def _whole(said: Said) -> bytes:
    return json.dumps(_answer(_parts(said), said.finish, said), ensure_ascii=False).encode()


def _stream(said: Said) -> list[bytes]:
    frames: list[bytes] = []
    for part in _parts(said):
        if "functionCall" in part:
            frames.append(event(_answer([part], None, said)))
            continue
        middle = len(part["text"]) // 2
        first = {name: value for name, value in part.items() if name != "thoughtSignature"}
        frames.append(event(_answer([first | {"text": part["text"][:middle]}], None, said)))
        frames.append(event(_answer([part | {"text": part["text"][middle:]}], None, said)))
    return [*frames, event(_answer([{"text": ""}], said.finish, said))]


def _error(status: int, message: str) -> bytes:
    return json.dumps(
        {"error": {"code": status, "message": message, "status": _WORDS.get(status, "INTERNAL")}}
    ).encode()


KIT = Kit(
    _whole,
    _stream,
    _error,
    lambda message: event({"error": {"code": 503, "message": message, "status": "UNAVAILABLE"}}),
    model="gemini-2.5-flash",
    provider={"base_url": "http://127.0.0.1:9"},
)
