"""Copies of a store, and what may not be put in its place."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from turnout.base.clock import SYSTEM_CLOCK
from turnout.base.errors import BadRequest, Unavailable
from turnout.domain.account import Account
from turnout.stores.sqlite import SQLiteStore
from turnout.stores.sqlite_backup import back_up, restore


async def _with(path: Path, *names: str) -> list[str]:
    """Add accounts of these names; the names of all."""
    store = SQLiteStore(path)
    await store.open()
    try:
        for name in names:
            await store.put_account(Account(id=name, name=name, admin=False, created=1.0))
        return sorted(account.name for account in await store.accounts())
    finally:
        await store.close()


def _revision(path: Path, revision: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))


def test_a_store_becomes_what_it_was(tmp_path: Path) -> None:
    path, copy = tmp_path / "turnout.sqlite", tmp_path / "copy.sqlite"
    before = asyncio.run(_with(path, "first"))
    back_up(path, copy)
    assert copy.stat().st_mode & 0o777 == 0o600
    asyncio.run(_with(path, "second"))
    restore(path, copy, SYSTEM_CLOCK)
    assert asyncio.run(_with(path)) == before
    assert sorted(one.name for one in tmp_path.iterdir() if one.name.startswith(".")) == []


def test_what_cannot_take_its_place_changes_nothing(tmp_path: Path) -> None:
    path, copy = tmp_path / "turnout.sqlite", tmp_path / "copy.sqlite"
    before = asyncio.run(_with(path, "first"))
    copy.write_bytes(b"no database" * 1000)
    with pytest.raises(BadRequest):
        restore(path, copy, SYSTEM_CLOCK)
    back_up(path, copy)
    _revision(copy, "9999")
    with pytest.raises(Unavailable, match="newer version"):
        restore(path, copy, SYSTEM_CLOCK)
    with closing(sqlite3.connect(copy)) as connection, connection:
        connection.execute("DROP TABLE alembic_version")
    with pytest.raises(BadRequest):
        restore(path, copy, SYSTEM_CLOCK)
    assert asyncio.run(_with(path)) == before
