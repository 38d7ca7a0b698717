"""The first schema: accounts, keys, generations, activity, revisions, journals."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create every table."""
    op.create_table(
        "accounts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("admin", sa.Boolean(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "generations",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("key_hash", sa.Text(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=True),
        sa.Column("end_user", sa.Text(), nullable=True),
        sa.Column("cost", sa.BigInteger(), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "activity",
        *[
            sa.Column(name, sa.BigInteger() if name == "day" else sa.Text(), nullable=False)
            for name in ("day", "account_id", "key_hash", "model", "provider", "end_user")
        ],
        *[
            sa.Column(name, sa.BigInteger(), nullable=False)
            for name in ("requests", "failed", "prompt_tokens", "cached_tokens", "completion_tokens")
        ],
        sa.Column("reasoning_tokens", sa.BigInteger(), nullable=False),
        sa.Column("dollars", sa.BigInteger(), nullable=False),
        sa.Column("pico", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", "account_id", "key_hash", "model", "provider", "end_user"),
    )
    op.create_index("activity_by_account", "activity", ["account_id", "day"], unique=False)
    op.create_index("activity_by_key", "activity", ["key_hash", "day"], unique=False)
    op.create_table(
        "journals",
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("file"),
    )
    op.create_table(
        "revisions",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "keys",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("management", sa.Boolean(), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("expires", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="keys_account"),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_index("keys_by_account", "keys", ["account_id", "created", "hash"], unique=False)
