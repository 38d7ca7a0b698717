"""What providers of every kind said, read through the Responses API: as through a chat, and it goes back alike."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

import pytest
from msgspec import Raw
from msgspec.structs import replace

from answers import read_stream, read_whole
from claude import events_of
from conformance.kit import adapter_of, endpoint_of
from items import collected, said_in
from openrouter_schema import check
from recordings import Exchange, exchanges, sse_events
from stage import cases
from turnout.api.chat import ChatSurface
from turnout.api.responses import ResponsesSurface
from turnout.base.errors import TurnoutError
from turnout.base.money import Pico
from turnout.contracts.provider import Adapter
from turnout.contracts.surface import Encoder, Surface
from turnout.domain.completion import Chunk, Completion
from turnout.domain.usage import NO_USAGE, Cost
from turnout.engine.recall import joined

_DIALECTS = {
    "anthropic": "anthropic", "bedrock-converse": "bedrock", "deepseek": "openai", "google": "google",
    "openai-chat": "openai", "openai-responses": "openai-responses", "openrouter": "openai",
}  # fmt: skip
"""Recordings by the dialect that they are in."""
_ALL = [one for name in _DIALECTS for one in exchanges(name) if one.status == 200]
_FINISH = {"completed": "stop", "max_output_tokens": "length", "content_filter": "content_filter", "failed": "error"}
_KINDS = {
    "code_interpreter_call", "custom_tool_call", "file_search_call", "function_call", "image_generation_call",
    "message", "reasoning", "web_search_call",
}  # fmt: skip
"""Items that the published schema knows."""
_PRICE = Cost(Pico(0), Pico(0), Pico(0), Pico(0))
_ASKED = b'{"model":"acme/tiny","%b":[{"role":"user","content":"as recorded"}]}'


def _body(exchange: Exchange) -> bytes:
    if isinstance(exchange.response, dict) and "$base64" in exchange.response:
        return b64decode(exchange.response["$base64"])
    return exchange.body()


def _is_stream(exchange: Exchange) -> bool:
    return "event-stream" in exchange.content_type or "eventstream" in exchange.content_type


def _chunks(adapter: Adapter, exchange: Exchange) -> list[Chunk]:
    decoder = adapter.decoder()
    return decoder.feed(_body(exchange)) + decoder.flush()


def _encoder(surface: Surface) -> Encoder:
    asked = _ASKED % (b"messages" if surface.name == "chat" else b"input")
    encoder = surface.encoder("gen-1", 1, surface.decode(asked))
    encoder.served_by("acme/tiny", "Acme")
    return encoder


def _heard(surface: Surface, adapter: Adapter, exchange: Exchange) -> Any:  # noqa: ANN401 - JSON
    """The answer as a client of *surface* reads it: events, or one object."""
    encoder = _encoder(surface)
    if not _is_stream(exchange):
        completion: Completion = adapter.completion(_body(exchange))
        return json.loads(encoder.whole(completion, completion.usage or NO_USAGE, _PRICE))
    chunks = _chunks(adapter, exchange)
    usage = next((chunk.usage for chunk in reversed(chunks) if chunk.usage is not None), NO_USAGE)
    return encoder.chunks(chunks) + encoder.end(usage, _PRICE)


def _response(adapter: Adapter, exchange: Exchange) -> dict[str, Any]:
    heard = _heard(ResponsesSurface(), adapter, exchange)
    return collected(events_of(heard)) if isinstance(heard, bytes) else heard


def _readable(exchange: Exchange) -> Adapter:
    adapter = adapter_of(_DIALECTS[exchange.provider])
    try:
        assert _chunks(adapter, exchange) if _is_stream(exchange) else adapter.completion(_body(exchange))
    except TurnoutError as error:
        pytest.skip(f"an error, or no answer yet: {error.message}")
    return adapter


def _parsed(arguments: str) -> Any:  # noqa: ANN401 - JSON
    try:
        return json.loads(arguments or "{}")
    except ValueError:
        return arguments


@pytest.mark.parametrize("exchange", cases(_ALL))
def test_a_response_says_what_a_chat_says(exchange: Exchange) -> None:
    adapter = _readable(exchange)
    chat = _heard(ChatSurface(), adapter, exchange)
    said = read_stream(sse_events(chat.decode())) if isinstance(chat, bytes) else read_whole(chat)
    response = _response(adapter, exchange)
    check("OpenResponsesResult", response | {"output": [one for one in response["output"] if one["type"] in _KINDS]})
    heard = said_in(response)
    expected, found = said.choices[0], heard.choices[0]
    assert (found.text, found.refusal, found.reasoning) == (expected.text, expected.refusal, expected.reasoning)
    assert [call._replace(arguments=_parsed(call.arguments)) for call in found.tool_calls] == [
        call._replace(arguments=_parsed(call.arguments)) for call in expected.tool_calls
    ]
    assert _FINISH[found.finish or ""] == (expected.finish if expected.finish != "tool_calls" else "stop")
    if said.tokens is not None:
        assert heard.tokens == said.tokens


@pytest.mark.parametrize("exchange", cases(_ALL))
def test_a_response_that_goes_back_reaches_the_provider_as_what_a_chat_sends_back(exchange: Exchange) -> None:
    adapter = _readable(exchange)
    endpoint = endpoint_of(_DIALECTS[exchange.provider])
    chat = _heard(ChatSurface(), adapter, exchange)
    turn = _chat_turn(chat) if isinstance(chat, bytes) else chat["choices"][0]["message"]
    turn["role"] = "assistant"
    if "audio" in turn or turn.get("images"):
        pytest.skip("pictures and sound of a model's own do not go back")
    response = _response(adapter, exchange)
    calls = turn.get("tool_calls") or []
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "42"} for call in calls]
    outputs = [{"type": "function_call_output", "call_id": call["id"], "output": "42"} for call in calls]
    question = {"role": "user", "content": "And then?"}
    as_chat = {"model": "acme/tiny", "messages": [question, turn, *(results or [question])]}
    as_items = {"model": "acme/tiny", "input": [question, *response["output"], *(outputs or [question])]}
    try:
        expected = adapter.outgoing(ChatSurface().decode(json.dumps(as_chat).encode()), endpoint).body
    except TurnoutError as error:
        pytest.skip(f"a chat cannot send it back: {error.message}")
    request = ResponsesSurface().decode(json.dumps(as_items).encode())
    retold = adapter.outgoing(replace(request, original=None), endpoint)
    assert _normal(json.loads(retold.body)) == _normal(json.loads(expected))
    if exchange.provider == "openai-responses":
        passed_on = adapter.outgoing(request, endpoint)
        assert passed_on.verbatim
        assert json.loads(passed_on.body)["input"] == as_items["input"]


def _chat_turn(stream: bytes) -> dict[str, Any]:
    """The message that a client of chats makes of a stream: the pieces of each detail are put together."""
    events = sse_events(stream.decode())
    said = read_stream(events).choices[0]
    deltas = [choice["delta"] for event in events for choice in event["choices"]]
    pieces = [Raw(json.dumps(piece).encode()) for delta in deltas for piece in delta.get("reasoning_details") or []]
    details = [json.loads(bytes(detail)) for detail in joined(pieces)]
    calls = [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in said.tool_calls
    ]
    return {"content": said.text, "reasoning": said.reasoning, "reasoning_details": details, "tool_calls": calls}


def _normal(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Without what says nothing, sources, and places of calls; arguments as values."""
    if isinstance(value, dict):
        read = {
            name: _parsed(item) if name == "arguments" and isinstance(item, str) else item
            for name, item in value.items()
            if item is not None and item not in ("", []) and name not in {"annotations", "index"}
        }
        if read.get("reasoning_details") == [
            {"type": "reasoning.text", "text": read.get("reasoning"), "format": "unknown"}
        ]:
            del read["reasoning_details"]
        return {name: _normal(item) for name, item in read.items()}
    return [_normal(item) for item in value] if isinstance(value, list) else value
