"""The tables of a store, for every database alike.

Money is a 64-bit integer of pico-dollars. Generations name their account and key without a foreign key: a record of
what was used must never be refused, and it outlives the key that paid for it. A generation is one row, its attempts
inside its record: docs/decisions/0009-one-row-per-request.md.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Double, ForeignKey, Index, MetaData, Table, Text

__all__ = ["ACCOUNTS", "GENERATIONS", "JOURNALS", "KEYS", "METADATA", "REVISION", "REVISIONS"]

REVISION = "0001"
"""The newest migration: the schema that this module describes."""

METADATA = MetaData()

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
    Column("outcome", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("provider", Text),
    Column("end_user", Text),  # `user` is a reserved word of SQL
    Column("cost", BigInteger, nullable=False),
    Column("record", Text, nullable=False),  # the generation as JSON, attempts included
)
Index("generations_by_account", GENERATIONS.c.account_id, GENERATIONS.c.created.desc(), GENERATIONS.c.id)
Index("generations_by_key", GENERATIONS.c.key_hash, GENERATIONS.c.created)

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
