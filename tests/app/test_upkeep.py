from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import ClassVar

import pytest
from msgspec.structs import replace

from gateway import Gateway, model_tables
from listening import listening
from patience import until
from stored import generation_row
from turnout import config
from turnout.app.upkeep import Upkeep
from turnout.base.clock import Clock
from turnout.base.errors import UpstreamError
from turnout.base.money import Pico
from turnout.domain.account import Account, Generation, Key
from turnout.domain.activity import Search
from turnout.stores.sqlite import SQLiteStore

_NOW = 1_790_000_000.0
_HASH = "f" * 64


class Sent:
    """Where alerts go; the first *failures* are not taken."""

    def __init__(self, failures: int = 0) -> None:
        self.bodies: list[dict[str, object]] = []
        self.failures = failures

    async def __call__(self, _url: str, _headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        if self.failures:
            self.failures -= 1
            raise UpstreamError("no")
        self.bodies.append(json.loads(body))
        return 200, b""


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SQLiteStore]:
    opened = SQLiteStore(tmp_path / "turnout.sqlite", _clock(_NOW))
    await opened.open()
    await opened.put_account(Account(id="a", name="A"))
    key = Key(hash=_HASH, account_id="a", name="k", label="k", limit=Pico(1_000), limit_reset="daily")
    await opened.put_key(key)
    yield opened
    await opened.close()


def _clock(now: float) -> Clock:
    return Clock(lambda: now, time.monotonic)


def _settings(**tables: object) -> config.Settings:
    return config.Settings.model_validate(tables)


def _spending(number: int, cost: int, created: float = _NOW) -> Generation:
    budget = f"daily|key|a|{_HASH}"
    return Generation(
        id=f"gen-{int(created)}-{number:020d}", account_id="a", key_hash=_HASH, created=created, outcome="answered",
        model="m/m", provider="p", cost=Pico(cost), api="chat", requested_model="m/m", budgets=(budget,),
    )  # fmt: skip


async def _turn(store: SQLiteStore, sent: Sent, now: float = _NOW, upkeep: Upkeep | None = None) -> list[object]:
    """The percentages that are told in one turn."""
    sent.bodies.clear()
    one = upkeep or Upkeep(store, lambda: _settings(alerts={"webhook": "http://127.0.0.1:1/x"}), sent, _clock(now))
    await one.turn()
    for task in list(one._sending):
        await task
    return [body["percent"] for body in sent.bodies]


async def test_each_share_of_a_budget_is_told_once_in_each_window(store: SQLiteStore) -> None:
    sent = Sent()
    told = []
    for number, cost in enumerate((499, 1, 299, 1, 199, 1, 500)):
        await store.add_generations([generation_row(_spending(number, cost))])
        told.append(await _turn(store, sent))
    assert told == [[], [50], [], [80], [], [100], []]
    tomorrow = _NOW + 86_400
    assert await _turn(store, sent, tomorrow) == []
    await store.add_generations([generation_row(_spending(9, 900, tomorrow))])
    assert await _turn(store, sent, tomorrow) == [50, 80]


async def test_an_alert_says_what_is_spent_of_what(store: SQLiteStore) -> None:
    sent = Sent(failures=1)
    await store.add_generations([generation_row(_spending(0, 600))])
    assert await _turn(store, sent) == [50]
    [body] = sent.bodies
    assert body["scope"] == "key"
    assert body["subject"] == _HASH
    assert (body["window"], body["limit"], body["spent"], body["remaining"]) == ("daily", 1e-9, 6e-10, 4e-10)
    assert body["text"] == f"50 % of the daily budget of key {_HASH[:12]} is spent: $0.0000000006 of $0.000000001"


async def test_what_is_too_old_is_deleted_a_few_at_a_time_and_its_sums_stay(store: SQLiteStore) -> None:
    old = [_spending(number, 1, _NOW - 90 * 86_400 - 1) for number in range(1_200)]
    await store.add_generations(map(generation_row, [*old, _spending(0, 1, _NOW - 86_400)]))
    upkeep = Upkeep(store, lambda: _settings(store={"retention": "90d"}), Sent(), _clock(_NOW))
    await upkeep.turn()
    page = await store.find_generations(Search(account_id="a"), 100)
    assert [one.created for one in page.generations] == [_NOW - 86_400]
    assert await store.spent(_HASH, 0.0) == 1_201
    never = Upkeep(store, _settings, Sent(), _clock(_NOW + 1e9))
    await never.turn()
    assert len((await store.find_generations(Search(account_id="a"), 100)).generations) == 1


async def test_a_key_without_use_and_a_limit_of_nothing_give_no_alert(store: SQLiteStore) -> None:
    await store.change_key(_HASH, lambda key: replace(key, limit=Pico(0)))
    assert await _turn(store, Sent()) == []


class _Webhook(BaseHTTPRequestHandler):
    bodies: ClassVar[list[dict[str, object]]] = []

    def do_POST(self) -> None:
        self.bodies.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(204)
        self.end_headers()


@pytest.fixture
def webhook() -> Iterator[str]:
    with listening(_Webhook) as url:
        yield f"{url}/hook/secret-path"


@pytest.mark.parametrize("workers", [1, 2])
def test_a_running_server_calls_the_webhook_and_logs(tmp_path: Path, webhook: str, workers: int) -> None:
    _Webhook.bodies.clear()
    toml = f'[catalog]\nbundled = false\n[alerts]\nwebhook = "{webhook}"\n'
    toml += model_tables("acme/paid", [("fake", "echo", '{ prompt = "0.001", completion = "0.001" }')])
    with Gateway(tmp_path, toml, workers=workers) as gateway:
        body = {"name": "x", "limit": 0.2}
        secret = gateway.request("POST", "/api/v1/keys", body, key=gateway.management_key).json()["key"]
        ask = {"model": "acme/paid", "messages": [{"role": "user", "content": "a " * 12}], "max_tokens": 30}
        while gateway.request("POST", "/api/v1/chat/completions", ask, key=secret).status == 200:
            pass
        until(lambda: _Webhook.bodies)
        assert _Webhook.bodies[0]["percent"] == 50
        assert "budget of key" in gateway.log()
        assert "secret-path" not in gateway.log()
