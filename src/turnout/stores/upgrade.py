"""Which schema a database has, and bringing an older one up to date."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Column, Connection, MetaData, Table, Text, inspect, select

from turnout.base.errors import Unavailable
from turnout.stores.schema import REVISION

__all__ = ["check_known", "revision_of", "upgrade"]

_MIGRATIONS = Path(__file__).parent / "migrations"
_VERSION = Table("alembic_version", MetaData(), Column("version_num", Text))


def revision_of(connection: Connection) -> str | None:
    """The stored revision; None for a database without tables of ours."""
    if not inspect(connection).has_table(_VERSION.name):
        return None
    return connection.execute(select(_VERSION.c.version_num)).scalar()


def check_known(revision: str, name: str) -> None:
    """Refuse a *revision* that this program does not know; *name* says to people which database that is.

    Raises:
        Unavailable: the database comes from a newer version.
    """
    # Alembic takes 80 ms to import, and nearly every start finds the schema as it should be.
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - see above

    if all(script.revision != revision for script in ScriptDirectory(str(_MIGRATIONS)).walk_revisions()):
        raise Unavailable(
            f"the database {name} was made by a newer version of Turnout (schema {revision}; this one knows {REVISION})"
        )


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Run the missing migrations up to *revision* in the transaction that the caller has begun."""
    from alembic import command  # noqa: PLC0415 - slow to import and rarely needed
    from alembic.config import Config  # noqa: PLC0415 - the same

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
