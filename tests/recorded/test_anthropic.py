"""What Claude models said through the Messages API, served again: the client reads the same, the provider too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from answers import Answer
from converters.anthropic import (
    chat_request,
    joined_details,
    normal_request,
    read_events,
    read_message,
)
from gateway import provider_table
from recordings import Exchange, exchanges, sse_events
from stage import WITHOUT_DATA, Stage, ask, cases, collected, plain, read, said_again, send, staged

_ALL = exchanges("anthropic")
_WHOLE = [exchange for exchange in _ALL if not exchange.streamed]
_MODEL = "claude-sonnet-4-5"


def _tables(url: str) -> str:
    return provider_table("anthropic", url)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    names = {one.request["model"] for one in _ALL} | {_MODEL}
    with staged(tmp_path_factory.mktemp("gateway"), _tables, {name: ("anthropic", name) for name in names}) as made:
        yield made


@pytest.mark.parametrize("sliced", [False, True], ids=["whole", "sliced"])
@pytest.mark.parametrize("exchange", cases(_ALL))
def test_the_client_reads_what_the_provider_said(stage: Stage, exchange: Exchange, sliced: bool) -> None:  # noqa: FBT001 - a parameter of the test
    stage.provider.play(exchange, sliced=sliced)
    reply = ask(stage, exchange.request["model"], stream=exchange.streamed)
    _assert_same(read(reply, streamed=exchange.streamed), _said(exchange))


@pytest.mark.parametrize("exchange", cases(_WHOLE))
def test_a_client_that_streams_reads_an_answer_that_came_in_one_piece(stage: Stage, exchange: Exchange) -> None:
    stage.provider.play(exchange)
    _assert_same(read(ask(stage, exchange.request["model"], stream=True), streamed=True), _said(exchange))


@pytest.mark.parametrize("exchange", cases(_ALL))
def test_the_provider_is_sent_what_it_was_sent_then(stage: Stage, exchange: Exchange) -> None:
    chat = said_again(chat_request, exchange)
    stage.provider.play(exchange)
    reply = send(stage, exchange.request["model"], chat)
    assert reply.status == 200, reply.body
    [received] = stage.provider.received
    assert received.path == "/v1/messages"
    assert received.headers["x-api-key"] == "sk-upstream-secret"
    assert received.headers["anthropic-version"] == "2023-06-01"
    assert "Authorization" not in received.headers
    assert normal_request(json.loads(received.body)) == normal_request(exchange.request)


_FAILURE = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}, "request_id": "req_1"}
_BEGUN = (
    {"type": "message_start", "message": {"id": "msg_1", "usage": {"input_tokens": 9, "output_tokens": 1}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "So far"}},
)


def _scripted(response: Any, status: int = 200) -> Exchange:  # noqa: ANN401 - JSON, or the text of a stream
    kind = "text/event-stream" if isinstance(response, str) else "application/json"
    return Exchange("scripted", "anthropic", "/v1/messages", {"model": _MODEL}, status, kind, response)


def _text_of(*events: dict[str, Any]) -> str:
    return "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)


@pytest.mark.parametrize("stream", [False, True], ids=["one-piece", "stream"])
@pytest.mark.parametrize(
    "exchange",
    [
        _scripted(_FAILURE, 529),
        _scripted(_FAILURE),
        _scripted(_text_of(_FAILURE)),
        _scripted(_text_of(_BEGUN[0], _FAILURE)),
    ],
    ids=["status", "body", "first-event", "second-event"],
)
def test_an_overloaded_provider_is_an_error_before_the_answer_begins(
    stage: Stage,
    exchange: Exchange,
    stream: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    if exchange.streamed and not stream:
        pytest.skip("a provider streams only when asked to")
    stage.provider.play(exchange, sliced=True)
    reply = ask(stage, exchange.request["model"], stream=stream)
    assert reply.status == 503, reply.body
    assert reply.json()["error"]["metadata"]["error_type"] == "provider_overloaded"
    assert reply.json()["error"]["metadata"]["provider_code"] == "overloaded_error"


def test_an_answer_that_breaks_off_says_so_after_what_it_said(stage: Stage) -> None:
    exchange = _scripted(_text_of(*_BEGUN, _FAILURE))
    stage.provider.play(exchange)
    heard = read(ask(stage, exchange.request["model"], stream=True), streamed=True)
    assert (heard.choices[0].text, heard.choices[0].finish) == ("So far", "error")
    assert heard.error is not None
    assert heard.error["metadata"]["error_type"] == "provider_overloaded"


def _said(exchange: Exchange) -> Answer:
    return read_events(sse_events(exchange.response)) if exchange.streamed else read_message(exchange.response)


def _continued() -> list[Any]:
    """Exchanges whose answer stands as it was in the request that came next."""
    by_id = {one.id: one for one in _ALL}
    pairs = []
    for exchange in _ALL:
        stem, _, number = exchange.id.rpartition("-")
        following = by_id.get(f"{stem}-{int(number) + 1}")
        if following is not None and _answered_with(exchange) in map(_essence, following.request["messages"]):
            pairs.append(pytest.param(exchange, following, id=following.id))
    return pairs or [pytest.param(None, None, marks=WITHOUT_DATA)]


def _answered_with(exchange: Exchange) -> Any:  # noqa: ANN401 - JSON
    said = _said(exchange).choices[0]
    thoughts = [detail.get("signature") or detail.get("data") for detail in said.details]
    return thoughts, said.text, [call.id for call in said.tool_calls]


def _essence(turn: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
    """Seals, texts and calls of a turn."""
    blocks = turn["content"] if turn["role"] == "assistant" else []
    seals = {"thinking": "signature", "redacted_thinking": "data"}
    return (
        [block[seals[block["type"]]] for block in blocks if block["type"] in seals],
        "".join(block["text"] for block in blocks if block["type"] == "text"),
        [block["id"] for block in blocks if block["type"] == "tool_use"],
    )


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("exchange", "following"), _continued())
def test_an_answer_that_the_client_sends_back_reaches_the_provider_as_it_left(
    stage: Stage,
    exchange: Exchange,
    following: Exchange,
    streamed: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    if streamed and not exchange.streamed:
        exchange = replace(exchange, response=_as_stream(exchange.response), content_type="text/event-stream")
    chat = said_again(chat_request, following)
    stage.provider.play(exchange, sliced=True)
    reply = ask(stage, exchange.request["model"], stream=exchange.streamed)
    message = collected(reply)
    place = [_essence(turn) for turn in following.request["messages"]].index(_answered_with(exchange))
    replaced = [one for one in chat["messages"] if one["role"] == "assistant"]
    number = sum(turn["role"] == "assistant" for turn in following.request["messages"][:place])
    chat["messages"][chat["messages"].index(replaced[number])] = message
    stage.provider.play(following)
    assert send(stage, following.request["model"], chat).status == 200
    sent = normal_request(json.loads(stage.provider.received[0].body))
    assert _with_joined_texts(sent) == _with_joined_texts(normal_request(following.request))


def _with_joined_texts(request: dict[str, Any]) -> dict[str, Any]:
    """*request* with texts that follow one another in one: an answer is cut where it cites, and a message is not."""
    turns = []
    for turn in request["messages"]:
        blocks: list[dict[str, Any]] = []
        for block in turn["content"]:
            if block["type"] == "text" and blocks and blocks[-1]["type"] == "text":
                blocks[-1] = blocks[-1] | {"text": blocks[-1]["text"] + block["text"]}
            else:
                blocks.append(block)
        turns.append(turn | {"content": blocks})
    return request | {"messages": turns}


def _as_stream(message: dict[str, Any]) -> str:
    """The events that would have told of *message*, texts in pieces of seven characters."""
    events: list[dict[str, Any]] = [{"type": "message_start", "message": message | {"content": []}}]
    for index, block in enumerate(message["content"]):
        pieces, start = [], dict(block)
        for name, size in (("thinking", 7), ("text", 7), ("signature", 10_000)):
            if name in block:
                text, start[name] = block[name], ""
                pieces += [{"type": f"{name}_delta", name: text[at : at + size]} for at in range(0, len(text), size)]
        events.append({"type": "content_block_start", "index": index, "content_block": start})
        events += [{"type": "content_block_delta", "index": index, "delta": piece} for piece in pieces]
        events.append({"type": "content_block_stop", "index": index})
    last = {name: message[name] for name in ("stop_reason", "stop_sequence")}
    events += [{"type": "message_delta", "delta": last, "usage": message["usage"]}, {"type": "message_stop"}]
    return _text_of(*events)


def _assert_same(heard: Answer, said: Answer) -> None:
    assert heard.error is None
    assert heard.tokens == said.tokens
    assert plain(heard.choices[0]) == plain(said.choices[0])
    assert joined_details(heard.choices[0].details) == said.choices[0].details
