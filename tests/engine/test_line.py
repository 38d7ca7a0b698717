from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from line import Paper, Records, a_call, a_house, rails_to
from patience import PATIENCE, until_here
from turnout.base.errors import Internal, UpstreamError
from turnout.domain.provider import Timeouts
from turnout.engine.house import House
from turnout.engine.line import serve
from turnout.providers.openai import OpenAIAdapter
from upstream import Script, Upstream, Wire, reply, upstream

USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"


def whole(text: str = "hi", **fields: object) -> bytes:
    body = {"id": "up", "choices": [{"message": {"content": text}, "finish_reason": "stop"}], "usage": USAGE} | fields
    return reply(json.dumps(body).encode(), headers="Content-Type: application/json\r\n")


def failing(status: int, headers: str = "") -> bytes:
    return reply(b'{"error":{"message":"no"}}', status=f"{status} No", headers=headers)


def event(text: str | None = None, finish: str | None = None, **fields: object) -> bytes:
    delta = {} if text is None else {"content": text}
    data = {"id": "up", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]} | fields
    return b"data: %b\n\n" % json.dumps(data).encode()


END = event(finish="stop") + event(choices=[], usage=USAGE) + b"data: [DONE]\n\n"
STREAM = HEAD + event("h") + event("i") + END


def once(*parts: bytes, gap: float = 0.0) -> Script:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.send(*parts, gap=gap)

    return script


def stalling(*parts: bytes) -> Script:
    async def script(wire: Wire) -> None:
        await once(*parts)(wire)
        await wire.closed()

    return script


def resetting(*parts: bytes) -> Script:
    async def script(wire: Wire) -> None:
        await once(*parts, gap=0.05)(wire)
        wire.reset()

    return script


class Scene:
    """Providers p0, p1 … that follow their scripts, and a line to them."""

    def __init__(self, house: House, records: Records, servers: list[Upstream]) -> None:
        self.house = house
        self.records = records
        self.servers = servers

    async def ask(self, **fields: Any) -> Paper:  # noqa: ANN401 - any field of a request
        paper = Paper()
        await serve(a_call(paper, **fields), self.house)
        return paper

    def calls(self) -> list[int]:
        return [len(server.wires) for server in self.servers]


@asynccontextmanager
async def scene(*scripts: Script, comment_seconds: float = 15.0, **fields: Any) -> AsyncIterator[Scene]:  # noqa: ANN401 - of a provider
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(upstream(script)) for script in scripts]
        rails = rails_to({f"p{n}": server.base_url for n, server in enumerate(servers)}, **fields)
        house, records = a_house(rails, comment_seconds)
        yield Scene(house, records, servers)
        assert house.tally.open_requests == 0


# -- answers --


async def test_a_whole_answer_is_answered_charged_and_recorded_once() -> None:
    async with scene(once(whole())) as stage:
        paper = await stage.ask()
        answer, record = paper.json(), stage.records.only
    assert paper.text() == "hi"
    assert (answer["model"], answer["provider"]) == ("acme/tiny", "P0")
    assert answer["usage"]["cost"] == 0.000005
    assert answer["id"] == record.id
    assert (record.outcome, record.cost, record.usage.fresh, record.usage.completion) == ("answered", 5_000_000, 3, 2)
    assert (record.upstream_id, record.finish_reason, record.user_agent) == ("up", "stop", "test")
    [attempt] = record.attempts
    assert (attempt.outcome, attempt.status, attempt.cost) == ("answered", 200, 5_000_000)


async def test_a_stream_is_passed_on_and_ends_with_usage() -> None:
    async with scene(once(STREAM)) as stage:
        paper = await stage.ask(stream=True)
        record = stage.records.only
    events = paper.events()
    assert paper.text() == "hi"
    assert events[-1] == "[DONE]"
    assert events[-2]["choices"] == []
    assert events[-2]["usage"]["cost"] == 0.000005
    assert (record.outcome, record.streamed, record.cost) == ("answered", True, 5_000_000)
    assert {chunk["id"] for chunk in events[:-1]} == {record.id}


@pytest.mark.parametrize("size", [1, 3, 50])
async def test_a_stream_means_the_same_however_the_network_slices_it(size: int) -> None:
    parts = [STREAM[at : at + size] for at in range(0, len(STREAM), size)]
    async with scene(once(*parts)) as stage:
        paper = await stage.ask(stream=True)
    assert paper.text() == "hi"


