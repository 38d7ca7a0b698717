"""How good each model would be on a prompt: what its neighbours show, as far as they are near."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from turnout.auto.table import UNSEEN, Floats, Table

__all__ = ["Judgement", "judge"]

_NEAREST = 256
_FLOOR = 0.5
_STRENGTH = 8.0
_PRIOR_ROWS = 6.0
_FAMILIAR_AT, _FAMILIAR_WIDTH = 0.46, 0.03
_FAMILIAR_ROWS = 10
_EASE = 0.04
"""By so much less alike may prompts be where it is about costs: a wrong length does less harm than a wrong quality."""
_NEIGHBOURS, _LINE, _BEND, _LEANING = 0.6, 0.5, 0.25, 0.2
_LEANING_ALWAYS = 0.3
"""The share of leanings that holds for prompts unlike all stored ones: it orders them, and moves little."""
_USUAL_TOKENS = 300.0


class Judgement(NamedTuple):
    """What the evidence says of models on one prompt.

    Attributes:
        shifts: by model: what to add to its prior quality.
        familiar: by model, 0 to 1: how near its evidence is.
        rows: by model: how many near prompts it was scored on, weighted by nearness.
        tokens: length of a usual answer.
        nearest: how alike the nearest stored prompts are, at most 1.
    """

    shifts: Floats
    familiar: Floats
    rows: Floats
    tokens: float
    nearest: float


def judge(table: Table, vector: Floats, signals: Floats, columns: NDArray[np.int64]) -> Judgement:
    """What *table* says of the models in *columns* of it (-1: one that it does not know) on a prompt.

    Source: docs/auto-router.md, "How a model is chosen".
    """
    if not len(table.vectors) or not table.models:
        nothing = np.zeros(len(columns), np.float32)
        return Judgement(nothing, nothing, nothing, _USUAL_TOKENS, 0.0)
    near, closeness = _near(table.vectors @ vector)
    weights = np.square(np.maximum(0, (closeness - _FLOOR) / (1 - _FLOOR))) * np.float32(_STRENGTH)
    unknown = columns < 0
    outcomes = table.outcomes.take(near, axis=0)[:, columns]
    seen = ((outcomes != UNSEEN) & ~unknown).astype(np.float32)
    rows: Floats = weights @ seen
    residuals = (outcomes * np.float32(1 / 254) - table.abilities[columns]) * seen
    neighbours = (weights @ residuals) / (rows + np.float32(_PRIOR_ROWS))
    total, nearest = float(weights.sum()), float(closeness[:_FAMILIAR_ROWS].sum() / _FAMILIAR_ROWS)
    ease = float(signals @ table.line[:-1] + table.line[-1])
    slopes = table.slopes[columns]
    leanings, bends = (signals @ table.leanings)[columns], (vector @ table.bends)[columns]
    likeness = _own_nearest(seen, closeness)
    if unknown.any():  # such a model shares what all neighbours show, and nothing of its own
        shared = float(weights @ table.ease[near]) / (total + _PRIOR_ROWS)
        neighbours = np.where(unknown, shared, neighbours)
        likeness = np.where(unknown, np.float32(nearest), likeness)
        slopes = np.where(unknown, table.slopes.mean(), slopes)
        leanings, bends = np.where(unknown, 0, leanings), np.where(unknown, 0, bends)
    own = _familiar(likeness)
    shifts = own * (_NEIGHBOURS * own * neighbours + _LINE * slopes * ease + _BEND * bends)
    shifts += (_LEANING_ALWAYS + (1 - _LEANING_ALWAYS) * own) * _LEANING * leanings
    # What moves all models alike does not change the choice: it is added in full, so that quality is calibrated.
    shifts += (own * neighbours).mean() - shifts.mean()
    tokens = (float(weights @ table.tokens[near]) + float(table.tokens.mean())) / (total + 1)
    priced = _familiar(likeness + np.float32(_EASE))
    return Judgement(shifts.astype(np.float32), priced, rows, float(np.expm1(tokens)), nearest)


def _near(alike: Floats) -> tuple[NDArray[np.int64], Floats]:
    """Places of the stored prompts that count, nearest first, and how alike they are."""
    near = np.flatnonzero(alike > _FLOOR)
    if len(near) < _FAMILIAR_ROWS:
        near = np.argpartition(alike, -min(_FAMILIAR_ROWS, len(alike)))[-_FAMILIAR_ROWS:]
    elif len(near) > _NEAREST:
        near = near[np.argpartition(alike[near], -_NEAREST)[-_NEAREST:]]
    near = near[np.argsort(-alike[near], kind="stable")]
    return near, alike[near]


def _familiar(likeness: Floats) -> Floats:
    gate: Floats = (1 / (1 + np.exp(-np.clip((likeness - _FAMILIAR_AT) / _FAMILIAR_WIDTH, -30, 30)))).astype(np.float32)
    return gate


def _own_nearest(seen: Floats, closeness: Floats) -> Floats:
    """By model: the mean likeness of the nearest ten prompts that it was scored on; those it lacks count as 0."""
    counted = seen * (np.cumsum(seen, axis=0) <= _FAMILIAR_ROWS)
    mean: Floats = closeness @ counted / np.float32(_FAMILIAR_ROWS)
    return mean
