from __future__ import annotations

import io
from contextlib import closing
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import BigInteger, Float

from turnout.base.clock import SYSTEM_CLOCK
from turnout.stores import migrations
from turnout.stores.schema import METADATA, REVISION
from turnout.stores.sqlite_file import READ, connect, prepare

MIGRATIONS = Path(migrations.__file__).parent


def test_migrations_lead_to_the_schema_that_the_code_describes(tmp_path: Path) -> None:
    prepare(tmp_path / "turnout.db", SYSTEM_CLOCK)
    with closing(connect(tmp_path / "turnout.db", READ)) as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_the_revision_constant_names_the_newest_migration() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_current_head() == REVISION


def test_migrations_run_on_postgresql_too() -> None:
    script = ScriptDirectory(str(MIGRATIONS))
    statements = io.StringIO()
    context = MigrationContext.configure(
        dialect_name="postgresql", opts={"as_sql": True, "output_buffer": statements, "transactional_ddl": False}
    )
    with Operations.context(context):
        for revision in reversed(list(script.walk_revisions())):
            revision.module.upgrade()
    for table in METADATA.tables:
        assert f"CREATE TABLE {table} (" in statements.getvalue()
    assert "cost BIGINT NOT NULL" in statements.getvalue()


def test_no_column_holds_money_as_a_float() -> None:
    for table in METADATA.tables.values():
        for column in table.columns:
            if "cost" in column.name or "price" in column.name:
                assert isinstance(column.type, BigInteger)
            if isinstance(column.type, Float):
                times = {"created", "expires", "renewed", "seen", "status_updated", "truth_modified", "updated"}
                shares = {"confidence", "contrast", "propensity", "score", "throughput", "uptime", "weight"}
                assert column.name.endswith("_ms") or column.name in times | shares


def test_every_key_and_generation_belongs_to_an_account() -> None:
    for name in ("keys", "generations"):
        assert not METADATA.tables[name].c.account_id.nullable
