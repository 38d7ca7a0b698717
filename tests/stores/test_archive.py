"""The archive of completions, in a store of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from turnout.domain.archive import ArchivedCompletion
from turnout.stores.sqlite import SQLiteStore


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[SQLiteStore]:
    store = SQLiteStore(tmp_path / "turnout.sqlite")
    await store.open()
    yield store
    await store.close()


def completion(name: str, account: str = "a", created: float = 1.0) -> ArchivedCompletion:
    return ArchivedCompletion(
        id=name, kind="score", account_id=account, created=created, model="m", preview="p", request="{}", response="{}"
    )


async def test_a_completion_is_read_by_its_account_only_until_it_is_published(store: SQLiteStore) -> None:
    await store.put_completion(completion("one"))
    assert await store.completion("one", "b") is None
    assert not await store.publish_completion("one", "b")
    assert await store.publish_completion("one", "a")
    found = await store.completion("one", "b")
    assert found is not None
    assert found.published


async def test_the_truth_is_noted_by_its_account_only_and_can_be_forgotten(store: SQLiteStore) -> None:
    await store.put_completion(completion("one"))
    assert not await store.mark_completion("one", "b", "[1,0]", 5.0)
    assert await store.mark_completion("one", "a", "[1,0]", 5.0)
    marked = await store.completion("one", "a")
    assert marked is not None
    assert (marked.truth, marked.truth_modified) == ("[1,0]", 5.0)
    assert await store.mark_completion("one", "a", None, 6.0)
    forgotten = await store.completion("one", "a")
    assert forgotten is not None
    assert forgotten.truth is None


async def test_completions_are_listed_newest_first_and_by_account_and_kind(store: SQLiteStore) -> None:
    for number in range(5):
        await store.put_completion(completion(f"c{number}", created=float(number)))
    await store.put_completion(completion("other", account="b", created=9.0))
    listed = await store.completions("score", "a", count=2, offset=1)
    assert [one.id for one in listed] == ["c3", "c2"]
    assert await store.completions("query", "a") == []


async def test_the_first_completion_of_an_id_stays(store: SQLiteStore) -> None:
    await store.put_completion(completion("one", created=1.0))
    await store.put_completion(completion("one", account="b", created=2.0))
    found = await store.completion("one", "a")
    assert found is not None
    assert found.created == 1.0
