"""Claims about where the line runs plugins, with plugins made for the purpose."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from types import FrameType
from typing import Any

import pytest
from msgspec import Raw, Struct
from msgspec.structs import replace as changed

from line import KEY, Paper, Records, a_call, a_house, rails_to
from turnout.base.errors import BadRequest, Forbidden
from turnout.base.money import Pico
from turnout.contracts.plugin import NoParameters, Plugin, Purchase, StreamFilter, Work
from turnout.domain.chat import ChatRequest
from turnout.domain.completion import Chunk, Completion
from turnout.domain.routing import Candidate
from turnout.engine.house import House
from turnout.engine.line import serve
from turnout.engine.rack import Fitted, Rack
from upstream import Wire, reply, upstream

_USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
_ANSWER = {"id": "up", "choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}], "usage": _USAGE}
_PHASES = frozenset({"request", "candidate", "answer", "stream"})


class _Parameters(Struct, frozen=True, forbid_unknown_fields=True):
    mode: str = "well"
    word: str = "added"


class _Upper:
    """Answers in capitals; breaks at the second chunk where it should."""

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.seen = 0

    def take(self, chunks: list[Chunk]) -> list[Chunk]:
        self.seen += len(chunks)
        if self.mode == "raises in the stream" and self.seen > 1:
            raise RuntimeError
        for chunk in chunks:
            for choice in chunk.choices:
                choice.delta = Raw(bytes(choice.delta).replace(b'"h"', b'"H"').replace(b'"i"', b'"I"'))
        return chunks

    def flush(self) -> list[Chunk]:
        return []


class _Everywhere(Work):
    """Does something in each phase, as its parameter ``mode`` says."""

    async def before(self, request: ChatRequest) -> ChatRequest:
        mode, word = self.job.parameters.mode, self.job.parameters.word
        if mode == "raises":
            raise RuntimeError
        if mode == "sleeps":
            await asyncio.sleep(5)
        if mode == "refuses":
            raise Forbidden("No")
        if mode == "asks":
            await self.job.complete({"model": "acme/tiny", "messages": [{"role": "user", "content": "aside"}]})
        if mode == "buys":
            now = self.job.now()
            self.job.buy(
                Purchase(
                    service="shop", name="Shop", cost=Pico(7_000), what="web_search", began=now, ended=now, searches=2
                )
            )
        self.job.note(mode=mode)
        return changed(request, fields=request.fields | {"user": Raw(json.dumps(word).encode())})

    async def mend(self, completion: Completion, request: ChatRequest, candidate: Candidate) -> Completion:
        del request, candidate
        for choice in completion.choices:
            choice.message["content"] = Raw(b'"HI"')
        return completion

    def watch(self, request: ChatRequest, candidate: Candidate) -> StreamFilter | None:
        del request, candidate
        return _Upper(self.job.parameters.mode)


_EVERYWHERE = Plugin(
    id="everywhere",
    work=_Everywhere,
    phases=_PHASES,  # type: ignore[arg-type]  # literals, every one
    parameters=_Parameters,
)


def _fitted(plugin: Plugin = _EVERYWHERE, **fields: Any) -> Fitted:  # noqa: ANN401 - any field of Fitted
    usual: dict[str, Any] = {
        "settings": NoParameters(), "defaults": {}, "credentials": {}, "enabled": None, "fixed": False,
        "skips": False, "seconds": 0.1,
    }  # fmt: skip
    return Fitted(plugin=plugin, **(usual | fields))


def _house(addresses: Mapping[str, str], *plugins: Fitted, complains: bool = True) -> tuple[House, Records]:
    house, records = a_house(replace(rails_to(addresses), rack=Rack(plugins or (_fitted(),))))
    if not complains:
        house.report = lambda _: None
    return house, records


async def _answering(wire: Wire) -> None:
    """Answers whole or streamed, as it is asked."""
    while True:
        body = json.loads(await wire.request())
        wire.asked.append(body)  # type: ignore[attr-defined]  # set by _asked
        if body.get("stream"):
            parts = [{"choices": [{"index": 0, "delta": {"content": text}}]} for text in "hi"]
            parts.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": _USAGE})  # type: ignore[dict-item]  # JSON
            events = b"".join(b"data: %b\n\n" % json.dumps(part).encode() for part in parts)
            head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
            await wire.send(head + events + b"data: [DONE]\n\n")
            return
        await wire.send(reply(json.dumps(_ANSWER).encode(), headers="Content-Type: application/json\r\n"))


async def _served(*fitted: Fitted, complains: bool = True, **fields: Any) -> tuple[Paper, Records, list[Any]]:  # noqa: ANN401 - any field of a request
    """One request through the line: the client's side, the record, and what the provider was asked."""
    asked: list[Any] = []

    async def script(wire: Wire) -> None:
        wire.asked = asked  # type: ignore[attr-defined]  # for this file
        await _answering(wire)

    async with upstream(script) as provider:
        house, records = _house({"acme": provider.base_url}, *fitted, complains=complains)
        paper = Paper()
        await serve(a_call(paper, **fields), house)
    return paper, records, asked


