"""What real providers of the OpenAI dialect said, served again: the client reads the same, the provider too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from answers import Answer, Said, read_stream, read_whole
from gateway import Reply, provider_table
from recordings import Exchange, exchanges, sse_events
from stage import Stage, cases, read, staged

_SLUGS = {
    "cerebras": "cerebras",
    "crusoe": "crusoe",
    "deepseek": "deepseek",
    "groq": "groq",
    "huggingface": "huggingface",
    "openai-chat": "openai",
    "openrouter": "openrouter",
    "snowflake": "snowflake",
    "zai": "zai",
}
"""The recordings by the provider of the shipped table that they belong to."""
_RENAMED_LIMIT = {"openrouter": "max_tokens"}
"""Providers of the recordings that want the output limit under the old name."""
_OURS = {"provider": "names providers behind OpenRouter; through this gateway it would choose among the gateway's own"}
"""Fields that an equivalent request does not have, with the reason."""
_ALL = [exchange for provider in _SLUGS for exchange in exchanges(provider)]
_WHOLE = [exchange for exchange in _ALL if not exchange.streamed]


def _tables(url: str) -> str:
    return "".join(provider_table(slug, f"{url}/{slug}/v7") for slug in _SLUGS.values())


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    offers = {(one.provider, one.request["model"]): (_SLUGS[one.provider], one.request["model"]) for one in _ALL}
    with staged(tmp_path_factory.mktemp("gateway"), _tables, offers) as made:
        yield made


@pytest.mark.parametrize("sliced", [False, True], ids=["whole", "sliced"])
@pytest.mark.parametrize("exchange", cases(_ALL))
def test_the_client_reads_what_the_provider_said(stage: Stage, exchange: Exchange, sliced: bool) -> None:  # noqa: FBT001 - a parameter of the test
    stage.provider.play(exchange, sliced=sliced)
    reply = _ask(stage, _equivalent(stage, exchange))
    if exchange.status != 200:
        _assert_refused(reply, exchange)
        return
    said = read_stream(sse_events(exchange.response)) if exchange.streamed else read_whole(exchange.response)
    heard = read(reply, streamed=exchange.streamed)
    if said.error is not None:
        _assert_broken_off(heard, said)
    _assert_same(heard, said)


@pytest.mark.parametrize("exchange", cases(_WHOLE))
def test_a_client_that_streams_reads_an_answer_that_came_in_one_piece(stage: Stage, exchange: Exchange) -> None:
    stage.provider.play(exchange)
    reply = _ask(stage, _equivalent(stage, exchange) | {"stream": True})
    if exchange.status != 200:
        _assert_refused(reply, exchange)
    else:
        _assert_same(read(reply, streamed=True), read_whole(exchange.response))


@pytest.mark.parametrize("exchange", cases([*{one.provider: one for one in _WHOLE}.values()]))
def test_an_answer_in_one_piece_is_known_by_its_first_byte_where_its_type_says_nothing(
    stage: Stage, exchange: Exchange
) -> None:
    stage.provider.play(replace(exchange, content_type="text/plain"))
    reply = _ask(stage, _equivalent(stage, exchange) | {"stream": True})
    _assert_same(read(reply, streamed=True), read_whole(exchange.response))


@pytest.mark.parametrize("stream", [False, True], ids=["one-piece", "stream"])
@pytest.mark.parametrize("exchange", cases(_ALL))
def test_the_provider_is_sent_what_the_client_sent(stage: Stage, exchange: Exchange, stream: bool) -> None:  # noqa: FBT001 - a parameter of the test
    stage.provider.play(exchange)
    sent = _equivalent(stage, exchange) | {"stream": stream}
    _ask(stage, sent)
    [received] = stage.provider.received
    assert received.path == f"/{_SLUGS[exchange.provider]}/v7/chat/completions"
    assert received.headers["Authorization"] == "Bearer sk-upstream-secret"
    assert stage.gateway.key not in str(received)
    expected = dict(sent) | {"model": exchange.request["model"]}
    limit = _RENAMED_LIMIT.get(exchange.provider, "max_completion_tokens")
    for name in ("max_tokens", "max_completion_tokens"):
        if name in expected:
            expected[limit] = expected.pop(name)
    expected.pop("stream_options", None)
    if stream:
        expected["stream_options"] = {"include_usage": True}
    assert json.loads(received.body) == expected
    before, after = _raw_fields(_text(sent)), _raw_fields(received.body)
    for name in before.keys() - {"model", "messages", "max_tokens", "max_completion_tokens", "stream_options"}:
        assert after[name] == before[name], name


def _equivalent(stage: Stage, exchange: Exchange) -> dict[str, Any]:
    """The recorded request as a client of the gateway writes it."""
    fields = {name: value for name, value in exchange.request.items() if name not in _OURS}
    return fields | {"model": stage.models[exchange.provider, exchange.request["model"]]}


def _ask(stage: Stage, body: dict[str, Any]) -> Reply:
    return stage.gateway.request("POST", "/api/v1/chat/completions", _text(body))


def _text(body: dict[str, Any]) -> bytes:
    """JSON with spaces and without escapes, unlike the gateway's own: what is passed on unread stays as it is."""
    return json.dumps(body, ensure_ascii=False).encode()


def _raw_fields(body: bytes) -> dict[str, bytes]:
    return {name: bytes(value) for name, value in msgspec.json.decode(body, type=dict[str, msgspec.Raw]).items()}


def _assert_same(heard: Answer, said: Answer) -> None:
    if said.error is None:
        assert heard.error is None
        assert heard.tokens == said.tokens
    assert heard.choices == {index: _in_our_words(choice, said) for index, choice in said.choices.items()}


def _in_our_words(choice: Said, said: Answer) -> Said:
    """What the client should read of one choice of the provider."""
    finish = choice.finish or ("tool_calls" if choice.tool_calls else "stop")
    native = choice.native or choice.finish
    if said.error is not None:
        finish, native = "error", None
    return replace(choice, finish=finish, native=native)


def _assert_refused(reply: Reply, exchange: Exchange) -> None:
    assert reply.status == exchange.status
    error = reply.json()["error"]
    assert error["code"] == exchange.status
    assert error["message"] == exchange.response["error"]["message"]


def _assert_broken_off(heard: Answer, said: Answer) -> None:
    assert said.error is not None
    assert heard.error is not None
    assert heard.error["message"] == said.error["message"]
    assert heard.error["code"] == said.error["status_code"]
