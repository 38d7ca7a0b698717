"""A store with a long past: generations of many models, keys and users over three months, written as the gateway does.

Also a command, for looking at the website with something in it: ``python tests/seeding.py DATA_DIR [COUNT]``.
"""

from __future__ import annotations

import asyncio
import math
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from random import Random

from stored import generation_row
from turnout.base.money import Pico
from turnout.domain.account import AttemptRecord, Generation, Key, KeyRules, Outcome
from turnout.domain.health import Speed
from turnout.domain.usage import Pricing, Usage, cost
from turnout.stores.sqlite import SQLiteStore

__all__ = ["seed"]

_DAYS = 90
_AT_ONCE = 5_000
_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_MODELS = (
    ("anthropic/claude-sonnet-4", 3_000_000, 15_000_000, ("anthropic", "amazon-bedrock", "google-vertex"), 22),
    ("openai/gpt-4o-mini", 150_000, 600_000, ("openai", "azure"), 30),
    ("openai/gpt-4o", 2_500_000, 10_000_000, ("openai", "azure"), 12),
    ("google/gemini-2.5-flash", 300_000, 2_500_000, ("google-ai-studio", "google-vertex"), 18),
    ("google/gemini-2.5-pro", 1_250_000, 10_000_000, ("google-ai-studio", "google-vertex"), 8),
    ("deepseek/deepseek-chat", 270_000, 1_100_000, ("deepseek", "fireworks", "together"), 9),
    ("meta-llama/llama-3.3-70b-instruct", 130_000, 390_000, ("groq", "fireworks", "together"), 7),
    ("mistralai/mistral-small", 100_000, 300_000, ("mistral",), 4),
    ("qwen/qwen3-235b-a22b", 200_000, 600_000, ("fireworks", "together"), 3),
    ("openai/gpt-4.1", 2_000_000, 8_000_000, ("openai", "azure"), 3),
)
_KEYS = (("support bot", ("production", "support"), 5), ("search", ("production",), 4), ("batch jobs", ("batch",), 2),
         ("laptop of Ada", (), 1))  # fmt: skip
_ENDS: tuple[tuple[Outcome, str | None, int | None], ...] = (
    ("failed", "rate_limited", 429), ("failed", "upstream", 502), ("cancelled", None, None),
)  # fmt: skip


async def seed(folder: Path, count: int, until: float, account_id: str = "default") -> None:
    """Add *count* generations that ended before *until* (unix seconds) to the store of a data directory."""
    store = SQLiteStore(folder / "turnout.sqlite")
    await store.open()
    dice = Random(7)
    keys = []
    for n, (name, tags, weight) in enumerate(_KEYS):
        key_hash = f"{n + 1:064x}"
        rules = KeyRules(tags=tags)
        await store.put_key(Key(hash=key_hash, account_id=account_id, name=name, label=f"sk-to-v1-…{n}", rules=rules))
        keys += [key_hash] * weight
    made = _past(dice, keys, count, until, account_id)
    while some := [generation_row(one) for one in islice(made, _AT_ONCE)]:
        await store.add_generations(some)
    await store.add_speeds(list(_speeds(dice, int(until))), 0)
    await store.close()