async def test_a_stream_in_chunks_keeps_its_connection() -> None:
    body = STREAM.removeprefix(HEAD)
    chunked = HEAD.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n")
    chunked += b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)

    async def script(wire: Wire) -> None:
        while True:
            await once(chunked)(wire)

    async with scene(script) as stage:
        for _ in range(3):
            assert (await stage.ask(stream=True)).text() == "hi"
        assert stage.calls() == [1]


async def test_a_provider_that_ignores_stream_is_streamed_all_the_same() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    message = {"content": "hi", "tool_calls": [call], "annotations": [{"type": "file"}]}
    body = {"choices": [{"message": message, "finish_reason": "tool_calls"}], "usage": USAGE}
    answer = reply(json.dumps(body, indent=2).encode(), headers="Content-Type: application/json\r\n")
    async with scene(once(answer)) as stage:
        paper = await stage.ask(stream=True)
    chunk = paper.events()[0]
    assert paper.text() == "hi"
    assert chunk["choices"][0]["delta"]["tool_calls"] == [call | {"index": 0}]
    assert chunk["choices"][0]["finish_reason"] == "tool_calls"
    assert paper.events()[-2]["usage"]["total_tokens"] == 5


async def test_usage_that_the_provider_keeps_to_itself_is_estimated_and_says_so() -> None:
    async with scene(once(HEAD + event("h" * 40) + event(finish="stop") + b"data: [DONE]\n\n")) as stage:
        await stage.ask(stream=True)
        record = stage.records.only
    assert record.usage.estimated
    assert record.usage.completion >= 10
    assert record.cost == record.usage.prompt_tokens * 10**6 + record.usage.completion_tokens * 10**6


# -- before the first content byte --

FAILURES: dict[str, Script] = {
    "400 at another model": once(failing(500)),
    "500": once(failing(500)),
    "503": once(failing(503)),
    "429": once(failing(429)),
    "401": once(failing(401)),
    "404": once(failing(404)),
    "redirect": once(reply(b"", status="302 Found", headers="Location: http://127.0.0.1:1/\r\n")),
    "no answer": once(),
    "reset": resetting(),
    "not HTTP": once(b"hello\r\n\r\n"),
    "not JSON": once(reply(b"<html>")),
    "no choices": once(reply(b"{}")),
    "an error in place of an answer": once(reply(b'{"error":{"code":500,"message":"no"}}')),
    "empty": once(whole("", usage=USAGE | {"completion_tokens": 0})),
    "short": once(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}"),
    "compressed": once(reply(b"\x1f\x8b", headers="Content-Encoding: gzip\r\n")),
    "silent": stalling(),
    "no content": once(b"HTTP/1.1 204 No Content\r\n\r\n"),
}
STREAM_FAILURES: dict[str, Script] = {
    "ends before content": once(HEAD + event("")),
    "an error first": once(HEAD + b'data: {"error":{"code":503,"message":"busy"}}\n\n'),
    "an error after the role": once(
        HEAD + b'data: {"choices":[{"delta":{"role":"assistant","content":""}}]}\n\n', b'data: {"error":{}}\n\n' + b"x"
    ),
    "empty and stopped": once(HEAD + event(finish="stop") + b"data: [DONE]\n\n"),
    "nonsense": once(HEAD + b"data: {nonsense\n\n"),
    "an endless comment": stalling(HEAD + b": ping\n\n"),
    "stalls after the role": stalling(HEAD + b'data: {"choices":[{"delta":{"role":"assistant"}}]}\n\n'),
    "only done": once(HEAD + b"data: [DONE]\n\n"),
}
QUICK = Timeouts(connect=5.0, first_byte=0.8, whole=0.8, idle=0.8, total=10.0)


def _cases() -> Iterator[Any]:
    for name, script in FAILURES.items():
        for stream in (False, True):
            yield pytest.param(script, stream, id=f"{name}-{'stream' if stream else 'whole'}")
    for name, script in STREAM_FAILURES.items():
        yield pytest.param(script, True, id=name)


@pytest.mark.parametrize(("script", "stream"), list(_cases()))
async def test_a_failure_before_content_is_invisible_while_there_is_another_provider(
    script: Script,
    stream: bool,  # noqa: FBT001 - a column
) -> None:
    async with scene(script, once(STREAM if stream else whole()), timeouts=QUICK) as stage:
        paper = await stage.ask(stream=stream)
        record = stage.records.only
        assert stage.calls() == [1, 1]
    assert paper.text() == "hi"
    assert "P0" not in paper.body.decode()
    assert [attempt.outcome for attempt in record.attempts] == ["failed", "answered"]
    assert record.attempts[0].cost == 0
    assert record.attempts[0].error_type
    assert (record.outcome, record.provider, record.cost) == ("answered", "p1", 10_000_000)


