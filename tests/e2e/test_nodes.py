"""Two nodes on one PostgreSQL: budgets hold over both, a server that goes away loses nothing, killed nodes neither."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway import API_KEY, FakeServer, Gateway, Reply, model_tables, provider_table, running
from servers import PostgresServer
from turnout.base.ids import digest_of_key
from turnout.base.money import Pico
from turnout.domain.budget import Budget

pytest.importorskip("asyncpg")

from turnout.stores.postgres import PostgresStore

KEY = digest_of_key(API_KEY)
PER_TOKEN = 10**6  # pico-dollars: a dollar for a million tokens
PRICING = '{ prompt = "0.000001", completion = "0.000001" }'
MODEL = "acme/priced"
QUESTION = "x" * 10
WORST_CASE = (len(b'[{"role": "user", "content": "' + QUESTION.encode() + b'"}]') + 20) * PER_TOKEN
PATIENCE = 20.0  # seconds


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[FakeServer]:
    with FakeServer(tmp_path) as fake:
        yield fake


def nodes_of(directory: Path, provider: FakeServer, database: str, workers: int, upstream: str) -> list[Gateway]:
    toml = f'[store]\nurl = "{database}"\n' + provider_table("acme", provider.base_url)
    toml += model_tables(MODEL, [("acme", upstream, PRICING)])
    for name in "ab":
        (directory / name).mkdir(exist_ok=True)
    return [Gateway(directory / name, toml, workers=workers) for name in "ab"]


def put(database: str, limit: int) -> Budget:
    """Give the first key a budget, and wait until every worker knows."""
    budget = Budget(account_id="default", scope="key", subject=KEY, window="lifetime", limit=Pico(limit))

    async def write() -> None:
        store = PostgresStore(database)
        await store.open()
        await store.put_budget(budget)
        await store.close()

    asyncio.run(write())
    time.sleep(3.0)  # six times as long as that takes
    return budget


def books(database: str, budget: Budget) -> tuple[int, int, int]:
    """How many generations the store has, what they cost, and what is booked of *budget*."""

    async def read() -> tuple[int, int, int]:
        store = PostgresStore(database)
        await store.open()
        count, place = 0, ""
        while page := await store.generations_after(place, 500):
            count += len(page)
            place = page[-1].id
        spent = await store.spent(KEY, 0.0)
        booked = await store.booked([(budget.id, 0)])
        await store.close()
        return count, spent, booked[budget.id, 0]

    return asyncio.run(read())


def settled(database: str, budget: Budget, count: int) -> int:
    """What all cost, once there are *count* generations; every sum agrees to the pico-dollar."""
    until = time.monotonic() + PATIENCE
    while (found := books(database, budget))[0] < count:
        assert time.monotonic() < until, f"{found[0]} generations instead of {count}"
        time.sleep(0.1)
    assert found[0] == count
    assert found[1] == found[2]
    return found[1]


def ask(node: Gateway) -> Reply:
    return node.chat(MODEL, QUESTION, max_tokens=20)


@pytest.mark.parametrize("workers", [1, pytest.param(4, marks=pytest.mark.slow)])
def test_of_two_hundred_parallel_requests_over_two_nodes_only_what_the_budget_affords_is_served(
    tmp_path: Path, provider: FakeServer, database: str, workers: int
) -> None:
    nodes = nodes_of(tmp_path, provider, database, workers, "fake/lorem-20-slow-50")
    with running(*nodes):
        budget = put(database, 10 * WORST_CASE)
        with ThreadPoolExecutor(200) as pool:
            replies = list(pool.map(lambda turn: ask(nodes[turn % 2]), range(200)))
        statuses = [reply.status for reply in replies]
        served = statuses.count(200)
        assert set(statuses) <= {200, 402, 503}  # the last where a busy database kept it waiting too long
        assert served >= 9
        assert settled(database, budget, served) <= 10 * WORST_CASE


def test_a_database_that_is_away_for_a_while_loses_nothing_and_keeps_nobody_waiting(
    tmp_path: Path, provider: FakeServer, database: str, postgres_server: PostgresServer
) -> None:
    nodes = nodes_of(tmp_path, provider, database, 1, "fake/lorem-20")
    with running(*nodes):
        budget = put(database, 10_000 * WORST_CASE)
        got = sum(ask(node).status == 200 for node in nodes for _ in range(3))
        assert got == 6
        postgres_server.stop(at_once=True)
        try:
            begun = time.monotonic()
            replies = [ask(node) for node in nodes for _ in range(5)]
            assert {reply.status for reply in replies} <= {200, 503}
            assert time.monotonic() - begun < 10
            got += sum(reply.status == 200 for reply in replies)
        finally:
            postgres_server.start()
        until = time.monotonic() + PATIENCE
        while not all(ask_again := [ask(node).status == 200 for node in nodes]):
            got += sum(ask_again)
            assert time.monotonic() < until
            time.sleep(0.1)
        got += 2
        settled(database, budget, got)


def test_a_node_that_is_killed_gives_back_what_it_had_leased_when_it_serves_again(
    tmp_path: Path, provider: FakeServer, database: str
) -> None:
    nodes = nodes_of(tmp_path, provider, database, 1, "fake/lorem-20-slow-50")
    got = 0
    with nodes[1]:
        budget = put(database, 1_000 * WORST_CASE)
        for _ in range(2):
            nodes[0].start()
            with ThreadPoolExecutor(8) as pool:
                asked = [pool.submit(ask, nodes[turn % 2]) for turn in range(40)]
                while sum(request.done() for request in asked) < 15:
                    time.sleep(0.005)
                nodes[0].kill()
            got += sum(request.exception() is None and request.result().status == 200 for request in asked)
        nodes[0].start()
        try:
            time.sleep(1)
            count, spent, booked = books(database, budget)
            assert count >= got
            assert spent == booked
            put(database, spent + WORST_CASE)
            until = time.monotonic() + PATIENCE  # the other node gives back what it has no use for
            while ask(nodes[0]).status != 200:
                assert time.monotonic() < until
                time.sleep(0.2)
        finally:
            nodes[0].stop()
