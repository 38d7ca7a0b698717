from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from definitions import QUERY, SCORE
from turnout.base.clock import Clock
from turnout.base.errors import BadRequest, Forbidden, NotFound
from turnout.query.kinds import KINDS
from turnout.query.registry import Registry, checked_id, definition_in
from turnout.stores.sqlite import SQLiteStore

MODEL: dict[str, Any] = {"models": [QUERY, QUERY | {"temperature": 0.5}], "weight": {"type": "static"}}
CLOCK = Clock(lambda: 1790000000.0, lambda: 0.0)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SQLiteStore]:
    opened = SQLiteStore(tmp_path / "turnout.db")
    await opened.open()
    yield opened
    await opened.close()


@pytest.mark.parametrize("kind", list(KINDS))
async def test_what_was_registered_is_found_by_another_process(store: SQLiteStore, kind: Any) -> None:  # noqa: ANN401 - a kind
    llm = QUERY if KINDS[kind].query else SCORE
    model = MODEL if KINDS[kind].query else {"llms": [SCORE, SCORE | {"top_k": 2}]}
    made = await Registry(store, CLOCK).register(kind, model if KINDS[kind].model else llm, "default")
    found = await Registry(store, CLOCK).find(kind, made.id)
    assert (found.shown, found.canonical, found.id) == (made.shown, made.canonical, made.id)
    row = await store.definition(kind, made.id)
    assert row is not None
    assert (row.account_id, row.created) == ("default", 1790000000.0)


async def test_the_llms_of_a_model_are_registered_with_it(store: SQLiteStore) -> None:
    made = await Registry(store, CLOCK).register("query_model", MODEL, "")
    assert await store.count_definitions("query_llm", "") == 2
    for llm in made.shown["models"]:
        assert (await Registry(store, CLOCK).find("query_llm", llm["name"])).shown["id"] == QUERY["id"]


async def test_accounts_are_remembered_apart(store: SQLiteStore) -> None:
    registry = Registry(store, CLOCK)
    for account in ("a", "b", "a"):
        await registry.register("query_llm", QUERY, account)
    assert [await store.count_definitions("query_llm", account) for account in ("a", "b", "c")] == [1, 1, 0]


async def test_a_model_may_be_named_or_sent(store: SQLiteStore) -> None:
    registry = Registry(store, CLOCK)
    sent = await registry.roster("query_model", MODEL, "default")
    assert await registry.roster("query_model", json.dumps(MODEL), "default") == sent
    assert await registry.roster("query_model", sent.id, "default") == sent
    assert [voter.index for voter in sent.voters] == [0, 1]
    with pytest.raises(NotFound, match="no Query model"):
        await registry.roster("query_model", "0" * 22, "default")
    with pytest.raises(BadRequest):
        await registry.roster("query_model", "acme/tiny", "default")
    with pytest.raises(BadRequest, match="Invalid JSON"):
        await registry.roster("query_model", '{"models": [', "default")
    with pytest.raises(BadRequest, match="`model` must be a Query LLM"):
        await registry.roster("query_llm", QUERY, "default")


async def test_memory_keeps_what_was_used_lately_only(store: SQLiteStore) -> None:
    registry = Registry(store, CLOCK)
    for number in range(510):
        await registry.register("query_llm", QUERY | {"top_k": number + 1}, "")
    assert len(registry._kept) == 500
    await registry.register("query_llm", QUERY | {"stop": ["x" * 60_000, "y" * 60_000]}, "")
    assert len(registry._kept) == 500
    assert await store.count_definitions("query_llm") == 511


async def test_strangers_cannot_fill_the_disk(store: SQLiteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("turnout.query.registry._MOST_OF_NOBODY", 3)
    for restart in range(2):
        registry = Registry(store, CLOCK)
        for number in range(5):
            llm = QUERY | {"top_k": 1 + number}
            if number < 3:
                if not restart:
                    await registry.register("query_llm", llm, "")
            else:
                with pytest.raises(Forbidden):
                    await registry.register("query_llm", llm, "")
                await registry.register("query_llm", llm, "default")
    assert await store.count_definitions("query_llm", "") == 3


@pytest.mark.parametrize("body", [b"", b"[1]", b'{"a":{"b":1,"b":2}}', b'{"a":"\\ud800"}', b"{" * 200])
def test_odd_bodies_are_no_definition(body: bytes) -> None:
    with pytest.raises(BadRequest, match="Invalid JSON"):
        definition_in(body)


def test_ids_are_checked() -> None:
    assert checked_id("7" * 22) == "7" * 22
    with pytest.raises(BadRequest):
        checked_id("7" * 21)
