from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from servers import NewStore
from stored import GENERATION, KEY, ROW, many
from turnout.base.errors import NotFound, Unavailable
from turnout.base.money import MAX_PICO, Pico
from turnout.contracts.store import Delivery, Store
from turnout.domain.account import Account, Generation, GenerationRow
from turnout.stores.schema import GENERATIONS


@pytest.fixture
async def store(store: Store) -> Store:
    await store.put_account(Account(id="default", name="Default", admin=True, created=1.0))
    return store


async def test_a_generation_comes_back_as_it_was_put(store: Store) -> None:
    assert await store.add_generations([ROW]) == 1
    assert await store.generation(GENERATION.id, "default") == GENERATION


async def test_a_generation_of_another_account_is_as_one_that_does_not_exist(store: Store) -> None:
    await store.add_generations([ROW])
    assert await store.generation(GENERATION.id, "other") is None
    assert await store.generation("gen-none", "default") is None


async def test_generations_are_read_page_by_page_in_the_order_of_their_ids(store: Store) -> None:
    await store.add_generations(many(10))
    found = []
    place = "gen-1"
    while page := await store.generations_after(place, 4):
        found += [generation.id for generation in page]
        place = found[-1]
    assert found == [f"gen-1-{n}" for n in range(10)]


async def test_a_record_that_cannot_be_read_does_not_end_the_reading(store: Store) -> None:
    broken = [replace(row, id=f"gen-0-{n}", record="broken") for n, row in enumerate(many(3))]
    await store.add_generations([*broken, *many(2)])
    assert [generation.id for generation in await store.generations_after("", 2)] == ["gen-1-0"]
    assert [generation.id for generation in await store.generations_after("gen-1-0", 2)] == ["gen-1-1"]


async def test_adding_a_generation_again_changes_nothing(store: Store) -> None:
    assert await store.add_generations(many(5)) == 5
    assert await store.add_generations(many(10)) == 5
    assert await store.add_generations([*many(1), *many(1)]) == 0
    assert await store.add_generations([]) == 0
    assert await store.spent(GENERATION.key_hash, 0.0) == 10 * GENERATION.cost
    assert await store.generation("gen-1-3", "default") == replace(GENERATION, id="gen-1-3")


@settings(deadline=None, max_examples=25)
@given(batches=st.lists(st.lists(st.integers(0, 40), max_size=30), max_size=6), salt=st.integers(0, 2**60))
async def test_whatever_is_repeated_each_generation_counts_once(
    store: Store, batches: list[list[int]], salt: int
) -> None:
    key_hash = f"key-{salt}-{time.monotonic_ns()}"
    new = 0
    for batch in batches:
        new += await store.add_generations(
            [replace(ROW, id=f"{key_hash}-{number}", key_hash=key_hash, cost=Pico(10**12 + number)) for number in batch]
        )
    distinct = {number for batch in batches for number in batch}
    assert new == len(distinct)
    assert await store.spent(key_hash, 0.0) == sum(10**12 + number for number in distinct)


async def test_sums_are_exact_where_64_bits_or_doubles_are_not(store: Store) -> None:
    costs = [MAX_PICO, MAX_PICO, 1, 999_999]
    await store.add_generations(
        [replace(ROW, id=f"gen-{number}", cost=Pico(cost)) for number, cost in enumerate(costs)]
    )
    assert await store.spent(GENERATION.key_hash, 0.0) == sum(costs)


async def test_spending_is_counted_from_a_day_on_and_per_key(store: Store) -> None:
    await store.add_generations(
        [
            replace(ROW, id="before", created=86_399.9, cost=Pico(1)),
            replace(ROW, id="at", created=86_400.0, cost=Pico(2)),
            replace(ROW, id="other", created=86_400.0, cost=Pico(4), key_hash="other"),
        ]
    )
    assert await store.spent(GENERATION.key_hash, 100_000.0) == 2
    assert await store.spent("unknown", 0.0) == 0


async def test_a_batch_with_one_bad_generation_is_not_added_at_all(store: Store) -> None:
    with pytest.raises(OverflowError):
        await store.add_generations([*many(250), replace(ROW, id="bad", cost=Pico(2**70))], {"file": 7})
    assert await store.generation("gen-1-0", "default") is None
    assert await store.journal_offsets() == {}


@pytest.mark.parametrize("count", [1, 9, 10, 99, 100, 321])
async def test_any_number_is_added_however_it_falls_into_statements(store: Store, count: int) -> None:
    assert await store.add_generations(iter(many(count))) == count
    assert await store.spent(GENERATION.key_hash, 0.0) == count * GENERATION.cost
    assert await store.generation(f"gen-1-{count - 1}", "default") == replace(GENERATION, id=f"gen-1-{count - 1}")


