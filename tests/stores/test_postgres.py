from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from msgspec.structs import replace
from sqlalchemy import Connection

from patience import PATIENCE
from servers import PostgresServer
from stored import GENERATION, KEY, ROW, many
from turnout.base.errors import Unavailable
from turnout.base.money import Pico
from turnout.contracts.store import Delivery, Store
from turnout.domain.account import Account, Key
from turnout.domain.budget import Budget, Claim
from turnout.stores import migrations
from turnout.stores.postgres import PostgresStore
from turnout.stores.schema import METADATA, REVISION
from turnout.stores.upgrade import upgrade

REVISIONS = [
    script.revision for script in ScriptDirectory(str(Path(migrations.__file__).parent)).walk_revisions()
]  # newest first
BUDGET = Budget(account_id="default", scope="account", subject="default", window="lifetime", limit=Pico(1_000))
CLAIM = Claim(BUDGET.id, 0, BUDGET.limit)


@pytest.fixture
async def store(database: str) -> AsyncIterator[PostgresStore]:
    opened = PostgresStore(database)
    await opened.open()
    await opened.put_account(Account(id="default", name="Default", admin=True, created=1.0))
    yield opened
    await opened.close()


@pytest.fixture
async def second(database: str) -> AsyncIterator[PostgresStore]:
    """Another node."""
    opened = PostgresStore(database)
    await opened.open()
    yield opened
    await opened.close()


async def test_it_fulfils_the_contract(store: PostgresStore) -> None:
    one: Store = store
    assert isinstance(one, PostgresStore)


async def test_migrations_lead_to_the_schema_that_the_code_describes(store: PostgresStore) -> None:
    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), METADATA))

    assert await store._read(differences) == []


async def test_texts_are_sorted_by_their_bytes_whatever_the_language_of_the_database(
    store: PostgresStore, database: str, postgres_server: PostgresServer
) -> None:
    others = postgres_server.run_sql(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()"
        " AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'",
        database,
    )
    assert others == ""
    names = ["gen-1-B", "gen-1-a", "gen-1~", "gen-10-a", "gen-2"]
    await store.add_generations([replace(ROW, id=name, record=replace_id(name)) for name in names])
    assert [one.id for one in await store.generations_after("gen-1", 9)] == sorted(names)


def replace_id(name: str) -> str:
    return ROW.record.replace(ROW.id, name)


async def test_a_nul_in_a_name_is_kept_in_the_record_and_marked_elsewhere(store: PostgresStore) -> None:
    odd = replace(GENERATION, id="gen-3-odd", user="a\0b", model="m\0")
    await store.put_key(replace(KEY, name="a\0b"))
    assert [key.name for key in await store.keys()] == ["a\ufffdb"]
    row = replace(ROW, id=odd.id, user=odd.user, model=odd.model, record=replace_id(odd.id))
    assert await store.add_generations([row, ROW]) == 2
    assert await store.tokens_by_model(0.0) == {"m\ufffd": 1570, "acme/tiny": 1570}


async def test_sums_come_back_as_whole_numbers(store: PostgresStore) -> None:
    await store.add_generations(many(3))
    assert type(await store.spent(GENERATION.key_hash, 0.0)) is int
    assert {type(tokens) for tokens in (await store.tokens_by_model(0.0)).values()} == {int}


async def test_two_nodes_that_bring_the_same_generations_count_them_once(
    store: PostgresStore, second: PostgresStore
) -> None:
    added = await asyncio.gather(
        *[one.add_generations(many(400, begin)) for one in (store, second) for begin in (0, 200)]
    )
    assert sum(added) == 600
    assert await second.spent(GENERATION.key_hash, 0.0) == 600 * GENERATION.cost


async def test_two_nodes_never_lease_more_than_a_budget_has(store: PostgresStore, second: PostgresStore) -> None:
    await store.put_budget(BUDGET)
    leased = await asyncio.gather(
        *[node.lease(f"node {turn % 2}", CLAIM, (90, 30)) for turn in range(40) for node in (store, second)]
    )
    assert 970 < sum(leased) <= 1_000
    assert await store.lease("node 0", CLAIM, (30,)) == 0


async def test_what_a_lost_node_brings_after_its_lease_was_taken_back_makes_no_room_for_others(
    store: PostgresStore, second: PostgresStore
) -> None:
    await store.put_budget(BUDGET)
    assert await store.lease("lost", CLAIM, (600,)) == 600
    assert await second.reclaim(None, float("inf")) == 1
    late = replace(ROW, id="gen-late", cost=Pico(500), budgets=(BUDGET.id,))
    await store.take_generations(lambda: Delivery([late], {}, "lost"))
    await store.give_back("lost", CLAIM, 100)
    assert await second.lease("other", CLAIM, (501,)) == 0
    assert await second.lease("other", CLAIM, (500,)) == 500


