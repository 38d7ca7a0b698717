"""How endpoints were, half hour by half hour."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "speeds",
        sa.Column("endpoint_id", sa.Text(), primary_key=True),
        sa.Column("at", sa.BigInteger(), primary_key=True),
        sa.Column("uptime", sa.Double()),
        sa.Column("latency_ms", sa.Double()),
        sa.Column("slowest_ms", sa.Double()),
        sa.Column("throughput", sa.Double()),
        sqlite_with_rowid=False,
    )