def _speeds(dice: Random, until: int) -> Iterator[Speed]:
    """A month of half hours of each endpoint: slower by day, with bad hours now and then."""
    for model, _, _, providers, _ in _MODELS:
        for n, provider in enumerate(providers):
            usual, pace = 300 + 130 * n, dice.uniform(40, 140)
            for at in range(until // 1_800 * 1_800 - 30 * 86_400, until, 1_800):
                busy = 1.2 - 0.3 * math.cos(2 * math.pi * (at % 86_400 / 86_400 - 0.1))
                bad = dice.random() < 0.01
                latency = usual * busy * dice.lognormvariate(0, 0.08) * (3 if bad else 1)
                yield Speed(
                    endpoint_id=f"{model}|{provider}|{provider}", at=at,
                    uptime=dice.uniform(70, 95) if bad else min(100.0, dice.uniform(98.5, 100.4)),
                    latency_ms=latency, slowest_ms=latency * dice.uniform(2, 2.6),
                    throughput=pace / busy * dice.lognormvariate(0, 0.06),
                )  # fmt: skip


def _past(dice: Random, keys: list[str], count: int, until: float, account_id: str) -> Iterator[Generation]:
    """Busy by day and on weekdays, and growing."""
    weights = [one[-1] for one in _MODELS]
    span = _DAYS * 86_400
    for n in range(count):
        at = until - 60 - span * (1 - math.sqrt((n + 1) / count))
        weekday = time.gmtime(at).tm_wday
        if weekday > 4 and dice.random() < 0.6:
            at -= 86_400 * (weekday - 3)
        model, prompt_price, completion_price, providers, _ = dice.choices(_MODELS, weights)[0]
        yield _generation(
            dice,
            at,
            dice.choice(keys),
            (model, Pricing(Pico(prompt_price), Pico(completion_price))),
            providers,
            account_id,
        )


def _generation(
    dice: Random, at: float, key_hash: str, sold: tuple[str, Pricing], providers: tuple[str, ...], account_id: str
) -> Generation:
    model, pricing = sold
    provider = providers[min(int(dice.expovariate(1.2)), len(providers) - 1)]
    outcome, error_type, status = dice.choice(_ENDS) if dice.random() < 0.03 else ("answered", None, 200)
    fresh, cached = int(dice.lognormvariate(6.5, 1)), int(dice.lognormvariate(7, 1)) if dice.random() < 0.3 else 0
    usage = Usage(fresh=fresh, cache_read=cached, completion=int(dice.lognormvariate(5.3, 0.8)))
    price = cost(usage, pricing).total if outcome == "answered" else Pico(0)
    began = dice.uniform(1, 3)
    first = dice.lognormvariate(6.2, 0.5)
    earlier: tuple[AttemptRecord, ...] = ()
    if dice.random() < 0.04 and len(providers) > 1:
        other = next(one for one in providers if one != provider)
        lost = dice.uniform(80, 900)
        earlier = (_lost(model, other, began, lost),)
        began += lost
    return Generation(
        id=f"gen-{int(at):010d}-{''.join(dice.choices(_LETTERS, k=20))}",
        account_id=account_id, key_hash=key_hash, created=at, outcome=outcome, model=model, provider=provider,
        user=f"user-{int(dice.paretovariate(1.1)) % 500}" if dice.random() < 0.5 else None,
        cost=price, usage=usage if outcome == "answered" else Usage(), api="chat", requested_model=model,
        endpoint_id=f"{model}|{provider}|{provider}", provider_name=provider.replace("-", " ").title(),
        upstream_id=f"chatcmpl-{dice.getrandbits(64):016x}", streamed=dice.random() < 0.7,
        cancelled=outcome == "cancelled", finish_reason="stop" if outcome == "answered" else None,
        error_type=error_type, pricing=pricing, status=status, started_ms=round(began, 3),
        latency_ms=round(first, 3) if status == 200 else None,
        ended_ms=round(began + first + usage.completion * dice.uniform(5, 20), 3), earlier=earlier,
        user_agent="python-openai/2.1.0",
    )  # fmt: skip


def _lost(model: str, provider: str, began: float, lasted: float) -> AttemptRecord:
    return AttemptRecord(
        endpoint_id=f"{model}|{provider}|{provider}", model=model, provider=provider,
        provider_name=provider.replace("-", " ").title(), outcome="failed", started_ms=round(began, 3),
        ended_ms=round(began + lasted, 3), status=429, error_type="rate_limited",
    )  # fmt: skip


if __name__ == "__main__":
    asyncio.run(seed(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 100_000, time.time()))
