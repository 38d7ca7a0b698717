"""What Cohere's models said, served again: the client reads the same, the provider is sent the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from answers import Answer, Said, ToolCall, read_stream, read_whole
from converters.cohere import Inexpressible, chat_request, normal_request, read_answer
from gateway import Gateway, Reply, model_tables, provider_table
from openrouter_schema import check
from recordings import Exchange, StandIn, exchanges, stand_in

_ALL = exchanges("cohere")
_MODEL = "command-a-03-2025"
_WITHOUT_DATA = pytest.mark.skip(reason="TURNOUT_TEST_DATA names no folder with recorded-traffic")

_TOO_MANY = {"id": "e-1", "message": "You are past the limit of your trial key"}
_UNKNOWN = {"id": "e-2", "message": "model 'command-z' not found, make sure the correct model ID was used"}
_WRONG = {"id": "e-3", "message": "invalid request: message must be at least 1 token long"}
_BLOCKED = {"id": "e-4", "message": "blocked input: please check your request"}
_FAILURES = [(400, _WRONG, 400, "invalid_request"), (404, _UNKNOWN, 404, "not_found"),
             (429, _TOO_MANY, 429, "rate_limit_exceeded"), (498, _BLOCKED, 400, "content_policy_violation"),
             (500, {"message": "internal server error"}, 502, "provider_unavailable")]  # fmt: skip


class Stage(NamedTuple):
    """A gateway, and the stand-in for the provider behind it. ``models`` are ours by the provider's name."""

    gateway: Gateway
    provider: StandIn
    models: dict[str, str]


def _cases(found: list[Exchange]) -> list[Any]:
    return [pytest.param(one, id=one.id) for one in found] or [pytest.param(None, marks=_WITHOUT_DATA)]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    names = sorted({one.request["model"] for one in _ALL} | {_MODEL})
    models = {name: f"recorded/model-{number}" for number, name in enumerate(names)}
    with stand_in() as server:
        toml = "[catalog]\nbundled = false\n" + provider_table("cohere", server.url)
        for name, model in models.items():
            toml += model_tables(model, [("cohere", name, '{ prompt = "0.000001", completion = "0.000002" }')])
        with Gateway(tmp_path_factory.mktemp("gateway"), toml) as gateway:
            yield Stage(gateway, server, models)


@pytest.mark.parametrize("sliced", [False, True], ids=["whole", "sliced"])
@pytest.mark.parametrize("stream", [False, True], ids=["one-piece", "stream"])
@pytest.mark.parametrize("exchange", _cases(_ALL))
def test_the_client_reads_what_the_provider_said(stage: Stage, exchange: Exchange, stream: bool, sliced: bool) -> None:  # noqa: FBT001 - parameters of the test
    stage.provider.play(exchange, sliced=sliced)
    _assert_same(_read(_ask(stage, exchange, stream=stream), streamed=stream), read_answer(exchange.response))


@pytest.mark.parametrize("sliced", [False, True], ids=["whole", "sliced"])
@pytest.mark.parametrize("exchange", _cases(_ALL))
def test_a_stream_says_the_same(stage: Stage, exchange: Exchange, sliced: bool) -> None:  # noqa: FBT001 - a parameter of the test
    told = replace(exchange, response=_as_stream(exchange.response), content_type="text/event-stream")
    stage.provider.play(told, sliced=sliced)
    _assert_same(_read(_ask(stage, exchange, stream=True), streamed=True), read_answer(exchange.response))


@pytest.mark.parametrize("exchange", _cases(_ALL))
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
    reply = _ask(stage, exchange, stream=stream)
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


def _ask(stage: Stage, exchange: Exchange, *, stream: bool) -> Reply:
    """What the client asks does not matter here: the answer is set."""
    body = {
        "model": stage.models[exchange.request["model"]],
        "messages": [{"role": "user", "content": "as recorded"}],
        "stream": stream,
    }
    return stage.gateway.request("POST", "/api/v1/chat/completions", json.dumps(body).encode())


def _read(reply: Reply, *, streamed: bool) -> Answer:
    assert reply.status == 200, reply.body
    if not streamed:
        check("ChatResult", reply.json())
        return read_whole(reply.json())
    events = reply.events()
    assert events.pop() == "[DONE]"
    for event in events:
        check("ChatStreamChunk", event)
    return read_stream(events)


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
