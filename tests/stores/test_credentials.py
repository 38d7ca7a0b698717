from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from servers import NewStore
from turnout.base.errors import NotFound
from turnout.contracts.store import Store
from turnout.domain.account import Account
from turnout.domain.credential import Credential

ONE = Credential(
    id="1", account_id="ann", provider="acme", label="****1234", sealed=b"\x00\xff", created=1.0, updated=1.0,
    models=("a/b",), key_hashes=("f" * 64,),
)  # fmt: skip


@pytest.fixture
async def store(new_store: NewStore) -> AsyncIterator[Store]:
    opened = new_store()
    await opened.open()
    for name in ("ann", "bob"):
        await opened.put_account(Account(id=name, name=name, created=1.0))
    yield opened
    await opened.close()


async def test_credentials_come_back_as_they_were_put_each_as_the_last_of_its_provider(store: Store) -> None:
    first = await store.put_credential(ONE)
    second = await store.put_credential(replace(ONE, id="2", fallback=True, models=None))
    other = await store.put_credential(replace(ONE, id="3", provider="beta"))
    assert (first.sort_order, second.sort_order, other.sort_order) == (0, 1, 0)
    assert list(await store.credentials("ann")) == [first, second, other]
    assert await store.credential("2") == second
    assert list(await store.credentials("bob")) == []


async def test_every_change_is_noticed_elsewhere(store: Store) -> None:
    seen = [await store.keys_revision()]
    await store.put_credential(ONE)
    seen.append(await store.keys_revision())
    await store.change_credential("1", lambda one: replace(one, disabled=True))
    seen.append(await store.keys_revision())
    assert await store.reseal_credentials(lambda one: one.sealed + b"!") == 1
    seen.append(await store.keys_revision())
    found = await store.credential("1")
    assert found is not None
    assert (found.disabled, found.sealed) == (True, b"\x00\xff!")
    assert await store.delete_credential("1")
    seen.append(await store.keys_revision())
    assert seen == sorted(set(seen))
    assert not await store.delete_credential("1")
    assert await store.change_credential("1", lambda one: one) is None


async def test_resealing_is_all_or_nothing(store: Store) -> None:
    await store.put_credential(ONE)
    await store.put_credential(replace(ONE, id="2"))

    def reseal(one: Credential) -> bytes:
        if one.id == "2":
            raise ValueError("no")
        return b"new"

    with pytest.raises(ValueError, match="no"):
        await store.reseal_credentials(reseal)
    assert {one.sealed for one in await store.credentials()} == {ONE.sealed}


async def test_credentials_go_with_their_account_and_need_one(store: Store) -> None:
    await store.put_credential(ONE)
    await store.delete_account("ann")
    assert list(await store.credentials()) == []
    with pytest.raises(NotFound):
        await store.put_credential(ONE)
