"""What providers of every kind said, read through the Messages API: as through a chat, and sent back alike."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from msgspec.structs import replace

from claude import collected, events_of, said_in
from conformance.kit import endpoint_of
from openrouter_schema import check
from recordings import Exchange
from stage import cases
from turnout.api.chat import ChatSurface
from turnout.api.messages import MessagesSurface
from turnout.base.errors import TurnoutError
from turnout.contracts.provider import Adapter
from ways_in import ANSWERED, DIALECTS, chat_turn, heard, readable, said_in_chat, without_nothings

_FINISH = {
    "end_turn": "stop", "max_tokens": "length", "model_context_window_exceeded": "length", "pause_turn": "stop",
    "refusal": "content_filter", "stop_sequence": "stop", "tool_use": "tool_calls",
}  # fmt: skip


def _message(adapter: Adapter, exchange: Exchange) -> dict[str, Any]:
    told: bytes | dict[str, Any] = heard(MessagesSurface(), adapter, exchange)
    if not isinstance(told, bytes):
        return told
    events = events_of(told)
    for event in events:
        if not _is_found(event.get("content_block", {})):
            check("MessagesStreamEvents", event)
    return collected(events)


def _is_found(block: Mapping[str, Any]) -> bool:
    """Whether *block* is of a tool of the provider's own whose recordings the schema does not know."""
    kind = str(block.get("type", ""))
    return kind.endswith("_tool_result") or kind == "mcp_tool_use"


@pytest.mark.parametrize("exchange", cases(ANSWERED))
def test_a_message_says_what_a_chat_says(exchange: Exchange) -> None:
    adapter = readable(exchange)
    said = said_in_chat(adapter, exchange)
    message = _message(adapter, exchange)
    check("MessagesResult", message | {"content": [one for one in message["content"] if not _is_found(one)]})
    answer = said_in(message)
    expected, found = said.choices[0], answer.choices[0]
    assert found.text == expected.text + ("" if expected.text else expected.refusal)
    assert found.reasoning == expected.reasoning
    assert [call._replace(arguments=json.dumps(call.arguments)) for call in found.tool_calls] == [
        call._replace(arguments=json.dumps(json.loads(call.arguments or "{}"))) for call in expected.tool_calls
    ]
    finish = "tool_calls" if expected.tool_calls and expected.finish == "stop" else expected.finish
    assert _FINISH[found.finish or ""] == finish
    if said.tokens is not None:
        assert answer.tokens == said.tokens


@pytest.mark.parametrize("exchange", cases(ANSWERED))
def test_a_message_that_goes_back_reaches_the_provider_as_that_of_a_chat_does(exchange: Exchange) -> None:
    adapter = readable(exchange)
    endpoint = endpoint_of(DIALECTS[exchange.provider])
    turn = chat_turn(adapter, exchange)
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
    assert without_nothings(json.loads(retold.body)) == without_nothings(json.loads(expected))
    if exchange.provider == "anthropic":
        passed_on = adapter.outgoing(request, endpoint)
        assert passed_on.verbatim
        assert json.loads(passed_on.body) == as_messages | {"model": endpoint.upstream_model}
