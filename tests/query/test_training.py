"""Training tables in memory: what a worker knows of them, and when."""

from __future__ import annotations

import json
from array import array
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from turnout.base.clock import SYSTEM_CLOCK
from turnout.domain.archive import ArchivedCompletion
from turnout.domain.query import Roster, TrainingTableWeight
from turnout.domain.training import TrainingRow
from turnout.query.embedder import HASHED, hashed_embedding
from turnout.query.registry import Registry
from turnout.query.training import Training, packed_vector, table_id_of, table_of
from turnout.query.weights import MarkedVote, taught_weight
from turnout.stores.sqlite import SQLiteStore

WEIGHT = {"type": "training_table", "base_weight": 1, "min_weight": 0.5, "max_weight": 2}
MODEL = {
    "llms": [{"model": f"fake/{name}", "weight": WEIGHT} for name in ("one", "two")],
    "weight": {"type": "training_table", "embeddings": {"model": HASHED, "max_tokens": 8192}, "top": 10},
}


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[SQLiteStore]:
    store = SQLiteStore(tmp_path / "turnout.sqlite")
    await store.open()
    yield store
    await store.close()


async def rostered(store: SQLiteStore) -> tuple[Training, Roster, Time]:
    registry, time = Registry(store, SYSTEM_CLOCK), Time()
    return Training(store, registry, time), await registry.roster("score_model", MODEL, "a"), time


def row(name: str, prompt: str, roster: Roster, right: Sequence[bool | None]) -> TrainingRow:
    votes = [
        (voter.base_id, None if hit is None else [1.0, 0.0] if hit else [0.0, 1.0])
        for voter, hit in zip(roster.voters, right, strict=True)
    ]
    return TrainingRow(
        id=name, created=1.0, prompt=prompt, options='["x","y"]', truth="[1.0,0.0]", votes=json.dumps(votes),
        embedding=vector(prompt),
    )  # fmt: skip


def vector(prompt: str) -> bytes:
    return packed_vector(hashed_embedding(prompt))


async def weights(training: Training, roster: Roster, prompt: str, account: str = "a", **more: str) -> list[float]:
    return [one.weight for one in await training.evidence(roster, account, vector(prompt), **more)]


@given(
    st.lists(st.tuples(st.floats(0.01, 1), st.floats(0, 1)), min_size=1, max_size=40),
    st.floats(0.01, 5), st.floats(0, 5), st.floats(0, 5),
)  # fmt: skip
def test_weights_stay_between_their_bounds_and_hit_the_anchors(
    rows: list[tuple[float, float]], least: float, more: float, most: float
) -> None:
    bounds = TrainingTableWeight(least + more, least, least + more + most)
    found = taught_weight([MarkedVote(*one) for one in rows], bounds).weight
    assert least <= found <= bounds.max_weight
    for match, anchor in ((0.0, least), (0.5, bounds.base_weight), (1.0, bounds.max_weight)):
        assert taught_weight([MarkedVote(one, match) for one, _ in rows], bounds).weight == anchor
    assert taught_weight([], bounds).weight == bounds.base_weight


async def test_rows_teach_at_once_who_wrote_them_and_others_after_a_second(store: SQLiteStore) -> None:
    here, roster, _ = await rostered(store)
    there, _, time = await rostered(store)
    assert await weights(there, roster, "tax") == [1, 1]
    await here.put(table_of(roster, "a", 1.0), [row("r", "tax", roster, (True, False))])
    assert await weights(here, roster, "tax") == [2, 0.5]
    assert await weights(there, roster, "tax") == [1, 1]
    time.now = 1.5
    assert await weights(there, roster, "tax") == [2, 0.5]


async def test_other_accounts_learn_nothing(store: SQLiteStore) -> None:
    training, roster, _ = await rostered(store)
    await training.put(table_of(roster, "a", 1.0), [row("r", "tax", roster, (True, False))])
    assert await weights(training, roster, "tax", "b") == [1, 1]


