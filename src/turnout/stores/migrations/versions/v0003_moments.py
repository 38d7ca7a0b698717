"""The seconds in which keys were used, sums without keys and end users, and the alerts that were given."""

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
    numbers = ("requests", "failed", "prompt_tokens", "cached_tokens", "completion_tokens", "reasoning_tokens")
    totals = op.create_table(
        "totals",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("day", sa.BigInteger(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        *[sa.Column(name, sa.BigInteger(), nullable=False) for name in (*numbers, "dollars", "pico")],
        sa.PrimaryKeyConstraint("account_id", "day", "model", "provider"),
        sqlite_with_rowid=False,
    )
    where = ("account_id", "day", "model", "provider")
    activity = sa.table("activity", *[sa.column(name) for name in (*where, *numbers, "dollars", "pico")])

    def summed(name: str) -> sa.ColumnElement[int]:
        return sa.cast(sa.func.sum(activity.c[name]), sa.BigInteger)

    dollar = sa.literal_column("1000000000000", sa.BigInteger)  # pico-dollars of a dollar
    money = (summed("dollars") + summed("pico") // dollar, summed("pico") % dollar)
    keys = [activity.c[name] for name in where]
    sums = sa.select(*keys, *[summed(name) for name in numbers], *money).group_by(*keys)
    op.execute(totals.insert().from_select([*where, *numbers, "dollars", "pico"], sums))
    op.create_table(
        "alerts",
        sa.Column("budget_id", sa.Text(), nullable=False),
        sa.Column("begins", sa.BigInteger(), nullable=False),
        sa.Column("percent", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("budget_id", "begins", "percent"),
    )
