"""Budgets, what is spent and leased of them, and the limits of keys."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns and the tables."""
    op.add_column("accounts", sa.Column("credit", sa.BigInteger(), nullable=True))
    for column in (
        sa.Column("updated", sa.Double(), nullable=True),
        sa.Column("limit", sa.BigInteger(), nullable=True),
        sa.Column("limit_reset", sa.Text(), nullable=True),
        sa.Column("include_byok_in_limit", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("requests_per_minute", sa.BigInteger(), nullable=True),
        sa.Column("tokens_per_minute", sa.BigInteger(), nullable=True),
        sa.Column("rules", sa.Text(), nullable=False, server_default="{}"),
    ):
        op.add_column("keys", column)
    op.create_table(
        "budgets",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("window", sa.Text(), nullable=False),
        sa.Column("limit", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("budgets_by_account", "budgets", ["account_id"], unique=False)
    op.create_table(
        "budget_windows",
        sa.Column("budget_id", sa.Text(), nullable=False),
        sa.Column("begins", sa.BigInteger(), nullable=False),
        sa.Column("booked", sa.BigInteger(), nullable=False),
        sa.Column("leased", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("budget_id", "begins"),
    )
    op.create_table(
        "leases",
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("budget_id", sa.Text(), nullable=False),
        sa.Column("begins", sa.BigInteger(), nullable=False),
        sa.Column("granted", sa.BigInteger(), nullable=False),
        sa.Column("renewed", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("node", "budget_id", "begins"),
    )
