"""What providers billed accounts directly."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "own_use",
        sa.Column("key_hash", sa.Text(), nullable=False),
        sa.Column("day", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("dollars", sa.BigInteger(), nullable=False),
        sa.Column("pico", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key_hash", "day"),
    )
