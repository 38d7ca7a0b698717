"""Who speaks the Messages API to a provider of it is understood word for word, and so is the provider."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from claude import collected, events_of
from gateway import Reply, provider_table
from recordings import Exchange, exchanges, sse_events
from stage import Stage, cases, staged

_ALL = [one for one in exchanges("anthropic") if one.status == 200 and "messages" in one.request]
_MODEL = "claude-sonnet-4-5"
_NEW = {"type": "something_new", "made_of": {"deep": [1, 2.5, "é"]}}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    names = {one.request["model"] for one in _ALL} | {_MODEL}
    offers = {name: ("anthropic", name) for name in names}
    with staged(tmp_path_factory.mktemp("gateway"), lambda url: provider_table("anthropic", url), offers) as made:
        yield made


def _ask(stage: Stage, request: dict[str, Any], headers: dict[str, str] | None = None) -> Reply:
    body = request | {"model": stage.models[request["model"]]}
    return stage.gateway.request("POST", "/api/v1/messages", body, headers=headers or {})


def _message(reply: Reply) -> dict[str, Any]:
    assert reply.status == 200, reply.body
    if reply.headers["content-type"] == "application/json":
        return reply.json()  # type: ignore[no-any-return]  # a message
    return collected(events_of(reply.body))


@pytest.mark.parametrize("exchange", cases(_ALL))
def test_request_and_answer_pass_through(stage: Stage, exchange: Exchange) -> None:
    stage.provider.play(exchange, sliced=True)
    message = _message(_ask(stage, exchange.request))
    [received] = stage.provider.received
    assert json.loads(received.body) == exchange.request
    said = exchange.response if not exchange.streamed else collected(sse_events(exchange.response))
    ours = {"id": message["id"], "model": message["model"], "provider": "Anthropic"}
    assert message == said | ours | {"usage": said["usage"] | message["usage"]}
    assert message["id"].startswith("gen-")
    assert message["usage"].keys() - said["usage"].keys() == {"cost", "cost_details", "is_byok"}
    assert message["usage"]["cost"] > 0


def test_what_nobody_knows_yet_passes_through(stage: Stage) -> None:
    used = {"input_tokens": 3, "output_tokens": 1}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {"id": "m", "content": [], "new": 1, "stop_reason": None, "usage": used}},
        {"type": "content_block_start", "index": 0, "content_block": _NEW},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "new_delta", "more": "x"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "new_event", "with": {"deep": [1]}},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Hi"}},
        {"type": "content_block_stop", "index": 1},
        {"type": "message_delta", "delta": {"stop_reason": "new", "new": 2}, "usage": {"output_tokens": 4}, "new": 3},
        {"type": "message_stop"},
    ]  # fmt: skip
    stream = "".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in events)
    request = {
        "model": _MODEL,
        "max_tokens": 10,
        "stream": True,
        "new_field": _NEW,
        "messages": [
            {"role": "user", "content": [_NEW, {"type": "text", "text": "x", "new": 1}]},
            {"role": "assistant", "content": [_NEW]},
            {"role": "user", "content": "go on"},
        ],
        "tools": [{"type": "new_tool_20300101", "name": "new"}],
    }
    stage.provider.play(Exchange("new", "anthropic", "/v1/messages", request, 200, "text/event-stream", stream))
    reply = _ask(stage, request | {"provider": {"only": ["anthropic"]}, "session_id": "s", "fallbacks": []})
    heard = events_of(reply.body)
    assert json.loads(stage.provider.received[0].body) == request
    assert heard[1:-2] == events[1:-2]
    assert heard[0]["message"] == events[0]["message"] | {
        "id": reply.headers["x-generation-id"],
        "model": stage.models[_MODEL],
        "provider": "Anthropic",
    }
    assert heard[-2]["delta"] == events[-2]["delta"]
    assert heard[-2]["new"] == 3
    assert heard[-2]["usage"].items() >= {"output_tokens": 4}.items()


def test_beta_features_that_the_client_names_go_along_and_nothing_else_of_its_head(stage: Stage) -> None:
    exchange = _answer()
    stage.provider.play(exchange)
    headers = {"anthropic-beta": "one-2030-01-01, bad beta, two-2030-01-01", "x-private": "1", "anthropic-version": "9"}
    asked = exchange.request | {"context_management": {"edits": []}}
    assert _ask(stage, asked, headers).status == 200
    [received] = stage.provider.received
    named = {name.lower(): value for name, value in received.headers.items()}
    assert named["anthropic-beta"] == "context-management-2025-06-27,one-2030-01-01,two-2030-01-01"
    assert named["anthropic-version"] == "2023-06-01"
    assert named["x-api-key"] == "sk-upstream-secret"
    assert "x-private" not in named
    assert "authorization" not in named


def test_thoughts_of_other_makers_do_not_reach_the_provider(stage: Stage) -> None:
    exchange = _answer()
    stage.provider.play(exchange)
    own = {"type": "thinking", "thinking": "mine", "signature": "EqQB/+=="}
    turn = [
        {"type": "thinking", "thinking": "another's", "signature": ""},
        own,
        {"type": "redacted_thinking", "data": "turnout1.e30="},
        {"type": "text", "text": "So.", "citations": None},
    ]
    turns = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": turn},
        {"role": "user", "content": "b"},
    ]
    assert _ask(stage, exchange.request | {"messages": turns}).status == 200
    sent = json.loads(stage.provider.received[0].body)["messages"]
    assert sent == [turns[0], {"role": "assistant", "content": [own, turn[3]]}, turns[2]]


@pytest.mark.parametrize(
    ("status", "kind", "heard"),
    [(529, "overloaded_error", 529), (429, "rate_limit_error", 429), (400, "invalid_request_error", 400),
     (500, "api_error", 502), (401, "authentication_error", 502)],
)  # fmt: skip
@pytest.mark.parametrize("stream", [False, True])
def test_an_error_of_the_provider_has_the_languages_shape(
    stage: Stage,
    status: int,
    kind: str,
    heard: int,
    stream: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    exchange = _answer()
    failure = {"type": "error", "error": {"type": kind, "message": "No."}}
    stage.provider.play(replace(exchange, status=status, response=failure, content_type="application/json"))
    reply = _ask(stage, exchange.request | {"stream": stream})
    assert reply.status == heard
    body = reply.json()
    assert body["type"] == "error"
    assert body["error"]["type"] == (kind if heard == status else "api_error")
    assert body["request_id"] == reply.headers["request-id"] == reply.headers["x-generation-id"]


def test_a_stream_that_breaks_off_ends_in_an_error_event(stage: Stage) -> None:
    begun: list[dict[str, Any]] = [
        {"type": "message_start", "message": {"id": "m", "content": [], "usage": {"input_tokens": 3}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "So far"}},
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
    ]
    stream = "".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in begun)
    stage.provider.play(Exchange("broken", "anthropic", "/", {"model": _MODEL}, 200, "text/event-stream", stream))
    reply = _ask(stage, _answer().request | {"stream": True})
    *before, last = events_of(reply.body)
    assert before[1:] == begun[1:-1]
    assert last["type"] == "error"
    assert last["error"]["type"] == "overloaded_error"
    assert last["error"]["error_type"] == "provider_overloaded"


def _answer() -> Exchange:
    request = {"model": _MODEL, "max_tokens": 10, "messages": [{"role": "user", "content": "Hi"}]}
    usage = {"input_tokens": 3, "output_tokens": 1}
    message = {"id": "m", "type": "message", "role": "assistant", "content": [{"type": "text", "text": "Ho"}],
               "stop_reason": "end_turn", "stop_sequence": None, "usage": usage}  # fmt: skip
    return Exchange("scripted", "anthropic", "/v1/messages", request, 200, "application/json", message)
