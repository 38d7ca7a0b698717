"""The seconds in which keys were used, and the alerts that were given."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the tables, and the moments of what is there."""
    moments = op.create_table(
        "moments",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("moment", sa.Text(), nullable=False),
        sa.Column("key_hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "moment", "key_hash"),
        sqlite_with_rowid=False,
    )
    generations = sa.table("generations", sa.column("id"), sa.column("account_id"), sa.column("key_hash"))
    there = sa.select(generations.c.account_id, sa.func.substr(generations.c.id, 1, 14), generations.c.key_hash)
    op.execute(moments.insert().from_select(["account_id", "moment", "key_hash"], there.distinct()))
    op.create_table(
        "alerts",
        sa.Column("budget_id", sa.Text(), nullable=False),
        sa.Column("begins", sa.BigInteger(), nullable=False),
        sa.Column("percent", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("budget_id", "begins", "percent"),
    )
