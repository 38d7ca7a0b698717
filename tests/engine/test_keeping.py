from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace as replaced
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from line import KEY, Paper, Records, a_call, a_house, rails_to
from patience import until_here
from turnout.api.chat import ChatSurface
from turnout.api.plane import DataPlane, ServerLimits
from turnout.api.reply import Heads
from turnout.base.clock import SYSTEM_CLOCK
from turnout.base.errors import Conflict, Internal, Unavailable, UpstreamError
from turnout.contracts.shared import AnswerMemory
from turnout.domain.guardrail import Guard
from turnout.domain.routing import Bounds
from turnout.engine import keeping as module
from turnout.engine.house import Call, House
from turnout.engine.keeping import Keeping
from turnout.engine.kept import Kept, reusable
from turnout.shared.answers_file import AnswersInFile

BODY = b'{"id":"gen-1-a","created":1,"model":"acme/tiny","choices":[],"usage":{"prompt_tokens":3,"cost":0.5}}'


class Scene:
    """Two workers that share what they keep, and a line that counts how often it is asked."""

    def __init__(self, house: House, records: Records, folder: Path) -> None:
        self.house = house
        self.records = records
        self.asked = 0
        self.seconds = 0.0
        self.body = BODY
        self.error: Exception | None = None
        self.memories: list[AnswerMemory] = []
        self._folder = folder
        self.workers = [self.worker(), self.worker()]

    def worker(self) -> Keeping:
        """One more."""
        pair = [AnswersInFile(self._folder / f"{name}.sqlite", SYSTEM_CLOCK) for name in ("once", "cache")]
        self.memories += pair
        return Keeping(*pair)

    async def line(self, call: Call, _house: House) -> None:
        """As the line: it answers whatever happens."""
        self.asked += 1
        await asyncio.sleep(self.seconds)
        if self.error is not None:
            call.reply.refuse(UpstreamError("no"), "gen-1-a")
        else:
            call.reply.whole("gen-1-a", 0.1, self.body, "")

    async def ask(self, worker: int = 0, /, **headers: str) -> Paper:
        paper = Paper()
        named = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
        await self.workers[worker].serve(replace(a_call(paper), headers=named), self.house, self.line)
        return paper


@asynccontextmanager
async def scene(folder: Path) -> AsyncIterator[Scene]:
    house, records = a_house(rails_to({"p0": "http://127.0.0.1:1"}))
    made = Scene(house, records, folder)
    try:
        yield made
    finally:
        for memory in made.memories:
            await memory.close()


async def test_a_claim_holds_while_its_request_takes_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CLAIM_SECONDS", 1.0)
    monkeypatch.setattr(module, "_RENEW_SECONDS", 0.1)
    async with scene(tmp_path) as stage:
        stage.seconds = 1.6
        papers = await asyncio.gather(*[stage.ask(number % 2, idempotency_key="k") for number in range(6)])
        assert stage.asked == 1
        assert {paper.body for paper in papers} == {BODY}


async def test_who_has_waited_long_enough_is_told_to_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_WAIT_SECONDS", 0.1)
    async with scene(tmp_path) as stage:
        stage.seconds = 2.0
        first = asyncio.ensure_future(stage.ask(idempotency_key="k"))
        await until_here(lambda: stage.asked)
        for worker in (0, 1):
            paper = await stage.ask(worker, idempotency_key="k")
            assert isinstance(paper.error, Conflict)
            assert paper.error.retry_after
        assert (await first).body == BODY
        assert stage.asked == 1


async def test_an_answer_too_large_to_be_kept_is_not_made_twice(tmp_path: Path) -> None:
    async with scene(tmp_path) as stage:
        stage.body = b'{"id":"gen-1-a","text":"%b"}' % (b"x" * 9 * 2**20)
        assert (await stage.ask(idempotency_key="k", x_openrouter_cache="true")).body == stage.body
        again = await stage.ask(1, idempotency_key="k", x_openrouter_cache="true")
        assert isinstance(again.error, Conflict)
        assert "gen-1-a" in again.error.message
        assert again.error.retry_after is None
        await stage.ask(1, x_openrouter_cache="true")
        assert stage.asked == 2


async def test_without_its_memory_a_key_is_refused_and_the_cache_does_without(tmp_path: Path) -> None:
    async with scene(tmp_path / "nowhere") as stage:
        paper = await stage.ask(idempotency_key="k")
        assert isinstance(paper.error, Unavailable)
        assert stage.asked == 0
        for _ in range(2):
            assert (await stage.ask(x_openrouter_cache="true")).body == BODY
        assert stage.asked == 2


