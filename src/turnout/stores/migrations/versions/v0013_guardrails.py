"""Guardrails, and whom they apply to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "guardrails",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("account_id", sa.Text(), sa.ForeignKey("accounts.id", name="guardrails_account"), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
    )
    op.create_index("guardrails_by_account", "guardrails", ["account_id", "created", "id"])
    op.create_table(
        "guardrail_assignments",
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("guardrail_id", sa.Text(), nullable=False),
        sa.Column("assigned_by", sa.Text(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("holder", "subject"),
    )
    op.create_index(
        "guardrail_assignments_by_account", "guardrail_assignments", ["account_id", "holder", "guardrail_id"]
    )
