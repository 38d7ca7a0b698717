"""What providers of every kind said, read through the Responses API: as through a chat, and it goes back alike."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from claude import events_of
from conformance.kit import endpoint_of
from items import collected, said_in
from openrouter_schema import check
from recordings import Exchange
from stage import cases
from turnout.api.chat import ChatSurface
from turnout.api.responses import ResponsesSurface
from turnout.base.errors import TurnoutError
from turnout.contracts.provider import Adapter
from ways_in import ANSWERED, DIALECTS, chat_turn, heard, parsed, readable, said_in_chat, without_nothings

_FINISH = {"completed": "stop", "max_output_tokens": "length", "content_filter": "content_filter", "failed": "error"}
_KINDS = {
    "code_interpreter_call", "custom_tool_call", "file_search_call", "function_call", "image_generation_call",
    "message", "reasoning", "web_search_call",
}  # fmt: skip
"""Items that the published schema knows."""


def _response(adapter: Adapter, exchange: Exchange) -> dict[str, Any]:
    told: bytes | dict[str, Any] = heard(ResponsesSurface(), adapter, exchange)
    return collected(events_of(told)) if isinstance(told, bytes) else told


@pytest.mark.parametrize("exchange", cases(ANSWERED))
def test_a_response_says_what_a_chat_says(exchange: Exchange) -> None:
    adapter = readable(exchange)
    said = said_in_chat(adapter, exchange)
    response = _response(adapter, exchange)
    check("OpenResponsesResult", response | {"output": [one for one in response["output"] if one["type"] in _KINDS]})
    answer = said_in(response)
    expected, found = said.choices[0], answer.choices[0]
    assert (found.text, found.refusal, found.reasoning) == (expected.text, expected.refusal, expected.reasoning)
    assert [call._replace(arguments=parsed(call.arguments)) for call in found.tool_calls] == [
        call._replace(arguments=parsed(call.arguments)) for call in expected.tool_calls
    ]
    assert _FINISH[found.finish or ""] == (expected.finish if expected.finish != "tool_calls" else "stop")
    if said.tokens is not None:
        assert answer.tokens == said.tokens


@pytest.mark.parametrize("exchange", cases(ANSWERED))
def test_a_response_that_goes_back_reaches_the_provider_as_what_a_chat_sends_back(exchange: Exchange) -> None:
    adapter = readable(exchange)
    endpoint = endpoint_of(DIALECTS[exchange.provider])
    turn = chat_turn(adapter, exchange)
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
    assert without_nothings(json.loads(retold.body)) == without_nothings(json.loads(expected))
    if exchange.provider == "openai-responses":
        passed_on = adapter.outgoing(request, endpoint)
        assert passed_on.verbatim
        assert json.loads(passed_on.body)["input"] == as_items["input"]
