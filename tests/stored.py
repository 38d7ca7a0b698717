"""A key and generations as tests put them into stores."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from turnout.base.money import MAX_PICO, Pico
from turnout.domain.account import AttemptRecord, Generation, GenerationRow, Key
from turnout.domain.usage import Pricing, Usage

__all__ = ["GENERATION", "KEY", "ROW", "generation_row", "many"]


def generation_row(generation: Generation) -> GenerationRow:
    """The row of *generation*."""
    return GenerationRow(
        id=generation.id,
        account_id=generation.account_id,
        key_hash=generation.key_hash,
        created=generation.created,
        outcome=generation.outcome,
        model=generation.model,
        provider=generation.provider,
        user=generation.user,
        cost=generation.cost,
        usage=generation.usage,
        budgets=generation.budgets,
        record=msgspec.json.encode(generation).decode(),
    )


USAGE = Usage(fresh=1000, cache_read=300, completion=250, reasoning=20, estimated=True)
ATTEMPT = AttemptRecord(
    endpoint_id="acme/tiny|acme|acme", model="acme/tiny", provider="acme", provider_name="Acme", outcome="failed",
    started_ms=0.5, first_byte_ms=2.25, ended_ms=3.0, status=500, error_type="provider_unavailable", may_be_billed=True,
)  # fmt: skip
GENERATION = Generation(
    id="gen-1-abc", account_id="default", key_hash="f" * 64, created=1790000000.25, api="chat",
    requested_model="acme/tiny", outcome="answered", model="acme/tiny", endpoint_id="acme/tiny|acme|acme",
    provider="acme", provider_name="Acme", streamed=True, usage=USAGE, cost=Pico(322_500_000),
    pricing=Pricing(prompt=Pico(150_000), completion=Pico(MAX_PICO), image=Pico(0)), latency_ms=312.4, user="u",
    title="Ünïcode ' \" \n\t \U0001f600", earlier=(ATTEMPT, replace(ATTEMPT, endpoint_id="acme/tiny|other|other")),
)  # fmt: skip
KEY = Key(hash="f" * 64, account_id="default", name="first", label="sk-to-v1-abc...def", created=5.0, expires=7.5)

ROW = generation_row(GENERATION)


def many(count: int, start: int = 0) -> list[GenerationRow]:
    return [generation_row(replace(GENERATION, id=f"gen-1-{number}")) for number in range(start, start + count)]
