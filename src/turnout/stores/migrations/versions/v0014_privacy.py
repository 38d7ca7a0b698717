"""Tickets, identities, contents, accounts that are deleted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "tickets",
        sa.Column("hash", sa.Text(), primary_key=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("proof", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("expires", sa.Double(), nullable=False),
    )
    op.create_index("tickets_expires", "tickets", ["expires"])
    op.create_table(
        "identities",
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), sa.ForeignKey("accounts.id", name="identities_account"), nullable=False),
        sa.Column("key_hash", sa.Text(), nullable=False),
        sa.Column("email", sa.Text()),
        sa.Column("created", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "subject"),
    )
    op.create_index("identities_by_account", "identities", ["account_id"])
    op.create_table(
        "contents",
        sa.Column("generation_id", sa.Text(), primary_key=True),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("key_hash", sa.Text(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
    )
    op.create_index("contents_by_account", "contents", ["account_id", "generation_id"])
    op.create_index("contents_by_age", "contents", ["created"])
    op.create_table(
        "deleted_accounts",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("expires", sa.Double(), nullable=False),
    )
