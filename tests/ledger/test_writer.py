from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from stored import generation_row
from turnout.base.errors import Unavailable
from turnout.base.money import Pico
from turnout.domain.account import Generation
from turnout.ledger.journal import Journal, format_line, parse_line
from turnout.ledger.writer import REJECTED, JournalWriter
from turnout.stores.sqlite import SQLiteStore

GENERATION = Generation(
    id="gen-1-abc",
    account_id="default",
    key_hash="f" * 64,
    created=1790000000.25,
    api="chat",
    requested_model="acme/tiny",
    outcome="answered",
    cost=Pico(1),
)

WORKER = """
import os, sys
from pathlib import Path
import msgspec
from msgspec.structs import replace
from turnout.domain.account import Generation
from turnout.ledger.journal import Journal, parse_line

journal = Journal(Path(sys.argv[1]), "worker", max_bytes=60_000)
pattern = msgspec.json.decode(parse_line(sys.argv[2].encode()).record, type=Generation)
number = 0
while True:
    name = f"gen-{os.getpid()}-{number:08d}"
    journal.append(replace(pattern, id=name))
    os.write(1, name.encode() + b"\\n")
    number += 1
"""

DRAINER = """
import asyncio, sys
from pathlib import Path
from turnout.ledger.writer import JournalWriter
from turnout.stores.sqlite import SQLiteStore

async def drain():
    store = SQLiteStore(Path(sys.argv[2]))
    await store.open()
    print("open", flush=True)
    await JournalWriter(Path(sys.argv[1]), store).run(interval=0.001)

asyncio.run(drain())
"""


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SQLiteStore]:
    opened = SQLiteStore(tmp_path / "turnout.db")
    await opened.open()
    yield opened
    await opened.close()


def stored_ids(tmp_path: Path) -> list[str]:
    with closing(sqlite3.connect(tmp_path / "turnout.db")) as connection:
        return [row[0] for row in connection.execute("SELECT id FROM generations ORDER BY id")]


def journals(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "journals").glob("*.journal"))


def numbered(count: int) -> list[Generation]:
    return [replace(GENERATION, id=f"gen-{number:05d}") for number in range(count)]


