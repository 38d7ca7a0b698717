"""The SDK of OpenRouter against the gateway: it checks every answer against models of its own."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from openrouter import OpenRouter, errors

from documents import pdf_of
from gateway import Gateway

_HELLO: list[Any] = [{"role": "user", "content": "Hello, Turnout!"}]
_TOOL: Any = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


def _send(client: OpenRouter, model: str, **fields: Any) -> Any:  # noqa: ANN401 - whole or stream
    return client.chat.send(model=model, messages=fields.pop("messages", _HELLO), retries=None, **fields)


def test_a_whole_answer_is_accepted(openrouter_client: OpenRouter) -> None:
    answer = _send(openrouter_client, "acme/paid")
    assert answer.choices[0].message.content == "Hello, Turnout!"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.cost > 0
    assert answer.usage.cost_details.upstream_inference_prompt_cost > 0


def test_every_chunk_is_accepted(openrouter_client: OpenRouter) -> None:
    with _send(openrouter_client, "fake/reason", stream=True) as stream:
        chunks = list(stream)
    deltas = [choice.delta for chunk in chunks for choice in chunk.choices]
    assert "".join(delta.content or "" for delta in deltas) == "Hello, Turnout!"
    assert any(delta.reasoning for delta in deltas)
    assert chunks[-1].usage.completion_tokens > 0


@pytest.mark.parametrize("stream", [False, True])
def test_tool_calls_are_accepted(openrouter_client: OpenRouter, stream: bool) -> None:  # noqa: FBT001 - a parameter of the test
    if stream:
        with _send(openrouter_client, "fake/tools", tools=[_TOOL], stream=True) as events:
            deltas = [choice.delta for event in events for choice in event.choices]
        pieces = [call.function for delta in deltas for call in delta.tool_calls or []]
        name = "".join(piece.name or "" for piece in pieces)
        arguments = "".join(piece.arguments or "" for piece in pieces)
    else:
        answer = _send(openrouter_client, "fake/tools", tools=[_TOOL])
        assert answer.choices[0].finish_reason == "tool_calls"
        [call] = answer.choices[0].message.tool_calls
        name, arguments = call.function.name, call.function.arguments
    assert name == "weather"
    assert isinstance(json.loads(arguments), dict)


@pytest.mark.parametrize(
    "fields",
    [
        {"response_format": {"type": "json_object"}},
        {"provider": {"sort": "price", "allow_fallbacks": True, "data_collection": "deny"}},
        {"provider": {"max_price": {"prompt": "1", "completion": "1"}}},
        {"models": ["fake/lorem-3"]},
        {"reasoning": {"effort": "high"}},
        {"max_completion_tokens": 2, "temperature": 0.5, "top_p": 0.9, "stop": ["x"], "seed": 1},
        {"session_id": "s", "user": "u", "metadata": {"a": "b"}},
        {"plugins": [{"id": "web"}]},
        {"stream_options": {"include_usage": True}},
    ],
)
def test_what_the_sdk_can_say_is_understood(openrouter_client: OpenRouter, fields: dict[str, Any]) -> None:
    assert _send(openrouter_client, "fake/echo", **fields).choices


def test_parts_of_messages_are_understood(openrouter_client: OpenRouter) -> None:
    paper = base64.b64encode(pdf_of("Hi from a PDF")).decode()
    parts = [
        {"type": "text", "text": "Hello", "cache_control": {"type": "ephemeral"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
        {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{paper}"}},
    ]
    messages = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": parts}]
    message = _send(openrouter_client, "fake/echo", messages=messages).choices[0].message
    assert message.content == 'Hello\n<file name="a.pdf">\nHi from a PDF\n</file>'


def test_the_catalog_is_accepted(openrouter_client: OpenRouter) -> None:
    listed = openrouter_client.models.list(retries=None)
    assert listed is not None
    models = listed.result.data
    assert {"fake/echo", "acme/locked"} <= {model.id for model in models}
    assert openrouter_client.models.count(retries=None).data.count == len(models) == listed.result.total_count
    assert openrouter_client.models.get(author="fake", slug="echo", retries=None).data.id == "fake/echo"
    endpoints = openrouter_client.endpoints.list(author="acme", slug="paid", retries=None).data.endpoints
    assert [endpoint.provider_name for endpoint in endpoints] == ["Fake"]
    assert "fake" in {provider.slug for provider in openrouter_client.providers.list(retries=None).data}


@pytest.mark.filterwarnings("ignore:.*DEPRECATED:DeprecationWarning")  # of a field that the SDK wants all the same
def test_the_key_and_a_generation_are_accepted(openrouter_client: OpenRouter) -> None:
    answer = _send(openrouter_client, "acme/paid")
    record = openrouter_client.generations.get_generation(id=answer.id, retries=None).data
    assert record.id == answer.id
    assert record.total_cost == answer.usage.cost
    assert record.tokens_completion == answer.usage.completion_tokens
    key = openrouter_client.api_keys.get_current_key_metadata(retries=None).data
    assert key.usage >= answer.usage.cost
    assert key.is_management_key is False


@pytest.mark.parametrize(
    ("model", "fields", "error"),
    [
        ("no/such", {}, errors.BadRequestResponseError),
        ("acme/locked", {}, errors.NotFoundResponseError),
        ("fake/status-400", {}, errors.BadRequestResponseError),
        ("fake/status-413", {}, errors.PayloadTooLargeResponseError),
        ("fake/status-422", {}, errors.UnprocessableEntityResponseError),
        ("fake/status-429", {}, errors.TooManyRequestsResponseError),
        ("fake/status-500", {}, errors.BadGatewayResponseError),
        ("fake/status-503", {}, errors.ServiceUnavailableResponseError),
        ("fake/error-in-stream-0", {"stream": True}, errors.BadGatewayResponseError),
        ("fake/echo", {"messages": [{"role": "user", "content": "x" * 400_000}]}, errors.PayloadTooLargeResponseError),
    ],
)
def test_errors_have_their_classes(
    openrouter_client: OpenRouter, model: str, fields: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        _send(openrouter_client, model, **fields)


def test_a_wrong_key_has_its_class(gateway: Gateway) -> None:
    with (
        OpenRouter(api_key="sk-to-v1-" + "0" * 64, server_url=f"{gateway.url}/api/v1") as stranger,
        pytest.raises(errors.UnauthorizedResponseError),
    ):
        _send(stranger, "fake/echo")


def test_a_missing_generation_has_its_class(openrouter_client: OpenRouter) -> None:
    with pytest.raises(errors.NotFoundResponseError):
        openrouter_client.generations.get_generation(id="gen-0-x", retries=None)


def test_an_error_in_mid_stream_is_a_chunk_that_the_sdk_accepts(openrouter_client: OpenRouter) -> None:
    with _send(openrouter_client, "fake/error-in-stream-2", stream=True) as stream:
        chunks = list(stream)
    assert "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices) == "lorem ipsum"
    assert chunks[-1].error.code == 502
    assert chunks[-1].error.metadata.error_type == "provider_unavailable"
    assert chunks[-1].choices[0].finish_reason == "error"
