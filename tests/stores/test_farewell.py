from __future__ import annotations

from msgspec.structs import replace

from servers import NewStore
from stored import GENERATION, KEY, generation_row
from turnout.base.clock import SYSTEM_CLOCK
from turnout.base.money import Pico
from turnout.contracts.store import Store
from turnout.domain.account import Account
from turnout.domain.activity import ActivityQuery, Search
from turnout.domain.budget import Budget
from turnout.domain.content import Content
from turnout.domain.routed import Feedback
from turnout.domain.session import Identity, Session, Ticket

_IDS = [f"gen-{1790000000 + n // 3}-{n:020}" for n in range(10)]
_CONTENT = Content(generation_id=_IDS[0], account_id="mine", key_hash="m" * 64, created=1.0, sealed=b"sealed")


async def _fill(store: Store) -> None:
    for name in ("mine", "other"):
        await store.put_account(Account(id=name, name=name, created=1.0))
        await store.put_key(replace(KEY, hash=name[0] * 64, account_id=name))
        own = Budget(account_id=name, scope="user", subject=f"{name}-user", window="daily", limit=Pico(10**15))
        await store.put_budget(own)
        rows = [
            replace(
                GENERATION, id=f"{one}{name[0]}", account_id=name, key_hash=name[0] * 64, budgets=(own.id,),
                user=f"{name}-user{n % 2}", created=1790000000.0 + n // 3,
            )
            for n, one in enumerate(_IDS)
        ]  # fmt: skip
        await store.add_generations([generation_row(one) for one in rows])
        await store.put_session(
            Session(hash=name, account_id=name, key_hash="k", spending_hash="k", created=1.0, expires=9e9)
        )
        await store.put_ticket(
            Ticket(hash=name, kind="app", proof="p", account_id=name, content="{}", created=1.0, expires=9e9)
        )
        await store.put_identity(
            Identity(issuer="i", subject=name, account_id=name, key_hash="k", email=None, created=1.0)
        )
        await store.put_contents([replace(_CONTENT, generation_id=f"{_IDS[0]}{name[0]}", account_id=name)])
        await store.add_feedback([Feedback(account_id=name, generation_id="g", model="m", score=1.0, created=1.0)])


async def _there(store: Store, name: str) -> list[bool]:
    """What is there of an account: its keys, generations, session, ticket, identity, content, budgets."""
    return [
        bool(await store.keys(name)),
        bool((await store.find_generations(Search(account_id=name), 5)).generations),
        await store.session(name) is not None,
        await store.has_ticket(name, "app", 2.0),
        await store.identity("i", name) is not None,
        bool(await store.contents(name, "", 5)),
        bool(await store.budgets(name)),
        bool(await store.feedback_after(0, 5, name)),
    ]


async def test_an_account_goes_with_all_that_is_its_own_and_another_keeps_everything(new_store: NewStore) -> None:
    store = new_store()
    await store.open()
    try:
        await _fill(store)
        spent = await store.spent_by_account("mine", 0.0)
        assert await store.delete_account("mine")
        assert not await store.delete_account("mine")
        erased = [await store.erase_deleted(4) for _ in range(4)]
        assert (erased[-1], sum(erased)) == (0, len(_IDS))
        assert max(erased) <= 6
        assert await _there(store, "mine") == [False] * 8
        assert await _there(store, "other") == [True] * 8
        assert await store.spent_by_account("mine", 0.0) == spent == 10 * GENERATION.cost
        named = await store.activity(ActivityQuery(account_id="mine", first=0, last=10**6, by=("key", "user")))
        assert [(one.key, one.user, one.requests) for one in named] == [("", "", 10)]
        claims = [(f"daily|user|{name}|{name}-user", 1789948800) for name in ("mine", "other")]
        assert [amount > 0 for amount in (await store.booked(claims)).values()] == [False, True]
    finally:
        await store.close()


async def test_what_a_journal_brings_late_is_erased_too_and_its_cost_is_counted(new_store: NewStore) -> None:
    store = new_store()
    await store.open()
    try:
        await _fill(store)
        await store.delete_account("mine")
        await store.erase_deleted(100)
        late = replace(GENERATION, id="gen-1790000009-late", account_id="mine", key_hash="m" * 64)
        await store.add_generations([generation_row(late)])
        await store.put_contents([replace(_CONTENT, generation_id=late.id)])
        assert await store.erase_deleted(100) == 1
        assert await _there(store, "mine") == [False] * 8
        assert await store.spent_by_account("mine", 0.0) == 11 * GENERATION.cost
    finally:
        await store.close()


async def test_a_ticket_is_taken_once_by_whoever_has_its_proof_and_in_time(new_store: NewStore) -> None:
    store = new_store()
    await store.open()
    try:
        now = SYSTEM_CLOCK.wall()
        ticket = Ticket(hash="h", kind="app", proof="p", account_id="a", content="{}", created=now, expires=now + 60)
        await store.put_ticket(ticket)
        for wrong in (("h", "oidc", "p", now), ("h", "app", "q", now), ("g", "app", "p", now)):
            assert await store.take_ticket(*wrong) is None
        assert await store.take_ticket("h", "app", "p", now + 60) is None
        assert await store.has_ticket("h", "app", now)
        assert await store.take_ticket("h", "app", "p", now + 59) == ticket
        assert await store.take_ticket("h", "app", "p", now) is None
        await store.put_ticket(ticket)
        await store.put_ticket(replace(ticket, hash="later", created=now + 61, expires=now + 100))
        assert not await store.has_ticket("h", "app", now)
    finally:
        await store.close()


async def test_contents_are_resealed_a_few_at_a_time_and_forgotten_by_age(new_store: NewStore) -> None:
    store = new_store()
    await store.open()
    try:
        await store.put_account(Account(id="mine", name="mine", created=1.0))
        many = [replace(_CONTENT, generation_id=one, created=float(n)) for n, one in enumerate(_IDS)]
        await store.put_contents(many)
        await store.put_contents(many[:1])
        place, rounds = "", 0
        while found := await store.reseal_contents(lambda one: one.sealed + one.generation_id.encode(), place, 4):
            place, rounds = found, rounds + 1
        assert rounds == 3
        assert [one.sealed for one in await store.contents("mine", _IDS[7], 9)] == [
            b"sealed" + one.encode() for one in _IDS[8:]
        ]
        assert await store.content(_IDS[0], "other") is None
        assert [await store.forget_contents(5.0, 3), await store.forget_contents(5.0, 3)] == [3, 2]
        assert await store.content(_IDS[4], "mine") is None
        assert await store.content(_IDS[5], "mine") is not None
    finally:
        await store.close()