async def test_who_leaves_while_the_answer_is_being_kept_finds_it_later(tmp_path: Path) -> None:
    async with scene(tmp_path) as stage:
        kept = asyncio.Event()
        memory = stage.memories[0]
        keep = memory.keep

        async def slowly(name: bytes, answer: bytes, seconds: float) -> None:
            kept.set()
            await asyncio.sleep(0.1)
            await keep(name, answer, seconds)

        memory.keep = slowly  # type: ignore[method-assign]  # slower than a file
        leaving = asyncio.ensure_future(stage.ask(idempotency_key="k"))
        await kept.wait()
        leaving.cancel()
        await asyncio.wait({leaving})
        assert (await stage.ask(1, idempotency_key="k")).body == BODY
        assert stage.asked == 1


async def test_a_failure_frees_the_key_at_once(tmp_path: Path) -> None:
    async with scene(tmp_path) as stage:
        stage.error = UpstreamError("no")
        assert isinstance((await stage.ask(idempotency_key="k")).error, UpstreamError)
        stage.error = None
        assert (await stage.ask(1, idempotency_key="k")).body == BODY


async def test_a_hit_is_recorded_and_counts_as_a_request_of_the_minute(tmp_path: Path) -> None:
    async with scene(tmp_path) as stage:
        await stage.ask(x_openrouter_cache="true")
        paper = await stage.ask(1, x_openrouter_cache="true")
        record = stage.records.only
        assert (record.cost, record.source_id, record.key_hash) == (0, "gen-1-a", KEY.hash)
        assert (record.requested_model, record.model, record.attempts) == ("acme/tiny", "acme/tiny", ())
        assert paper.json()["id"] == record.id
        assert paper.json()["created"] == int(record.created)
        assert paper.json()["usage"] == {"prompt_tokens": 0, "cost": 0}
        stage.records.failing = True
        assert isinstance((await stage.ask(x_openrouter_cache="true")).error, Unavailable)


@pytest.mark.parametrize("bounds", [Bounds(zdr=True), Bounds(zdr_groups=frozenset({"openai"}))])
async def test_for_keys_of_whose_requests_nothing_may_be_retained_the_cache_keeps_nothing(
    tmp_path: Path, bounds: Bounds
) -> None:
    async with scene(tmp_path) as stage:
        key = replace(KEY, guard=Guard(bounds=(bounds,), screening=None))
        ring: Any = SimpleNamespace(peek=lambda _: key)
        stage.house = replaced(stage.house, keys=ring)
        for _ in range(2):
            paper = await stage.ask(x_openrouter_cache="true")
            assert paper.body == BODY
            assert paper.more == b""
        assert stage.asked == 2


async def test_an_answer_is_not_given_again_under_other_guardrails_than_it_was_made_under(tmp_path: Path) -> None:
    async with scene(tmp_path) as stage:
        assert (await stage.ask(idempotency_key="a")).body == BODY
        key = replace(KEY, guard=Guard(bounds=(Bounds(models=("other/*",)),), screening=None))
        ring: Any = SimpleNamespace(peek=lambda _: key)
        stage.house = replaced(stage.house, keys=ring)
        error = (await stage.ask(idempotency_key="a")).error
        assert error is not None
        assert (error.error_type, "guardrails" in error.message) == ("unprocessable", True)
        assert (await stage.ask(idempotency_key="b")).body == BODY
        assert (await stage.ask(idempotency_key="b")).body == BODY
        assert stage.asked == 2


async def test_requests_without_the_headers_are_not_led_aside(tmp_path: Path) -> None:
    async with scene(tmp_path) as stage:

        async def never(_call: Call, _house: House, _line: object) -> None:
            raise AssertionError

        house = replaced(stage.house, keeping=never)
        plane = DataPlane(house, {}, Heads(cors=True), ServerLimits(), serving={"chat": stage.line})
        paper = Paper()
        await plane.line(a_call(paper))
        assert paper.body == BODY
        with pytest.raises(AssertionError):
            await plane.line(replace(a_call(paper), headers={b"idempotency-key": b"k"}))


async def test_a_mistake_of_ours_is_an_internal_error(tmp_path: Path) -> None:
    async with scene(tmp_path) as stage:
        mistakes: list[str] = []
        stage.house.report = mistakes.append

        async def broken(_call: Call, _house: House) -> None:
            raise KeyError

        paper = Paper()
        call = replace(a_call(paper, ChatSurface()), headers={b"idempotency-key": b"k"})
        await stage.workers[0].serve(call, stage.house, broken)
        assert isinstance(paper.error, Internal)
        assert mistakes
        assert (await stage.ask(1, idempotency_key="k")).body == BODY


@pytest.mark.parametrize(
    "body",
    [
        b'data: {"id":"gen-1-a","choices":[{"finish_reason":"error"}]}\n\ndata: [DONE]\n\n',
        b"data: {nonsense\n\n",
        b'data: {"id":"gen-1-a","model":7}\n\n',
    ],
)
def test_what_is_no_good_answer_is_not_given_to_others(body: bytes) -> None:
    assert reusable(Kept("gen-1-a", stream=True, body=body)) is None
