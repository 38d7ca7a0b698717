"""Measures how long decisions take, with as many models and stored prompts as are promised."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from random import Random
from typing import NamedTuple

import numpy as np

from turnout.auto.decide import Brain, Prompt, Slate, Wishes, decide, make_slate
from turnout.auto.experience import experience_of
from turnout.auto.features import features_of
from turnout.auto.fit import Lessons, fit_table
from turnout.auto.table import Table
from turnout.auto.tasks import Tasks
from turnout.base.money import Pico
from turnout.domain.catalog import Endpoint, Model
from turnout.domain.usage import Pricing

__all__ = ["LONG_TOKENS", "Speed", "crowd", "speed_of"]

MODELS, PROMPTS, LONG_TOKENS = 64, 16_000, 30_000
_NOW = 1_800_000_000.0


class Speed(NamedTuple):
    """Milliseconds of a decision on ordinary prompts, the same at 30,000 tokens, and bytes of the arrays."""

    p50: float
    p95: float
    p99: float
    long_p99: float
    memory: int


def crowd(count: int) -> list[Model]:
    """*count* made-up models, each dearer than the one before."""
    return [_model(place) for place in range(count)]


def speed_of(texts: Sequence[str], *, rounds: int = 1_000, clock: Callable[[], float] = time.perf_counter) -> Speed:
    """Decisions over *texts* with 64 models that have scores on 16,000 prompts, which are *texts* over and over."""
    models = crowd(MODELS)
    dice = np.random.default_rng(0)
    stored = [features_of(text) for text in islice(cycle(texts), PROMPTS)]
    scores = dice.random((PROMPTS, MODELS), np.float32)
    table = fit_table(
        Lessons(tuple(model.id for model in models), stored, scores, np.full_like(scores, 300)), made="", sources=()
    )
    brain = Brain(table, Tasks(), experience_of(()))
    slate = make_slate(models, brain, _NOW)
    ordinary = _times([*islice(cycle(texts), rounds)], 300, slate, brain, clock)
    long = " ".join(islice(cycle(texts), 4_000))[: 4 * LONG_TOKENS]
    slow = _times([long] * max(100, rounds // 5), LONG_TOKENS, slate, brain, clock)
    p50, p95, p99 = np.quantile(ordinary, (0.5, 0.95, 0.99)).tolist()
    return Speed(p50, p95, p99, float(np.quantile(slow, 0.99)), _bytes(table))


def _times(texts: Sequence[str], tokens: int, slate: Slate, brain: Brain, clock: Callable[[], float]) -> list[float]:
    wishes, dice, times = Wishes(), Random(0), []
    for text in texts:
        start = clock()
        decide(Prompt(text, tokens), slate, brain, wishes, dice)
        times.append((clock() - start) * 1e3)
    return times


def _bytes(table: Table) -> int:
    return sum(
        array.nbytes for name in table.__struct_fields__ if isinstance(array := getattr(table, name), np.ndarray)
    )


def _model(place: int) -> Model:
    name = f"maker-{place % 7}/model-{place}"
    price = Pico(int(50_000 * 1.1**place))
    offer = Endpoint(
        model_id=name,
        provider="p",
        tag="p",
        upstream_model=name,
        pricing=Pricing(prompt=price, completion=Pico(3 * price)),
    )
    return Model(id=name, canonical_slug=name, name=name, created=int(_NOW) - place * 1_000_000, endpoints=(offer,))
