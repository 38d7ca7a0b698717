"""The tables of a store, for every database alike.

Money is a 64-bit integer of pico-dollars. Generations name their account and key without a foreign key: a record of
what was used must never be refused, and it outlives the key that paid for it.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Double, ForeignKey, Index, Integer, MetaData, Table, Text

__all__ = ["ACCOUNTS", "ATTEMPTS", "GENERATIONS", "JOURNALS", "KEYS", "METADATA", "REVISION", "REVISIONS"]

REVISION = "0001"
"""The newest migration: the schema that this module describes."""

METADATA = MetaData()


def _usage_columns() -> tuple[Column[int] | Column[bool], ...]:
    """The disjoint buckets of a Usage, under its own field names."""
    return (
        Column("fresh", BigInteger, nullable=False),
        Column("cache_read", BigInteger, nullable=False),
        Column("cache_write", BigInteger, nullable=False),
        Column("cache_write_1h", BigInteger, nullable=False),
        Column("audio_prompt", BigInteger, nullable=False),
        Column("completion", BigInteger, nullable=False),
        Column("reasoning", BigInteger, nullable=False),
        Column("audio_completion", BigInteger, nullable=False),
        Column("image_completion", BigInteger, nullable=False),
        Column("estimated", Boolean, nullable=False),
    )


ACCOUNTS = Table(
    "accounts",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("admin", Boolean, nullable=False),
    Column("created", Double, nullable=False),
)

KEYS = Table(
    "keys",
    METADATA,
    Column("hash", Text, primary_key=True),
    Column("account_id", Text, ForeignKey("accounts.id", name="keys_account"), nullable=False),
    Column("name", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("management", Boolean, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("created", Double, nullable=False),
    Column("expires", Double),
    Index("keys_by_account", "account_id", "created", "hash"),
)

GENERATIONS = Table(
    "generations",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("key_hash", Text, nullable=False),
    Column("created", Double, nullable=False),
    Column("api", Text, nullable=False),
    Column("requested_model", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("parent_id", Text),
    Column("model", Text, nullable=False),
    Column("endpoint_id", Text),
    Column("provider", Text),
    Column("provider_name", Text),
    Column("upstream_id", Text),
    Column("streamed", Boolean, nullable=False),
    Column("cancelled", Boolean, nullable=False),
    Column("finish_reason", Text),
    Column("native_finish_reason", Text),
    Column("error_type", Text),
    Column("service_tier", Text),
    *_usage_columns(),
    Column("pricing", Text, nullable=False),  # the price row charged with: JSON of integers, pico-dollars per unit
    Column("cost", BigInteger, nullable=False),
    Column("latency_ms", Double),
    Column("generation_ms", Double),
    Column("end_user", Text),  # `user` is a reserved word of SQL
    Column("session_id", Text),
    Column("referer", Text),
    Column("title", Text),
    Column("user_agent", Text),
)
Index("generations_by_account", GENERATIONS.c.account_id, GENERATIONS.c.created.desc(), GENERATIONS.c.id)
Index("generations_by_key", GENERATIONS.c.key_hash, GENERATIONS.c.created)

ATTEMPTS = Table(
    "attempts",
    METADATA,
    Column(
        "generation_id",
        Text,
        ForeignKey("generations.id", name="attempts_generation", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("endpoint_id", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("provider_name", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("started_ms", Double, nullable=False),
    Column("first_byte_ms", Double),
    Column("ended_ms", Double, nullable=False),
    Column("status", Integer),
    Column("error_type", Text),
    Column("may_be_billed", Boolean, nullable=False),
    Column("upstream_id", Text),
    *_usage_columns(),
    Column("cost", BigInteger, nullable=False),
)

REVISIONS = Table(
    "revisions",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
)

JOURNALS = Table(
    "journals",
    METADATA,
    Column("file", Text, primary_key=True),
    Column("offset", BigInteger, nullable=False),
)