async def test_a_node_that_is_silent_for_long_has_its_leases_taken_back_and_no_other(
    store: PostgresStore, second: PostgresStore, database: str, postgres_server: PostgresServer
) -> None:
    await store.put_budget(BUDGET)
    for node in ("lost", "quiet", "here"):
        assert await store.beat(node, 3600) == 0
        assert await store.lease(node, CLAIM, (300,)) == 300
    postgres_server.run_sql("UPDATE nodes SET seen = seen - 3500 WHERE node = 'quiet'", database)
    postgres_server.run_sql("UPDATE nodes SET seen = seen - 3601 WHERE node = 'lost'", database)
    assert sorted(await asyncio.gather(store.beat("here", 3600), second.beat("there", 3600))) == [0, 1]
    assert await second.lease("there", CLAIM, (401,)) == 0
    assert await second.lease("there", CLAIM, (400,)) == 400


async def test_bookings_leases_and_reclaims_of_many_nodes_do_not_wait_for_each_other_for_ever(
    store: PostgresStore, second: PostgresStore
) -> None:
    budgets = [replace(BUDGET, scope="user", subject=f"u{number}", limit=Pico(10**9)) for number in range(6)]
    for budget in budgets:
        await store.put_budget(budget)

    async def node(one: PostgresStore, name: str, order: int) -> None:
        mine = budgets[::order]
        for turn in range(10):
            for budget in mine:
                await one.lease(name, Claim(budget.id, 0, budget.limit), (1_000,))
            ids = tuple(budget.id for budget in mine)
            row = replace(ROW, id=f"gen-{name}-{turn}", cost=Pico(10), budgets=ids)
            await one.take_generations(lambda: Delivery([row], {}, name))  # noqa: B023 - called at once
            await one.give_back(name, Claim(mine[0].id, 0, mine[0].limit), 5)
            if turn % 4 == 3:
                await one.reclaim(name, float("inf"))

    stores = (store, second, store, second)
    async with asyncio.timeout(40):
        await asyncio.gather(*[node(one, f"n{at}", 1 if at % 2 else -1) for at, one in enumerate(stores)])
    for at in range(4):
        await store.reclaim(f"n{at}", float("inf"))
    places = [(budget.id, 0) for budget in budgets]
    assert await store.booked(places) == dict.fromkeys(places, 400)
    for budget in budgets:  # all that was not spent is free again
        assert await store.lease("last", Claim(budget.id, 0, budget.limit), (10**9 - 400,)) == 10**9 - 400


async def test_a_server_that_is_started_again_is_found_again_and_nothing_is_lost_or_doubled(
    store: PostgresStore, second: PostgresStore, postgres_server: PostgresServer
) -> None:
    running = True
    refused = 0

    async def bring(one: PostgresStore, first: int) -> int:
        """What a writer of journals does: it tries again until the store has taken a batch."""
        nonlocal refused
        taken = 0
        while running or taken == 0:
            try:
                await one.add_generations(many(50, first + taken * 50), {f"journal {first}": taken})
            except Unavailable:
                refused += 1
                await asyncio.sleep(0.05)
            else:
                taken += 1
        return taken

    bringing = [asyncio.create_task(bring(one, first)) for one, first in ((store, 0), (second, 1_000_000))]
    for at_once in (False, True):
        await asyncio.sleep(0.2)
        await asyncio.to_thread(postgres_server.stop, at_once=at_once)
        await asyncio.sleep(0.2)
        await asyncio.to_thread(postgres_server.start)
    await asyncio.sleep(0.2)
    running = False
    taken = sum(await asyncio.gather(*bringing))
    assert refused > 0
    assert taken > 1
    assert await store.spent(GENERATION.key_hash, 0.0) == taken * 50 * GENERATION.cost


async def test_a_server_that_says_nothing_any_more_is_given_up_and_the_event_loop_runs_on(
    store: PostgresStore, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch, database: str
) -> None:
    monkeypatch.setattr("turnout.stores.postgres_lane._COMMAND_SECONDS", 3.0)
    monkeypatch.setattr("turnout.stores.postgres_lane._PATIENCE_SECONDS", 3.0)
    impatient = PostgresStore(database)
    await impatient.open()
    await impatient.keys()
    try:
        postgres_server.freeze()
        asked = time.monotonic()
        turns = 0

        async def tick() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0.01)
                turns += 1

        ticking = asyncio.create_task(tick())
        with pytest.raises(Unavailable):
            await impatient.keys()
        assert time.monotonic() - asked < PATIENCE
        assert turns > 5
        ticking.cancel()
        with suppress(asyncio.CancelledError):
            await ticking
    finally:
        postgres_server.thaw()
    assert await impatient.keys() == []
    await impatient.close()
    assert await store.keys() == []


