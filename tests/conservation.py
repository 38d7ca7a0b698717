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
from turnout.domain.activity import ActivityQuery, Dimension
from turnout.domain.budget import begins
from turnout.stores.sqlite import SQLiteStore

__all__ = ["accepted", "assert_conserved", "assert_money_adds_up", "generation_ids", "generations", "settled"]

_FLUSH_SECONDS = 20.0
_PARTED: tuple[tuple[Dimension, ...], ...] = (("day", "model", "provider"), ("key",), ("user", "key"), ())


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
        assert charged in ([], list(generation.attempts[-1:]))
    spent = asyncio.run(_spent(gateway))
    assert spent == total
    assert assert_money_adds_up(gateway) == total
    assert gateway.request("GET", "/api/v1/key").json()["data"]["usage"] == json_number(Pico(total))
    for slug, fake in fakes.items():
        attempts = [(g.model, a) for g in found for a in g.attempts if a.provider == slug]
        least = Counter(upstream_models[model][slug] for model, attempt in attempts if _arrived(attempt))
        most = least + Counter(upstream_models[model][slug] for model, attempt in attempts if _perhaps_twice(attempt))
        there = accepted(fake)
        assert all(least[name] <= there[name] <= most[name] for name in there | least), (slug, there, least)


def assert_money_adds_up(gateway: Gateway) -> int:
    """After any run, to the pico-dollar: what generations cost is what keys and accounts have used, in the store and as
    the API tells it, and what budgets are charged. Returns the sum, in pico-dollars.

    The journals must have reached the store: see :func:`settled`.
    """
    found = generations(gateway)
    by_key: Counter[str] = Counter()
    by_account: Counter[str] = Counter()
    charged: Counter[tuple[str, int]] = Counter()
    for generation in found:
        by_key[generation.key_hash] += generation.cost
        by_account[generation.account_id] += generation.cost
        for budget_id in generation.budgets:
            charged[budget_id, begins(budget_id.partition("|")[0], generation.created)] += generation.cost
    total = sum(by_key.values())
    assert _settled(gateway) == total == sum(by_account.values())
    asyncio.run(_assert_sums(gateway, by_key, by_account, charged))
    for account, used in by_account.items():
        at = f"account_id={account}"
        credit = gateway.request("GET", f"/api/v1/credits?{at}", key=gateway.management_key)
        if credit.status == 404:
            continue  # the account is deleted, its use is not
        assert credit.json()["data"]["total_usage"] == json_number(Pico(used))
        shown = "include_disabled=true&include_expired=true&include_management=true"
        listed = gateway.request("GET", f"/api/v1/keys?{at}&{shown}", key=gateway.management_key).json()["data"]
        for key in listed:
            assert key["usage"] == json_number(Pico(by_key[key["hash"]]))
    return total


def _settled(gateway: Gateway) -> int:
    """The sum of the costs that the journals have brought into the store."""
    path = gateway.data_dir / "turnout.sqlite"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return sum(cost for (cost,) in connection.execute("SELECT cost FROM generations"))


async def _assert_sums(
    gateway: Gateway, by_key: Counter[str], by_account: Counter[str], charged: Counter[tuple[str, int]]
) -> None:
    store = SQLiteStore(gateway.data_dir / "turnout.sqlite")
    await store.open()
    try:
        spent = await store.spendings(list(by_key), (0.0,))
        assert {key: amounts[0] for key, amounts in spent.items()} == dict(by_key)
        for account, used in by_account.items():
            assert await store.spent_by_account(account, 0.0) == used
            for by in _PARTED:
                wanted = ActivityQuery(account_id=account, first=0, last=10**6, by=by)
                assert sum(one.cost for one in await store.activity(wanted)) == used
        booked = await store.booked(list(charged))
        for window, cost in charged.items():
            assert booked[window] >= cost  # more where something was spent before there was a budget
    finally:
        await store.close()


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
