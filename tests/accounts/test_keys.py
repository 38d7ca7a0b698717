from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from msgspec.structs import replace

from patience import until_here
from turnout.accounts.keys import KeyRing
from turnout.base.clock import SYSTEM_CLOCK, Clock
from turnout.base.errors import Unauthenticated
from turnout.base.ids import digest_of_key, label_of_key, new_key
from turnout.domain.account import Account, Key
from turnout.stores.sqlite import SQLiteStore

SECRET = new_key()
HEADER = b"Bearer " + SECRET.encode()
KEY = Key(hash=digest_of_key(SECRET), account_id="default", name="first", label=label_of_key(SECRET), created=1.0)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SQLiteStore]:
    opened = SQLiteStore(tmp_path / "turnout.db")
    await opened.open()
    await opened.put_account(Account(id="default", name="Default"))
    await opened.put_key(KEY)
    yield opened
    await opened.close()


async def refusal(ring: KeyRing, authorization: bytes | None) -> str:
    with pytest.raises(Unauthenticated) as caught:
        await ring.find(authorization)
    return caught.value.message


async def test_a_key_is_at_hand_after_it_was_found_once(store: SQLiteStore) -> None:
    ring = KeyRing(store, SYSTEM_CLOCK)
    assert ring.peek(HEADER) is None
    assert await ring.find(HEADER) == KEY
    assert ring.peek(HEADER) == KEY


async def test_the_scheme_may_be_written_in_any_case(store: SQLiteStore) -> None:
    assert await KeyRing(store, SYSTEM_CLOCK).find(b"bearer  " + SECRET.encode()) == KEY


@pytest.mark.parametrize(
    "header", [None, b"", b"Bearer", b"Bearer ", b"Basic dXNlcjpwYXNz", SECRET.encode()], ids=range(6)
)
async def test_without_a_bearer_token_the_caller_is_told_what_to_send(store: SQLiteStore, header: bytes | None) -> None:
    ring = KeyRing(store, SYSTEM_CLOCK)
    assert ring.peek(header) is None
    assert "Authorization: Bearer" in await refusal(ring, header)


async def test_unknown_disabled_and_malformed_keys_are_refused_in_the_same_words(store: SQLiteStore) -> None:
    await store.disable_key(KEY.hash, disabled=True)
    ring = KeyRing(store, SYSTEM_CLOCK)
    bad = [HEADER, b"Bearer " + new_key().encode(), b"Bearer '; DROP TABLE keys; --", b"Bearer \xff\x00", HEADER + b"0"]
    texts = {await refusal(ring, header) for header in bad * 2}
    assert len(texts) == 1


async def test_an_expired_key_is_refused_though_it_was_at_hand(store: SQLiteStore) -> None:
    now = 100.0
    await store.put_key(replace(KEY, expires=200.0))
    ring = KeyRing(store, Clock(lambda: now, lambda: 0.0))
    await ring.find(HEADER)
    assert ring.peek(HEADER) is not None
    now = 200.0
    assert ring.peek(HEADER) is None
    assert "expired" in await refusal(ring, HEADER)


async def test_a_wrong_key_is_looked_up_once(store: SQLiteStore) -> None:
    ring = KeyRing(store, SYSTEM_CLOCK)
    await refusal(ring, b"Bearer wrong")
    await store.close()  # from here on the store would refuse every question
    await refusal(ring, b"Bearer wrong")


async def test_neither_right_nor_wrong_keys_fill_the_memory(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("turnout.accounts.keys._MAX_UNKNOWN", 5)
    monkeypatch.setattr("turnout.accounts.keys._MAX_KNOWN", 2)
    ring = KeyRing(store, SYSTEM_CLOCK)
    for number in range(12):
        await refusal(ring, b"Bearer %d" % number)
        assert await ring.find(b"Bearer " + b" " * number + SECRET.encode()) == KEY
    assert len(ring._unknown) == 5
    assert len(ring._known) == 2


async def test_secrets_are_not_kept(store: SQLiteStore) -> None:
    ring = KeyRing(store, SYSTEM_CLOCK)
    await ring.find(HEADER)
    await refusal(ring, b"Bearer canary")
    kept = repr([ring._known, ring._unknown])
    assert SECRET not in kept
    assert "canary" not in kept


async def test_a_disabled_key_stops_within_a_second_in_another_process(store: SQLiteStore, tmp_path: Path) -> None:
    elsewhere = SQLiteStore(tmp_path / "turnout.db")
    await elsewhere.open()
    ring = KeyRing(elsewhere, SYSTEM_CLOCK)
    watching = asyncio.create_task(ring.watch())
    await asyncio.sleep(0.1)
    await ring.find(HEADER)
    await store.disable_key(KEY.hash, disabled=True)
    await until_here(lambda: ring.peek(HEADER) is None)
    await refusal(ring, HEADER)
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching
    await elsewhere.close()


async def test_a_new_key_works_though_it_was_tried_before(store: SQLiteStore) -> None:
    ring = KeyRing(store, SYSTEM_CLOCK)
    watching = asyncio.create_task(ring.watch(interval=0.01))
    await asyncio.sleep(0.05)
    secret = new_key()
    await refusal(ring, b"Bearer " + secret.encode())
    await store.put_key(replace(KEY, hash=digest_of_key(secret)))
    await asyncio.sleep(0.2)
    assert (await ring.find(b"Bearer " + secret.encode())).hash == digest_of_key(secret)
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching


async def test_an_answer_that_a_change_has_overtaken_is_not_remembered(store: SQLiteStore) -> None:
    ring = KeyRing(store, SYSTEM_CLOCK)
    finding = asyncio.create_task(ring.find(HEADER))
    await asyncio.sleep(0)  # the question is on its way
    ring.forget()
    await finding
    assert ring.peek(HEADER) is None


async def test_while_the_store_is_away_the_watch_goes_on_and_known_keys_work(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "other.db")
    ring = KeyRing(store, SYSTEM_CLOCK)
    watching = asyncio.create_task(ring.watch(interval=0.01))
    await asyncio.sleep(0.05)  # not open yet: every question fails
    assert not watching.done()
    await store.open()
    await store.put_account(Account(id="default", name="Default"))
    await store.put_key(KEY)
    await asyncio.sleep(0.1)
    await ring.find(HEADER)
    await store.disable_key(KEY.hash, disabled=True)
    await until_here(lambda: ring.peek(HEADER) is None)
    await refusal(ring, HEADER)
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching
    await store.close()
