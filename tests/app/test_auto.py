from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from examples import a_snapshot
from turnout import config
from turnout.app.auto import Tutor, brain_of, heard_in, votes_told
from turnout.auto.embedding import VECTORS, VOCABULARY, load_embedding
from turnout.auto.experience import experience_of
from turnout.auto.features import features_of
from turnout.auto.fit import Lessons, fit_table
from turnout.auto.shipped import shipped_table
from turnout.auto.table import save_table
from turnout.auto.tasks import TASKS
from turnout.base.money import PICO_PER_DOLLAR, Pico
from turnout.domain.account import Generation
from turnout.domain.activity import Page, Search
from turnout.domain.routed import Feedback, Routed
from turnout.domain.training import TrainingRow
from turnout.engine.auto_router import AutoRouter
from turnout.engine.auto_signs import Signs
from turnout.engine.routes import Routes


class _Rows:
    """A store of feedback, as far as votes need one."""

    def __init__(self) -> None:
        self.rows: list[Feedback] = []

    async def add_feedback(self, rows: list[Feedback]) -> None:
        self.rows += rows


async def test_each_vote_on_a_prompt_whose_truth_is_known_is_a_judgement_of_its_model() -> None:
    voters = [SimpleNamespace(base_id=name, llm=SimpleNamespace(slug=f"acme/{name}")) for name in ("a", "b", "c")]
    row = TrainingRow(
        id="r", created=5.0, prompt="Translate into French: good morning", options='["x","y"]', truth="[1.0,0.0]",
        votes='[["a",[1.0,0.0]],["b",[0.25,0.75]],["c",null],["gone",[1,0]]]',
    )  # fmt: skip
    store: Any = _Rows()
    await votes_told(store)("mine", [row], SimpleNamespace(voters=voters))  # type: ignore[arg-type]  # a roster's voters
    assert [(one.model, one.score, one.source, one.account_id) for one in store.rows] == [
        ("acme/a", 1.0, "vote", "mine"),
        ("acme/b", 0.25, "vote", "mine"),
    ]
    [first, _] = heard_in(store.rows)
    assert first.task == "translation"


def test_signs_never_outweigh_judgements() -> None:
    dice = Random(2)
    signs = [("math", "m", 0.0, 0.2)] * 1000
    heard = heard_in([_row(*one) for one in signs] + [_row("math", "m", 1.0, 1.0) for _ in range(6)])
    dice.shuffle(heard)
    experience = experience_of(heard)
    assert float(experience.weights[experience.weights < 1].sum()) <= 3.3
    assert float((experience.scores * experience.weights).sum() / experience.weights.sum()) > 0.6


def _row(task: str, model: str, score: float, weight: float) -> Feedback:
    return Feedback(
        account_id="a",
        generation_id="g",
        model=model,
        score=score,
        weight=weight,
        tasks=f'[["{task}",1.0]]',
        created=1.0,
    )


def test_word_vectors_that_are_missing_or_not_those_of_the_table_are_done_without(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "words"
    brain = brain_of(None, folder)
    assert (brain.table, brain.read) == (shipped_table(), features_of)
    assert [one.levelname for one in caplog.records] == ["ERROR"]
    folder.mkdir()
    np.save(folder / VECTORS, np.eye(3))
    (folder / VOCABULARY).write_text("a\nb\nc\n", encoding="utf-8")
    assert brain_of(None, folder).read is features_of
    embedding = load_embedding(folder)
    lessons = Lessons(
        ("m",), [embedding.features_of("a b")], np.ones((1, 1), np.float32), np.ones((1, 1), np.float32), embedding
    )
    save_table(fit_table(lessons, made="", sources=()), tmp_path / "own.npz")
    caplog.clear()
    brain = brain_of(tmp_path / "own.npz", folder)
    assert brain.table.models == ("m",)
    assert brain.read("c").buckets.tolist() == [2]
    assert not caplog.records
    assert brain_of(tmp_path / "own.npz", None).table is shipped_table()
    assert [one.levelname for one in caplog.records] == ["ERROR"]


class _Ledger:
    """A store, as far as a tutor needs one: an account that has paid for 60 answers."""

    def __init__(self) -> None:
        self.asked: list[Search] = []

    async def latest_feedback(self, *_: object) -> list[Feedback]:
        return []

    async def last_feedback(self) -> int:
        return 0

    async def find_generations(self, search: Search, most: int) -> Page:
        self.asked.append(search)
        if search.before is not None:
            return Page([], None)
        chosen = [_paid("acme/dear", 3, "math")] * 20 + [_paid("acme/cheap", 1, "math")] * 20
        return Page((chosen + [_paid("acme/named", 1, "")] * 20)[:most], "gen-1")


def _paid(model: str, dollars: int, task: str) -> Generation:
    routed = Routed(router="openrouter/auto", task=task, tasks=((task, 0.8), ("translation", 0.2))) if task else None
    return Generation(
        "gen-2", "a", "k", 1.0, "answered", model=model, cost=Pico(dollars * PICO_PER_DOLLAR), routed=routed
    )


@pytest.mark.parametrize("on", [True, False])
async def test_what_an_account_spent_in_seven_days_is_read_beside_requests_and_only_where_it_counts(on: bool) -> None:  # noqa: FBT001 - a parameter of the test
    store: Any = _Ledger()
    router = AutoRouter()
    settings = config.Settings.model_validate({"auto": {"spend_share": on}})
    now = 1e9
    tutor = Tutor(router, Signs(), store, lambda: settings, lambda: Routes(a_snapshot([], [])), lambda: now)
    await router.ready("a")
    spending = router.experience["a"].spending
    assert bool(store.asked) is on
    if not on:
        assert spending is None
        return
    assert spending is not None
    assert {(one.account_id, one.since) for one in store.asked} == {("a", now - 7 * 86_400)}
    shares = dict(zip(router.experience["a"].models, spending[TASKS.index("math")].tolist(), strict=True))
    assert shares["acme/dear"] == pytest.approx(3 * shares["acme/cheap"])
    assert 0 < shares["acme/named"] < shares["acme/cheap"]
    assert 0.6 < sum(shares.values()) < 1
    store.asked.clear()
    await tutor._look_up("a")
    assert not store.asked
    now += 3_601
    await tutor._follow()
    assert store.asked
    settings = config.Settings()
    await tutor._follow()
    assert router.experience["a"].spending is None


def test_numpy_is_loaded_beside_the_event_loop(tmp_path: Path) -> None:
    script = """
import asyncio, builtins, sys, threading
from turnout import config
from turnout.app import auto
from turnout.engine.auto_router import AutoRouter
from turnout.engine.auto_signs import Signs
class Store:
    async def latest_feedback(self, *_): return []
loaded, plain = [], builtins.__import__
def watched(name, *rest):
    if name.startswith("numpy") and "numpy" not in sys.modules: loaded.append(threading.current_thread())
    return plain(name, *rest)
builtins.__import__ = watched
async def main():
    router = AutoRouter()
    tutor = auto.Tutor(router, Signs(), Store(), config.Settings, lambda: None, lambda: 0.0)
    await tutor._look_up("somebody")
    assert "somebody" in router.experience
asyncio.run(main())
assert loaded and threading.main_thread() not in loaded
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: S603 - our own program
    assert done.returncode == 0, done.stderr