async def test_generations_are_fetched_and_added_off_the_event_loop(store: Store) -> None:
    threads = []

    def rows() -> Iterator[GenerationRow]:
        threads.append(threading.current_thread())
        yield from many(3)

    def source() -> Delivery:
        threads.append(threading.current_thread())
        return Delivery(rows(), {"file": 7})

    assert await store.take_generations(source) == 3
    assert await store.journal_offsets() == {"file": 7}
    assert threading.current_thread() not in threads
    assert len(set(threads)) == 1


async def test_what_a_source_raises_comes_out_and_nothing_is_added(store: Store) -> None:
    def rows() -> Iterator[GenerationRow]:
        yield from many(300)
        raise RuntimeError("the disk is gone")

    with pytest.raises(RuntimeError, match="gone"):
        await store.take_generations(lambda: Delivery(rows(), {"file": 7}))
    assert await store.generation("gen-1-0", "default") is None
    assert await store.journal_offsets() == {}


@pytest.mark.parametrize("record", ["", "{}", "{", ROW.record[:-1], "[" * 100_000])
async def test_a_record_that_cannot_be_read_is_reported_and_harms_no_other(
    store: Store, caplog: pytest.LogCaptureFixture, record: str
) -> None:
    await store.add_generations([replace(ROW, id="bad", record=record), ROW])
    with pytest.raises(Unavailable):
        await store.generation("bad", "default")
    assert "the record of generation bad cannot be read" in caplog.text
    assert await store.generation(GENERATION.id, "default") == GENERATION
    assert await store.spent(GENERATION.key_hash, 0.0) == 2 * GENERATION.cost


def test_a_record_begins_with_the_fields_of_its_row_in_the_order_of_the_table() -> None:
    fields = [name for name in GenerationRow.__struct_fields__ if name != "record"]
    assert fields == list(Generation.__struct_fields__[: len(fields)])
    columns = ["user" if column.name == "end_user" else column.name for column in GENERATIONS.columns]
    assert columns == [name for name in GenerationRow.__struct_fields__ if name not in {"usage", "budgets"}]


async def test_journal_offsets_are_kept_until_forgotten(store: Store) -> None:
    await store.add_generations(many(1), {"a": 10, "b": 20})
    await store.add_generations([], {"a": 30})
    assert await store.journal_offsets() == {"a": 30, "b": 20}
    await store.forget_journals(["a"])
    assert await store.journal_offsets() == {"b": 20}


async def test_keys_come_back_oldest_first_and_by_account(store: Store) -> None:
    await store.put_account(Account(id="other", name="Other"))
    keys = [
        replace(KEY, hash=f"{n}", created=float(9 - n), account_id="other" if n % 2 else "default") for n in range(4)
    ]
    for key in keys:
        await store.put_key(key)
    assert list(await store.keys()) == keys[::-1]
    assert list(await store.keys("other")) == [keys[3], keys[1]]
    assert await store.key("2") == keys[2]
    assert await store.key("none") is None


async def test_every_change_of_a_key_moves_the_revision_and_nothing_else_does(store: Store) -> None:
    seen = [await store.keys_revision()]
    await store.put_key(KEY)
    seen.append(await store.keys_revision())
    assert await store.disable_key(KEY.hash, disabled=True)
    seen.append(await store.keys_revision())
    assert await store.delete_key(KEY.hash)
    seen.append(await store.keys_revision())
    assert sorted(set(seen)) == seen
    assert not await store.disable_key(KEY.hash, disabled=True)
    assert not await store.delete_key(KEY.hash)
    await store.add_generations([ROW])
    assert await store.keys_revision() == seen[-1]


async def test_a_deleted_key_leaves_its_generations(store: Store) -> None:
    await store.put_key(KEY)
    await store.add_generations([ROW])
    await store.delete_key(KEY.hash)
    assert await store.generation(GENERATION.id, "default") == GENERATION


async def test_a_key_needs_an_account(store: Store) -> None:
    with pytest.raises(NotFound):
        await store.put_key(replace(KEY, account_id="nobody"))


async def test_another_process_sees_a_change_at_once(store: Store, new_store: NewStore) -> None:
    second = new_store()
    await second.open()
    await store.put_key(KEY)
    assert await second.key(KEY.hash) == KEY
    assert await second.keys_revision() == await store.keys_revision()
    await second.close()


async def test_a_closed_store_says_so_and_may_be_closed_again(new_store: NewStore) -> None:
    store = new_store()
    with pytest.raises(Unavailable, match="not open"):
        await store.keys()
    await store.open()
    for _ in range(2):
        await store.close()
        with pytest.raises(Unavailable, match="closed"):
            await store.keys()
