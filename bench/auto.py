"""Measures what a decision of the auto router costs, with 64 models that have scores on 16,000 stored prompts.

auto.py [--enforce]    one Markdown table; under a minute, no other program needed
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # decisions are taken in one thread

import sys
import time
from random import Random

from turnout.auto.evaluation import Evaluation
from turnout.auto.report import Goal, goals_of
from turnout.auto.speed import speed_of

_WORDS = [
    "the", "a", "of", "in", "to", "and", "model", "list", "sum", "write", "function", "story", "table", "error",
    "river", "patient", "contract", "price", "train", "translate", "explain", "why", "how", "many", "which", "between",
    "country",
]  # fmt: skip


def texts(count: int) -> list[str]:
    """Made-up prompts of 5 to 400 words, most of them short."""
    dice = Random(0)
    made = []
    for _ in range(count):
        length = min(400, 5 + int(dice.expovariate(1 / 60)))
        words = [dice.choice(_WORDS) if dice.random() < 0.7 else f"word{dice.randrange(4000)}" for _ in range(length)]
        made.append(" ".join(words) + "?")
    return made


def main() -> int:
    """Measure, print, and say whether the promises are kept (processor time: a busy machine is not our fault)."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--enforce", action="store_true", help="status 1 where a promise is missed")
    arguments = options.parse_args()
    prompts = texts(4_000)
    clocks = {"wall": time.perf_counter, "processor": time.thread_time}
    found = {name: speed_of(prompts, clock=clock) for name, clock in clocks.items()}
    print("| decision, ms | p50 | p95 | p99 | 30,000 tokens, p99 | memory, MB |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, speed in found.items():
        figures = (speed.p50, speed.p95, speed.p99, speed.long_p99)
        print(f"| {name} | {' | '.join(f'{figure:.2f}' for figure in figures)} | {speed.memory / 1e6:.0f} |")
    missed = [goal for goal in _promises(found["processor"]) if not goal.met]
    for goal in missed:
        print(f"MISSED: {goal.name}: {goal.found:.2f}, at most {goal.bound:g}", file=sys.stderr)
    return int(bool(missed) and arguments.enforce)


def _promises(speed: object) -> list[Goal]:
    return goals_of(Evaluation((), (), float("nan"), None), speed)  # type: ignore[arg-type] # a Speed


if __name__ == "__main__":
    sys.exit(main())
