"""The tables of a store, for every database alike.

Money is a 64-bit integer of pico-dollars. Generations name their account and key without a foreign key: a record of
what was used must never be refused, and it outlives the key that paid for it. A generation is one row, its attempts
inside its record: docs/decisions/0009-one-row-per-request.md.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    false,
)

__all__ = [
    "ACCOUNTS",
    "ACTIVITY",
    "ALERTS",
    "BUDGETS",
    "COMPLETIONS",
    "CONTENTS",
    "COUNTS",
    "CREDENTIALS",
    "DEFINITIONS",
    "DEFINITION_NAMES",
    "DEFINITION_USES",
    "DELETED_ACCOUNTS",
    "FEEDBACK",
    "GENERATIONS",
    "GUARDRAILS",
    "GUARDRAIL_ASSIGNMENTS",
    "IDENTITIES",
    "JOURNALS",
    "KEYS",
    "LEASES",
    "METADATA",
    "MOMENTS",
    "NODES",
    "OWN_USE",
    "PRESETS",
    "PRESET_VERSIONS",
    "REVISION",
    "REVISIONS",
    "SESSIONS",
    "SPEEDS",
    "TICKETS",
    "TOTALS",
    "TRAINING_ROWS",
    "TRAINING_TABLES",
    "WINDOWS",
]

REVISION = "0016"
"""The newest migration: the schema that this module describes."""

METADATA = MetaData()

COUNTS: Final = ("requests", "failed", "prompt_tokens", "cached_tokens", "completion_tokens", "reasoning_tokens")
"""Columns of use that are added up, beside money, which is whole dollars and the pico-dollars below one."""


def _figures() -> list[Column[int]]:
    return [Column(name, BigInteger, nullable=False) for name in (*COUNTS, "dollars", "pico")]


ACCOUNTS = Table(
    "accounts",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("admin", Boolean, nullable=False),
    Column("created", Double, nullable=False),
    Column("credit", BigInteger),
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
    Column("updated", Double),
    Column("limit", BigInteger),
    Column("limit_reset", Text),
    Column("include_byok_in_limit", Boolean, nullable=False, server_default=false()),
    Column("requests_per_minute", BigInteger),
    Column("tokens_per_minute", BigInteger),
    Column("rules", Text, nullable=False, server_default="{}"),  # allowed models and providers, tags: JSON
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
ACTIVITY = Table(
    "activity",
    METADATA,
    Column("day", BigInteger, primary_key=True),  # since 1970, UTC
    Column("account_id", Text, primary_key=True),
    Column("key_hash", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("provider", Text, primary_key=True),  # empty: none was reached
    Column("end_user", Text, primary_key=True),  # empty: none was named
    *_figures(),
    Index("activity_by_account", "account_id", "day"),
    Index("activity_by_key", "key_hash", "day"),
)
"""What was used, summed as generations come in: docs/decisions/0009-one-row-per-request.md."""

MOMENTS = Table(
    "moments",
    METADATA,
    Column("account_id", Text, primary_key=True),
    Column("moment", Text, primary_key=True),  # how ids begin: gen-<unix seconds>
    Column("key_hash", Text, primary_key=True),
    sqlite_with_rowid=False,
)
"""The seconds in which an account's keys were used: where to look for its generations. A batch of many generations has
few of them, so they cost less to keep than an index.
"""

TOTALS = Table(
    "totals",
    METADATA,
    Column("account_id", Text, primary_key=True),
    Column("day", BigInteger, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("provider", Text, primary_key=True),
    *_figures(),
    sqlite_with_rowid=False,
)
"""As ``activity``, not parted by keys and end users, of which there may be very many."""

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

BUDGETS = Table(
    "budgets",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("window", Text, nullable=False),
    Column("limit", BigInteger, nullable=False),
    Index("budgets_by_account", "account_id"),
)

WINDOWS = Table(
    "budget_windows",
    METADATA,
    Column("budget_id", Text, primary_key=True),
    Column("begins", BigInteger, primary_key=True),  # unix seconds, 0 for a lifetime
    Column("booked", BigInteger, nullable=False),
    Column("leased", BigInteger, nullable=False),
)
"""What has been spent of a budget in a window, and what nodes may spend without asking."""

LEASES = Table(
    "leases",
    METADATA,
    Column("node", Text, primary_key=True),
    Column("budget_id", Text, primary_key=True),
    Column("begins", BigInteger, primary_key=True),
    Column("granted", BigInteger, nullable=False),
    Column("renewed", Double, nullable=False),
)

NODES = Table(
    "nodes",
    METADATA,
    Column("node", Text, primary_key=True),
    Column("seen", Double, nullable=False),
)
"""When each node said last that it lives."""

ALERTS = Table(
    "alerts",
    METADATA,
    Column("budget_id", Text, primary_key=True),
    Column("begins", BigInteger, primary_key=True),
    Column("percent", BigInteger, primary_key=True),
)
"""The shares of budgets that have been told of, once for each window."""

DEFINITIONS = Table(
    "definitions",
    METADATA,
    Column("kind", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("account_id", Text, primary_key=True),  # empty: nobody said who they are
    Column("created", Double, nullable=False),
    Column("training_table_id", Text),
    Column("definition", Text, nullable=False),  # normalised JSON
    Index("definitions_by_training_table", "training_table_id"),
)
"""Query and Score LLMs and models, by the account that registered them: docs/decisions/0018-definitions.md."""

DEFINITION_USES = Table(
    "definition_uses",
    METADATA,
    Column("kind", Text, primary_key=True),
    Column("definition_id", Text, primary_key=True),
    Column("completion_id", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("created", Double, nullable=False),
    Column("requests", BigInteger, nullable=False),
    Column("prompt_tokens", BigInteger, nullable=False),
    Column("completion_tokens", BigInteger, nullable=False),
    Column("cost", BigInteger, nullable=False),
    Column("embedding_prompt_tokens", BigInteger, nullable=False),
    Column("embedding_completion_tokens", BigInteger, nullable=False),
    Column("embedding_cost", BigInteger, nullable=False),
    Column("ballots", BigInteger, nullable=False),
    Column("confidence", Double, nullable=False),
    Column("contrast", Double, nullable=False),
)
"""What each completion did with each definition."""

COMPLETIONS = Table(
    "completions",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("created", Double, nullable=False),
    Column("model", Text, nullable=False),
    Column("preview", Text, nullable=False),
    Column("request", Text, nullable=False),  # JSON, and so are the next two
    Column("response", Text, nullable=False),
    Column("ballot", Text, nullable=False),
    Column("published", Boolean, nullable=False),
    Column("truth", Text),  # JSON
    Column("truth_modified", Double),
    Index("completions_by_account", "account_id", "kind", "created"),
)
"""What voters were asked, and what came of it."""

TRAINING_TABLES = Table(
    "training_tables",
    METADATA,
    Column("account_id", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("query", Boolean, nullable=False),
    Column("model", Text, nullable=False),
    Column("embeddings_model", Text, nullable=False),  # empty: weights are static
    Column("created", Double, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("removals", BigInteger, nullable=False),
    Column("rows", BigInteger, nullable=False),
)
"""What voters are taught, by account: docs/decisions/0024-training-tables.md."""

TRAINING_ROWS = Table(
    "training_rows",
    METADATA,
    Column("account_id", Text, primary_key=True),
    Column("table_id", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("revision", BigInteger, nullable=False),  # of the table, when the row was written
    Column("response_format_hash", Text, nullable=False),
    Column("completion_id", Text),
    Column("created", Double, nullable=False),
    Column("prompt", Text, nullable=False),
    Column("options", Text, nullable=False),  # JSON, and so are the next two
    Column("truth", Text, nullable=False),
    Column("votes", Text, nullable=False),
    Column("embedding", LargeBinary, nullable=False),  # little-endian float32; empty: none
    Index("training_rows_by_revision", "account_id", "table_id", "revision", "id"),
)

DEFINITION_NAMES = Table(
    "definition_names",
    METADATA,
    Column("account_id", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("definition_id", Text, nullable=False),
)
"""What accounts call definitions: a name may come to mean another one."""

SESSIONS = Table(
    "sessions",
    METADATA,
    Column("hash", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("key_hash", Text, nullable=False),
    Column("spending_hash", Text, nullable=False),
    Column("created", Double, nullable=False),
    Column("expires", Double, nullable=False),
    Index("sessions_expires", "expires"),
)
"""Browsers that are signed in."""

PRESETS = Table(
    "presets",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, ForeignKey("accounts.id", name="presets_account"), nullable=False),
    Column("slug", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text),
    Column("status", Text, nullable=False),
    Column("status_updated", Double),
    Column("version", BigInteger, nullable=False),  # the designated one
    Column("versions", BigInteger, nullable=False),  # how many there are
    Column("created", Double, nullable=False),
    Column("updated", Double, nullable=False),
    Index("presets_by_slug", "account_id", "slug", unique=True),
)

PRESET_VERSIONS = Table(
    "preset_versions",
    METADATA,
    Column("preset_id", Text, primary_key=True),
    Column("version", BigInteger, primary_key=True),
    Column("creator", Text, nullable=False),
    Column("config", Text, nullable=False),  # JSON
    Column("system_prompt", Text),
    Column("created", Double, nullable=False),
)
"""What presets say; a version is never changed."""

CREDENTIALS = Table(
    "credentials",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, ForeignKey("accounts.id", name="credentials_account"), nullable=False),
    Column("provider", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),  # accounts/vault.py
    Column("created", Double, nullable=False),
    Column("updated", Double, nullable=False),
    Column("name", Text),
    Column("disabled", Boolean, nullable=False),
    Column("fallback", Boolean, nullable=False),
    Column("required", Boolean, nullable=False),
    Column("byok_only", Boolean, nullable=False),
    Column("sort_order", BigInteger, nullable=False),
    Column("models", Text),  # JSON, and so are the next two
    Column("key_hashes", Text),
    Column("user_ids", Text),
    Index("credentials_by_account", "account_id", "provider"),
)
"""Providers' credentials that accounts bring themselves; their secrets are sealed."""

