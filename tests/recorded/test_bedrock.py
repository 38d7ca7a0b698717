"""What models on Bedrock said through Converse, served again: the client reads the same, the provider too."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from answers import Answer
from converters.bedrock import (
    chat_request,
    joined_details,
    model_of,
    normal_request,
    read_events,
    read_message,
)
from gateway import Reply, provider_table
from recordings import Exchange, exchanges
from stage import WITHOUT_DATA, Stage, ask, cases, collected, plain, read, said_again, send, staged

_ALL = exchanges("bedrock-converse")
_ANSWERED = [exchange for exchange in _ALL if exchange.status == 200]
_REFUSED = [exchange for exchange in _ALL if exchange.status != 200]
_BINARY = "application/vnd.amazon.eventstream"
_WHOLE = [exchange for exchange in _ANSWERED if exchange.content_type != _BINARY]


def _streamed(exchange: Exchange) -> bool:
    return exchange.path.endswith("-stream")


def _tables(url: str) -> str:
    keys = {
        "region": '"us-east-1"',
        "access_key_id": '"AKIDEXAMPLE"',
        "secret_access_key": '"a-secret-that-signs"',
        "session_token": '"a-session"',
    }
    return provider_table("bedrock", url, **keys).replace('api_key = "sk-upstream-secret"\n', "")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    names = {model_of(one.path) for one in _ALL}
    with staged(tmp_path_factory.mktemp("gateway"), _tables, {name: ("bedrock", name) for name in names}) as made:
        yield made


@pytest.mark.parametrize("sliced", [False, True], ids=["whole", "sliced"])
@pytest.mark.parametrize("exchange", cases(_ANSWERED))
def test_the_client_reads_what_the_provider_said(stage: Stage, exchange: Exchange, sliced: bool) -> None:  # noqa: FBT001 - a parameter of the test
    _play(stage, exchange, sliced=sliced)
    reply = ask(stage, model_of(exchange.path), stream=_streamed(exchange))
    _assert_same(read(reply, streamed=_streamed(exchange)), _details(reply), _said(exchange))


@pytest.mark.parametrize("exchange", cases(_WHOLE))
def test_a_client_that_streams_reads_an_answer_that_came_in_one_piece(stage: Stage, exchange: Exchange) -> None:
    _play(stage, exchange)
    reply = ask(stage, model_of(exchange.path), stream=True)
    _assert_same(read(reply, streamed=True), _details(reply), _said(exchange))


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("exchange", cases(_REFUSED))
def test_a_refusal_is_told_with_the_providers_words(stage: Stage, exchange: Exchange, stream: bool) -> None:  # noqa: FBT001 - a parameter of the test
    _play(stage, exchange)
    reply = ask(stage, model_of(exchange.path), stream=stream)
    assert reply.status == exchange.status
    error = reply.json()["error"]
    assert error["message"] == exchange.response["message"]
    assert error["metadata"]["error_type"] == "invalid_request"
    assert error["metadata"]["provider_name"] == "Amazon Bedrock"


@pytest.mark.parametrize("exchange", cases(_ALL))
def test_the_provider_is_sent_what_it_was_sent_then(stage: Stage, exchange: Exchange) -> None:
    chat = said_again(partial(chat_request, stream=_streamed(exchange)), exchange)
    _play(stage, exchange)
    reply = send(stage, model_of(exchange.path), chat)
    assert reply.status == exchange.status, reply.body
    [received] = stage.provider.received
    assert received.path == exchange.path
    assert received.headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "/us-east-1/bedrock/aws4_request, " in received.headers["Authorization"]
    assert received.headers["X-Amz-Security-Token"] == "a-session"
    assert normal_request(json.loads(received.body)) == normal_request(exchange.request)


def _continued() -> list[Any]:
    """Exchanges whose answer stands as it was in the request that came next."""
    by_id = {one.id: one for one in _ALL}
    pairs = []
    for exchange in _WHOLE:
        stem, _, number = exchange.id.rpartition("-")
        following = by_id.get(f"{stem}-{int(number) + 1}")
        said = exchange.response["output"]["message"]
        if following is not None and said in following.request["messages"]:
            pairs.append(pytest.param(exchange, following, id=following.id))
    return pairs or [pytest.param(None, None, marks=WITHOUT_DATA)]


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("exchange", "following"), _continued())
def test_an_answer_that_the_client_sends_back_reaches_the_provider_as_it_left(
    stage: Stage,
    exchange: Exchange,
    following: Exchange,
    streamed: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    _play(stage, exchange)
    reply = ask(stage, model_of(exchange.path), stream=streamed)
    message = collected(reply) | {"reasoning_details": _details(reply)}
    chat = chat_request(following.request, stream=False)
    turns = following.request["messages"]
    place = sum(turn["role"] == "assistant" for turn in turns[: turns.index(exchange.response["output"]["message"])])
    replaced = [number for number, one in enumerate(chat["messages"]) if one["role"] == "assistant"][place]
    chat["messages"][replaced] = message
    _play(stage, following)
    assert send(stage, model_of(following.path), chat).status == 200
    assert normal_request(json.loads(stage.provider.received[0].body)) == normal_request(following.request)


def _said(exchange: Exchange) -> Answer:
    if exchange.content_type == _BINARY:
        return read_events(b64decode(exchange.response["$base64"]))
    return read_message(exchange.response)


def _play(stage: Stage, exchange: Exchange, *, sliced: bool = False) -> None:
    stage.provider.play(exchange, sliced=sliced)
    if exchange.content_type == _BINARY:
        stage.provider.answer = b64decode(exchange.response["$base64"])


def _details(reply: Reply) -> list[Any]:
    """All details of the first choice, also those that say no more than the text."""
    if reply.body.startswith(b"{"):
        return list(reply.json()["choices"][0]["message"].get("reasoning_details") or [])
    found: list[Any] = []
    for event in reply.events()[:-1]:
        for choice in event["choices"]:
            found += choice["delta"].get("reasoning_details") or []
    return found


def _assert_same(heard: Answer, details: list[Any], said: Answer) -> None:
    assert heard.error is None
    assert heard.tokens == said.tokens
    assert plain(heard.choices[0]) == plain(said.choices[0])
    assert joined_details(details) == said.choices[0].details
