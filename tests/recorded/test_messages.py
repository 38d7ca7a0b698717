"""What providers of every kind said, read through the Messages API: as through a chat, and sent back alike."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Mapping
from typing import Any

import pytest
from msgspec.structs import replace

from answers import read_stream, read_whole
from claude import collected, events_of, said_in
from conformance.kit import adapter_of, endpoint_of
from openrouter_schema import check
from recordings import Exchange, exchanges, sse_events
from stage import cases
from turnout.api.chat import ChatSurface
from turnout.api.messages import MessagesSurface
from turnout.base.errors import TurnoutError
from turnout.base.money import Pico
from turnout.contracts.provider import Adapter
from turnout.contracts.surface import Encoder, Surface
from turnout.domain.completion import Chunk, Completion
from turnout.domain.usage import NO_USAGE, Cost

_DIALECTS = {
    "anthropic": "anthropic", "bedrock-converse": "bedrock", "deepseek": "openai", "google": "google",
    "openai-chat": "openai", "openai-responses": "openai-responses", "openrouter": "openai",
}  # fmt: skip
"""Recordings by the dialect that they are in."""
_ANTHROPIC = [one for one in exchanges("anthropic") if one.status == 200]
_ALL = [one for name in _DIALECTS for one in exchanges(name) if one.status == 200]
_FINISH = {
    "end_turn": "stop", "max_tokens": "length", "model_context_window_exceeded": "length", "pause_turn": "stop",
    "refusal": "content_filter", "stop_sequence": "stop", "tool_use": "tool_calls",
}  # fmt: skip
_PRICE = Cost(Pico(0), Pico(0), Pico(0), Pico(0))
_ASKED = b'{"model":"acme/tiny","max_tokens":9000,"messages":[{"role":"user","content":"as recorded"}]}'


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
    encoder = surface.encoder("gen-1", 1, surface.decode(_ASKED))
    encoder.served_by("acme/tiny", "Acme")
    return encoder


def _heard(surface: Surface, adapter: Adapter, exchange: Exchange) -> Any:  # noqa: ANN401 - JSON
    """The answer as a client of *surface* reads it, as one message."""
    encoder = _encoder(surface)
    if not _is_stream(exchange):
        completion: Completion = adapter.completion(_body(exchange))
        return json.loads(encoder.whole(completion, completion.usage or NO_USAGE, _PRICE))
    chunks = _chunks(adapter, exchange)
    usage = next((chunk.usage for chunk in reversed(chunks) if chunk.usage is not None), NO_USAGE)
    return encoder.chunks(chunks) + encoder.end(usage, _PRICE)


def _message(adapter: Adapter, exchange: Exchange) -> dict[str, Any]:
    heard: bytes | dict[str, Any] = _heard(MessagesSurface(), adapter, exchange)
    if not isinstance(heard, bytes):
        return heard
    events = events_of(heard)
    for event in events:
        if not _is_found(event.get("content_block", {})):
            check("MessagesStreamEvents", event)
    return collected(events)


def _is_found(block: Mapping[str, Any]) -> bool:
    """Whether *block* is of a tool of the provider's own whose recordings the schema does not know."""
    kind = str(block.get("type", ""))
    return kind.endswith("_tool_result") or kind == "mcp_tool_use"


def _readable(exchange: Exchange) -> Adapter:
    adapter = adapter_of(_DIALECTS[exchange.provider])
    try:
        assert _chunks(adapter, exchange) if _is_stream(exchange) else adapter.completion(_body(exchange))
    except TurnoutError as error:
        pytest.skip(f"an error, or no answer yet: {error.message}")
    return adapter


@pytest.mark.parametrize("exchange", cases(_ALL))
def test_a_message_says_what_a_chat_says(exchange: Exchange) -> None:
    adapter = _readable(exchange)
    chat = _heard(ChatSurface(), adapter, exchange)
    said = read_stream(sse_events(chat.decode())) if isinstance(chat, bytes) else read_whole(chat)
    message = _message(adapter, exchange)
    check("MessagesResult", message | {"content": [one for one in message["content"] if not _is_found(one)]})
    heard = said_in(message)
    expected, found = said.choices[0], heard.choices[0]
    assert found.text == expected.text + ("" if expected.text else expected.refusal)
    assert found.reasoning == expected.reasoning
    assert [call._replace(arguments=json.dumps(call.arguments)) for call in found.tool_calls] == [
        call._replace(arguments=json.dumps(json.loads(call.arguments or "{}"))) for call in expected.tool_calls
    ]
    finish = "tool_calls" if expected.tool_calls and expected.finish == "stop" else expected.finish
    assert _FINISH[found.finish or ""] == finish
    if said.tokens is not None:
        assert heard.tokens == said.tokens


@pytest.mark.parametrize("exchange", cases(_ALL))
def test_a_message_that_goes_back_reaches_the_provider_as_that_of_a_chat_does(exchange: Exchange) -> None:
    adapter = _readable(exchange)
    endpoint = endpoint_of(_DIALECTS[exchange.provider])
    chat = _heard(ChatSurface(), adapter, exchange)
    turn = _chat_turn(chat) if isinstance(chat, bytes) else chat["choices"][0]["message"]
    turn["role"] = "assistant"
    if "audio" in turn or turn.get("images"):
        pytest.skip("pictures and sound of a model's own do not go back")
    message = _message(adapter, exchange)
    calls = turn.get("tool_calls") or []
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "42"} for call in calls]
    blocks = [{"type": "tool_result", "tool_use_id": call["id"], "content": "42"} for call in calls]
    ask = {"model": "acme/tiny", "max_tokens": 900}
    question = {"role": "user", "content": "And then?"}
    as_chat = ask | {"messages": [question, turn, *(results or [question])]}
    back = {"role": "assistant", "content": message["content"]}
    as_messages = ask | {"messages": [question, back, {"role": "user", "content": blocks} if blocks else question]}
    try:
        expected = adapter.outgoing(ChatSurface().decode(json.dumps(as_chat).encode()), endpoint).body
    except TurnoutError as error:
        pytest.skip(f"a chat cannot send it back: {error.message}")
    request = MessagesSurface().decode(json.dumps(as_messages).encode())
    retold = adapter.outgoing(replace(request, original=None), endpoint)
    assert _normal(json.loads(retold.body)) == _normal(json.loads(expected))
    if exchange.provider == "anthropic":
        passed_on = adapter.outgoing(request, endpoint)
        assert passed_on.verbatim
        assert json.loads(passed_on.body) == as_messages | {"model": endpoint.upstream_model}


def _chat_turn(stream: bytes) -> dict[str, Any]:
    """The message that a client of chats makes of a stream: details are put into one list as they come."""
    events = sse_events(stream.decode())
    said = read_stream(events).choices[0]
    deltas = [choice["delta"] for event in events for choice in event["choices"]]
    details = [detail for delta in deltas for detail in delta.get("reasoning_details") or []]
    calls = [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in said.tool_calls
    ]
    return {"content": said.text, "reasoning": said.reasoning, "reasoning_details": details, "tool_calls": calls}


def _normal(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Without what says nothing, sources, and places of calls; arguments as values."""
    if isinstance(value, dict):
        read = {
            name: json.loads(item) if name == "arguments" and isinstance(item, str) else item
            for name, item in value.items()
            if item is not None and item not in ("", []) and name not in {"annotations", "index"}
        }
        if (details := read.get("reasoning_details")) and details[0].get("format") == "unknown":
            del read["reasoning_details"]  # which say no more than the reasoning itself
        return {name: _normal(item) for name, item in read.items()}
    return [_normal(item) for item in value] if isinstance(value, list) else value
