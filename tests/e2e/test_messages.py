"""Anthropic's own client against the gateway: its ordinary examples, whatever model is behind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from pydantic import BaseModel

from claude import collected, events_of
from gateway import Gateway

_HELLO: Any = [{"role": "user", "content": "Hello, Turnout!"}]
_WEATHER: Any = {
    "name": "weather",
    "description": "Tells the weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


class _Place(BaseModel):
    """A structured answer."""

    city: str
    people: int


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("gateway")) as running:
        yield running


@pytest.fixture
def client(gateway: Gateway) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=f"{gateway.url}/api", api_key=gateway.key, max_retries=0) as made:
        yield made


def test_a_message(client: anthropic.Anthropic, gateway: Gateway) -> None:
    message = client.messages.create(model="fake/echo", max_tokens=50, system="Be brief.", messages=_HELLO)
    assert message.content[0].type == "text"
    assert message.content[0].text == "Hello, Turnout!"
    assert (message.role, message.type, message.stop_reason, message.model) == (
        "assistant",
        "message",
        "end_turn",
        "fake/echo",
    )
    assert message._request_id == message.id
    record = gateway.request("GET", f"/api/v1/generation?id={message.id}").json()["data"]
    assert record["tokens_prompt"] == message.usage.input_tokens
    assert record["tokens_completion"] == message.usage.output_tokens


def test_a_stream(client: anthropic.Anthropic) -> None:
    with client.messages.stream(model="fake/lorem-30", max_tokens=50, messages=_HELLO) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert final.content[0].type == "text"
    assert final.content[0].text == text
    assert final.usage.output_tokens == 30


def test_thinking(client: anthropic.Anthropic) -> None:
    asked: Any = {"model": "fake/reason", "max_tokens": 4000, "messages": _HELLO}
    budget: Any = {"type": "enabled", "budget_tokens": 2000}
    whole = client.messages.create(**asked, thinking=budget)
    with client.messages.stream(**asked, thinking=budget) as stream:
        streamed = stream.get_final_message()
    for message in (whole, streamed):
        assert [block.type for block in message.content] == ["thinking", "text"]
        assert message.usage.output_tokens_details is not None
        assert message.usage.output_tokens_details.thinking_tokens > 0
    again = [*_HELLO, {"role": "assistant", "content": whole.content}, *_HELLO]
    assert client.messages.create(**(asked | {"messages": again})).stop_reason == "end_turn"


@pytest.mark.parametrize("streamed", [False, True])
def test_a_tool_loop(client: anthropic.Anthropic, streamed: bool) -> None:  # noqa: FBT001 - a parameter of the test
    turns: Any = [{"role": "user", "content": "What is the weather?"}]
    asked: Any = {"model": "fake/tools", "max_tokens": 100, "tools": [_WEATHER], "tool_choice": {"type": "auto"}}
    if streamed:
        with client.messages.stream(**asked, messages=turns) as stream:
            message: Any = stream.get_final_message()
    else:
        message = client.messages.create(**asked, messages=turns)
    assert message.stop_reason == "tool_use"
    [call] = [block for block in message.content if block.type == "tool_use"]
    assert call.name == "weather"
    assert isinstance(call.input["city"], str)
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "Sunny", "is_error": False}
    turns += [{"role": "assistant", "content": message.content}, {"role": "user", "content": [result]}]
    assert client.messages.create(**asked, messages=turns).content


def test_a_structured_answer(client: anthropic.Anthropic) -> None:
    message = client.messages.parse(model="fake/json", max_tokens=200, messages=_HELLO, output_format=_Place)
    assert isinstance(message.parsed_output, _Place)


def test_tokens_are_counted(client: anthropic.Anthropic) -> None:
    short = client.messages.count_tokens(model="fake/echo", messages=_HELLO).input_tokens
    long = client.messages.count_tokens(model="fake/echo", messages=_HELLO, system="x" * 400, tools=[_WEATHER])
    assert 0 < short < 20
    assert long.input_tokens > short + 100


@pytest.mark.parametrize(
    ("model", "error"),
    [
        ("fake/status-429", anthropic.RateLimitError),
        ("fake/status-529", anthropic.InternalServerError),
        ("fake/status-400", anthropic.BadRequestError),
        ("no/such-model", anthropic.BadRequestError),
        ("query/3ILPmYwxjVJc3Ohdpk8JAy", anthropic.NotFoundError),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_errors_are_those_of_the_client(
    client: anthropic.Anthropic,
    model: str,
    error: type[anthropic.APIStatusError],
    stream: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    with pytest.raises(error) as caught:
        client.messages.create(model=model, max_tokens=5, messages=_HELLO, stream=stream)
    body: Any = caught.value.body
    assert body["type"] == "error"
    assert body["error"]["message"]


def test_an_error_amid_the_stream_is_an_event(client: anthropic.Anthropic) -> None:
    stream = client.messages.create(model="fake/error-in-stream", max_tokens=50, messages=_HELLO, stream=True)
    with pytest.raises(anthropic.APIStatusError) as caught:
        for _ in stream:
            pass
    body: Any = caught.value.body
    assert body["error"]["error_type"] == "provider_unavailable"


def test_both_mounts_and_both_headers(gateway: Gateway) -> None:
    body = {"model": "fake/echo", "max_tokens": 5, "messages": _HELLO}
    for path in ("/api/v1/messages", "/v1/messages"):
        reply = gateway.request("POST", path, body, key=None, headers={"x-api-key": gateway.key})
        assert reply.status == 200, reply.body
    refused = gateway.request("POST", "/v1/messages", body, key=None)
    assert (refused.status, refused.json()["error"]["type"]) == (401, "authentication_error")
    wrong = gateway.request("POST", "/v1/messages/count_tokens", body, key=None, headers={"x-api-key": "sk-no"})
    assert (wrong.status, wrong.json()["error"]["type"]) == (401, "authentication_error")


def test_what_no_provider_here_can_say_is_refused_clearly(gateway: Gateway) -> None:
    tools = [{"type": "bash_20250124", "name": "bash"}]
    body = {"model": "fake/echo", "max_tokens": 5, "messages": _HELLO, "tools": tools}
    reply = gateway.request("POST", "/v1/messages", body)
    assert reply.status == 400
    assert "bash_20250124" in reply.json()["error"]["message"]


def test_tools_that_the_gateway_runs_are_taken(gateway: Gateway) -> None:
    body = {"model": "fake/echo", "max_tokens": 9, "messages": _HELLO, "tools": [{"type": "openrouter:datetime"}]}
    reply = gateway.request("POST", "/v1/messages", body)
    assert reply.status == 200, reply.body


def test_a_model_that_fails_gives_way_to_a_fallback(gateway: Gateway) -> None:
    body = {"model": "fake/status-500", "max_tokens": 9, "messages": _HELLO, "fallbacks": [{"model": "fake/echo"}]}
    assert gateway.request("POST", "/v1/messages", body).json()["model"] == "fake/echo"


def test_the_way_is_told_who_asks_for_it(gateway: Gateway) -> None:
    body = {"model": "fake/echo", "max_tokens": 9, "messages": _HELLO}
    told = {"X-OpenRouter-Metadata": "enabled"}
    whole = gateway.request("POST", "/v1/messages", body, headers=told)
    assert whole.json()["openrouter_metadata"]["requested"] == "fake/echo"
    stream = gateway.request("POST", "/v1/messages", body | {"stream": True}, headers=told)
    events = events_of(stream.body)
    assert collected(events)["stop_reason"] == "end_turn"
    assert events[-1]["openrouter_metadata"]["requested"] == "fake/echo"


@pytest.mark.parametrize("stream", [False, True])
def test_voters_answer_as_a_message(gateway: Gateway, stream: bool) -> None:  # noqa: FBT001 - a parameter of the test
    llm = {"id": "fake/echo", "mode": "generate", "weight": {"type": "static", "weight": 1}}
    made = gateway.request("POST", "/query_models", {"models": [llm], "weight": {"type": "static"}}).json()
    body = {"model": f"query/{made['name']}", "max_tokens": 9, "messages": _HELLO, "stream": stream}
    reply = gateway.request("POST", "/v1/messages", body)
    assert reply.status == 200, reply.body
    message = collected(events_of(reply.body)) if stream else json.loads(reply.body)
    assert [block["type"] for block in message["content"]] == ["text"]
    assert message["content"][0]["text"]