async def test_a_lock_that_somebody_holds_is_not_waited_for_for_ever(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch, database: str, postgres_server: PostgresServer
) -> None:
    settings = {"application_name": "turnout", "lock_timeout": "300"}
    monkeypatch.setattr("turnout.stores.postgres_lane._SETTINGS", settings)
    impatient = PostgresStore(database)
    await impatient.open()
    holding = asyncio.create_task(
        asyncio.to_thread(
            postgres_server.run_sql, "BEGIN; LOCK TABLE generations; SELECT pg_sleep(4); COMMIT", database
        )
    )
    locked = "SELECT count(*) FROM pg_locks WHERE relation = 'generations'::regclass AND mode = 'AccessExclusiveLock'"
    async with asyncio.timeout(PATIENCE):
        while await asyncio.to_thread(postgres_server.run_sql, f"{locked} AND granted", database) == "0":
            pass
    with pytest.raises(Unavailable):
        await impatient.add_generations([ROW])
    assert await impatient.key("none") is None
    await holding
    assert await impatient.add_generations([ROW]) == 1
    await impatient.close()
    assert await store.generation(GENERATION.id, "default") == GENERATION


async def test_whoever_stops_waiting_does_not_stop_what_was_begun(store: PostgresStore) -> None:
    adding = asyncio.create_task(store.add_generations(many(300)))
    await asyncio.sleep(0)
    adding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await adding
    for _ in range(500):
        if await store.spent(GENERATION.key_hash, 0.0):
            break
        await asyncio.sleep(0.01)
    assert await store.spent(GENERATION.key_hash, 0.0) == 300 * GENERATION.cost


async def test_what_is_under_way_is_finished_before_the_store_closes(database: str) -> None:
    store = PostgresStore(database)
    await store.open()
    adding = asyncio.create_task(store.add_generations(many(2000)))
    await asyncio.sleep(0)
    await store.close()
    assert await adding == 2000
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("turnout-postgres")]


async def test_a_table_that_is_missing_refuses_batches_for_now_and_not_for_good(
    store: PostgresStore, database: str, postgres_server: PostgresServer
) -> None:
    postgres_server.run_sql("ALTER TABLE generations RENAME TO elsewhere", database)
    with pytest.raises(Unavailable) as caught:
        await store.add_generations([ROW])
    assert "127.0.0.1" not in caught.value.message


@pytest.mark.parametrize("revision", [revision for revision in REVISIONS if revision != REVISION])
async def test_every_older_schema_is_brought_up_to_date_with_what_it_holds(
    database: str, postgres_server: PostgresServer, revision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("turnout.stores.postgres_schema.upgrade", lambda connection, _: upgrade(connection, revision))
        older = PostgresStore(database)
        await older.open()
        await older.close()
    postgres_server.run_sql("INSERT INTO accounts (id, name, admin, created) VALUES ('a', 'A', true, 1.0)", database)
    postgres_server.run_sql(
        "INSERT INTO keys (hash, account_id, name, label, management, disabled, created)"
        " VALUES ('h', 'a', 'first', 'sk', false, false, 2.0)",
        database,
    )
    store = PostgresStore(database)
    await store.open()
    assert await store.key("h") == Key(hash="h", account_id="a", name="first", label="sk", created=2.0)
    assert await store.add_generations([ROW]) == 1
    await store.close()


async def test_a_schema_from_a_newer_version_is_refused_in_one_line_and_left_alone(
    store: PostgresStore, database: str, postgres_server: PostgresServer
) -> None:
    await store.put_key(KEY)
    postgres_server.run_sql("UPDATE alembic_version SET version_num = '9999'", database)
    newer = PostgresStore(database)
    with pytest.raises(Unavailable, match="newer version of Turnout") as caught:
        await newer.open()
    assert "\n" not in caught.value.message
    assert postgres_server.run_sql("SELECT version_num FROM alembic_version", database) == "9999"


async def test_a_migration_that_fails_leaves_nothing_behind(database: str, postgres_server: PostgresServer) -> None:
    postgres_server.run_sql("CREATE TABLE keys (mine integer)", database)
    store = PostgresStore(database)
    with pytest.raises(
        Unavailable, match=r"cannot open the database 127\.0\.0\.1:\d+/postgres: .*keys.* exists"
    ) as caught:
        await store.open()
    assert "\n" not in caught.value.message
    tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()"
    assert postgres_server.run_sql(tables, database) == "keys"


async def test_many_may_open_a_new_database_at_once(database: str) -> None:
    stores = [PostgresStore(database) for _ in range(6)]
    await asyncio.gather(*[store.open() for store in stores])
    await asyncio.gather(*[store.close() for store in stores])


@pytest.mark.parametrize("end", ["/nothing-here", None])
async def test_a_server_that_refuses_is_reported_in_one_line_without_the_password(
    postgres_server: PostgresServer, end: str | None
) -> None:
    place = f"127.0.0.1:{postgres_server.port}{end}" if end else "127.0.0.1:1/db"
    store = PostgresStore(f"postgresql://turnout:very-secret@{place}")
    with pytest.raises(Unavailable) as caught:
        await store.open()
    assert "\n" not in caught.value.message
    assert place in caught.value.message
    assert "very-secret" not in str(caught.value)
