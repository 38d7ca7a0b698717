from __future__ import annotations

from msgspec.structs import replace

from servers import NewStore
from turnout.contracts.store import Store
from turnout.domain.account import Account
from turnout.domain.routed import Feedback

ROW = Feedback(
    account_id="mine", generation_id="gen-1", key_hash="k", model="a/m", score=0.5, weight=0.25, source="json",
    tasks='[["math", 0.5]]', propensity=0.75, comment="so so", created=12.5,
)  # fmt: skip


async def _store(new_store: NewStore) -> Store:
    store = new_store()
    await store.open()
    for name in ("mine", "other"):
        await store.put_account(Account(id=name, name=name, created=1.0))
    return store


async def test_rows_come_back_as_they_were_numbered_and_each_account_has_its_own(new_store: NewStore) -> None:
    store = await _store(new_store)
    try:
        assert await store.last_feedback() == 0
        await store.add_feedback([ROW, replace(ROW, account_id="other", score=1.0), replace(ROW, comment="again")])
        await store.add_feedback([replace(ROW, account_id="nobody")])
        everything = await store.feedback_after(0, 10)
        assert [one.account_id for one in everything] == ["mine", "other", "mine"]
        assert replace(everything[0], number=0) == ROW
        assert await store.last_feedback() == everything[-1].number
        assert [one.comment for one in await store.latest_feedback("mine", 10)] == ["again", "so so"]
        assert await store.latest_feedback("mine", 10, everything[2].number) == [everything[0]]
        assert await store.feedback_after(everything[0].number, 10, "mine") == [everything[2]]
    finally:
        await store.close()