def _entry(mode: str) -> list[dict[str, str]]:
    return [{"id": "everywhere", "mode": mode}]


async def test_a_plugin_changes_the_request_and_the_answer() -> None:
    paper, records, asked = await _served(plugins=_entry("well"))
    assert paper.text() == "HI"
    assert asked[0]["user"] == "added"
    assert records.only.outcome == "answered"


async def test_a_plugin_changes_a_stream() -> None:
    paper, _, _ = await _served(plugins=_entry("well"), stream=True)
    assert paper.text() == "HI"


@pytest.mark.parametrize("stream", [False, True])
async def test_without_plugins_no_code_of_theirs_or_of_their_place_is_run(stream: bool) -> None:  # noqa: FBT001 - a parameter of the test
    run: list[str] = []

    def watch(frame: FrameType, _event: str, _argument: object) -> None:
        module = frame.f_globals.get("__name__", "")
        idle = {"turnout.engine.plugins", "turnout.engine.aside", "turnout.engine.rounds", "turnout.engine.turns"}
        if module.startswith("turnout.plugins") or module in idle:
            run.append(f"{module}.{frame.f_code.co_name}")

    async def script(wire: Wire) -> None:
        wire.asked = []  # type: ignore[attr-defined]  # for this file
        await _answering(wire)

    async with upstream(script) as provider:
        house, _ = _house({"acme": provider.base_url})
        paper = Paper()
        before = sys.getprofile()
        sys.setprofile(watch)
        try:
            await serve(a_call(paper, stream=stream), house)
        finally:
            sys.setprofile(before)
    assert paper.text() == "hi"
    assert run == []


@pytest.mark.parametrize("mode", ["raises", "sleeps"])
async def test_a_plugin_that_fails_ends_the_request_clearly(mode: str) -> None:
    paper, records, asked = await _served(plugins=_entry(mode), complains=False)
    assert paper.error is not None
    assert paper.error.metadata == {"plugin": "everywhere"}
    assert "everywhere" in paper.error.message
    assert asked == []
    assert records.only.outcome == "failed"


@pytest.mark.parametrize("mode", ["raises", "sleeps"])
async def test_a_plugin_that_fails_is_left_out_where_that_is_wanted(mode: str) -> None:
    paper, _, asked = await _served(_fitted(skips=True), plugins=_entry(mode), complains=False)
    assert paper.text() == "HI"
    assert "user" not in asked[0]


async def test_a_plugin_that_fails_in_a_stream_lets_the_rest_pass() -> None:
    paper, _, _ = await _served(
        _fitted(skips=True), plugins=_entry("raises in the stream"), stream=True, complains=False
    )
    assert paper.text().lower() == "hi"


async def test_what_a_plugin_refuses_is_refused_though_it_may_be_left_out() -> None:
    paper, records, _ = await _served(_fitted(skips=True), plugins=_entry("refuses"))
    assert isinstance(paper.error, Forbidden)
    assert records.only.error_type == "permission_denied"


