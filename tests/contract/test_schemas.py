"""Every shape that leaves the gateway fits OpenRouter's public OpenAPI document."""

from __future__ import annotations

from typing import Any

import pytest

from gateway import Gateway
from openrouter_schema import check, check_operation, sdk_requires

_TOOL = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}
_REQUESTS: dict[str, tuple[str, dict[str, Any]]] = {
    "text": ("fake/echo", {}),
    "paid": ("acme/paid", {}),
    "tools": ("fake/tools", {"tools": [_TOOL]}),
    "two-tools-choices": ("fake/tools", {"tools": [_TOOL], "n": 2}),
    "json": ("fake/json", {"response_format": {"type": "json_object"}}),
    "reasoning": ("fake/reason", {}),
    "logprobs": ("fake/lorem-3", {"logprobs": True, "top_logprobs": 2}),
    "choices": ("fake/lorem-3", {"n": 3}),
    "length": ("fake/lorem-9", {"max_tokens": 3}),
    "no-usage": ("fake/no-usage", {}),
    "cached": ("fake/echo-tokens-100-20-cached-60", {}),
    "finish-word": ("fake/echo-finish-end_turn", {}),
    "legacy-prompt": ("fake/echo", {"messages": None, "prompt": "Once"}),
}
_ERRORS = {
    400: "BadRequestResponse",
    401: "UnauthorizedResponse",
    404: "NotFoundResponse",
    413: "PayloadTooLargeResponse",
    422: "UnprocessableEntityResponse",
    429: "TooManyRequestsResponse",
    500: "InternalServerResponse",
    502: "BadGatewayResponse",
    503: "ServiceUnavailableResponse",
}


def _body(name: str) -> tuple[str, dict[str, Any]]:
    model, fields = _REQUESTS[name]
    return model, {key: value for key, value in fields.items() if value is not None}


@pytest.mark.parametrize("name", _REQUESTS)
def test_a_whole_answer_fits(gateway: Gateway, name: str) -> None:
    model, fields = _body(name)
    reply = gateway.chat(model, **fields)
    assert reply.status == 200, reply.body
    check("ChatResult", reply.json())
    assert reply.json()["provider"] == "Fake"
    for choice in reply.json()["choices"]:
        assert choice.keys() >= {"finish_reason", "native_finish_reason", "logprobs", "message", "index"}
        assert choice["message"].keys() >= {"role", "content", "refusal", "reasoning"}
    _check_usage(reply.json()["usage"])


@pytest.mark.parametrize("name", _REQUESTS)
def test_every_chunk_of_a_stream_fits(gateway: Gateway, name: str) -> None:
    model, fields = _body(name)
    reply = gateway.chat(model, stream=True, **fields)
    events = reply.events()
    assert events.pop() == "[DONE]"
    roles: set[int] = set()
    for event in events:
        check("ChatStreamChunk", event)
        assert event["provider"] == "Fake"
        for choice in event["choices"]:
            assert choice.keys() >= {"finish_reason", "native_finish_reason", "delta", "index"}
            assert choice["index"] in roles or choice["delta"]["role"] == "assistant"
            roles.add(choice["index"])
    assert len({(event["id"], event["created"], event["model"]) for event in events}) == 1
    assert [event["choices"] for event in events if "usage" in event] == [[]]
    _check_usage(events[-1]["usage"])


def test_an_error_in_mid_stream_fits(gateway: Gateway) -> None:
    events = gateway.chat("fake/error-in-stream-2", stream=True).events()
    assert events.pop() == "[DONE]"
    for event in events:
        check("ChatStreamChunk", event)
    assert events[-1]["error"].keys() >= {"code", "message", "metadata"}


def test_a_whole_and_a_streamed_answer_say_the_same(gateway: Gateway) -> None:
    for name in ("text", "reasoning", "tools", "cached", "finish-word"):
        model, fields = _body(name)
        whole = gateway.chat(model, **fields).json()
        events = gateway.chat(model, stream=True, **fields).events()[:-1]
        assert events[-1]["usage"] == whole["usage"]
        deltas = [choice["delta"] for event in events for choice in event["choices"]]
        message = whole["choices"][0]["message"]
        assert "".join(delta.get("content") or "" for delta in deltas) == (message["content"] or "")
        assert "".join(delta.get("reasoning") or "" for delta in deltas) == (message["reasoning"] or "")
        ends = [c for e in events for c in e["choices"] if c["finish_reason"]]
        assert [(end["finish_reason"], end["native_finish_reason"]) for end in ends] == [
            (whole["choices"][0]["finish_reason"], whole["choices"][0]["native_finish_reason"])
        ]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("model", "status"),
    [
        ("no/such", 400), ("acme/locked", 404), ("fake/status-400", 400), ("fake/status-404", 404),
        ("fake/status-413", 413), ("fake/status-422", 422), ("fake/status-429", 429), ("fake/status-500", 502),
        ("fake/status-503", 503), ("fake/status-401", 502), ("fake/empty", 502),
        ("fake/html", 502), ("fake/reset", 502), ("fake/error-in-stream-0", 502),
    ],
)  # fmt: skip
def test_an_error_in_place_of_an_answer_fits(gateway: Gateway, model: str, status: int, stream: bool) -> None:  # noqa: FBT001 - a parameter of the test
    reply = gateway.chat(model, stream=stream)
    assert reply.status == status, reply.body
    assert reply.headers["content-type"] == "application/json"
    check(_ERRORS[status], reply.json())
    check("ApiErrorType", reply.json()["error"]["metadata"]["error_type"])
    assert reply.json()["error"]["code"] == status
    found = gateway.request("GET", f"/api/v1/generation?id={reply.headers['x-generation-id']}")
    assert found.status == (200 if model.startswith("fake/") else 404)


