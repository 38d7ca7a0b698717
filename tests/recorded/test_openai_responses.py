"""What OpenAI's models said through the Responses API, served again: the client reads the same, the provider too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from answers import Answer, Inexpressible
from converters.openai_responses import (
    chat_request,
    joined_details,
    normal_request,
    read_events,
    read_response,
)
from gateway import Reply, provider_table
from recordings import Exchange, exchanges, sse_events
from stage import WITHOUT_DATA, Stage, ask, cases, collected, plain, read, said_again, send, staged

_EVERY = exchanges("openai-responses")
_UNFINISHED = [
    one for one in _EVERY if isinstance(one.response, dict) and one.response.get("status") in {"queued", "in_progress"}
]
_ALL = [one for one in _EVERY if one not in _UNFINISHED]
_WHOLE = [one for one in _ALL if not one.streamed]
_MODEL = "gpt-5"


def _tables(url: str) -> str:
    return provider_table("openai", f"{url}/v1", dialect='"openai-responses"')


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    names = {one.request["model"] for one in _ALL} | {_MODEL}
    with staged(tmp_path_factory.mktemp("gateway"), _tables, {name: ("openai", name) for name in names}) as made:
        yield made


@pytest.mark.parametrize("sliced", [False, True], ids=["whole", "sliced"])
@pytest.mark.parametrize("exchange", cases(_ALL))
def test_the_client_reads_what_the_provider_said(stage: Stage, exchange: Exchange, sliced: bool) -> None:  # noqa: FBT001 - a parameter of the test
    stage.provider.play(exchange, sliced=sliced)
    reply = ask(stage, exchange.request["model"], stream=exchange.streamed)
    if exchange.status != 200:
        _assert_refused(reply, exchange)
    else:
        _assert_same(read(reply, streamed=exchange.streamed), _said(exchange))


@pytest.mark.parametrize("exchange", cases(_WHOLE))
def test_a_client_that_streams_reads_an_answer_that_came_in_one_piece(stage: Stage, exchange: Exchange) -> None:
    stage.provider.play(exchange)
    reply = ask(stage, exchange.request["model"], stream=True)
    if exchange.status != 200:
        _assert_refused(reply, exchange)
    else:
        _assert_same(read(reply, streamed=True), _said(exchange))


@pytest.mark.parametrize("exchange", cases([one for one in _WHOLE if one.status == 200]))
def test_a_stream_that_tells_everything_at_its_end_says_the_same(stage: Stage, exchange: Exchange) -> None:
    last = {"type": f"response.{exchange.response['status']}", "response": exchange.response}
    stage.provider.play(_as_stream(exchange, [last]), sliced=True)
    _assert_same(read(ask(stage, exchange.request["model"], stream=True), streamed=True), _said(exchange))


@pytest.mark.parametrize("exchange", cases([one for one in _ALL if one.streamed]))
def test_a_stream_without_deltas_says_the_same_with_its_done_events(stage: Stage, exchange: Exchange) -> None:
    events = [one for one in sse_events(exchange.response) if not one["type"].endswith((".delta", "annotation.added"))]
    stage.provider.play(_as_stream(exchange, events))
    _assert_same(read(ask(stage, exchange.request["model"], stream=True), streamed=True), _said(exchange))


@pytest.mark.parametrize("exchange", cases(_ALL))
def test_the_provider_is_sent_what_it_was_sent_then(stage: Stage, exchange: Exchange) -> None:
    chat = said_again(chat_request, exchange)
    if not 0 <= chat.get("temperature", 0) <= 2:
        pytest.skip("the gateway refuses such a temperature itself")
    stage.provider.play(exchange)
    reply = send(stage, exchange.request["model"], chat)
    assert reply.status == exchange.status, reply.body
    [received] = stage.provider.received
    assert received.path == "/v1/responses"
    assert received.headers["Authorization"] == "Bearer sk-upstream-secret"
    sent = json.loads(received.body)
    assert sent["store"] is False
    assert normal_request(sent) == normal_request(exchange.request)


@pytest.mark.parametrize("exchange", cases(_UNFINISHED))
def test_an_answer_that_is_to_be_fetched_later_is_a_failure(stage: Stage, exchange: Exchange) -> None:
    stage.provider.play(exchange)
    assert ask(stage, exchange.request["model"], stream=False).status == 502


def _said(exchange: Exchange) -> Answer:
    return read_events(sse_events(exchange.response)) if exchange.streamed else read_response(exchange.response)


def _continued() -> list[Any]:
    """Exchanges whose answer stands as it was in the request that came next."""
    by_id = {one.id: one for one in _ALL}
    pairs = []
    for exchange in _ALL:
        stem, _, number = exchange.id.rpartition("-")
        following = by_id.get(f"{stem}-{int(number) + 1}")
        if exchange.status == 200 and following is not None and _place(exchange, following) is not None:
            pairs.append(pytest.param(exchange, following, id=following.id))
    return pairs or [pytest.param(None, None, marks=WITHOUT_DATA)]


def _place(exchange: Exchange, following: Exchange) -> int | None:
    """Which of the model's messages in the chat that follows is this answer: seals, texts and calls are the same."""
    try:
        messages = chat_request(following.request)["messages"]
    except Inexpressible:
        return None
    said = _said(exchange).choices[0]
    wanted = (
        [detail["data"] for detail in said.details if "data" in detail],
        said.text,
        [call.id for call in said.tool_calls],
    )
    for place, message in enumerate(messages):
        seals = [one["data"] for one in message.get("reasoning_details", ()) if "data" in one]
        calls = [one["id"] for one in message.get("tool_calls", ())]
        if message["role"] == "assistant" and (seals, message["content"] or "", calls) == wanted:
            return place
    return None


