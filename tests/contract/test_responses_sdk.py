"""The Responses API through the SDKs of OpenAI and OpenRouter: whole, streamed, parsed, with tools and refused."""

from __future__ import annotations

import json
from typing import Any

import openai
import openrouter.errors
import pytest
from openai import OpenAI
from openrouter import OpenRouter
from pydantic import BaseModel

from claude import events_of
from gateway import Gateway
from items import collected
from openrouter_schema import check

_SCHEMA: dict[str, Any] = {
    "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False,
}  # fmt: skip
_TOOL: Any = {"type": "function", "name": "weather", "parameters": _SCHEMA, "strict": True}
_PATCH: Any = {"type": "custom", "name": "patch", "description": "Patches a file."}


class Report(BaseModel):
    """What the fake provider fills in."""

    city: str


def test_a_response_has_what_clients_read(openai_client: OpenAI) -> None:
    response = openai_client.responses.create(model="acme/paid", input="Hello, Turnout!", instructions="Be kind.")
    assert response.output_text == "Hello, Turnout!"
    assert response.status == "completed"
    assert response.instructions == "Be kind."
    assert response.usage is not None
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens
    body = json.loads(response.to_json())
    assert body["id"].startswith("gen-")
    assert body["usage"]["cost"] > 0
    check("OpenResponsesResult", body)


def test_a_stream_is_put_together_again(openai_client: OpenAI) -> None:
    with openai_client.responses.stream(model="fake/reason", input="Hello, Turnout!") as stream:
        kinds = [event.type for event in stream]
        response = stream.get_final_response()
    assert response.output_text == "Hello, Turnout!"
    assert kinds[0] == "response.created"
    assert kinds[-1] == "response.completed"
    assert [item.type for item in response.output] == ["reasoning", "message"]


@pytest.mark.parametrize("tool", [_TOOL, _PATCH], ids=["function", "custom"])
def test_tool_calls_come_whole_and_streamed(openai_client: OpenAI, tool: Any) -> None:  # noqa: ANN401 - JSON
    create = openai_client.responses.create
    whole = create(model="fake/tools", input="Weather in Rome?", tools=[tool])
    with openai_client.responses.stream(model="fake/tools", input="Weather in Rome?", tools=[tool]) as stream:
        streamed = stream.get_final_response()
    for response in (whole, streamed):
        [call] = [item for item in response.output if item.type in {"function_call", "custom_tool_call"}]
        assert call.name == tool["name"]
        if call.type == "function_call":
            assert "city" in json.loads(call.arguments)
        results: list[Any] = [{"type": f"{call.type}_output", "call_id": call.call_id, "output": "Sun."}]
        asked: list[Any] = [{"role": "user", "content": "Weather in Rome?"}]
        again = create(model="fake/tools", input=asked + response.output + results, tools=[tool])
        assert again.status == "completed"


def test_a_structured_answer_is_parsed(openai_client: OpenAI) -> None:
    response = openai_client.responses.parse(model="fake/json", input="Rome", text_format=Report)
    assert isinstance(response.output_parsed, Report)


def test_the_sdk_of_openrouter_takes_answers_and_streams(openrouter_client: OpenRouter) -> None:
    send = openrouter_client.responses.send
    answer: Any = send(model="acme/paid", input="Hello, Turnout!", tools=[_TOOL], retries=None)
    assert answer.output[0].content[0].text == "Hello, Turnout!"
    assert answer.usage.cost > 0
    stream: Any = send(model="fake/reason", input="Hello, Turnout!", stream=True, retries=None)
    with stream:
        events = list(stream)
    assert events[-1].type == "response.completed"
    assert events[-1].response.output[-1].content[0].text == "Hello, Turnout!"


def test_errors_have_a_word_for_a_code(gateway: Gateway, openai_client: OpenAI, openrouter_client: OpenRouter) -> None:
    reply = gateway.request("POST", "/v1/responses", {"model": "acme/paid", "input": "x", "store": True})
    assert reply.status == 400
    body = reply.json()
    assert body["error"]["code"] == "invalid_prompt"
    assert "`store`" in body["error"]["message"]
    assert body["error_type"] == "invalid_request"
    assert body["metadata"] is None
    with pytest.raises(openai.BadRequestError) as refused:
        openai_client.responses.create(model="acme/paid", input="x", previous_response_id="resp_1")
    assert refused.value.code == "invalid_prompt"
    with pytest.raises(openai.AuthenticationError):
        openai_client.with_options(api_key="wrong").responses.create(model="acme/paid", input="x")
    with pytest.raises(openrouter.errors.OpenRouterError):
        openrouter_client.responses.send(model="no/such", input="x", retries=None)


def test_a_stream_that_breaks_ends_in_a_failed_response(gateway: Gateway) -> None:
    body = {"model": "fake/error-in-stream-3", "input": "Hello, Turnout!", "stream": True}
    events = events_of(gateway.request("POST", "/api/v1/responses", body).body)
    response = collected(events)
    assert events[-1]["type"] == "response.failed"
    assert events[-1]["error_type"]
    assert response["status"] == "failed"
    assert response["error"]["code"] == "server_error"


def test_a_stream_may_show_what_the_provider_was_sent(gateway: Gateway) -> None:
    body = {"model": "fake/echo", "input": "x", "stream": True, "debug": {"echo_upstream_body": True}}
    events = events_of(gateway.request("POST", "/api/v1/responses", body).body)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    [shown] = [event for event in events if event["type"] == "response.debug"]
    check("DebugEvent", shown)
    assert shown["debug"]["echo_upstream_body"]["messages"] == [{"role": "user", "content": "x"}]
