from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from stored import ROW, many
from turnout.base.errors import Unavailable
from turnout.contracts.store import Store
from turnout.domain.account import Account
from turnout.stores.sqlite import SQLiteStore


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SQLiteStore]:
    opened = SQLiteStore(tmp_path / "turnout.db")
    await opened.open()
    await opened.put_account(Account(id="default", name="Default", admin=True, created=1.0))
    yield opened
    await opened.close()


def test_it_fulfils_the_contract(tmp_path: Path) -> None:
    store: Store = SQLiteStore(tmp_path / "turnout.db")
    assert isinstance(store, SQLiteStore)


async def test_nothing_to_add_is_no_transaction(store: SQLiteStore, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "turnout.db", isolation_level=None)) as blocker:
        blocker.execute("BEGIN IMMEDIATE")
        async with asyncio.timeout(5):
            assert await store.take_generations(lambda: None) == 0


async def test_the_event_loop_runs_on_while_the_database_is_locked(store: SQLiteStore, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "turnout.db", isolation_level=None)) as blocker:
        blocker.execute("BEGIN IMMEDIATE")
        adding = asyncio.create_task(store.add_generations(many(3)))
        for _ in range(10):
            await asyncio.sleep(0.01)
        assert await store.key("none") is None  # readers do not wait for writers
        assert not adding.done()
        blocker.execute("ROLLBACK")
    assert await adding == 3


async def test_what_is_under_way_is_finished_before_the_store_closes(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "turnout.db")
    await store.open()
    adding = asyncio.create_task(store.add_generations(many(2000)))
    await asyncio.sleep(0)
    await store.close()
    assert await adding == 2000
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("turnout-sqlite")]


async def test_a_store_that_cannot_write_says_unavailable(store: SQLiteStore, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "turnout.db")) as other, other:
        other.execute("ALTER TABLE generations RENAME TO elsewhere")
    with pytest.raises(Unavailable) as caught:
        await store.add_generations([ROW])
    assert str(tmp_path) not in caught.value.message


async def test_commits_reach_the_disk_within_a_second_or_so(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = asyncio.Event()
    loop = asyncio.get_running_loop()
    monkeypatch.setattr("turnout.stores.sqlite.os.fsync", lambda _: loop.call_soon_threadsafe(synced.set))
    await store.add_generations([ROW])
    async with asyncio.timeout(5):
        await synced.wait()