@pytest.mark.parametrize(("script", "stream"), list(_cases()))
async def test_a_failure_of_the_only_provider_is_told_with_its_status(
    script: Script,
    stream: bool,  # noqa: FBT001 - a column
) -> None:
    async with scene(script, timeouts=QUICK) as stage:
        paper = await stage.ask(stream=stream)
        record = stage.records.only
    assert isinstance(paper.error, UpstreamError)
    assert paper.error.metadata["provider_name"] == "P0"
    assert not paper.started
    assert (record.outcome, record.cost, record.finish_reason) == ("failed", 0, "error")
    assert record.error_type == paper.error.error_type


async def test_the_last_failure_is_told_with_all_before_it_and_the_shortest_wait() -> None:
    slow, quick = (once(failing(429, f"Retry-After: {seconds}\r\n")) for seconds in (90, 7))
    async with scene(slow, quick, once(failing(503))) as stage:
        paper = await stage.ask()
    assert paper.error is not None
    assert paper.error.retry_after == 7
    assert paper.error.error_type == "provider_overloaded"
    assert [one["provider"] for one in paper.error.metadata["previous_errors"]] == ["P0", "P1"]  # type: ignore[attr-defined]  # a list of objects
    assert paper.error.availability is not None
    assert paper.error.availability["affected_providers"] == ["P0", "P1", "P2"]


async def test_a_request_that_two_providers_find_wrong_is_not_offered_around() -> None:
    async with scene(once(failing(400)), once(failing(422)), once(whole())) as stage:
        paper = await stage.ask()
        assert stage.calls() == [1, 1, 0]
    assert paper.error is not None
    assert paper.error.error_type == "unprocessable"


async def test_what_one_provider_finds_wrong_may_be_right_for_the_next() -> None:
    async with scene(once(failing(400)), once(whole())) as stage:
        assert (await stage.ask()).text() == "hi"


@pytest.mark.parametrize("second", [failing(500), failing(429)])
async def test_a_refusal_that_the_client_can_do_something_about_is_told_before_a_later_failure(second: bytes) -> None:
    async with scene(once(failing(400)), once(second)) as stage:
        paper = await stage.ask()
    assert paper.error is not None
    assert paper.error.error_type == "invalid_request"
    assert [one["provider"] for one in paper.error.metadata["previous_errors"]] == ["P1"]  # type: ignore[attr-defined]  # a list of objects


async def test_what_is_wrong_for_one_model_may_be_right_for_the_next() -> None:
    models = ("acme/tiny", "acme/large")
    async with scene(once(failing(413)), once(whole()), models=models) as stage:
        stage.house.rails.routes.find("acme/large")
        paper = await stage.ask(models=list(models))
        assert stage.calls() == [2, 0]
        record = stage.records.only
    assert paper.error is not None
    assert [attempt.model for attempt in record.attempts] == ["acme/tiny", "acme/large"]


async def test_failures_are_remembered_of_the_endpoint_and_the_next_request_goes_elsewhere() -> None:
    async with scene(resetting(), once(whole())) as stage:
        for _ in range(2):
            await stage.ask()
        first, *_ = stage.calls()
        await stage.ask()
        assert stage.calls() == [first, 3]


@pytest.mark.parametrize("status", [429, 400, 413, 422])
async def test_what_is_not_the_endpoints_fault_does_not_count_against_it(status: int) -> None:
    async with scene(once(failing(status)), once(whole())) as stage:
        for _ in range(6):
            await stage.ask()
        assert stage.calls()[0] == 6


# -- after the first content byte --

BREAKING: dict[str, Script] = {
    "closed": once(HEAD + event("h")),
    "reset": resetting(HEAD + event("h")),
    "stalled": stalling(HEAD + event("h")),
    "an error": once(HEAD + event("h") + b'data: {"error":{"code":503,"message":"busy"}}\n\n'),
    "an error later": once(HEAD + event("h"), b'data: {"error":{"code":503,"message":"busy"}}\n\n', gap=0.05),
    "nonsense": once(HEAD + event("h"), b"data: {nonsense\n\n", gap=0.05),
    "a delta that is none": once(HEAD + event("h"), b'data: {"choices":[{"delta":"tool_calls"}]}\n\n', gap=0.05),
}


