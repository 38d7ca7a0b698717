"""Nothing lost, nothing twice: the store, the API and the fake providers' journals are held against each other."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import closing

from gateway import FakeServer, Gateway
from turnout.base.ids import digest_of_key
from turnout.base.money import Pico, json_number
from turnout.domain.account import AttemptRecord, Generation
from turnout.stores.sqlite import SQLiteStore

__all__ = ["accepted", "assert_conserved", "generation_ids", "generations", "settled"]

_FLUSH_SECONDS = 3.0


def generation_ids(gateway: Gateway) -> list[tuple[str, str]]:
    """Id and account of every generation in the store's file."""
    path = gateway.data_dir / "turnout.sqlite"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return list(connection.execute("SELECT id, account_id FROM generations"))


def generations(gateway: Gateway) -> list[Generation]:
    """Every generation, read through the store."""

    async def read() -> list[Generation]:
        store = SQLiteStore(gateway.data_dir / "turnout.sqlite")
        await store.open()
        try:
            found = [await store.generation(*row) for row in generation_ids(gateway)]
        finally:
            await store.close()
        return [generation for generation in found if generation is not None]

    return asyncio.run(read())


def settled(gateway: Gateway, count: int) -> list[Generation]:
    """Every generation, once there are *count*; the journal is moved into the store in the background."""
    deadline = time.monotonic() + _FLUSH_SECONDS
    while len(ids := generation_ids(gateway)) < count:
        assert time.monotonic() < deadline, f"{len(ids)} generations instead of {count}"
        time.sleep(0.02)
    assert len(ids) == count
    return generations(gateway)


def accepted(fake: FakeServer) -> Counter[str]:
    """How often the provider accepted a request, by its own name of the model."""
    return Counter(entry["model"] for entry in fake.journal() if entry["t"] == "request")


def assert_conserved(
    gateway: Gateway, fakes: Mapping[str, FakeServer], upstream_models: Mapping[str, Mapping[str, str]]
) -> None:
    """Sums agree to the last digit, and every request that a provider accepted is one attempt of one generation.

    *fakes* are the providers by slug; *upstream_models* gives, by model and provider, the provider's name of it.
    """
    found = generations(gateway)
    ids = [generation.id for generation in found]
    assert len(ids) == len(set(ids))
    total = sum(generation.cost for generation in found)
    assert all(generation.cost >= 0 for generation in found)
    for generation in found:
        charged = [attempt for attempt in generation.attempts if attempt.cost]
        assert generation.cost == sum(attempt.cost for attempt in charged)
        assert len(charged) <= 1
        assert charged in ([], [generation.attempts[-1]])
    spent = asyncio.run(_spent(gateway))
    assert spent == total
    assert gateway.request("GET", "/api/v1/key").json()["data"]["usage"] == json_number(Pico(total))
    for slug, fake in fakes.items():
        attempts = [(g.model, a) for g in found for a in g.attempts if a.provider == slug]
        least = Counter(upstream_models[model][slug] for model, attempt in attempts if _arrived(attempt))
        most = least + Counter(upstream_models[model][slug] for model, attempt in attempts if _perhaps_twice(attempt))
        there = accepted(fake)
        assert all(least[name] <= there[name] <= most[name] for name in there | least), (slug, there, least)


def _arrived(attempt: AttemptRecord) -> bool:
    """Whether the provider must have seen the request."""
    return attempt.status is not None or attempt.may_be_billed or attempt.outcome == "cancelled"


def _perhaps_twice(attempt: AttemptRecord) -> bool:
    """A kept connection that ends at once without a byte counts as stale: the request may have gone out twice."""
    return attempt.status is None and attempt.outcome == "failed"


async def _spent(gateway: Gateway) -> int:
    store = SQLiteStore(gateway.data_dir / "turnout.sqlite")
    await store.open()
    try:
        return await store.spent(digest_of_key(gateway.key), 0.0)
    finally:
        await store.close()
