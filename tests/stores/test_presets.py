from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from turnout.base.errors import NotFound
from turnout.contracts.store import Store
from turnout.domain.account import Account


@pytest.fixture
async def store(store: Store) -> Store:
    for name in ("ann", "bob"):
        await store.put_account(Account(id=name, name=name, created=1.0))
    return store


async def test_versions_are_numbered_and_the_last_one_is_designated(store: Store) -> None:
    first = await store.add_preset_version("ann", "mine", "k", '{"model":"a/b"}', "Be kind.")
    second = await store.add_preset_version("ann", "mine", "k", "{}", None)
    assert (first[1].version, second[1].version) == (1, 2)
    assert first[0].id == second[0].id
    assert await store.preset("ann", "mine") == second
    assert list(await store.preset_versions(first[0].id)) == [first[1], second[1]]
    assert list(await store.preset_versions(first[0].id, count=1, offset=1)) == [second[1]]
    assert first[1].id != second[1].id


async def test_an_earlier_version_can_be_designated_again(store: Store) -> None:
    first = await store.add_preset_version("ann", "mine", "k", "{}", None)
    await store.add_preset_version("ann", "mine", "k", "{}", "Later.")
    await store.change_preset("ann", "mine", lambda preset: replace(preset, version=1))
    found = await store.preset("ann", "mine")
    assert found is not None
    assert found[1] == first[1]


async def test_accounts_share_no_presets(store: Store) -> None:
    await store.add_preset_version("ann", "mine", "k", "{}", None)
    assert await store.preset("bob", "mine") is None
    assert list(await store.presets("bob")) == []
    assert await store.change_preset("bob", "mine", lambda preset: preset) is None
    assert not await store.delete_preset("bob", "mine")
    await store.add_preset_version("bob", "mine", "k", "{}", None)
    assert await store.delete_preset("bob", "mine")
    assert await store.preset("ann", "mine") is not None


async def test_versions_made_at_once_are_all_kept(store: Store) -> None:
    made = await asyncio.gather(*(store.add_preset_version("ann", "mine", "k", "{}", None) for _ in range(8)))
    assert sorted(version.version for _, version in made) == list(range(1, 9))


async def test_every_change_is_noticed_elsewhere(store: Store) -> None:
    seen = [await store.keys_revision()]
    await store.add_preset_version("ann", "mine", "k", "{}", None)
    seen.append(await store.keys_revision())
    await store.change_preset("ann", "mine", lambda preset: replace(preset, status="disabled"))
    seen.append(await store.keys_revision())
    await store.delete_preset("ann", "mine")
    seen.append(await store.keys_revision())
    assert seen == sorted(set(seen))


async def test_presets_go_with_their_account_and_need_one(store: Store) -> None:
    await store.add_preset_version("ann", "mine", "k", "{}", None)
    await store.delete_account("ann")
    assert list(await store.presets("ann")) == []
    with pytest.raises(NotFound):
        await store.add_preset_version("ann", "mine", "k", "{}", None)
