from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import select

from turnout.base.clock import SYSTEM_CLOCK
from turnout.base.errors import Unavailable
from turnout.domain.account import Account, Key
from turnout.stores import migrations
from turnout.stores.schema import ACCOUNTS, REVISION
from turnout.stores.sqlite import SQLiteStore
from turnout.stores.sqlite_file import READ, WRITE, connect, migrate, prepare

REVISIONS = list(ScriptDirectory(str(Path(migrations.__file__).parent)).walk_revisions())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def pretend_revision(path: Path, revision: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))


async def test_only_the_owner_may_read_the_file_its_logs_and_its_folder(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "data" / "turnout.db")
    await store.open()
    await store.put_account(Account(id="a", name="A"))
    assert mode(tmp_path / "data") == 0o700
    files = list((tmp_path / "data").iterdir())
    assert {file.name for file in files} >= {"turnout.db", "turnout.db-wal", "turnout.db-shm"}
    assert {mode(file) for file in files} == {0o600}
    await store.close()


async def test_opening_twice_keeps_what_is_there(tmp_path: Path) -> None:
    for _ in range(2):
        store = SQLiteStore(tmp_path / "turnout.db")
        await store.open()
        await store.put_account(Account(id="a", name="A"))
        await store.close()
    with closing(connect(tmp_path / "turnout.db", READ)) as connection:
        assert connection.execute(select(ACCOUNTS.c.id)).scalars().all() == ["a"]


async def test_a_schema_from_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "turnout.db"
    prepare(path, SYSTEM_CLOCK)
    pretend_revision(path, "9999")
    before = path.read_bytes()
    store = SQLiteStore(path)
    with pytest.raises(Unavailable, match="newer version"):
        await store.open()
    assert path.read_bytes() == before


@pytest.mark.parametrize("revision", [script.revision for script in REVISIONS if script.revision != REVISION])
async def test_every_older_schema_is_backed_up_and_upgraded_with_what_it_holds(tmp_path: Path, revision: str) -> None:
    path = tmp_path / "turnout.db"
    with closing(connect(path, WRITE, enforce=False)) as older:
        migrate(older, revision)
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("INSERT INTO accounts (id, name, admin, created) VALUES ('a', 'A', 1, 1.0)")
        file.execute(
            "INSERT INTO keys (hash, account_id, name, label, management, disabled, created)"
            " VALUES ('h', 'a', 'first', 'sk-…', 0, 0, 2.0)"
        )
    store = SQLiteStore(path)
    await store.open()
    assert await store.key("h") == Key(hash="h", account_id="a", name="first", label="sk-…", created=2.0)
    await store.close()
    [backup] = list(tmp_path.glob(f"turnout.db.backup-{revision}-*"))  # noqa: ASYNC240 - nothing else is under way
    assert mode(backup) == 0o600
    with closing(sqlite3.connect(backup)) as copy:
        assert copy.execute("SELECT id FROM accounts").fetchall() == [("a",)]


@pytest.mark.parametrize("content", [b"this is no database, not at all. " * 100, b"SQLite format 3\0" + b"\xff" * 4096])
async def test_a_file_that_is_no_database_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "turnout.db"
    path.write_bytes(content)
    store = SQLiteStore(path)
    with pytest.raises(Unavailable) as caught:
        await store.open()
    assert "\n" not in caught.value.message
    assert path.read_bytes() == content


async def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = SQLiteStore(tmp_path / "file" / "turnout.db")
    with pytest.raises(Unavailable, match="cannot open the database"):
        await store.open()


def test_many_may_open_a_new_database_at_once(tmp_path: Path) -> None:
    failures: list[BaseException] = []

    def open_it() -> None:
        try:
            prepare(tmp_path / "turnout.db", SYSTEM_CLOCK)
        except BaseException as error:  # noqa: BLE001 - the thread hands it to the test
            failures.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_an_up_to_date_database_is_opened_without_loading_the_migration_machinery(tmp_path: Path) -> None:
    prepare(tmp_path / "turnout.db", SYSTEM_CLOCK)
    program = (
        "import sys; from pathlib import Path; from turnout.base.clock import SYSTEM_CLOCK\n"
        "from turnout.stores.sqlite_file import prepare\n"
        "prepare(Path(sys.argv[1]), SYSTEM_CLOCK)\n"
        "sys.exit('alembic' in sys.modules)"
    )
    arguments = [sys.executable, "-c", program, str(tmp_path / "turnout.db")]
    paths = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run(arguments, check=False, env=paths).returncode == 0  # noqa: S603 - our own program
