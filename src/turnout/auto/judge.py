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
_FAMILIAR_AT = 0.6
_FAMILIAR_WIDTH = 0.03
_FAMILIAR_ROWS = 10
_NEIGHBOURS, _LINE, _LEANING = 0.6, 0.5, 0.2
_LEANING_ALWAYS = 0.05


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
    ease = float(signals @ table.line[:-1] + table.line[-1])
    unknown = columns < 0
    if not len(table.vectors):
        nothing = np.zeros(len(columns), np.float32)
        usual = float(np.expm1(table.tokens.mean())) if len(table.tokens) else 300.0
        return Judgement(nothing, nothing, nothing, usual, 0.0)
    alike = table.vectors @ vector
    near = np.flatnonzero(alike > _FLOOR)
    if len(near) < _FAMILIAR_ROWS:
        near = np.argpartition(alike, -min(_FAMILIAR_ROWS, len(alike)))[-_FAMILIAR_ROWS:]
    elif len(near) > _NEAREST:
        near = near[np.argpartition(alike[near], -_NEAREST)[-_NEAREST:]]
    near = near[np.argsort(-alike[near], kind="stable")]
    closeness = alike[near]
    weights = np.square(np.maximum(0, (closeness - _FLOOR) / (1 - _FLOOR))) * np.float32(_STRENGTH)
    total = float(weights.sum())
    nearest = float(closeness[:_FAMILIAR_ROWS].sum() / _FAMILIAR_ROWS)
    outcomes = table.outcomes.take(near, axis=0)[:, columns]
    seen = (outcomes != UNSEEN) & ~unknown
    residuals = (outcomes * np.float32(1 / 254) - table.abilities[columns]) * seen if len(table.models) else seen * 0.0
    rows = weights @ seen.astype(np.float32)
    neighbours = (weights @ residuals.astype(np.float32)) / (rows + np.float32(_PRIOR_ROWS))
    familiar = _familiar(_own_nearest(seen, closeness))
    everywhere = float(_familiar(np.float32(nearest)))
    slopes = (
        np.where(unknown, _usual_slope(table), table.slopes[columns]) if len(table.models) else np.ones(len(columns))
    )
    leanings = (
        np.where(unknown, 0, signals @ table.leanings[:, columns]) if len(table.models) else np.zeros(len(columns))
    )
    shared = everywhere * float(weights @ table.ease[near]) / (total + _PRIOR_ROWS)
    own = np.where(unknown, everywhere, familiar)
    neighbours = np.where(unknown, shared, neighbours)
    shifts = (
        own * (_NEIGHBOURS * neighbours + _LINE * slopes * ease)
        + (_LEANING_ALWAYS + (1 - _LEANING_ALWAYS) * own) * _LEANING * leanings
    )
    # What moves all models alike does not change the choice: it is added in full, so that quality is calibrated.
    known = ~unknown if not unknown.all() else unknown
    shifts += (own * neighbours)[known].mean() - shifts[known].mean()
    usual = float(table.tokens.mean())
    tokens = (float(weights @ table.tokens[near]) + usual) / (total + 1)
    return Judgement(shifts.astype(np.float32), own.astype(np.float32), rows, float(np.expm1(tokens)), nearest)


def _familiar(likeness: Floats | np.float32) -> Floats:
    gate: Floats = 1 / (1 + np.exp(-np.clip((likeness - _FAMILIAR_AT) / _FAMILIAR_WIDTH, -30, 30)))
    return gate


def _own_nearest(seen: NDArray[np.bool_], closeness: Floats) -> Floats:
    """By model: the mean likeness of the nearest ten prompts that it was scored on; those it lacks count as 0."""
    counted = (np.cumsum(seen, axis=0, dtype=np.int16) <= _FAMILIAR_ROWS) & seen
    mean: Floats = closeness @ counted.astype(np.float32) / _FAMILIAR_ROWS
    return mean


def _usual_slope(table: Table) -> float:
    return float(table.slopes.mean()) if len(table.slopes) else 1.0
