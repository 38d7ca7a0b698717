"""Finding generations and summing them up, on every database, against the plain reading of all of them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from stored import generation_row
from turnout.base.money import MAX_PICO, Pico
from turnout.contracts.store import Store
from turnout.domain.account import Account, Generation, Key, Outcome
from turnout.domain.activity import ActivityQuery, Dimension, Search
from turnout.domain.budget import Budget, Scope, begins

_FIRST = 1_790_000_000
_OUTCOMES: tuple[Outcome, ...] = ("answered", "failed", "cancelled")
_DIMENSIONS: tuple[Dimension, ...] = ("day", "model", "provider", "key", "user")


def _made(count: int) -> list[Generation]:
    """Some per second for a while, then rare ones over days."""
    found = []
    for n in range(count):
        second = _FIRST + (n // 7 if n < count // 2 else n * 3_600)
        found.append(
            Generation(
                id=f"gen-{second}-{n:020d}",
                account_id=f"account-{n % 3 if n % 97 else 3}",
                key_hash=f"key-{n % 5}",
                created=float(second),
                outcome=_OUTCOMES[(n % 11 == 0) + (n % 13 == 0)],
                model=f"m/{n % 4}",
                provider=f"p-{n % 2}" if n % 17 else None,
                user="u" if n % 19 == 0 else None,
                cost=Pico(n * 10**9),
                api="chat",
                requested_model="m/m",
            )
        )
    return found


_ALL = _made(600)


@pytest.fixture
async def store(store: Store) -> Store:
    await store.add_generations(map(generation_row, _ALL))
    return store


def _expected(search: Search) -> list[str]:
    wanted = {
        "account_id": search.account_id, "key_hash": search.key_hash, "model": search.model,
        "provider": search.provider, "user": search.user, "outcome": search.outcome,
    }  # fmt: skip
    return sorted(
        (
            one.id
            for one in _ALL
            if all(value is None or getattr(one, name) == value for name, value in wanted.items())
            and (search.since is None or one.created >= search.since)
            and (search.until is None or one.created < search.until)
            and (search.min_cost is None or one.cost >= search.min_cost)
        ),
        reverse=True,
    )


async def _found(store: Store, search: Search, most: int) -> list[str]:
    ids: list[str] = []
    while True:
        page = await store.find_generations(search, most)
        assert len(page.generations) <= most
        ids += [one.id for one in page.generations]
        if page.before is None:
            return ids
        search = replace(search, before=page.before)


def _or_none(values: Sequence[str]) -> st.SearchStrategy[str | None]:
    return st.none() | st.sampled_from(values)


_seconds = st.none() | st.floats(_FIRST - 100, _FIRST + 601 * 3_600, allow_nan=False)


@settings(deadline=None, max_examples=60)
@given(
    search=st.builds(
        Search,
        account_id=st.sampled_from(["account-0", "account-1", "account-3", "nobody"]),
        since=_seconds,
        until=_seconds,
        key_hash=_or_none(["key-0", "key-4", "none"]),
        model=_or_none(["m/0", "m/3", "none"]),
        provider=_or_none(["p-0", "p-1"]),
        user=_or_none(["u", "none"]),
        outcome=st.none() | st.sampled_from(_OUTCOMES),
        min_cost=st.none() | st.integers(0, 601 * 10**9).map(Pico),
    ),
    most=st.sampled_from([1, 7, 50, 1000]),
)
async def test_pages_have_everything_that_fits_once_and_newest_first(store: Store, search: Search, most: int) -> None:
    assert await _found(store, search, most) == _expected(search)


@pytest.mark.parametrize("by", [(), ("day",), ("model", "provider"), ("key",), ("user", "key"), _DIMENSIONS])
async def test_sums_are_those_of_the_generations_however_they_are_parted(
    store: Store, by: tuple[Dimension, ...]
) -> None:
    for account in ("account-0", "account-3"):
        mine = [one for one in _ALL if one.account_id == account]
        sums = await store.activity(ActivityQuery(account_id=account, first=0, last=10**6, by=by))
        assert (
            sum(one.cost for one in sums) == sum(one.cost for one in mine) == await store.spent_by_account(account, 0)
        )
        assert sum(one.requests for one in sums) == len(mine)
        assert sum(one.failed for one in sums) == sum(one.outcome == "failed" for one in mine)
        parted = {
            (int(one.created) // 86_400, one.model, one.provider or "", one.key_hash, one.user or "") for one in mine
        }
        places = [_DIMENSIONS.index(name) for name in by]
        assert len(sums) == len({tuple(one[place] for place in places) for one in parted})
    assert await store.activity(ActivityQuery(account_id="nobody", first=0, last=10**6, by=by)) == []


async def test_what_keys_have_spent_and_when_they_were_used_last(store: Store) -> None:
    spent = await store.spendings(["key-0", "key-4", "none"], (0.0, float(_FIRST + 400 * 3_600)))
    last = await store.last_used([("account-0", "key-0"), ("account-0", "none")])
    later = (_FIRST + 400 * 3_600) // 86_400 * 86_400
    for key in ("key-0", "key-4"):
        mine = [one for one in _ALL if one.key_hash == key]
        assert spent[key] == (sum(g.cost for g in mine), sum(g.cost for g in mine if g.created >= later))
    assert spent["none"] == (0, 0)
    newest = max((g for g in _ALL if g.key_hash == "key-0"), key=lambda g: g.created)
    if newest.account_id == "account-0":
        assert last == {"key-0": int(newest.created)}


async def test_deleting_the_old_leaves_the_new_and_all_sums(store: Store) -> None:
    edge = _ALL[400].created
    gone = 0
    while chunk := await store.forget_generations(edge, 90):
        assert chunk <= 90
        gone += chunk
    assert gone == 400
    assert await _found(store, Search(account_id="account-0"), 50) == _expected(
        Search(account_id="account-0", since=edge)
    )
    assert await store.spent_by_account("account-0", 0.0) == sum(
        one.cost for one in _ALL if one.account_id == "account-0"
    )


async def test_a_limit_is_a_budget_that_comes_changes_and_goes_with_the_key(store: Store) -> None:
    await store.put_account(Account(id="a", name="A", credit=Pico(5)))
    key = Key(hash="k", account_id="a", name="k", label="k", limit=Pico(7), limit_reset="weekly")
    revision = await store.keys_revision()
    await store.put_key(key)
    assert await store.keys_revision() > revision
    daily = Budget(account_id="a", scope="key", subject="k", window="daily", limit=Pico(1))
    await store.put_budget(daily)

    async def limits() -> dict[str, int]:
        return {f"{one.scope} {one.window}": one.limit for one in await store.budgets("a")}

    assert await limits() == {"account lifetime": 5, "key weekly": 7, "key daily": 1}
    await store.change_key("k", lambda there: replace(there, limit=Pico(9), limit_reset=None))
    assert await limits() == {"account lifetime": 5, "key lifetime": 9, "key daily": 1}
    await store.change_key("k", lambda there: replace(there, limit=None))
    await store.change_account("a", lambda there: replace(there, credit=None))
    assert await limits() == {"key daily": 1}
    assert await store.delete_key("k")
    assert await limits() == {}
    assert await store.change_key("k", lambda there: there) is None
    await store.put_key(key)
    assert await store.delete_account("a")
    assert not await store.delete_account("a")
    assert (await store.key("k"), await store.account("a"), await limits()) == (None, None, {})


async def test_a_change_that_fails_changes_nothing(store: Store) -> None:
    await store.put_account(Account(id="a", name="A"))

    def fail(_: Account) -> Account:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await store.change_account("a", fail)
    assert (await store.account("a")) == Account(id="a", name="A")


async def test_a_budget_begins_with_what_its_subject_has_spent(store: Store) -> None:
    now = 1_790_000_000.0  # a clock of the store's own is later: only lifetimes reach back
    subjects: tuple[tuple[Scope, str, list[Generation]], ...] = (
        ("account", "account-0", [one for one in _ALL if one.account_id == "account-0"]),
        ("key", "key-0", [one for one in _ALL if one.key_hash == "key-0"]),
        ("user", "u", [one for one in _ALL if one.user == "u" and one.account_id == "account-0"]),
    )
    for scope, subject, mine in subjects:
        budget = Budget(
            account_id="account-0",
            scope=scope,
            subject=subject,
            window="lifetime",
            limit=Pico(MAX_PICO),
        )
        await store.put_budget(budget)
        window = budget.id, begins("lifetime", now)
        assert (await store.booked([window]))[window] == sum(one.cost for one in mine)


async def test_half_spent_budgets_are_found_and_an_alert_is_claimed_once(store: Store) -> None:
    spent = sum(one.cost for one in _ALL if one.account_id == "account-0")
    for limit, found in ((2 * spent + 2, 0), (2 * spent, 1), (1, 1)):
        budget = Budget(
            account_id="account-0", scope="account", subject="account-0", window="lifetime", limit=Pico(limit)
        )
        await store.put_budget(budget)
        assert len(await store.half_spent([0])) == found
    assert await store.half_spent([1]) == []
    assert await store.claim_alert("b", 0, 50)
    assert not await store.claim_alert("b", 0, 50)
    assert await store.claim_alert("b", 1, 50)
