"""Budgets hold through the whole gateway: in parallel, over workers, through kills, to the pico-dollar."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from conservation import generation_ids, settled
from gateway import API_KEY, FakeServer, Gateway, Reply, model_tables, provider_table
from turnout.base.ids import digest_of_key
from turnout.base.money import PICO_PER_DOLLAR, Pico
from turnout.domain.account import Generation
from turnout.domain.budget import Budget, Window, begins
from turnout.stores.sqlite import SQLiteStore

KEY = digest_of_key(API_KEY)
PER_TOKEN = 10**6  # pico-dollars: a dollar for a million tokens
PRICING = '{ prompt = "0.000001", completion = "0.000001" }'
MODEL = "acme/priced"
QUESTION = "x" * 10


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[FakeServer]:
    with FakeServer(tmp_path) as fake:
        yield fake


def configuration(fake: FakeServer, upstream: str = "fake/lorem-20-slow-50") -> str:
    return provider_table("acme", fake.base_url) + model_tables(MODEL, [("acme", upstream, PRICING)])


def budget(limit: int, window: Window = "lifetime") -> Budget:
    return Budget(account_id="default", scope="key", subject=KEY, window=window, limit=Pico(limit))


def put(gateway: Gateway, *budgets: Budget) -> None:
    """Give the first key these budgets, as another process would, and wait until every worker knows."""

    async def write() -> None:
        store = SQLiteStore(gateway.data_dir / "turnout.sqlite")
        await store.open()
        for earlier in await store.budgets("default"):
            if earlier.subject == KEY:
                await store.delete_budget(earlier.id)
        for budget in budgets:
            await store.put_budget(budget)
        await store.close()

    asyncio.run(write())
    time.sleep(3.0)


def booked(gateway: Gateway, *budgets: Budget) -> list[int]:
    async def read() -> list[int]:
        store = SQLiteStore(gateway.data_dir / "turnout.sqlite")
        await store.open()
        found = await store.booked([(one.id, begins(one.window, time.time())) for one in budgets])
        await store.close()
        return list(found.values())

    return asyncio.run(read())


def ask(gateway: Gateway, **fields: object) -> Reply:
    return gateway.chat(MODEL, QUESTION, **fields)


def spent(records: list[Generation]) -> int:
    return sum(record.cost for record in records)


def worst_case(max_tokens: int) -> int:
    """What is held for one request: its messages' bytes and its longest answer."""
    messages = len(b'[{"role": "user", "content": "' + QUESTION.encode() + b'"}]')
    return (messages + max_tokens) * PER_TOKEN


@pytest.mark.parametrize("workers", [1, 2])
def test_of_two_hundred_parallel_requests_only_what_the_budget_affords_is_served(
    tmp_path: Path, provider: FakeServer, workers: int
) -> None:
    with Gateway(tmp_path, configuration(provider), workers=workers) as gateway:
        assert ask(gateway, max_tokens=20).status == 200
        before = spent(settled(gateway, 1))
        one = budget(before + 10 * worst_case(20))
        put(gateway, one)
        with ThreadPoolExecutor(200) as pool:
            replies = list(pool.map(lambda _: ask(gateway, max_tokens=20), range(200)))
        statuses = [reply.status for reply in replies]
        served = statuses.count(200)
        assert statuses.count(402) == 200 - served
        assert served >= 9
        refusal = next(reply.json()["error"] for reply in replies if reply.status == 402)
        assert refusal["code"] == 402
        assert refusal["metadata"]["scope"] == "key"
        records = settled(gateway, 1 + served)
        assert spent(records) - before <= 10 * worst_case(20)
        assert booked(gateway, one) == [spent(records)], "what was spent before the budget counts too"


def test_a_budget_of_a_day_does_not_count_what_another_one_counts_for_ever(
    tmp_path: Path, provider: FakeServer
) -> None:
    budgets = budget(5 * PICO_PER_DOLLAR, "daily"), budget(9 * PICO_PER_DOLLAR)
    with Gateway(tmp_path, configuration(provider)) as gateway:
        put(gateway, *budgets)
        for stream in (False, True):
            assert ask(gateway, stream=stream).status == 200
        cost = spent(settled(gateway, 2))
        assert cost > 0
        assert booked(gateway, *budgets) == [cost, cost]


def test_an_answer_without_a_limit_is_clamped_to_a_quarter_of_what_is_free_and_says_so(
    tmp_path: Path, provider: FakeServer
) -> None:
    with Gateway(tmp_path, configuration(provider, "fake/lorem-5000")) as gateway:
        put(gateway, budget(4_000 * PER_TOKEN))
        reply = gateway.request(
            "POST",
            "/api/v1/chat/completions",
            {"model": MODEL, "messages": [{"role": "user", "content": QUESTION}]},
            headers={"X-OpenRouter-Metadata": "enabled"},
        )
        assert reply.status == 200
        answer = reply.json()
        limit = answer["openrouter_metadata"]["turnout"]["affordable_max_tokens"]
        assert 800 < limit <= 1_000
        assert answer["usage"]["completion_tokens"] <= limit
        assert answer["choices"][0]["finish_reason"] == "length"


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_kills_under_load_lose_no_settlement_and_hold_no_budget_back(
    tmp_path: Path, provider: FakeServer, workers: int
) -> None:
    one = budget(1_000 * worst_case(20))
    gateway = Gateway(tmp_path, configuration(provider, "fake/lorem-20-slow-20"), workers=workers)
    got = 0
    for _ in range(3):
        with gateway:
            put(gateway, one)
            with ThreadPoolExecutor(8) as pool:
                asked = [pool.submit(ask, gateway, max_tokens=20) for _ in range(80)]
                while sum(request.done() for request in asked) < 30:
                    time.sleep(0.005)
                gateway.kill()
                for request in asked:
                    if request.exception() is None and request.result().status == 200:
                        got += 1
    with gateway:
        deadline = time.monotonic() + 5
        while (now := booked(gateway, one)) != booked(gateway, one) and time.monotonic() < deadline:
            time.sleep(0.1)
        count = len(generation_ids(gateway))
        assert count >= got > 0
        records = settled(gateway, count)
        assert now == [spent(records)]
        put(gateway, budget(spent(records) + worst_case(20)))
        assert ask(gateway, max_tokens=20).status == 200, "what killed requests had reserved is free again"