def _calls_after_thoughts(exchange: Exchange) -> bool:
    said = _said(exchange).choices[0]
    return bool(said.tool_calls and said.details)


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("exchange", "following"), _continued())
def test_an_answer_that_the_client_sends_back_reaches_the_provider_as_it_left(
    stage: Stage,
    exchange: Exchange,
    following: Exchange,
    streamed: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    stage.provider.play(exchange, sliced=True)
    reply = ask(stage, exchange.request["model"], stream=streamed or exchange.streamed)
    chat = chat_request(following.request)
    place = _place(exchange, following)
    assert place is not None
    chat["messages"][place] = collected(reply)
    stage.provider.play(following)
    assert send(stage, following.request["model"], chat).status == 200
    sent, then = (normal_request(one) for one in (json.loads(stage.provider.received[0].body), following.request))
    assert _essence(sent["input"]) == _essence(then["input"])
    assert {**sent, "input": 0} == {**then, "input": 0}


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("exchange", "following"),
    [one for one in _continued() if one.id and _calls_after_thoughts(one.values[0])]
    or [pytest.param(None, None, marks=WITHOUT_DATA)],
)
def test_thoughts_that_the_client_drops_come_back_with_their_calls(
    stage: Stage,
    exchange: Exchange,
    following: Exchange,
    streamed: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    stage.provider.play(exchange)
    tools = chat_request(exchange.request)["tools"]
    reply = ask(stage, exchange.request["model"], stream=streamed or exchange.streamed, tools=tools)
    chat = chat_request(following.request)
    place = _place(exchange, following)
    assert place is not None
    message = collected(reply)
    chat["messages"][place] = {name: message[name] for name in ("role", "content", "tool_calls")}
    stage.provider.play(following)
    assert send(stage, following.request["model"], chat).status == 200
    sent = normal_request(json.loads(stage.provider.received[0].body))
    assert _essence(sent["input"]) == _essence(normal_request(following.request)["input"])


_SERVER_TOOLS = ("tool_search_", "mcp_", "file_search_")


def _essence(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """*items* without what the recording's client has left out or made up about the provider's own tools."""
    return [item for item in items if not item.get("type", "message").startswith(_SERVER_TOOLS)]


_BEGUN: list[dict[str, Any]] = [
    {"type": "response.created", "response": {"id": "resp_1", "status": "in_progress", "output": []}},
    {"type": "response.output_item.added", "output_index": 0, "item": {"type": "message", "id": "m", "content": []}},
    {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "So far"},
]
_OVERLOADED = {"code": "rate_limit_exceeded", "message": "Slow down"}
_FAILED = {"type": "response.failed", "response": {"id": "resp_1", "status": "failed", "error": _OVERLOADED}}


@pytest.mark.parametrize("failure", [_FAILED, {"type": "error"} | _OVERLOADED, {"type": "error", "error": _OVERLOADED}])
@pytest.mark.parametrize("before", [0, 1])
def test_a_stream_that_fails_before_it_says_anything_is_an_error(
    stage: Stage, failure: dict[str, Any], before: int
) -> None:
    exchange = _as_stream(_scripted({}), [*_BEGUN[:before], failure])
    stage.provider.play(exchange)
    reply = ask(stage, exchange.request["model"], stream=True)
    assert reply.status == 429, reply.body
    assert reply.json()["error"]["metadata"]["provider_code"] == "rate_limit_exceeded"


def test_an_answer_that_breaks_off_says_so_after_what_it_said(stage: Stage) -> None:
    exchange = _as_stream(_scripted({}), [*_BEGUN, _FAILED])
    stage.provider.play(exchange)
    heard = read(ask(stage, exchange.request["model"], stream=True), streamed=True)
    assert (heard.choices[0].text, heard.choices[0].finish) == ("So far", "error")
    assert heard.error is not None
    assert heard.error["metadata"]["error_type"] == "rate_limit_exceeded"


def _scripted(response: Any, status: int = 200) -> Exchange:  # noqa: ANN401 - JSON, or the text of a stream
    return Exchange(
        "scripted", "openai-responses", "/v1/responses", {"model": _MODEL}, status, "application/json", response
    )


def _as_stream(exchange: Exchange, events: list[dict[str, Any]]) -> Exchange:
    text = "".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in events)
    return replace(exchange, response=text, content_type="text/event-stream")


def _assert_refused(reply: Reply, exchange: Exchange) -> None:
    error = reply.json()["error"]
    assert reply.status == exchange.status, reply.body
    assert error["message"] == exchange.response["error"]["message"]
    assert error["metadata"]["error_type"] == "invalid_request"
    assert error["metadata"]["provider_code"] == exchange.response["error"]["code"]


def _assert_same(heard: Answer, said: Answer) -> None:
    assert heard.error is None
    assert heard.tokens == said.tokens
    assert plain(heard.choices[0]) == plain(said.choices[0])
    assert joined_details(heard.choices[0].details) == said.choices[0].details
