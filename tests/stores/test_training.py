"""Training tables, in each kind of store."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from msgspec.structs import replace

from turnout.contracts.store import Store
from turnout.domain.training import TrainingRow, TrainingTable

TABLE = TrainingTable(id="t", account_id="a", query=False, model="m", embeddings_model="e", created=1.0)
ROW = TrainingRow(
    id="one", created=2.0, prompt="user: \U0001f600", options='["x","y"]', truth="[1.0,0.0]", votes='[["v",[1.0,0.0]]]',
    embedding=b"\x00\x00\x80?\x00\x00\x00\x00", completion_id="one", response_format_hash="h",
)  # fmt: skip


def rows(*names: str) -> Sequence[TrainingRow]:
    return [replace(ROW, id=name) for name in names]


async def test_a_row_comes_back_as_it_was_put(store: Store) -> None:
    await store.put_training_rows(TABLE, [ROW])
    assert await store.training_rows("a", "t") == [replace(ROW, revision=1)]


async def test_nobody_sees_the_rows_of_another_account(store: Store) -> None:
    await store.put_training_rows(TABLE, [ROW])
    assert await store.training_table("b", "t") is None
    assert await store.training_tables("b") == []
    assert await store.training_rows("b", "t") == []
    assert await store.delete_training_rows("b", "t", ["one"]) == 0
    assert not await store.delete_training_table("b", "t")
    assert len(await store.training_rows("a", "t")) == 1


async def test_a_row_of_the_same_id_is_replaced_and_counted_once(store: Store) -> None:
    await store.put_training_rows(TABLE, rows("one", "two"))
    table = await store.put_training_rows(TABLE, [replace(ROW, truth="[0.0,1.0]")])
    assert (table.rows, table.revision, table.removals) == (2, 2, 1)
    assert [(row.id, row.truth) for row in await store.training_rows("a", "t")] == [
        ("two", "[1.0,0.0]"),
        ("one", "[0.0,1.0]"),
    ]


async def test_what_was_added_later_is_read_from_there_on(store: Store) -> None:
    await store.put_training_rows(TABLE, rows("a", "b", "c"))
    first = await store.training_rows("a", "t", count=2)
    assert [row.id for row in first] == ["a", "b"]
    await store.put_training_rows(TABLE, rows("0"))
    last = first[-1]
    later = await store.training_rows("a", "t", after=(last.revision, last.id))
    assert [row.id for row in later] == ["c", "0"]


async def test_removed_rows_are_gone_and_the_table_knows(store: Store) -> None:
    await store.put_training_rows(TABLE, rows("a", "b", "c"))
    assert await store.delete_training_rows("a", "t", ["a", "b", "b", "none"]) == 2
    table = await store.training_table("a", "t")
    assert table is not None
    assert (table.rows, table.removals) == (1, 1)
    assert await store.delete_training_table("a", "t")
    assert await store.training_table("a", "t") is None
    assert await store.training_rows("a", "t") == []


async def test_tables_are_listed_newest_first(store: Store) -> None:
    for number in range(4):
        await store.put_training_rows(replace(TABLE, id=f"t{number}", created=float(number)), [])
    assert [table.id for table in await store.training_tables("a", count=2, offset=1)] == ["t2", "t1"]


async def test_rows_that_are_put_at_once_by_many_are_all_there(store: Store) -> None:
    async def put(number: int) -> None:
        await store.put_training_rows(TABLE, rows(f"own-{number}", "shared"))

    await asyncio.gather(*(put(number) for number in range(10)))
    table = await store.training_table("a", "t")
    assert table is not None
    assert (table.rows, table.revision) == (11, 10)
    assert len(await store.training_rows("a", "t")) == 11
