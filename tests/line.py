"""The line in one process: real providers on loopback, the client's side and the record on paper."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, cast

from examples import a_model, a_provider, a_snapshot, an_endpoint, prices
from turnout.accounts.keys import KeyRing
from turnout.api.chat import ChatSurface
from turnout.base.clock import SYSTEM_CLOCK
from turnout.base.errors import TurnoutError
from turnout.base.ids import GenerationIds, digest_of_key
from turnout.contracts.reply import Flow
from turnout.contracts.store import Store
from turnout.contracts.surface import Surface
from turnout.domain.account import Generation, Key
from turnout.domain.budget import Budget
from turnout.domain.guardrail import Guardrail
from turnout.engine.house import Call, House, Rails
from turnout.engine.plan import Routes
from turnout.health.book import HealthBook
from turnout.net.client import Client, Origin
from turnout.net.deadlines import Deadlines
from turnout.net.outbox import Outbox
from turnout.observe.tally import new_tally
from turnout.providers.openai import OpenAIAdapter

__all__ = ["KEY", "Paper", "Records", "a_call", "a_house", "rails_to"]

_SECRET = "sk-to-v1-" + "c3" * 32
_CHAT = ChatSurface()
KEY = Key(hash=digest_of_key(_SECRET), account_id="default", name="test", label="sk-to-v1-c3c...3c3")


class Records:
    """A recorder that remembers."""

    def __init__(self) -> None:
        self.failing = False
        self.generations: list[Generation] = []

    def add(self, generation: Generation) -> None:
        self.generations.append(generation)

    @property
    def only(self) -> Generation:
        [generation] = self.generations
        return generation


class Paper:
    """The client's side of one request: everything that is answered, and a complaint when it is answered twice."""

    def __init__(self) -> None:
        self.flow: Flow | None = None
        self.gone = self.started = False
        self.written = 0
        self.more = b""
        self.status: int | None = None
        self.body = b""
        self.error: TurnoutError | None = None
        self.dropped = ""
        self.ended = False

    def whole(self, generation_id: str, overhead_ms: float, body: bytes, dropped: str) -> None:
        self._end()
        assert not self.started
        assert overhead_ms >= 0
        assert generation_id
        self.status, self.body, self.dropped = 200, body, dropped

    def start(
        self, generation_id: str, overhead_ms: float, dropped: str, media_type: bytes = b"text/event-stream"
    ) -> None:
        assert not self.started
        assert overhead_ms >= 0
        assert generation_id
        assert media_type
        self.started, self.status, self.dropped = True, 200, dropped

    def write(self, data: bytes) -> None:
        assert self.started
        assert not self.ended
        self.written += 1
        self.body += data

    def finish(self, data: bytes) -> None:
        assert self.started
        self._end()
        self.body += data

    def cut(self) -> None:
        assert self.started
        self._end()

    def refuse(self, error: TurnoutError, generation_id: str | None) -> None:
        assert not self.started
        assert generation_id != ""
        self._end()
        self.error = error

    def _end(self) -> None:
        assert not self.ended
        self.ended = True

    def json(self) -> Any:  # noqa: ANN401 - tests look inside
        return json.loads(self.body)

    def events(self) -> list[Any]:
        """The data of all events, ``[DONE]`` as text."""
        blocks = [block for block in self.body.decode().split("\n\n") if block.startswith("data: ")]
        return [text if (text := block[6:]) == "[DONE]" else json.loads(text) for block in blocks]

    def text(self) -> str:
        """What the answer says, whole or streamed."""
        if not self.started:
            return str(self.json()["choices"][0]["message"]["content"])
        choices = [choice for event in self.events() if event != "[DONE]" for choice in event["choices"]]
        return "".join(choice["delta"].get("content") or "" for choice in choices)


class _OneKey:
    """As much of a store as finding a key needs."""

    async def key(self, key_hash: str) -> Key | None:
        return KEY if key_hash == KEY.hash else None

    async def guardrails_over(self, _account_id: str, _key_hash: str) -> Sequence[Guardrail]:
        return ()

    async def budgets(self, _account_id: str | None = None) -> Sequence[Budget]:
        return ()


def rails_to(addresses: Mapping[str, str], models: Sequence[str] = ("acme/tiny",), **fields: Any) -> Rails:  # noqa: ANN401 - any field of a provider
    """Every model of *models* at every provider of *addresses*, which are tried in their order: each is dearer."""
    providers = {slug: a_provider(slug, base_url=address, **fields) for slug, address in addresses.items()}
    offers = [
        a_model(
            model,
            [
                an_endpoint(slug, model, pricing=prices(f"0.00000{place}", f"0.00000{place}"))
                for place, slug in enumerate(addresses, 1)
            ],
        )
        for model in models
    ]
    return Rails(
        Routes(a_snapshot(offers, list(providers.values()))),
        {slug: OpenAIAdapter(provider, SYSTEM_CLOCK.wall) for slug, provider in providers.items()},
        {slug: Origin(provider.base_url) for slug, provider in providers.items()},
    )


def a_house(rails: Rails, comment_seconds: float = 15.0) -> tuple[House, Records]:
    """A worker's collaborators. What is reported as a mistake of ours fails the test where it happens."""
    loop = asyncio.get_running_loop()
    deadlines = Deadlines(loop)
    records = Records()
    outbox = Outbox(loop, lambda: None)
    house = House(
        rails=rails,
        keys=KeyRing(cast("Store", _OneKey()), SYSTEM_CLOCK),
        client=Client(deadlines, outbox),
        deadlines=deadlines,
        recorder=records,
        outbox=outbox,
        health=HealthBook(),
        tally=new_tally(),
        ids=GenerationIds(Random(1)),
        clock=SYSTEM_CLOCK,
        dice=Random(1),
        loop=loop,
        report=_complain,
        comment_seconds=comment_seconds,
    )
    return house, records


def a_call(reply: Paper, /, surface: Surface = _CHAT, **fields: Any) -> Call:  # noqa: ANN401 - any field of a request
    """A chat request with the key; sorted by price, so that providers are tried in the order of :func:`rails_to`."""
    body: dict[str, object] = {
        "model": "acme/tiny",
        "messages": [{"role": "user", "content": "Hello"}],
        "provider": {"sort": "price"},
    }
    return Call(
        surface,
        f"Bearer {_SECRET}".encode(),
        json.dumps(body | fields).encode(),
        reply,
        SYSTEM_CLOCK.monotonic(),
        {b"user-agent": b"test"},
    )


def _complain(text: str) -> None:
    raise AssertionError(text)