OWN_USE = Table(
    "own_use",
    METADATA,
    Column("key_hash", Text, primary_key=True),
    Column("day", BigInteger, primary_key=True),  # since 1970, UTC
    Column("account_id", Text, nullable=False),
    Column("dollars", BigInteger, nullable=False),
    Column("pico", BigInteger, nullable=False),  # below one dollar
)
"""What providers billed accounts directly, for credentials of their own: no part of ``activity``."""

GUARDRAILS = Table(
    "guardrails",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, ForeignKey("accounts.id", name="guardrails_account"), nullable=False),
    Column("created", Double, nullable=False),
    Column("record", Text, nullable=False),  # JSON
    Index("guardrails_by_account", "account_id", "created", "id"),
)

GUARDRAIL_ASSIGNMENTS = Table(
    "guardrail_assignments",
    METADATA,
    Column("holder", Text, primary_key=True),  # key, member
    Column("subject", Text, primary_key=True),  # a key's hash, an account's id
    Column("id", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("guardrail_id", Text, nullable=False),
    Column("assigned_by", Text, nullable=False),
    Column("created", Double, nullable=False),
    Index("guardrail_assignments_by_account", "account_id", "holder", "guardrail_id"),
)
"""Whom guardrails apply to; each has at most one."""

TICKETS = Table(
    "tickets",
    METADATA,
    Column("hash", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("proof", Text, nullable=False),
    Column("account_id", Text, nullable=False),  # empty: not known yet
    Column("content", Text, nullable=False),  # JSON
    Column("created", Double, nullable=False),
    Column("expires", Double, nullable=False),
    Index("tickets_expires", "expires"),
)
"""What may be done once: codes for apps, sign-ins that are under way."""

IDENTITIES = Table(
    "identities",
    METADATA,
    Column("issuer", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("account_id", Text, ForeignKey("accounts.id", name="identities_account"), nullable=False),
    Column("key_hash", Text, nullable=False),
    Column("email", Text),
    Column("created", Double, nullable=False),
    Index("identities_by_account", "account_id"),
)
"""People whom an OpenID provider knows."""

CONTENTS = Table(
    "contents",
    METADATA,
    Column("generation_id", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("key_hash", Text, nullable=False),
    Column("created", Double, nullable=False),
    Column("sealed", LargeBinary, nullable=False),  # accounts/vault.py
    Index("contents_by_account", "account_id", "generation_id"),
    Index("contents_by_age", "created"),
)
"""Prompts and answers of keys that want them kept."""

DELETED_ACCOUNTS = Table(
    "deleted_accounts",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("expires", Double, nullable=False),
)
"""Accounts whose generations have still to go, those included that journals may yet bring."""

FEEDBACK = Table(
    "feedback",
    METADATA,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),  # counts up
    Column("account_id", Text, nullable=False),
    Column("generation_id", Text, nullable=False),  # empty: a vote
    Column("key_hash", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("score", Double, nullable=False),
    Column("weight", Double, nullable=False),
    Column("source", Text, nullable=False),
    Column("tasks", Text, nullable=False),  # JSON
    Column("propensity", Double, nullable=False),
    Column("comment", Text, nullable=False),
    Column("created", Double, nullable=False),
    Index("feedback_by_account", "account_id", "number"),
)
"""How good answers were: rows are added, and never changed."""

SPEEDS = Table(
    "speeds",
    METADATA,
    Column("endpoint_id", Text, primary_key=True),
    Column("at", BigInteger, primary_key=True),  # unix seconds
    Column("uptime", Double),  # per cent
    Column("latency_ms", Double),
    Column("slowest_ms", Double),
    Column("throughput", Double),  # tokens per second
    sqlite_with_rowid=False,
)
"""How endpoints were in the half hour before, as the health windows of this installation told it then."""