@pytest.mark.parametrize("script", BREAKING.values(), ids=BREAKING)
async def test_a_stream_that_breaks_says_so_in_the_stream_and_nobody_else_is_asked(script: Script) -> None:
    async with scene(script, once(STREAM), timeouts=QUICK) as stage:
        paper = await stage.ask(stream=True)
        record = stage.records.only
        assert stage.calls() == [1, 0]
    assert paper.text() == "h"
    broken = paper.events()[-2]
    assert isinstance(broken["error"]["code"], int)
    assert broken["error"]["metadata"]["error_type"]
    assert broken["choices"] == [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}]
    assert sum("error" in chunk for chunk in paper.events() if chunk != "[DONE]") == 1
    assert record.outcome == "failed"
    assert record.usage.estimated
    assert 0 < record.cost == record.attempts[0].cost


async def test_what_comes_after_the_end_mark_is_not_passed_on() -> None:
    async with scene(once(STREAM + event("more") + b"data: {nonsense\n\n")) as stage:
        paper = await stage.ask(stream=True)
    assert paper.text() == "hi"
    assert paper.events()[-1] == "[DONE]"


async def test_a_stream_of_tool_calls_without_a_finish_reason_ends_with_tool_calls() -> None:
    delta = {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}]}
    data = event(choices=[{"index": 0, "delta": delta}])
    async with scene(once(HEAD + data + b"data: [DONE]\n\n")) as stage:
        paper = await stage.ask(stream=True)
    assert [c["finish_reason"] for e in paper.events()[:-1] for c in e["choices"]] == [None, "tool_calls"]


# -- the client --


async def _leaving(stage: Scene, when: Callable[[Paper], bool], **fields: Any) -> Paper:  # noqa: ANN401 - of a request
    paper = Paper()
    task = asyncio.ensure_future(serve(a_call(paper, **fields), stage.house))
    await until_here(lambda: when(paper))
    paper.gone = True
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return paper


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_leaves_before_content_stops_the_provider_and_pays_nothing(stream: bool) -> None:  # noqa: FBT001 - a column
    async with scene(stalling(), once(whole())) as stage:
        paper = await _leaving(stage, lambda _: bool(stage.servers[0].wires), stream=stream)
        await asyncio.wait_for(stage.servers[0].wires[0].gone.wait(), PATIENCE)
        record = stage.records.only
        assert stage.calls() == [1, 0]
    assert not paper.ended
    assert (record.outcome, record.cancelled, record.cost) == ("cancelled", True, 0)


async def test_a_client_that_leaves_in_mid_stream_pays_for_what_it_got() -> None:
    async with scene(stalling(HEAD + event("h" * 40)), once(whole())) as stage:
        await _leaving(stage, lambda paper: paper.written > 0, stream=True)
        await asyncio.wait_for(stage.servers[0].wires[0].gone.wait(), PATIENCE)
        record = stage.records.only
    assert record.outcome == "cancelled"
    assert record.usage.completion >= 10
    assert record.cost > 0
    assert stage.house.health.outage(str(record.endpoint_id), stage.house.clock.monotonic()) is False


