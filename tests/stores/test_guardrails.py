"""Claims about guardrails in a store: whom they apply to, and the budgets that come and go with that."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from servers import NewStore
from turnout.base.errors import NotFound
from turnout.base.money import Pico
from turnout.contracts.store import Store
from turnout.domain.account import Account
from turnout.domain.guardrail import Assignment, BuiltinFilter, ContentFilter, Guardrail, Holder

KEY = "f" * 64
ONE = Guardrail(
    id="one", account_id="ann", name="One", created=1.0, limit=Pico(5), reset="daily", zdr={"xai": True},
    allowed_models=("a/*",), filters=(ContentFilter("x+", "block", "X"),), builtins=(BuiltinFilter("email", "redact"),),
)  # fmt: skip
TWO = Guardrail(id="two", account_id="ann", name="Two", created=2.0)


@pytest.fixture
async def store(new_store: NewStore) -> AsyncIterator[Store]:
    opened = new_store()
    await opened.open()
    for name in ("ann", "bob"):
        await opened.put_account(Account(id=name, name=name, created=1.0))
    for guardrail in (ONE, TWO):
        await opened.put_guardrail(guardrail)
    yield opened
    await opened.close()


def assignment(guardrail: Guardrail, holder: Holder = "key", subject: str = KEY) -> Assignment:
    name = f"{guardrail.id}-{holder}-{subject}"
    return Assignment(
        id=name,
        account_id="ann",
        guardrail_id=guardrail.id,
        holder=holder,
        subject=subject,
        assigned_by="ann",
        created=1,
    )


async def budgets(store: Store) -> dict[str, int]:
    return {one.subject: one.limit for one in await store.budgets("ann")}


async def test_they_come_back_as_they_were_put_newest_first_and_need_an_account(store: Store) -> None:
    assert list(await store.guardrails("ann")) == [TWO, ONE]
    assert await store.guardrail("one") == ONE
    assert list(await store.guardrails("bob")) == []
    with pytest.raises(NotFound):
        await store.put_guardrail(replace(ONE, id="three", account_id="nobody"))


async def test_a_holder_has_one_with_its_budget_and_another_takes_its_place(store: Store) -> None:
    mine, members = assignment(ONE), assignment(ONE, "member", "ann")
    assert await store.assign_guardrail([mine, members]) == 2
    assert await store.assign_guardrail([mine]) == 0
    assert list(await store.guardrails_over("ann", KEY)) == [ONE, ONE]
    assert await budgets(store) == {f"one/key/{KEY}": 5, "one/member/ann": 5}
    assert await store.assign_guardrail([assignment(TWO)]) == 1
    assert list(await store.guardrails_over("ann", KEY)) == [TWO, ONE]
    assert await budgets(store) == {"one/member/ann": 5}
    assert [one.id for one in await store.guardrail_assignments("ann", "key")] == [assignment(TWO).id]
    assert list(await store.guardrails_over("bob", KEY)) == []
    assert await store.unassign_guardrail("two", "member", ["ann"]) == 0
    assert await store.unassign_guardrail("one", "member", ["ann"]) == 1
    assert await budgets(store) == {}


async def test_a_change_of_what_is_counted_or_of_the_limit_changes_the_budgets_of_all_holders(store: Store) -> None:
    await store.assign_guardrail([assignment(ONE), assignment(ONE, "member", "ann")])
    await store.change_guardrail("one", lambda there: replace(there, limit=Pico(7)))
    assert await budgets(store) == {f"one/key/{KEY}": 7, "one/member/ann": 7}
    await store.change_guardrail("one", lambda there: replace(there, include_byok=True))
    assert await budgets(store) == {f"one/byok/key/{KEY}": 7, "one/byok/member/ann": 7}
    assert await store.unassign_guardrail("one", "key", [KEY]) == 1
    assert await budgets(store) == {"one/byok/member/ann": 7}
    await store.change_guardrail("one", lambda there: replace(there, limit=None, reset=None))
    assert await budgets(store) == {}
    assert await store.change_guardrail("none", lambda there: there) is None


async def test_what_is_deleted_is_gone_with_all_that_hung_on_it_and_every_change_is_noticed(store: Store) -> None:
    seen = [await store.keys_revision()]
    await store.assign_guardrail([assignment(ONE)])
    seen.append(await store.keys_revision())
    assert await store.delete_guardrail("one")
    seen.append(await store.keys_revision())
    assert seen == sorted(set(seen))
    assert await budgets(store) == {}
    assert list(await store.guardrails_over("ann", KEY)) == []
    assert not await store.delete_guardrail("one")
    await store.delete_account("ann")
    assert list(await store.guardrails("ann")) == []
