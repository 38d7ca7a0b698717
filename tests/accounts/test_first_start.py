from __future__ import annotations

import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from turnout.accounts.first_start import FIRST_ACCOUNT, FirstKeys, ensure_first_keys
from turnout.base.clock import SYSTEM_CLOCK
from turnout.base.ids import digest_of_key, new_key, well_formed_key
from turnout.base.secrets import Secret
from turnout.domain.account import Key
from turnout.stores.sqlite import SQLiteStore


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SQLiteStore]:
    opened = SQLiteStore(tmp_path / "turnout.db")
    await opened.open()
    yield opened
    await opened.close()


async def start(
    store: SQLiteStore, data_dir: Path, api_key: str | None = None, management_key: str | None = None
) -> FirstKeys:
    api, management = (Secret(text) if text else None for text in (api_key, management_key))
    return await ensure_first_keys(store, data_dir, api, management, SYSTEM_CLOCK)


def everything_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


async def key_of(store: SQLiteStore, secret: Secret | str | None) -> Key | None:
    assert secret is not None
    return await store.key(digest_of_key(secret if isinstance(secret, str) else secret.reveal()))


async def test_a_fresh_installation_gets_an_admin_account_and_both_keys(store: SQLiteStore, tmp_path: Path) -> None:
    first = await start(store, tmp_path)
    ordinary, management = await key_of(store, first.api_key), await key_of(store, first.management_key)
    assert ordinary is not None
    assert management is not None
    assert (ordinary.management, management.management) == (False, True)
    assert {ordinary.account_id, management.account_id} == {FIRST_ACCOUNT}
    assert first.api_key is not None
    assert well_formed_key(first.api_key.reveal())


async def test_the_ordinary_key_is_shown_at_every_start_the_management_key_once(
    store: SQLiteStore, tmp_path: Path
) -> None:
    first = await start(store, tmp_path)
    again = await start(store, tmp_path)
    assert again == FirstKeys(first.api_key, None)
    assert len(await store.keys()) == 2


async def test_the_ordinary_key_is_kept_where_only_the_owner_reads_and_the_management_key_nowhere(
    store: SQLiteStore, tmp_path: Path
) -> None:
    first = await start(store, tmp_path / "data")
    path = tmp_path / "data" / "first-key"
    assert first.api_key is not None
    assert first.management_key is not None
    assert path.read_text() == first.api_key.reveal() + "\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert first.management_key.reveal().encode() not in everything_in(tmp_path)


async def test_configured_keys_work_and_none_is_made(store: SQLiteStore, tmp_path: Path) -> None:
    assert await start(store, tmp_path, "a key of my own", new_key()) == FirstKeys(None, None)
    key = await key_of(store, "a key of my own")
    assert key is not None
    assert key.name == "configuration"
    assert "my own" not in key.label
    assert len(await store.keys()) == 2
    assert not (tmp_path / "first-key").exists()


async def test_a_key_that_left_the_configuration_is_disabled_and_returns_with_it(
    store: SQLiteStore, tmp_path: Path
) -> None:
    old, new, management = new_key(), new_key(), new_key()
    await start(store, tmp_path, old, management)
    await start(store, tmp_path, new, management)
    states = [await key_of(store, secret) for secret in (old, new, management)]
    assert [key.disabled for key in states if key] == [True, False, False]
    await start(store, tmp_path, old, management)
    states = [await key_of(store, secret) for secret in (old, new, management)]
    assert [key.disabled for key in states if key] == [False, True, False]


async def test_a_start_that_changes_nothing_makes_no_cache_forget(store: SQLiteStore, tmp_path: Path) -> None:
    await start(store, tmp_path, "mine")
    revision = await store.keys_revision()
    await start(store, tmp_path, "mine")
    assert await store.keys_revision() == revision


@pytest.mark.parametrize("deleted", [True, False])
async def test_a_first_key_that_was_withdrawn_does_not_come_back(
    store: SQLiteStore, tmp_path: Path, *, deleted: bool
) -> None:
    first = await start(store, tmp_path)
    assert first.api_key is not None
    key_hash = digest_of_key(first.api_key.reveal())
    if deleted:
        await store.put_key(Key(hash="0" * 64, account_id=FIRST_ACCOUNT, name="other", label="other"))
        await store.delete_key(key_hash)
    else:
        await store.disable_key(key_hash, disabled=True)
    assert await start(store, tmp_path) == FirstKeys(None, None)
    key = await store.key(key_hash)
    assert key is None or key.disabled


async def test_a_new_database_in_an_old_folder_gets_a_new_key(tmp_path: Path, store: SQLiteStore) -> None:
    first = await start(store, tmp_path)
    second = SQLiteStore(tmp_path / "new.db")
    await second.open()
    fresh = await start(second, tmp_path)
    assert fresh.api_key != first.api_key
    assert await key_of(second, fresh.api_key) is not None
    assert (await start(second, tmp_path)).api_key == fresh.api_key
    await second.close()


@pytest.mark.parametrize("content", [b"", b"nonsense\n", b"\xff\xfe"])
async def test_a_damaged_key_file_is_replaced_when_there_is_no_other_key(
    store: SQLiteStore, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "first-key").write_bytes(content)
    first = await start(store, tmp_path)
    assert await key_of(store, first.api_key) is not None


async def test_keys_do_not_show_in_what_is_returned(store: SQLiteStore, tmp_path: Path) -> None:
    first = await start(store, tmp_path)
    assert "sk-to-v1-" not in repr(first)