async def test_a_stop_of_the_gateway_is_told_in_the_stream() -> None:
    async with scene(stalling(HEAD + event("h"))) as stage:
        paper = Paper()
        task = asyncio.ensure_future(serve(a_call(paper, stream=True), stage.house))
        await until_here(lambda: paper.written > 0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert stage.records.only.outcome == "cancelled"
    assert paper.events()[-2]["error"]["code"] == 503


async def test_a_client_that_reads_slowly_slows_the_provider_down_and_loses_nothing() -> None:
    pieces = 400
    sent = 0

    async def script(wire: Wire) -> None:
        nonlocal sent
        await wire.request()
        await wire.send(HEAD)
        for _ in range(pieces):
            await wire.send(event("x" * 65_536))
            sent += 1
        await wire.send(END)

    async with scene(script, timeouts=Timeouts(idle=0.8)) as stage:
        paper = Paper()
        task = asyncio.ensure_future(serve(a_call(paper, stream=True), stage.house))
        await until_here(lambda: paper.flow is not None)
        flow = paper.flow
        assert flow is not None
        flow.pause()
        await asyncio.sleep(1.2)
        assert sent < pieces
        flow.resume()
        await task
    assert len(paper.text()) == pieces * 65_536


@pytest.mark.parametrize("ending", [END, event(finish="stop") + b"data: [DONE]\n\n"])
async def test_once_the_provider_is_done_a_slow_client_has_nothing_to_pause(ending: bytes) -> None:
    body = event("h") + ending
    answer = HEAD.replace(b"\r\n\r\n", b"\r\nContent-Length: %d\r\n\r\n" % len(body)) + body

    class SlowAtTheEnd(Paper):
        def finish(self, data: bytes) -> None:
            if self.flow is not None:
                self.flow.pause()
            super().finish(data)

    async def script(wire: Wire) -> None:
        while True:
            await once(answer)(wire)

    async with scene(script, timeouts=QUICK) as stage:
        for _ in range(2):
            paper = SlowAtTheEnd()
            await serve(a_call(paper, stream=True), stage.house)
            assert paper.flow is None
            assert paper.text() == "h"
        assert stage.calls() == [1]


async def test_a_silent_provider_is_bridged_by_comments_from_the_very_start() -> None:
    async with scene(once(HEAD, event("h") + END, gap=1.5), comment_seconds=0.2) as stage:
        paper = await stage.ask(stream=True)
    assert paper.text() == "h"
    assert paper.body.startswith(b": OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\n")


async def test_after_a_comment_a_failure_is_told_in_the_stream() -> None:
    async with scene(stalling(), comment_seconds=0.2, timeouts=Timeouts(first_byte=1.5)) as stage:
        paper = await stage.ask(stream=True)
        record = stage.records.only
    assert paper.body.startswith(b": OPENROUTER PROCESSING\n\n")
    assert paper.events()[-2]["error"]["code"] == 504
    assert record.cost == 0


async def test_a_talking_provider_needs_no_comments() -> None:
    async with scene(once(HEAD, *[event("h")] * 8, END, gap=0.2), comment_seconds=1.0) as stage:
        paper = await stage.ask(stream=True)
    assert b"PROCESSING" not in paper.body


# -- refusals and mistakes --


@pytest.mark.parametrize(
    "fields",
    [{"model": "acme/none"}, {"messages": []}, {"temperature": 9}, {"provider": {"only": ["nobody"]}}],
)
async def test_what_is_refused_before_there_is_a_plan_leaves_no_record(fields: dict[str, object]) -> None:
    async with scene(once(whole())) as stage:
        paper = await stage.ask(**fields)
        assert stage.records.generations == []
        assert stage.calls() == [0]
    assert paper.error is not None


async def test_nothing_is_served_that_cannot_be_recorded() -> None:
    async with scene(once(whole())) as stage:
        stage.records.failing = True
        paper = await stage.ask()
        assert stage.calls() == [0]
    assert paper.error is not None


CANARY = f"sk-{7:07}"


class _Stumbling:
    """An adapter with a mistake in it."""

    prepare = None

    def __init__(self, adapter: OpenAIAdapter) -> None:
        self._adapter = adapter
        self.outgoing = adapter.outgoing

    def completion(self, _body: bytes) -> None:
        raise LookupError(CANARY)

    def decoder(self) -> Any:  # noqa: ANN401 - a decoder that says one thing and stumbles
        decoder = self._adapter.decoder()
        fed = 0

        class Decoder:
            ended = False

            def feed(self, piece: bytes) -> Any:  # noqa: ANN401 - chunks
                nonlocal fed
                fed += 1
                if fed > 1:
                    raise LookupError(CANARY)
                return decoder.feed(piece)

        return Decoder()


@pytest.mark.parametrize("stream", [False, True])
async def test_a_mistake_of_ours_is_one_error_one_record_and_one_report_that_quotes_nothing(stream: bool) -> None:  # noqa: FBT001 - a column
    script = once(HEAD + event("h"), event("i"), gap=0.05) if stream else once(whole())
    async with scene(script) as stage:
        reports: list[str] = []
        stage.house.report = reports.append
        adapters: Any = stage.house.rails.adapters
        adapters["p0"] = _Stumbling(adapters["p0"])
        paper = await stage.ask(stream=stream)
        record = stage.records.only
    assert len(reports) == 1
    assert "LookupError" in reports[0]
    assert CANARY not in reports[0] + paper.body.decode()
    assert record.outcome == "failed"
    assert [attempt.outcome for attempt in record.attempts] == ["failed"]
    if stream:
        assert paper.events()[-2]["error"]["code"] == 500
        assert record.cost > 0
    else:
        assert isinstance(paper.error, Internal)