async def test_a_call_of_a_plugin_is_an_attempt_and_its_cost_is_in_the_answer() -> None:
    paper, records, asked = await _served(plugins=_entry("asks"))
    record = records.only
    assert [one["messages"][0]["content"] for one in asked] == ["aside", "Hello"]
    assert len(record.attempts) == 2
    assert sum(one.cost for one in record.attempts) == record.cost == 2 * record.aside_cost > 0
    assert paper.json()["usage"]["cost"] == pytest.approx(record.cost / 1e12)


async def test_what_a_plugin_buys_is_charged_and_counted() -> None:
    paper, records, _ = await _served(plugins=_entry("buys"))
    assert records.only.aside_cost == 7_000
    assert records.only.usage.web_searches == 2
    assert paper.json()["usage"]["server_tool_use_details"] == {"web_search_requests": 2}


async def test_what_the_operator_wants_holds_for_requests_that_say_nothing() -> None:
    paper, _, asked = await _served(_fitted(enabled=True, defaults={"word": Raw(b'"theirs"')}))
    assert paper.text() == "HI"
    assert asked[0]["user"] == "theirs"


def _request(**fields: Any) -> ChatRequest:  # noqa: ANN401 - any field of a request
    call = a_call(Paper(), **fields)
    decoded = call.surface.decode(call.body)
    assert isinstance(decoded, ChatRequest)
    return decoded


def _word(rack: Rack, of_key: tuple[str, ...] = (), **fields: Any) -> str | None:  # noqa: ANN401 - any field of a request
    """With which ``word`` the plugin works; None when it does not."""
    _, chosen = rack.choose(_request(**fields), of_key)
    return chosen[0].parameters.word if chosen else None  # type: ignore[attr-defined]  # of these parameters


def test_a_request_comes_before_its_key_and_its_key_before_the_operator() -> None:
    rack = Rack([_fitted(enabled=True, defaults={"word": Raw(b'"house"')})])
    of_key = ('{"id":"everywhere","word":"key"}',)
    own = [{"id": "everywhere", "word": "own"}]
    assert _word(rack) == "house"
    assert _word(rack, of_key) == "key"
    assert _word(rack, of_key, plugins=own) == "own"
    assert _word(rack, of_key, plugins=[{"id": "everywhere"}]) == "key"
    assert _word(rack, of_key, plugins=[{"id": "everywhere", "enabled": False}]) is None
    assert _word(rack, ('{"id":"everywhere","enabled":false}',)) is None
    assert _word(rack, ('{"id":"everywhere","enabled":false}',), plugins=own) == "own"


def test_what_is_fixed_is_changed_by_nobody() -> None:
    rack = Rack([_fitted(enabled=True, fixed=True, defaults={"word": Raw(b'"house"')})])
    assert _word(rack, plugins=[{"id": "everywhere", "enabled": False}]) == "house"
    assert _word(rack, ('{"id":"everywhere","word":"key"}',)) == "house"
    never = Rack([_fitted(enabled=False, fixed=True)])
    assert _word(never, plugins=[{"id": "everywhere"}]) is None


@pytest.mark.parametrize(
    "plugins", [[{"id": "nobody"}], [{"id": "everywhere", "strength": 1}], [{"id": "everywhere", "mode": 7}]]
)
def test_an_entry_that_makes_no_sense_is_refused(plugins: object) -> None:
    with pytest.raises(BadRequest, match=r"nobody|strength|mode"):
        Rack([_fitted()]).choose(_request(plugins=plugins))


def test_the_default_of_a_key_is_nothing() -> None:
    assert KEY.rules.plugins == ()


def test_plugins_work_in_the_order_of_their_rank() -> None:
    late, early = changed(_EVERYWHERE, id="late", rank=90), changed(_EVERYWHERE, id="early", rank=5)
    entries = [{"id": "late"}, {"id": "early"}]
    _, chosen = Rack([_fitted(late), _fitted(early)]).choose(_request(plugins=entries))
    assert [one.fitted.plugin.id for one in chosen] == ["early", "late"]