async def test_what_a_worker_appends_arrives_while_it_goes_on(store: SQLiteStore, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journals", "worker-0")
    writer = JournalWriter(tmp_path / "journals", store)
    records = numbered(6)
    for record in records[:3]:
        journal.append(record)
    assert await writer.drain_once() == 3
    assert await writer.drain_once() == 0
    for record in records[3:]:
        journal.append(record)
    assert await writer.drain_once() == 3
    assert stored_ids(tmp_path) == [record.id for record in records]
    assert len(journals(tmp_path)) == 1  # its owner lives
    journal.close()


async def test_a_finished_journal_is_deleted_and_its_offset_forgotten(store: SQLiteStore, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journals", "worker-0")
    journal.append(GENERATION)
    writer = JournalWriter(tmp_path / "journals", store)
    await writer.drain_once()
    assert list(await store.journal_offsets()) == [path.name for path in journals(tmp_path)]
    journal.close()
    await writer.drain_once()
    assert journals(tmp_path) == []
    assert await store.journal_offsets() == {}


async def test_more_than_a_batch_in_several_files_is_moved_by_one_call(store: SQLiteStore, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journals", "worker-0", max_bytes=200_000)
    for record in numbered(4_321):
        journal.append(record)
    assert len(journals(tmp_path)) > 3
    assert await JournalWriter(tmp_path / "journals", store).drain_once() == 4_321
    assert len(journals(tmp_path)) == 1
    journal.close()


async def test_a_new_writer_goes_on_where_the_last_one_stopped(store: SQLiteStore, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journals", "worker-0")
    journal.append(GENERATION)
    await JournalWriter(tmp_path / "journals", store).drain_once()
    [path] = journals(tmp_path)
    with path.open("r+b") as file:
        file.write(b"x" * 20)  # the part already read is not looked at again
    journal.append(replace(GENERATION, id="gen-2"))
    writer = JournalWriter(tmp_path / "journals", store)
    assert await writer.drain_once() == 1
    assert writer.broken == 0
    journal.close()


async def test_lost_offsets_do_no_harm(store: SQLiteStore, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journals", "worker-0")
    for record in numbered(10):
        journal.append(record)
    await JournalWriter(tmp_path / "journals", store).drain_once()
    await store.forget_journals([path.name for path in journals(tmp_path)])
    assert await JournalWriter(tmp_path / "journals", store).drain_once() == 0
    assert await store.spent(GENERATION.key_hash, 0.0) == 10
    journal.close()


async def test_a_torn_line_in_the_middle_is_counted_and_set_aside_and_costs_no_other_line(
    store: SQLiteStore, tmp_path: Path
) -> None:
    directory = tmp_path / "journals"
    directory.mkdir()
    lines = [format_line(record) for record in numbered(3)]
    (directory / "worker-1-1-000001.journal").write_bytes(lines[0] + lines[1][:50] + b"\n" + lines[2] + lines[1][:70])
    writer = JournalWriter(directory, store)
    assert await writer.drain_once() == 2
    assert writer.broken == 2
    assert (directory / REJECTED).read_bytes() == lines[1][:50] + b"\n" + lines[1][:70] + b"\n"
    assert journals(tmp_path) == []


async def test_a_line_that_is_still_being_written_is_left_for_later(store: SQLiteStore, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journals", "worker-0")
    line = format_line(GENERATION)
    os.write(journal._descriptor, line[:40])
    writer = JournalWriter(tmp_path / "journals", store)
    assert await writer.drain_once() == 0
    os.write(journal._descriptor, line[40:])
    assert await writer.drain_once() == 1
    assert writer.broken == 0
    journal.close()


async def test_a_last_line_that_lacks_only_its_newline_counts(store: SQLiteStore, tmp_path: Path) -> None:
    directory = tmp_path / "journals"
    directory.mkdir()
    (directory / "worker-1-1-000001.journal").write_bytes(format_line(GENERATION)[:-1])
    assert await JournalWriter(directory, store).drain_once() == 1


async def test_a_line_longer_than_a_piece_is_read(store: SQLiteStore, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journals", "worker-0")
    journal.append(replace(GENERATION, title="x" * 3_000_000))
    journal.append(replace(GENERATION, id="gen-2"))
    assert await JournalWriter(tmp_path / "journals", store).drain_once() == 2
    journal.close()


async def test_a_generation_that_the_store_refuses_holds_up_no_other(store: SQLiteStore, tmp_path: Path) -> None:
    directory = tmp_path / "journals"
    journal = Journal(directory, "worker-0")
    bad = replace(GENERATION, id="bad", cost=Pico(2**63))
    for record in [*numbered(2), bad, *numbered(5)]:
        journal.append(record)
    writer = JournalWriter(directory, store)
    assert await writer.drain_once() == 5
    assert writer.refused == 1
    assert parse_line((directory / REJECTED).read_bytes()) == generation_row(bad)
    assert await writer.drain_once() == 0
    assert writer.refused == 1
    journal.close()


async def test_files_that_a_killed_worker_never_used_are_swept_away(store: SQLiteStore, tmp_path: Path) -> None:
    directory = tmp_path / "journals"
    directory.mkdir()
    (directory / "worker-1-1-000001.unborn").touch()
    await JournalWriter(directory, store).drain_once()
    assert list(directory.iterdir()) == []


async def test_nothing_to_read_is_no_error(store: SQLiteStore, tmp_path: Path) -> None:
    assert await JournalWriter(tmp_path / "missing", store).drain_once() == 0


def rename_table(tmp_path: Path, statement: str) -> None:
    with closing(sqlite3.connect(tmp_path / "turnout.db")) as connection, connection:
        connection.execute(statement)


async def test_the_loop_outlives_a_store_that_fails_for_a_while(store: SQLiteStore, tmp_path: Path) -> None:
    rename_table(tmp_path, "ALTER TABLE generations RENAME TO elsewhere")
    journal = Journal(tmp_path / "journals", "worker-0")
    journal.append(GENERATION)
    writer = JournalWriter(tmp_path / "journals", store)
    with pytest.raises(Unavailable):
        await writer.drain_once()
    running = asyncio.create_task(writer.run(interval=0.001))
    await asyncio.sleep(0.02)
    rename_table(tmp_path, "ALTER TABLE elsewhere RENAME TO generations")
    for _ in range(500):
        if stored_ids(tmp_path):
            break
        await asyncio.sleep(0.01)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert stored_ids(tmp_path) == [GENERATION.id]
    journal.close()


@settings(deadline=None, max_examples=30)
@given(
    steps=st.lists(
        st.sampled_from(["append", "append twice", "torn", "garbage", "drain", "new writer", "restart"]), max_size=25
    ),
    cut=st.integers(1, 150),
)
async def test_whatever_happens_each_whole_line_is_stored_exactly_once(
    store: SQLiteStore, tmp_path: Path, steps: list[str], cut: int
) -> None:
    directory = tmp_path / "journals"
    before = set(stored_ids(tmp_path))
    salt, written = len(before), set()
    journal, writer = Journal(directory, "worker", max_bytes=2_000), JournalWriter(directory, store)
    for step, action in enumerate([*steps, "restart", "drain"]):
        record = replace(GENERATION, id=f"gen-{salt}-{step}")
        if action.startswith("append"):
            for _ in range(action.count("twice") + 1):
                journal.append(record)
            written.add(record.id)
        elif action == "torn":
            os.write(journal._descriptor, format_line(record)[:cut] + b"\n")
        elif action == "garbage":
            os.write(journal._descriptor, b"\0\xff not a line\n")
        elif action == "drain":
            await writer.drain_once()
        elif action == "new writer":
            writer = JournalWriter(directory, store)
        else:
            os.write(journal._descriptor, format_line(record)[:cut])  # killed within a write
            journal.close()
            journal = Journal(directory, "worker", max_bytes=2_000)
    journal.close()
    await writer.drain_once()
    assert set(stored_ids(tmp_path)) - before == written
    assert len(stored_ids(tmp_path)) == len(before) + len(written)
    assert journals(tmp_path) == []


async def test_every_acknowledged_generation_survives_kill_9_exactly_once(store: SQLiteStore, tmp_path: Path) -> None:
    dice = Random(9)
    directory = tmp_path / "journals"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    arguments = [sys.executable, "-c", WORKER, str(directory), format_line(GENERATION)[:-1].decode()]
    acknowledged: list[str] = []
    draining = asyncio.create_task(JournalWriter(directory, store).run(interval=0.01))
    for _ in range(20):
        worker = await asyncio.create_subprocess_exec(*arguments, stdout=subprocess.PIPE, env=environment)
        assert worker.stdout is not None
        acknowledged.append((await worker.stdout.readline()).decode().strip())
        await asyncio.sleep(dice.uniform(0, 0.03))
        worker.kill()
        lines = (await worker.stdout.read()).split(b"\n")
        acknowledged += [line.decode() for line in lines[:-1]]  # the last may be cut
        await worker.wait()
    draining.cancel()
    with suppress(asyncio.CancelledError):
        await draining
    await JournalWriter(directory, store).drain_once()
    found = stored_ids(tmp_path)
    assert len(found) == len(set(found))
    assert set(acknowledged) <= set(found)
    assert len(acknowledged) > 20
    assert journals(tmp_path) == []
    assert await store.journal_offsets() == {}


async def test_a_writer_that_is_killed_again_and_again_moves_everything_exactly_once(
    store: SQLiteStore, tmp_path: Path
) -> None:
    dice = Random(4)
    directory = tmp_path / "journals"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    arguments = [sys.executable, "-c", DRAINER, str(directory), str(tmp_path / "turnout.db")]
    journal = Journal(directory, "worker", max_bytes=100_000)
    records = iter(numbered(8 * 3_000))
    for _ in range(8):
        drainer = await asyncio.create_subprocess_exec(*arguments, stdout=subprocess.PIPE, env=environment)
        assert drainer.stdout is not None
        for _ in range(3_000):
            journal.append(next(records))
        await drainer.stdout.readline()
        await asyncio.sleep(dice.uniform(0, 0.3))
        drainer.kill()
        await drainer.wait()
    await JournalWriter(directory, store).drain_once()
    assert stored_ids(tmp_path) == [record.id for record in numbered(8 * 3_000)]
    assert await store.spent(GENERATION.key_hash, 0.0) == 8 * 3_000
    assert len(journals(tmp_path)) == 1
    journal.close()


async def test_what_the_store_has_booked_is_told_by_journal_and_window(store: SQLiteStore, tmp_path: Path) -> None:
    daily, ever = "daily|key|default|k", "lifetime|account|default|default"
    day = int(GENERATION.created) // 86_400 * 86_400
    journals = [Journal(tmp_path / "journals", name) for name in ("first", "second")]
    for number, journal in enumerate(journals):
        for turn in range(3):
            name = f"gen-{number}-{turn}"
            charged = () if turn == 2 else (daily, ever)
            journal.append(replace(GENERATION, id=name, cost=Pico(10**number), budgets=charged))
    told: dict[str, Mapping[tuple[str, int], int]] = {}
    writer = JournalWriter(tmp_path / "journals", store, "here", lambda name, booking: told.update({name: booking}))
    assert await writer.drain_once() == 6
    windows = [(daily, day), (ever, 0)]
    assert {name.partition("-")[0]: booking for name, booking in told.items()} == {
        "first": dict.fromkeys(windows, 2),
        "second": dict.fromkeys(windows, 20),
    }
    assert await store.booked(windows) == dict.fromkeys(windows, 22)
    for journal in journals:
        journal.close()
