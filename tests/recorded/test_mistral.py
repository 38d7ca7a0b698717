"""What Mistral's models said, served again: the client reads the same, the provider is sent the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from answers import Answer, Said, ToolCall
from converters.mistral import Inexpressible, chat_request, normal_request, read_answer
from gateway import provider_table
from recordings import Exchange, exchanges
from stage import Stage, ask, cases, read, staged

_ALL = exchanges("mistral")
_MODEL = "mistral-large-latest"

_TOO_MANY = {"object": "error", "message": "Requests rate limit exceeded", "type": "rate_limited", "code": "1300"}
_UNKNOWN = {"object": "error", "message": "Invalid model: mistral-z", "type": "invalid_model", "code": "1500"}
_EXTRA = {"type": "extra_forbidden", "loc": ["body", "x"], "msg": "Extra inputs are not permitted", "input": 1}
_WRONG = {"object": "error", "message": {"detail": [_EXTRA]}, "type": "invalid_request_error", "code": None}
_FAILURES = [(422, _WRONG, 422, "unprocessable"), (400, _UNKNOWN, 400, "invalid_request"),
             (429, _TOO_MANY, 429, "rate_limit_exceeded"),
             (500, {"object": "error", "message": "Service unavailable."}, 502, "provider_unavailable")]  # fmt: skip


def _tables(url: str) -> str:
    return provider_table("mistral", f"{url}/v1")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    names = {one.request["model"] for one in _ALL} | {_MODEL}
    with staged(
        tmp_path_factory.mktemp("gateway"),
        _tables,
        {name: ("mistral", name) for name in names},
    ) as made:
        yield made


@pytest.mark.parametrize("sliced", [False, True], ids=["whole", "sliced"])
@pytest.mark.parametrize("stream", [False, True], ids=["one-piece", "stream"])
@pytest.mark.parametrize("exchange", cases(_ALL))
def test_the_client_reads_what_the_provider_said(stage: Stage, exchange: Exchange, stream: bool, sliced: bool) -> None:  # noqa: FBT001 - parameters of the test
    stage.provider.play(exchange, sliced=sliced)
    _assert_same(
        read(ask(stage, exchange.request["model"], stream=stream), streamed=stream), read_answer(exchange.response)
    )


@pytest.mark.parametrize("sliced", [False, True], ids=["whole", "sliced"])
@pytest.mark.parametrize("exchange", cases(_ALL))
def test_a_stream_says_the_same(stage: Stage, exchange: Exchange, sliced: bool) -> None:  # noqa: FBT001 - a parameter of the test
    told = replace(exchange, response=_as_stream(exchange.response), content_type="text/event-stream")
    stage.provider.play(told, sliced=sliced)
    _assert_same(
        read(ask(stage, exchange.request["model"], stream=True), streamed=True), read_answer(exchange.response)
    )


@pytest.mark.parametrize("exchange", cases(_ALL))
def test_the_provider_is_sent_what_it_was_sent_then(stage: Stage, exchange: Exchange) -> None:
    try:
        chat = chat_request(exchange.request)
    except Inexpressible as reason:
        pytest.skip(str(reason))
    stage.provider.play(exchange)
    body = json.dumps(chat | {"model": stage.models[exchange.request["model"]]}).encode()
    reply = stage.gateway.request("POST", "/api/v1/chat/completions", body)
    assert reply.status == 200, reply.body
    [received] = stage.provider.received
    assert received.path == "/v1/chat/completions"
    assert received.headers["Authorization"] == "Bearer sk-upstream-secret"
    assert normal_request(json.loads(received.body)) == normal_request(exchange.request)


@pytest.mark.parametrize("stream", [False, True], ids=["one-piece", "stream"])
@pytest.mark.parametrize(("status", "body", "ours", "error_type"), _FAILURES)
def test_a_failure_is_told_as_the_provider_means_it(
    stage: Stage,
    status: int,
    body: dict[str, Any],
    ours: int,
    error_type: str,
    stream: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    exchange = Exchange(
        "scripted", "mistral", "/v1/chat/completions", {"model": _MODEL}, status, "application/json", body
    )
    stage.provider.play(exchange)
    reply = ask(stage, exchange.request["model"], stream=stream)
    assert (reply.status, reply.json()["error"]["metadata"]["error_type"]) == (ours, error_type), reply.body


def _pieces(text: str) -> list[str]:
    """*text* in pieces of seven characters."""
    return [text[at : at + 7] for at in range(0, len(text), 7)]


def _as_stream(body: dict[str, Any]) -> str:
    """The events that would have told of an answer, after the provider's documented examples."""
    [choice] = body["choices"]
    content = choice["message"]["content"]
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    parts: list[dict[str, Any]] = [{"type": "text", "text": content}] if isinstance(content, str) else content
    for part in parts:
        if part["type"] == "text":
            deltas += [{"content": piece} for piece in _pieces(part["text"])]
        else:
            texts = [piece for one in part["thinking"] for piece in _pieces(one["text"])]
            thinking = [{"type": "thinking", "thinking": [{"type": "text", "text": piece}]} for piece in texts]
            deltas += [{"content": [one]} for one in thinking]
    last: dict[str, Any] = {"content": ""}
    if calls := choice["message"].get("tool_calls"):
        last["tool_calls"] = calls
    head = {"id": body["id"], "object": "chat.completion.chunk", "created": body["created"], "model": body["model"]}
    chunks = [head | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    ending = {"index": 0, "delta": last, "finish_reason": choice["finish_reason"]}
    chunks.append(head | {"choices": [ending], "usage": body["usage"]})
    return "".join(f"data: {json.dumps(one)}\n\n" for one in chunks) + "data: [DONE]\n\n"


def _assert_same(heard: Answer, said: Answer) -> None:
    assert heard.error is None
    assert heard.tokens == said.tokens
    assert {index: _plain(one) for index, one in heard.choices.items()} == {
        index: _plain(one) for index, one in said.choices.items()
    }


def _plain(said: Said) -> Said:
    """Calls with their arguments as values, and without details, which repeat the thoughts."""
    calls = [ToolCall(call.id, call.name, json.loads(call.arguments)) for call in said.tool_calls]
    return replace(said, tool_calls=calls, details=[])
