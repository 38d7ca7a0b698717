"""Tokens by model, as popularity counts them."""

from pathlib import Path

from msgspec.structs import replace

from turnout.base.money import Pico
from turnout.domain.account import GenerationRow
from turnout.domain.usage import Usage
from turnout.stores.sqlite import SQLiteStore

_ROW = GenerationRow(
    id="gen-1", account_id="default", key_hash="k", created=86_400.0, outcome="answered", model="acme/a",
    provider="p", user=None, cost=Pico(0), budgets=(), record="",
    usage=Usage(fresh=3, cache_read=2, completion=4, reasoning=1),
)  # fmt: skip


async def test_tokens_are_summed_by_model_from_a_day_on(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "turnout.db")
    await store.open()
    try:
        others = [
            replace(_ROW, id="gen-2", key_hash="other", provider="q"),
            replace(_ROW, id="gen-3", model="acme/b", usage=Usage(completion=7)),
            replace(_ROW, id="gen-4", created=86_399.0),
        ]
        await store.add_generations([_ROW, *others])
        assert await store.tokens_by_model(90_000.0) == {"acme/a": 20, "acme/b": 7}
        assert await store.tokens_by_model(0.0) == {"acme/a": 30, "acme/b": 7}
        assert await store.tokens_by_model(900_000.0) == {}
    finally:
        await store.close()
