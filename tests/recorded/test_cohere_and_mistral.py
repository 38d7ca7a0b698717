"""What Cohere's and Mistral's models said, served again, also as streams, of which no recordings are: the client reads
the same, the provider is sent the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from answers import Answer
from converters import cohere, mistral
from gateway import provider_table
from recordings import Exchange, exchanges
from stage import Stage, ask, cases, plain, read, said_again, send, staged


class _Language(NamedTuple):
    path: str
    model: str
    chat_request: Callable[[Any], dict[str, Any]]
    normal_request: Callable[[Any], dict[str, Any]]
    read_answer: Callable[[Any], Answer]
    as_stream: Callable[[dict[str, Any]], str]


def _pieces(text: str) -> list[str]:
    """*text* in pieces of seven characters."""
    return [text[at : at + 7] for at in range(0, len(text), 7)]


def _cohere_stream(body: dict[str, Any]) -> str:
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


def _mistral_stream(body: dict[str, Any]) -> str:
    """The same."""
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


_LANGUAGES = {
    "cohere": _Language(
        "/v2/chat", "command-a-03-2025", cohere.chat_request, cohere.normal_request, cohere.read_answer, _cohere_stream
    ),
    "mistral": _Language(
        "/v1/chat/completions", "mistral-large-latest", mistral.chat_request, mistral.normal_request,
        mistral.read_answer, _mistral_stream,
    ),
}  # fmt: skip
_ALL = [one for name in _LANGUAGES for one in exchanges(name)]

_TRIAL_ENDED = {"id": "e-1", "message": "You are past the limit of your trial key"}
_NO_MODEL = {"id": "e-2", "message": "model 'command-z' not found, make sure the correct model ID was used"}
_NO_TOKEN = {"id": "e-3", "message": "invalid request: message must be at least 1 token long"}
_BLOCKED = {"id": "e-4", "message": "blocked input: please check your request"}
_TOO_MANY = {"object": "error", "message": "Requests rate limit exceeded", "type": "rate_limited", "code": "1300"}
_UNKNOWN = {"object": "error", "message": "Invalid model: mistral-z", "type": "invalid_model", "code": "1500"}
_EXTRA = {"type": "extra_forbidden", "loc": ["body", "x"], "msg": "Extra inputs are not permitted", "input": 1}
_WRONG = {"object": "error", "message": {"detail": [_EXTRA]}, "type": "invalid_request_error", "code": None}
_FAILURES = [
    ("cohere", 400, _NO_TOKEN, (400, "invalid_request")),
    ("cohere", 404, _NO_MODEL, (404, "not_found")),
    ("cohere", 429, _TRIAL_ENDED, (429, "rate_limit_exceeded")),
    ("cohere", 498, _BLOCKED, (400, "content_policy_violation")),
    ("cohere", 500, {"message": "internal server error"}, (502, "provider_unavailable")),
    ("mistral", 422, _WRONG, (422, "unprocessable")),
    ("mistral", 400, _UNKNOWN, (400, "invalid_request")),
    ("mistral", 429, _TOO_MANY, (429, "rate_limit_exceeded")),
    ("mistral", 500, {"object": "error", "message": "Service unavailable."}, (502, "provider_unavailable")),
]


def _tables(url: str) -> str:
    return provider_table("cohere", url) + provider_table("mistral", f"{url}/v1")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    offers = {language.model: (name, language.model) for name, language in _LANGUAGES.items()}
    offers |= {one.request["model"]: (one.provider, one.request["model"]) for one in _ALL}
    with staged(tmp_path_factory.mktemp("gateway"), _tables, offers) as made:
        yield made


@pytest.mark.parametrize("sliced", [False, True], ids=["whole", "sliced"])
@pytest.mark.parametrize("stream", [False, True], ids=["one-piece", "stream"])
@pytest.mark.parametrize("exchange", cases(_ALL))
def test_the_client_reads_what_the_provider_said(stage: Stage, exchange: Exchange, stream: bool, sliced: bool) -> None:  # noqa: FBT001 - parameters of the test
    stage.provider.play(exchange, sliced=sliced)
    heard = read(ask(stage, exchange.request["model"], stream=stream), streamed=stream)
    _assert_same(heard, exchange)


@pytest.mark.parametrize("sliced", [False, True], ids=["whole", "sliced"])
@pytest.mark.parametrize("exchange", cases(_ALL))
def test_a_stream_says_the_same(stage: Stage, exchange: Exchange, sliced: bool) -> None:  # noqa: FBT001 - a parameter of the test
    events = _LANGUAGES[exchange.provider].as_stream(exchange.response)
    stage.provider.play(replace(exchange, response=events, content_type="text/event-stream"), sliced=sliced)
    _assert_same(read(ask(stage, exchange.request["model"], stream=True), streamed=True), exchange)


@pytest.mark.parametrize("exchange", cases(_ALL))
def test_the_provider_is_sent_what_it_was_sent_then(stage: Stage, exchange: Exchange) -> None:
    language = _LANGUAGES[exchange.provider]
    chat = said_again(language.chat_request, exchange)
    stage.provider.play(exchange)
    reply = send(stage, exchange.request["model"], chat)
    assert reply.status == 200, reply.body
    [received] = stage.provider.received
    assert received.path == language.path
    assert received.headers["Authorization"] == "Bearer sk-upstream-secret"
    assert language.normal_request(json.loads(received.body)) == language.normal_request(exchange.request)


@pytest.mark.parametrize("stream", [False, True], ids=["one-piece", "stream"])
@pytest.mark.parametrize(("provider", "status", "body", "told"), _FAILURES)
def test_a_failure_is_told_as_the_provider_means_it(
    stage: Stage,
    provider: str,
    status: int,
    body: dict[str, Any],
    told: tuple[int, str],
    stream: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    language = _LANGUAGES[provider]
    request = {"model": language.model}
    stage.provider.play(Exchange("scripted", provider, language.path, request, status, "application/json", body))
    reply = ask(stage, language.model, stream=stream)
    assert (reply.status, reply.json()["error"]["metadata"]["error_type"]) == told, reply.body


def _assert_same(heard: Answer, exchange: Exchange) -> None:
    """But for details, which repeat the thoughts."""
    said = _LANGUAGES[exchange.provider].read_answer(exchange.response)
    assert heard.error is None
    assert heard.tokens == said.tokens
    assert {index: plain(one) for index, one in heard.choices.items()} == {
        index: plain(one) for index, one in said.choices.items()
    }
