"""The Gemini API's adapter as its tests use it: what it sends, and what it makes of answers."""

from __future__ import annotations

import json
from typing import Any

from turnout.api.chat import ChatSurface
from turnout.base.secrets import Secret
from turnout.contracts.provider import Adapter, Fetched, Outgoing, Outside
from turnout.domain.catalog import Endpoint
from turnout.domain.completion import Chunk, Completion
from turnout.domain.provider import Provider
from turnout.providers.dialects.google import DIALECT

__all__ = [
    "a_call",
    "answered",
    "chunks_of",
    "deltas_of",
    "google_adapter",
    "message_of",
    "outgoing_of",
    "read_whole",
    "sent_for",
    "stream_of",
    "turns_for",
]


def google_adapter(base_url: str = "https://generativelanguage.googleapis.com", **fields: Any) -> Adapter:  # noqa: ANN401
    async def fetch(url: str) -> Fetched:
        return Fetched("image/png", b"\x89PNG\r\n\x1a\n" + url.encode())

    async def post(*_: object) -> tuple[int, bytes]:
        raise AssertionError("nothing is posted")

    provider = Provider(slug="google", name="Google", base_url=base_url, credential=Secret("AIza-1"), **fields)
    return DIALECT.adapter(provider, Outside(lambda: 0.0, fetch, post))


def outgoing_of(body: dict[str, Any], upstream: str = "gemini-2.5-flash", **endpoint: Any) -> Outgoing:  # noqa: ANN401
    body = {"model": "google/x", "messages": [{"role": "user", "content": "hi"}]} | body
    request = ChatSurface().decode(json.dumps(body).encode())
    at = Endpoint(model_id="google/x", provider="google", tag="google", upstream_model=upstream, **endpoint)
    return google_adapter().outgoing(request, at)


def sent_for(body: dict[str, Any], upstream: str = "gemini-2.5-flash", **endpoint: Any) -> Any:  # noqa: ANN401 - JSON
    return json.loads(outgoing_of(body, upstream, **endpoint).body)


def turns_for(*messages: dict[str, Any], upstream: str = "gemini-2.5-flash") -> list[Any]:
    contents: list[Any] = sent_for({"messages": list(messages)}, upstream)["contents"]
    return contents


def answered(*parts: dict[str, Any], **candidate: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    content = {"role": "model", "parts": list(parts)}
    return {"candidates": [{"content": content, "finishReason": "STOP", "index": 0} | candidate], "responseId": "r1"}


def read_whole(answer: dict[str, Any]) -> Completion:
    return google_adapter().completion(json.dumps(answer).encode())


def message_of(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: json.loads(bytes(value)) for name, value in read_whole(answer).choices[0].message.items()}


def stream_of(*events: dict[str, Any], end: str = "\r\n\r\n") -> bytes:
    return b"".join(b"data: " + json.dumps(event, ensure_ascii=False).encode() + end.encode() for event in events)


def chunks_of(stream: bytes, size: int | None = None) -> list[Chunk]:
    decoder = google_adapter().decoder()
    chunks: list[Chunk] = []
    for start in range(0, len(stream), size or len(stream)):
        chunks += decoder.feed(stream[start : start + (size or len(stream))])
    return chunks + decoder.flush()


def deltas_of(chunks: list[Chunk]) -> list[dict[str, Any]]:
    return [json.loads(bytes(choice.delta)) for chunk in chunks for choice in chunk.choices]


def a_call(name: str = "weather", arguments: str = "{}", call_id: str = "c1") -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
