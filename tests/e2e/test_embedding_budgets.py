"""What embeddings cost is held, booked and refused as everything else is."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from conservation import settled
from gateway import API_KEY, FakeServer, Gateway, Reply, model_tables, provider_table
from turnout.base.ids import digest_of_key
from turnout.base.money import Pico
from turnout.domain.budget import Budget, begins
from turnout.stores.sqlite import SQLiteStore

_KEY = digest_of_key(API_KEY)
_PER_TOKEN = 10**6
_BUDGET = Budget(account_id="default", scope="key", subject=_KEY, window="lifetime", limit=Pico(2_000 * _PER_TOKEN))
_TEXTS = ["x" * 40] * 5


def _embed(gateway: Gateway) -> Reply:
    return gateway.request("POST", "/api/v1/embeddings", {"model": "acme/vectors", "input": _TEXTS})


async def _put(path: Path) -> None:
    store = SQLiteStore(path)
    await store.open()
    await store.put_budget(_BUDGET)
    await store.close()


async def _booked(path: Path) -> int:
    store = SQLiteStore(path)
    await store.open()
    found = await store.booked([(_BUDGET.id, begins(_BUDGET.window, time.time()))])
    await store.close()
    return sum(found.values())


def test_a_budget_holds_for_embeddings_to_the_pico_dollar(tmp_path: Path) -> None:
    with FakeServer(tmp_path) as fake:
        price = '{ prompt = "0.000001", completion = "0.000001" }'
        toml = provider_table("acme", fake.base_url) + model_tables("acme/vectors", [("acme", "embed-slow-20", price)])
        with Gateway(tmp_path, toml) as gateway:
            path = gateway.data_dir / "turnout.sqlite"
            asyncio.run(_put(path))
            time.sleep(3.0)
            with ThreadPoolExecutor(8) as pool:
                replies = list(pool.map(lambda _: _embed(gateway), range(80)))
            answered = [reply for reply in replies if reply.status == 200]
            assert {reply.status for reply in replies} == {200, 402}
            records = settled(gateway, len(answered))
            spent = sum(one.cost for one in records)
            assert spent == len(answered) * 50 * _PER_TOKEN
            assert 900 * _PER_TOKEN < spent <= _BUDGET.limit
            assert asyncio.run(_booked(path)) == spent
