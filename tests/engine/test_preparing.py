"""Adapters that must wait for something before they can send: files, tokens."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from exchanges import always
from line import Paper, a_call, a_house, rails_to
from turnout.base.errors import BadRequest, TurnoutError, UpstreamError
from turnout.contracts.provider import Adapter, Prepare
from turnout.domain.catalog import Endpoint
from turnout.domain.chat import ChatRequest
from turnout.engine.house import Rails
from turnout.engine.line import serve
from upstream import reply, upstream

ANSWER = reply(b'{"choices":[{"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}]}')


def with_preparation(rails: Rails, preparations: Mapping[str, Prepare]) -> Rails:
    adapters: dict[str, Adapter] = dict(rails.adapters)
    for slug, prepare in preparations.items():
        adapters[slug].prepare = prepare
    return Rails(rails.routes, adapters, rails.origins)


def failing(error: TurnoutError) -> Prepare:
    async def prepare(_request: ChatRequest, _endpoint: Endpoint) -> ChatRequest:
        await asyncio.sleep(0.01)
        raise error

    return prepare


@pytest.mark.parametrize("stream", [False, True])
async def test_a_request_that_cannot_be_prepared_is_refused_and_recorded_once(stream: bool) -> None:  # noqa: FBT001 - drawn
    async with upstream(always(ANSWER)) as server:
        rails = rails_to({"one": f"{server.base_url}/v1", "two": f"{server.base_url}/v1"})
        house, records = a_house(with_preparation(rails, {"one": failing(BadRequest("no such picture"))}))
        paper = Paper()
        await serve(a_call(paper, stream=stream), house)
        assert server.wires == []
    assert paper.error is not None
    assert paper.error.message == "no such picture"
    record = records.only
    assert (record.outcome, record.error_type, record.provider) == ("failed", "invalid_request", "one")
    assert record.ended_ms >= record.started_ms >= 0
    assert record.ended_ms - record.started_ms >= 10
    assert not record.may_be_billed
    assert record.cost == 0


async def test_another_provider_is_tried_where_one_gets_no_token() -> None:
    async with upstream(always(ANSWER)) as server:
        rails = rails_to({"one": f"{server.base_url}/v1", "two": f"{server.base_url}/v1"})
        house, records = a_house(with_preparation(rails, {"one": failing(UpstreamError("no token"))}))
        paper = Paper()
        await serve(a_call(paper), house)
    assert paper.text() == "Hi"
    assert [attempt.provider for attempt in records.only.attempts] == ["one", "two"]


async def test_a_client_that_leaves_ends_the_preparation() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def prepare(request: ChatRequest, _endpoint: Endpoint) -> ChatRequest:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()
        return request

    rails = rails_to({"one": "http://127.0.0.1:9/v1"})
    house, records = a_house(with_preparation(rails, {"one": prepare}))
    paper = Paper()
    task = asyncio.create_task(serve(a_call(paper), house))
    await begun.wait()
    paper.gone = True
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()
    assert records.only.outcome == "cancelled"