def test_no_key_and_no_route_have_the_one_error_shape(gateway: Gateway) -> None:
    for path, status in (("/api/v1/key", 401), ("/api/v1/generation?id=x", 401), ("/api/v1/nothing", 404)):
        reply = gateway.request("GET", path, key=None)
        assert reply.status == status
        check(_ERRORS[status], reply.json())
    reply = gateway.request("POST", "/api/v1/chat/completions", {}, key=None)
    assert reply.status == 401
    assert reply.headers["x-generation-id"].startswith("gen-")
    check("UnauthorizedResponse", reply.json())
    reply = gateway.request("GET", "/api/v1/generation")
    assert reply.status == 400
    assert "id" in reply.json()["error"]["message"]
    check("BadRequestResponse", reply.json())


@pytest.mark.parametrize("path", ["/models", "/models/count", "/providers", "/key"])
def test_a_listing_fits(gateway: Gateway, path: str) -> None:
    reply = gateway.request("GET", f"/api/v1{path}")
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json"
    check_operation("get", path, reply.json())


@pytest.mark.parametrize("model", ["fake/echo", "acme/paid", "acme/locked", "acme/bare"])
def test_a_model_and_its_endpoints_fit(gateway: Gateway, model: str) -> None:
    check_operation("get", "/model/{author}/{slug}", gateway.request("GET", f"/api/v1/model/{model}").json())
    reply = gateway.request("GET", f"/api/v1/models/{model}/endpoints")
    check_operation("get", "/models/{author}/{slug}/endpoints", reply.json())
    for endpoint in reply.json()["data"]["endpoints"]:
        assert endpoint.keys() >= set(sdk_requires("PublicEndpoint"))


def test_the_key_has_what_the_sdk_wants(gateway: Gateway) -> None:
    for path in ("/api/v1/key", "/api/v1/auth/key"):
        assert gateway.request("GET", path).json()["data"].keys() >= set(sdk_requires("GetCurrentKey.data"))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", ["text", "paid", "tools", "reasoning", "no-usage", "cached"])
def test_a_generation_fits_and_says_what_the_answer_said(gateway: Gateway, name: str, stream: bool) -> None:  # noqa: FBT001 - a parameter of the test
    model, fields = _body(name)
    reply = gateway.chat(model, stream=stream, **fields)
    usage = reply.events()[-2]["usage"] if stream else reply.json()["usage"]
    found = gateway.request("GET", f"/api/v1/generation?id={reply.headers['x-generation-id']}")
    check_operation("get", "/generation", found.json())
    record = found.json()["data"]
    assert record["id"] == reply.headers["x-generation-id"]
    assert record["streamed"] is stream
    assert record["tokens_prompt"] == usage["prompt_tokens"]
    assert record["tokens_completion"] == usage["completion_tokens"]
    assert record["native_tokens_reasoning"] == usage["completion_tokens_details"]["reasoning_tokens"]
    assert record["native_tokens_cached"] == usage["prompt_tokens_details"]["cached_tokens"]
    assert record["total_cost"] == record["usage"] == usage["cost"]
    assert record["latency"] <= record["generation_time"]


@pytest.mark.parametrize("model", ["fake/status-500", "fake/error-in-stream-2", "fake/status-429"])
def test_a_failed_generation_fits(gateway: Gateway, model: str) -> None:
    reply = gateway.chat(model, stream=True)
    found = gateway.request("GET", f"/api/v1/generation?id={reply.headers['x-generation-id']}")
    check_operation("get", "/generation", found.json())
    assert found.json()["data"]["finish_reason"] == "error"


def _check_usage(usage: Any) -> None:  # noqa: ANN401 - JSON
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert usage["cost"] == pytest.approx(
        usage["cost_details"]["upstream_inference_prompt_cost"]
        + usage["cost_details"]["upstream_inference_completions_cost"]
    )
    assert usage["is_byok"] is False
    assert usage["prompt_tokens_details"]["cached_tokens"] <= usage["prompt_tokens"]
    assert usage["completion_tokens_details"]["reasoning_tokens"] <= usage["completion_tokens"]
