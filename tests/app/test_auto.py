from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

from turnout.app.auto import heard_in, votes_told
from turnout.auto.experience import experience_of
from turnout.domain.routed import Feedback
from turnout.domain.training import TrainingRow


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
