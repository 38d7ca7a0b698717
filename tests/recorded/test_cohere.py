"""What Cohere's models said, served again: the client reads the same, the provider is sent the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from answers import Answer, Said, ToolCall
from converters.cohere import Inexpressible, chat_request, normal_request, read_answer
from gateway import provider_table
from recordings import Exchange, exchanges
from stage import Stage, ask, cases, read, staged

_ALL = exchanges("cohere")
_MODEL = "command-a-03-2025"

_TOO_MANY = {"id": "e-1", "message": "You are past the limit of your trial key"}
_UNKNOWN = {"id": "e-2", "message": "model 'command-z' not found, make sure the correct model ID was used"}
_WRONG = {"id": "e-3", "message": "invalid request: message must be at least 1 token long"}
_BLOCKED = {"id": "e-4", "message": "blocked input: please check your request"}
_FAILURES = [(400, _WRONG, 400, "invalid_request"), (404, _UNKNOWN, 404, "not_found"),
             (429, _TOO_MANY, 429, "rate_limit_exceeded"), (498, _BLOCKED, 400, "content_policy_violation"),
             (500, {"message": "internal server error"}, 502, "provider_unavailable")]  # fmt: skip


def _tables(url: str) -> str:
    return provider_table("cohere", url)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    names = {one.request["model"] for one in _ALL} | {_MODEL}
    with staged(
        tmp_path_factory.mktemp("gateway"),
        _tables,
        {name: ("cohere", name) for name in names},
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
    assert received.path == "/v2/chat"
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
    exchange = Exchange("scripted", "cohere", "/v2/chat", {"model": _MODEL}, status, "application/json", body)
    stage.provider.play(exchange)
    reply = ask(stage, exchange.request["model"], stream=stream)
    assert (reply.status, reply.json()["error"]["metadata"]["error_type"]) == (ours, error_type), reply.body


def _pieces(text: str) -> list[str]:
    """*text* in pieces of seven characters."""
    return [text[at : at + 7] for at in range(0, len(text), 7)]


def _as_stream(body: dict[str, Any]) -> str:
    """The events that would have told of an answer, after the provider's documented examples."""
    message = body["message"]
    events: list[dict[str, Any]] = [
        {"type": "message-start", "id": body["id"], "delta": {"message": {"role": "assistant"}}}
    ]
    if plan := message.get("tool_plan"):
        events += [{"type": "tool-plan-delta", "delta": {"message": {"tool_plan": piece}}} for piece in _pieces(plan)]
    for index, part in enumerate(message.get("content") or ()):
        name = part["type"]
        begun = {"type": name, name: ""}
        events.append({"type": "content-start", "index": index, "delta": {"message": {"content": begun}}})
        events += [
            {"type": "content-delta", "index": index, "delta": {"message": {"content": {name: piece}}}}
            for piece in _pieces(part[name])
        ]
        events.append({"type": "content-end", "index": index})
    for index, call in enumerate(message.get("tool_calls") or ()):
        begun = call | {"function": call["function"] | {"arguments": ""}}
        events.append({"type": "tool-call-start", "index": index, "delta": {"message": {"tool_calls": begun}}})
        events += [
            {
                "type": "tool-call-delta",
                "index": index,
                "delta": {"message": {"tool_calls": {"function": {"arguments": piece}}}},
            }
            for piece in _pieces(call["function"]["arguments"])
        ]
        events.append({"type": "tool-call-end", "index": index})
    last = {name: body[name] for name in ("finish_reason", "usage")}
    events.append({"type": "message-end", "delta": last})
    return "".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in events)


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