async def test_a_row_that_is_told_anew_or_removed_no_longer_counts(store: SQLiteStore) -> None:
    training, roster, _ = await rostered(store)
    table = table_of(roster, "a", 1.0)
    await training.put(table, [row("r", "tax", roster, (True, False))])
    await weights(training, roster, "tax")
    await training.put(table, [row("r", "tax", roster, (False, True))])
    assert await weights(training, roster, "tax") == [0.5, 2]
    await training.remove("a", table.id, ["r"])
    assert await weights(training, roster, "tax") == [1, 1]
    await training.put(table, [row("r", "tax", roster, (True, True))])
    await training.remove_table("a", table.id)
    assert await weights(training, roster, "tax") == [1, 1]


async def test_a_voter_that_failed_is_neither_right_nor_wrong(store: SQLiteStore) -> None:
    training, roster, _ = await rostered(store)
    await training.put(table_of(roster, "a", 1.0), [row("r", "tax", roster, (None, True))])
    first, second = await training.evidence(roster, "a", vector("tax"))
    assert (first.weight, first.rows_used, first.match_rate) == (1, 0, None)
    assert (second.weight, second.rows_used, second.match_rate) == (2, 1, 1)
    assert second.similarity_sum == pytest.approx(1)


async def test_rows_of_another_format_or_of_other_vectors_are_not_compared(store: SQLiteStore) -> None:
    training, roster, _ = await rostered(store)
    await training.put(table_of(roster, "a", 1.0), [row("r", "tax", roster, (True, False))])
    assert await weights(training, roster, "tax", response_format_hash="x") == [1, 1]
    short = await training.evidence(roster, "a", packed_vector([1.0, 0.0]))
    assert [one.weight for one in short] == [1, 1]


async def test_a_prompt_can_be_judged_by_the_others(store: SQLiteStore) -> None:
    training, roster, _ = await rostered(store)
    rows = [row("a", "tax on income", roster, (True, False)), row("b", "tax on sales", roster, (False, True))]
    await training.put(table_of(roster, "a", 1.0), rows)
    assert await weights(training, roster, "tax on income", leave_out="tax on income") == [0.5, 2]


async def test_what_is_known_survives_the_worker(store: SQLiteStore) -> None:
    training, roster, _ = await rostered(store)
    rows = [row(f"r{number}", f"tax {number}", roster, (True, number % 2 == 0)) for number in range(60)]
    await training.put(table_of(roster, "a", 1.0), rows)
    before = await training.judged("a", roster)
    again, _, _ = await rostered(store)
    after = await again.judged("a", roster)
    assert before is not None
    assert after == before
    assert before.quality is not None
    assert (before.quality.rows, before.quality.accuracy) == (60, 1.0)
    assert before.calibration is not None
    assert before.calibration(0.8)[1] == 60


async def test_a_marked_completion_becomes_a_row_and_stops_being_one(store: SQLiteStore) -> None:
    training, roster, _ = await rostered(store)
    voters = roster.voters
    ballot = {
        "prompt": "user: tax",
        "votes": [{"base_id": voter.base_id, "shares": [0.25, 0.75]} for voter in voters],
    }
    messages = [{"message": {"role": "assistant", "content": text}} for text in ("x", "y", "a voter's")]
    completion = ArchivedCompletion(
        id="scrcpl-1", kind="score", account_id="a", created=3.0, model=roster.id, preview="", request="{}",
        response=json.dumps({"choices": messages}), ballot=json.dumps(ballot),
    )  # fmt: skip
    await training.learn(completion, (0.0, 1.0))
    [kept] = await store.training_rows("a", table_id_of(roster))
    assert (json.loads(kept.options), json.loads(kept.truth)) == (["x", "y"], [0, 1])
    assert array("f", kept.embedding) == hashed_embedding("user: tax")
    assert [one.match_rate for one in await training.evidence(roster, "a", vector("user: tax"))] == [0.75, 0.75]
    await training.unlearn(completion)
    assert await weights(training, roster, "user: tax") == [1, 1]
