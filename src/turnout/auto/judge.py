"""How good each model would be on a prompt: what its neighbours show, as far as they are near."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from turnout.auto.table import UNSEEN, Floats, Table

__all__ = ["Judgement", "View", "judge", "view_of"]

_NEAREST = 256
_READ = 3_000
"""So many stored prompts are compared with a prompt, those of the likeliest clusters."""
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


class View(NamedTuple):
    """A table as some models see it, which makes judging quick: made once for each list of models.

    ``unknown``: models of which the table holds nothing; they have the mean slope and no leanings.
    """

    table: Table
    outcomes: NDArray[np.uint8]
    abilities: Floats
    slopes: Floats
    leanings: Floats
    bends: Floats
    unknown: NDArray[np.bool_]
    usual_length: float


def view_of(table: Table, columns: NDArray[np.int64]) -> View:
    """*table* for the models in *columns* of it; -1 is one that it does not know."""
    unknown = columns < 0
    if not table.models:
        blank = np.zeros((0, len(columns)), np.float32)
        return View(table, blank.astype(np.uint8), blank, blank, blank, blank, unknown, 0.0)
    outcomes = table.outcomes[:, columns]
    outcomes[:, unknown] = UNSEEN
    return View(
        table,
        np.ascontiguousarray(outcomes),
        table.abilities[columns],
        np.where(unknown, table.slopes.mean(), table.slopes[columns]).astype(np.float32),
        np.where(unknown, 0, table.leanings[:, columns]).astype(np.float32),
        np.where(unknown, 0, table.bends[:, columns]).astype(np.float32),
        unknown,
        float(table.tokens.mean()) if len(table.tokens) else float(np.log1p(_USUAL_TOKENS)),
    )


def judge(view: View, vector: Floats, signals: Floats) -> Judgement:
    """What the table says of the models of *view* on a prompt, given its place and its signals.

    Source: docs/auto-router.md, "How a model is chosen".
    """
    table, unknown = view.table, view.unknown
    if not len(table.vectors) or not table.models:
        nothing = np.zeros(len(unknown), np.float32)
        return Judgement(nothing, nothing, nothing, _USUAL_TOKENS, 0.0)
    near, closeness = _near(table, vector)
    weights = np.square(np.maximum(0, (closeness - _FLOOR) / (1 - _FLOOR))) * np.float32(_STRENGTH)
    outcomes = view.outcomes.take(near, axis=0)
    seen = (outcomes != UNSEEN).astype(np.float32)
    rows: Floats = weights @ seen
    scores = weights @ (outcomes * seen) * np.float32(1 / 254)
    neighbours = (scores - rows * view.abilities) / (rows + np.float32(_PRIOR_ROWS))
    total, nearest = float(weights.sum()), float(closeness[:_FAMILIAR_ROWS].sum() / _FAMILIAR_ROWS)
    likeness = _own_nearest(seen, closeness)
    if unknown.any():  # such a model shares what all neighbours show, and nothing of its own
        shared = float(weights @ table.ease[near]) / (total + _PRIOR_ROWS)
        neighbours = np.where(unknown, np.float32(shared), neighbours)
        likeness = np.where(unknown, np.float32(nearest), likeness)
    ease = float(signals @ table.line[:-1] + table.line[-1])
    own = _familiar(likeness)
    near_share = own * neighbours
    shifts = own * (_NEIGHBOURS * near_share + (_LINE * ease) * view.slopes + _BEND * (vector @ view.bends))
    shifts += (_LEANING_ALWAYS + (1 - _LEANING_ALWAYS) * own) * (_LEANING * (signals @ view.leanings))
    # What moves all models alike does not change the choice: it is added in full, so that quality is calibrated.
    shifts += (near_share.sum() - shifts.sum()) / len(shifts)
    tokens = (float(weights @ table.tokens[near]) + view.usual_length) / (total + 1)
    priced = _familiar(likeness + np.float32(_EASE))
    return Judgement(shifts, priced, rows, math.expm1(tokens), nearest)


def _near(table: Table, vector: Floats) -> tuple[NDArray[np.int64], Floats]:
    """Places of the stored prompts that count, nearest first, and how alike they are.

    Of many prompts only the clusters that point the same way are read, and what was added later: reading all of them
    from memory would take longer than everything else.
    """
    rows, alike = _alike(table, vector)
    near = np.flatnonzero(alike > _FLOOR)
    if len(near) < _FAMILIAR_ROWS:
        near = np.argpartition(alike, -min(_FAMILIAR_ROWS, len(alike)))[-_FAMILIAR_ROWS:]
    elif len(near) > _NEAREST:
        near = near[np.argpartition(alike[near], -_NEAREST)[-_NEAREST:]]
    near = near[np.argsort(-alike[near], kind="stable")]
    return (near if rows is None else rows[near]), alike[near]


def _alike(table: Table, vector: Floats) -> tuple[NDArray[np.int64] | None, Floats]:
    """Stored prompts that were compared (None: all), and how alike each is."""
    vectors, starts = table.vectors, table.starts
    if len(vectors) <= _READ:
        return None, vectors @ vector
    best = np.argsort(-(table.centres @ vector), kind="stable")
    sizes = np.cumsum(starts[best + 1] - starts[best])
    kept = np.sort(best[: int(np.searchsorted(sizes, _READ)) + 1])
    parts = [*zip(starts[kept].tolist(), starts[kept + 1].tolist(), strict=True), (int(starts[-1]), len(vectors))]
    rows = np.concatenate([np.arange(first, last) for first, last in parts])
    return rows, np.concatenate([vectors[first:last] @ vector for first, last in parts])


def _familiar(likeness: Floats) -> Floats:
    gate: Floats = (1 / (1 + np.exp(-np.clip((likeness - _FAMILIAR_AT) / _FAMILIAR_WIDTH, -30, 30)))).astype(np.float32)
    return gate


def _own_nearest(seen: Floats, closeness: Floats) -> Floats:
    """By model: the mean likeness of the nearest ten prompts that it was scored on; those it lacks count as 0."""
    if seen[:_FAMILIAR_ROWS].all():  # the common case, and much quicker
        return np.full(seen.shape[1], closeness[:_FAMILIAR_ROWS].sum() / _FAMILIAR_ROWS, np.float32)
    counted = seen * (np.cumsum(seen, axis=0) <= _FAMILIAR_ROWS)
    mean: Floats = closeness @ counted / np.float32(_FAMILIAR_ROWS)
    return mean
