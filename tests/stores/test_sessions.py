from __future__ import annotations

from msgspec.structs import replace

from servers import NewStore
from turnout.domain.session import Session

_FIRST = Session(
    hash="a1" * 32, account_id="default", key_hash="b2" * 32, spending_hash="c3" * 32, created=100.0, expires=200.0
)


async def test_a_session_is_found_until_it_is_ended_and_its_end_is_heard(new_store: NewStore) -> None:
    store = new_store()
    await store.open()
    try:
        await store.put_session(_FIRST)
        assert await store.session(_FIRST.hash) == _FIRST
        before = await store.keys_revision()
        assert await store.delete_session(_FIRST.hash)
        assert await store.keys_revision() > before
        assert await store.session(_FIRST.hash) is None
        assert not await store.delete_session(_FIRST.hash)
    finally:
        await store.close()


async def test_sessions_that_have_expired_make_room(new_store: NewStore) -> None:
    store = new_store()
    await store.open()
    try:
        await store.put_session(_FIRST)
        await store.put_session(replace(_FIRST, hash="later", created=150.0, expires=300.0))
        assert await store.session(_FIRST.hash) is not None
        await store.put_session(replace(_FIRST, hash="last", created=201.0, expires=400.0))
        assert await store.session(_FIRST.hash) is None
        assert await store.session("later") is not None
    finally:
        await store.close()
