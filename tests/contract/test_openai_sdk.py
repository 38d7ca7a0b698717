"""The SDK of OpenAI against the gateway."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletionChunk
from pydantic import BaseModel

from gateway import Gateway

_HELLO: list[Any] = [{"role": "user", "content": "Hello, Turnout!"}]
_PIXEL = "data:image/png;base64,iVBORw0KGgo="
_WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


class _City(BaseModel):
    name: str
    inhabitants: int


def _text(chunks: Iterable[ChatCompletionChunk]) -> str:
    return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)


def test_a_whole_answer_has_text_usage_and_the_id_of_its_header(openai_client: OpenAI) -> None:
    raw = openai_client.chat.completions.with_raw_response.create(model="fake/echo", messages=_HELLO)
    answer = raw.parse()
    assert answer._request_id == answer.id
    assert answer.choices[0].message.content == "Hello, Turnout!"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == "fake/echo"
    assert answer.id == raw.headers["X-Generation-Id"]
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0


def test_a_stream_has_text_a_finish_and_usage_even_when_nobody_asked(openai_client: OpenAI) -> None:
    chunks = list(openai_client.chat.completions.create(model="fake/lorem-5", messages=_HELLO, stream=True))
    assert _text(chunks) == "lorem ipsum dolor sit amet"
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices if choice.finish_reason] == ["stop"]
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 5
    assert len({(chunk.id, chunk.created, chunk.model) for chunk in chunks}) == 1


async def test_the_asynchronous_client_reads_the_same(gateway: Gateway) -> None:
    async with AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.key, max_retries=0) as client:
        whole = await client.chat.completions.create(model="fake/echo", messages=_HELLO)
        assert whole.choices[0].message.content == "Hello, Turnout!"
        stream = await client.chat.completions.create(model="fake/echo", messages=_HELLO, stream=True)
        assert _text([chunk async for chunk in stream]) == "Hello, Turnout!"


def test_a_tool_is_called_and_answered(openai_client: OpenAI) -> None:
    answer = openai_client.chat.completions.create(model="fake/tools", messages=_HELLO, tools=[_WEATHER])
    choice = answer.choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.tool_calls is not None
    [call] = choice.message.tool_calls
    assert call.type == "function"
    assert call.function.name == "weather"
    assert set(json.loads(call.function.arguments)) == {"city"}
    talk = [*_HELLO, choice.message, {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    assert openai_client.chat.completions.create(model="fake/tools", messages=talk, tools=[_WEATHER]).choices


def test_a_streamed_tool_call_is_put_together_by_the_sdk(openai_client: OpenAI) -> None:
    with openai_client.chat.completions.stream(model="fake/tools", messages=_HELLO, tools=[_WEATHER]) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].finish_reason == "tool_calls"
    assert final.choices[0].message.tool_calls is not None
    [call] = final.choices[0].message.tool_calls
    assert call.id
    assert set(json.loads(call.function.arguments)) == {"city"}


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_fits_the_schema_that_was_sent(openai_client: OpenAI, stream: bool) -> None:  # noqa: FBT001 - a parameter of the test
    if stream:
        with openai_client.chat.completions.stream(model="fake/json", messages=_HELLO, response_format=_City) as events:
            message = events.get_final_completion().choices[0].message
    else:
        parsed = openai_client.chat.completions.parse(model="fake/json", messages=_HELLO, response_format=_City)
        message = parsed.choices[0].message
    assert isinstance(message.parsed, _City)


def test_reasoning_is_shown_beside_the_answer_and_counted(openai_client: OpenAI) -> None:
    answer = openai_client.chat.completions.create(model="fake/reason", messages=_HELLO, reasoning_effort="low")
    message = answer.choices[0].message.model_dump()
    assert message["reasoning"]
    assert message["reasoning_details"][0]["text"] == message["reasoning"]
    assert answer.usage is not None
    assert answer.usage.completion_tokens_details is not None
    assert (answer.usage.completion_tokens_details.reasoning_tokens or 0) > 0


@pytest.mark.parametrize("hiding", [{"reasoning": {"exclude": True}}, {"include_reasoning": False}])
def test_reasoning_can_be_hidden(openai_client: OpenAI, hiding: dict[str, Any]) -> None:
    create = openai_client.chat.completions.create
    whole = create(model="fake/reason", messages=_HELLO, extra_body=hiding)
    assert not whole.choices[0].message.model_dump().get("reasoning")
    for chunk in create(model="fake/reason", messages=_HELLO, stream=True, extra_body=hiding):
        for choice in chunk.choices:
            assert "reasoning" not in choice.delta.model_dump(exclude_none=True)


def test_images_may_stand_in_a_message(openai_client: OpenAI) -> None:
    parts = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": _PIXEL}}]
    messages: list[Any] = [{"role": "user", "content": parts}]
    answer = openai_client.chat.completions.create(model="fake/echo", messages=messages)
    assert answer.choices[0].message.content == "What is this?"


@pytest.mark.parametrize("stream", [False, True])
def test_several_choices_come_under_their_indexes(openai_client: OpenAI, stream: bool) -> None:  # noqa: FBT001 - a parameter of the test
    if stream:
        chunks = openai_client.chat.completions.create(model="fake/echo", messages=_HELLO, n=3, stream=True)
        indexes = {choice.index for chunk in chunks for choice in chunk.choices}
    else:
        answer = openai_client.chat.completions.create(model="fake/echo", messages=_HELLO, n=3)
        assert {choice.message.content for choice in answer.choices} == {"Hello, Turnout!"}
        indexes = {choice.index for choice in answer.choices}
    assert indexes == {0, 1, 2}


@pytest.mark.parametrize("stream", [False, True])
def test_log_probabilities_are_passed_on(openai_client: OpenAI, stream: bool) -> None:  # noqa: FBT001 - a parameter of the test
    create = openai_client.chat.completions.create
    if stream:
        chunks = list(create(model="fake/lorem-3", messages=_HELLO, logprobs=True, top_logprobs=2, stream=True))
        found = [choice.logprobs for chunk in chunks for choice in chunk.choices if choice.logprobs]
        tokens = [token for logprobs in found for token in logprobs.content or []]
    else:
        answer = create(model="fake/lorem-3", messages=_HELLO, logprobs=True, top_logprobs=2)
        assert answer.choices[0].logprobs is not None
        tokens = answer.choices[0].logprobs.content or []
    assert "".join(token.token for token in tokens) == "lorem ipsum dolor"
    assert all(token.top_logprobs[0].token == token.token for token in tokens)


@pytest.mark.parametrize("stream", [False, True])
def test_legacy_completions_continue_a_prompt(openai_client: OpenAI, stream: bool) -> None:  # noqa: FBT001 - a parameter of the test
    if stream:
        chunks = list(openai_client.completions.create(model="fake/echo", prompt="Once", stream=True))
        assert "".join(choice.text for chunk in chunks for choice in chunk.choices) == "Once"
        assert chunks[-1].usage is not None
    else:
        answer = openai_client.completions.create(model="fake/echo", prompt="Once")
        assert answer.object == "text_completion"
        assert answer.choices[0].text == "Once"
        assert answer.choices[0].finish_reason == "stop"


def test_one_model_is_retrieved(openai_client: OpenAI) -> None:
    model = openai_client.models.retrieve("fake/echo")
    assert (model.id, model.object, model.owned_by) == ("fake/echo", "model", "fake")


def test_models_are_listed(openai_client: OpenAI) -> None:
    found = {model.id: model for model in openai_client.models.list()}
    assert {"fake/echo", "acme/locked", "acme/paid"} <= found.keys()
    assert all(model.created >= 0 for model in found.values())


def test_a_wrong_key_is_401(gateway: Gateway) -> None:
    with OpenAI(base_url=f"{gateway.url}/api/v1", api_key="sk-to-v1-" + "0" * 64, max_retries=0) as stranger:
        with pytest.raises(openai.AuthenticationError):
            stranger.chat.completions.create(model="fake/echo", messages=_HELLO)
        with pytest.raises(openai.AuthenticationError):
            stranger.chat.completions.create(model="fake/echo", messages=_HELLO, stream=True)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"temperature": "hot"}, "temperature"),
        ({"n": 0}, "n"),
        ({"model": "no/such-model"}, "no/such-model"),
        ({"model": None}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"provider": {"sord": "price"}}, "sord"),
        ({"reasoning": {"effort": "low"}, "reasoning_effort": "high"}, "reasoning_effort"),
    ],
)
def test_a_bad_request_is_400_and_names_the_field(openai_client: OpenAI, fields: dict[str, Any], named: str) -> None:
    with pytest.raises(openai.BadRequestError, match=named):
        openai_client.chat.completions.create(model="fake/echo", messages=_HELLO, extra_body=fields)


def test_a_model_that_nobody_serves_is_404(openai_client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="acme/locked"):
        openai_client.chat.completions.create(model="acme/locked", messages=_HELLO)


@pytest.mark.parametrize("stream", [False, True])
def test_a_busy_provider_is_429_with_a_time_to_wait(openai_client: OpenAI, stream: bool) -> None:  # noqa: FBT001 - a parameter of the test
    with pytest.raises(openai.RateLimitError) as raised:
        openai_client.chat.completions.create(model="fake/status-429", messages=_HELLO, stream=stream)
    assert int(raised.value.response.headers["Retry-After"]) >= 1


def test_too_large_a_body_is_413(openai_client: OpenAI) -> None:
    messages: list[Any] = [{"role": "user", "content": "x" * 400_000}]
    with pytest.raises(openai.APIStatusError) as raised:
        openai_client.chat.completions.create(model="fake/echo", messages=messages)
    assert raised.value.status_code == 413


@pytest.mark.parametrize(("status", "shown"), [(500, 502), (503, 503), (401, 502), (400, 400), (404, 404), (422, 422)])
def test_a_providers_status_becomes_the_right_one(openai_client: OpenAI, status: int, shown: int) -> None:
    with pytest.raises(openai.APIStatusError) as raised:
        openai_client.chat.completions.create(model=f"fake/status-{status}", messages=_HELLO)
    assert raised.value.status_code == shown


def test_an_error_in_mid_stream_is_raised_after_the_text_before_it(openai_client: OpenAI) -> None:
    stream = openai_client.chat.completions.create(model="fake/error-in-stream-2", messages=_HELLO, stream=True)
    chunks: list[ChatCompletionChunk] = []
    with pytest.raises(openai.APIError, match="middle"):
        chunks.extend(stream)
    assert _text(chunks) == "lorem ipsum"
