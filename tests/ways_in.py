"""What providers of every kind said, as it is heard through one surface or another, and what goes back of it."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

import pytest
from msgspec import Raw

from answers import Answer, read_stream, read_whole
from conformance.kit import adapter_of
from recordings import Exchange, exchanges, sse_events
from turnout.api.chat import ChatSurface
from turnout.base.errors import TurnoutError
from turnout.base.money import Pico
from turnout.contracts.provider import Adapter
from turnout.contracts.surface import Surface
from turnout.domain.completion import Chunk
from turnout.domain.usage import NO_USAGE, Cost
from turnout.engine.recall import joined

__all__ = ["ANSWERED", "DIALECTS", "chat_turn", "heard", "parsed", "readable", "said_in_chat", "without_nothings"]

DIALECTS = {
    "anthropic": "anthropic", "bedrock-converse": "bedrock", "deepseek": "openai", "google": "google",
    "openai-chat": "openai", "openai-responses": "openai-responses", "openrouter": "openai",
}  # fmt: skip
"""Recordings by the dialect that they are in."""
ANSWERED = [one for name in DIALECTS for one in exchanges(name) if one.status == 200]
_PRICE = Cost(Pico(0), Pico(0), Pico(0), Pico(0))
_ASKED = b'{"model":"acme/tiny","%b":[{"role":"user","content":"as recorded"}]}'


def readable(exchange: Exchange) -> Adapter:
    """The adapter that reads *exchange*; the test is skipped where there is no answer in it."""
    adapter = adapter_of(DIALECTS[exchange.provider])
    try:
        assert _chunks(adapter, exchange) if _is_stream(exchange) else adapter.completion(_body(exchange))
    except TurnoutError as error:
        pytest.skip(f"an error, or no answer yet: {error.message}")
    return adapter


def heard(surface: Surface, adapter: Adapter, exchange: Exchange) -> Any:  # noqa: ANN401 - JSON
    """The answer as a client of *surface* reads it: events, or one object."""
    asked = _ASKED % (b"input" if surface.name == "responses" else b"messages")
    encoder = surface.encoder("gen-1", 1, surface.decode(asked))
    encoder.served_by("acme/tiny", "Acme")
    if not _is_stream(exchange):
        completion = adapter.completion(_body(exchange))
        return json.loads(encoder.whole(completion, completion.usage or NO_USAGE, _PRICE))
    chunks = _chunks(adapter, exchange)
    usage = next((chunk.usage for chunk in reversed(chunks) if chunk.usage is not None), NO_USAGE)
    return encoder.chunks(chunks) + encoder.end(usage, _PRICE)


def said_in_chat(adapter: Adapter, exchange: Exchange) -> Answer:
    """What a client of chats understands."""
    chat = heard(ChatSurface(), adapter, exchange)
    return read_stream(sse_events(chat.decode())) if isinstance(chat, bytes) else read_whole(chat)


def chat_turn(adapter: Adapter, exchange: Exchange) -> dict[str, Any]:
    """The message that a client of chats sends back; of a stream the pieces of each detail are put together."""
    chat = heard(ChatSurface(), adapter, exchange)
    if not isinstance(chat, bytes):
        turn: dict[str, Any] = chat["choices"][0]["message"] | {"role": "assistant"}
        if "audio" in turn or turn.get("images"):
            pytest.skip("pictures and sound of a model's own do not go back")
        return turn
    events = sse_events(chat.decode())
    said = read_stream(events).choices[0]
    deltas = [choice["delta"] for event in events for choice in event["choices"]]
    pieces = [Raw(json.dumps(piece).encode()) for delta in deltas for piece in delta.get("reasoning_details") or []]
    return {
        "role": "assistant",
        "content": said.text,
        "reasoning": said.reasoning,
        "reasoning_details": [json.loads(bytes(detail)) for detail in joined(pieces)],
        "tool_calls": [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in said.tool_calls
        ],
    }


def parsed(arguments: str) -> Any:  # noqa: ANN401 - JSON
    """Arguments as values, where they are JSON."""
    try:
        return json.loads(arguments or "{}")
    except ValueError:
        return arguments


def without_nothings(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Without what says nothing, sources, and places of calls; arguments as values."""
    if isinstance(value, dict):
        read = {
            name: parsed(item) if name == "arguments" and isinstance(item, str) else item
            for name, item in value.items()
            if item is not None and item not in ("", []) and name not in {"annotations", "index"}
        }
        if (details := read.get("reasoning_details")) and details[0].get("format") == "unknown":
            del read["reasoning_details"]  # which say no more than the reasoning itself
        return {name: without_nothings(item) for name, item in read.items()}
    return [without_nothings(item) for item in value] if isinstance(value, list) else value


def _body(exchange: Exchange) -> bytes:
    if isinstance(exchange.response, dict) and "$base64" in exchange.response:
        return b64decode(exchange.response["$base64"])
    return exchange.body()


def _is_stream(exchange: Exchange) -> bool:
    return "event-stream" in exchange.content_type or "eventstream" in exchange.content_type


def _chunks(adapter: Adapter, exchange: Exchange) -> list[Chunk]:
    decoder = adapter.decoder()
    return decoder.feed(_body(exchange)) + decoder.flush()
