from __future__ import annotations

import pytest
from msgspec.structs import replace

from turnout.base.money import MAX_PICO, Pico
from turnout.contracts.definitions import DefinitionSort
from turnout.contracts.store import Store
from turnout.domain.query import StoredDefinition, UseOfDefinition, UseTotals

FIRST = StoredDefinition(
    kind="query_llm",
    id="1" * 22,
    definition='{"id":"acme/tiny","note":"Ünïcode \\u0000"}',
    account_id="default",
    created=1790000000.25,
    training_table_id="2" * 22,
)
USE = UseOfDefinition(
    kind="query_llm",
    definition_id=FIRST.id,
    completion_id="qrycpl-1",
    account_id="default",
    created=1790000001.0,
    requests=2,
    prompt_tokens=30,
    completion_tokens=4,
    cost=Pico(5),
    ballots=2,
    confidence=1.5,
    contrast=1.0,
)


async def test_a_definition_comes_back_as_it_was_registered(store: Store) -> None:
    await store.put_definitions([FIRST])
    assert await store.definition("query_llm", FIRST.id) == FIRST
    assert await store.definition("score_llm", FIRST.id) is None
    assert await store.definition("query_llm", "3" * 22) is None


async def test_whoever_comes_first_is_told_and_registering_again_changes_nothing(store: Store) -> None:
    later = replace(FIRST, account_id="a", created=FIRST.created + 1)
    await store.put_definitions([later, FIRST])
    await store.put_definitions([replace(FIRST, created=FIRST.created - 9), later, later])
    assert await store.definition("query_llm", FIRST.id) == FIRST
    assert await store.count_definitions("query_llm") == 1
    assert await store.count_definitions("query_llm", "a") == 1
    assert await store.count_definitions("query_llm", "b") == 0


async def test_definitions_are_listed_newest_first_by_account_in_pages_and_within_a_span(store: Store) -> None:
    rows = [
        replace(FIRST, id=f"{number:022}", created=1000.0 + number, account_id="ab"[number % 2]) for number in range(6)
    ]
    await store.put_definitions(rows)
    ids = [row.id for row in reversed(rows)]
    assert list(await store.definitions("query_llm")) == ids
    assert list(await store.definitions("query_llm", account_id="a")) == ids[1::2]
    assert list(await store.definitions("query_llm", count=2, offset=3)) == ids[3:5]
    assert list(await store.definitions("query_llm", span=(1002.0, 1005.0))) == ids[1:4]
    assert list(await store.definitions("query_model")) == []


@pytest.mark.parametrize(
    ("sort", "first"),
    [("tokens", 1), ("completion_tokens", 2), ("prompt_tokens", 1), ("cost", 0), ("requests", 2), ("created", 2)],
)
async def test_definitions_are_ordered_by_their_use(store: Store, sort: DefinitionSort, first: int) -> None:
    rows = [replace(FIRST, id=f"{number:022}", created=1000.0 + number) for number in range(3)]
    await store.put_definitions(rows)
    await store.add_uses(
        [
            replace(USE, definition_id=rows[0].id, cost=Pico(MAX_PICO), prompt_tokens=1, completion_tokens=1),
            replace(USE, definition_id=rows[0].id, completion_id="b", cost=Pico(MAX_PICO), prompt_tokens=1),
            replace(USE, definition_id=rows[1].id, prompt_tokens=900, requests=1),
            replace(USE, definition_id=rows[2].id, completion_tokens=90, requests=9),
            replace(USE, definition_id=rows[1].id, completion_id="c", created=5.0, requests=99, account_id="other"),
        ]
    )
    span = (None, None) if sort == "created" else (10.0, None)
    assert (await store.definitions("query_llm", sort=sort, span=span))[0] == rows[first].id
    assert len(await store.definitions("query_llm", sort=sort, span=span)) == 3
    assert len(await store.definitions("query_llm", sort=sort, account_id="nobody")) == 0


async def test_uses_are_summed_exactly_and_count_once(store: Store) -> None:
    dear = replace(USE, completion_id="b", cost=Pico(MAX_PICO), embedding_cost=Pico(MAX_PICO), created=1790000002.0)
    await store.add_uses([USE, dear])
    await store.add_uses([USE, dear, replace(USE, kind="score_llm"), replace(USE, definition_id="x")])
    await store.add_uses([replace(dear, completion_id="c", account_id="other"), replace(dear, completion_id="d")])
    totals = await store.use_totals("query_llm", FIRST.id)
    assert totals == UseTotals(
        requests=8,
        prompt_tokens=120,
        completion_tokens=16,
        cost=Pico(5 + 3 * MAX_PICO),
        embedding_cost=Pico(3 * MAX_PICO),
        ballots=8,
        confidence=6.0,
        contrast=4.0,
    )
    assert (await store.use_totals("query_llm", FIRST.id, account_id="other")).requests == 2
    assert (await store.use_totals("query_llm", FIRST.id, span=(1790000002.0, None))).requests == 6
    assert (await store.use_totals("query_llm", FIRST.id, span=(None, 1790000002.0))).cost == 5
    assert await store.use_totals("query_llm", "unused") == UseTotals()
