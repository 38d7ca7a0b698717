"""What the owner has seen himself: scores of models by kind of work, weighing more than anything learned elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from turnout.auto.table import Floats
from turnout.auto.tasks import TASKS

__all__ = ["Experience", "Heard", "blended", "experience_of"]

_PRIOR_ROWS = 1.0
_LIKELY = 0.15


class Heard(NamedTuple):
    """One score, 0 to 1, of a model at a kind of work; *weight* below 1 for weak signals."""

    task: str
    model: str
    score: float
    weight: float = 1.0


class Experience(Struct, frozen=True, eq=False):
    """Sums of scores and of weights, each (TASKS, models)."""

    models: tuple[str, ...]
    sums: Floats
    weights: Floats

    def heard(self, shares: Floats, columns: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Sums and weights of what was heard of the models in *columns* (-1: none), over kinds of work by *shares*."""
        if not self.models:
            nothing = np.zeros(len(columns), np.float32)
            return nothing, nothing
        likely = np.flatnonzero(shares > _LIKELY)
        known = (columns >= 0).astype(np.float32)
        part = (shares[likely] / max(1e-9, float(shares[likely].sum()))).astype(np.float32)
        sums = part @ self.sums[likely][:, columns] * known
        weights = part @ self.weights[likely][:, columns] * known
        return sums.astype(np.float32), weights.astype(np.float32)


def blended(quality: Floats, sums: Floats, weights: Floats) -> Floats:
    """*quality*, drawn towards what was heard in proportion to how much that is."""
    together: Floats = (sums + _PRIOR_ROWS * quality) / (weights + _PRIOR_ROWS)
    return together


def experience_of(rows: Iterable[Heard]) -> Experience:
    """The sums over *rows*; kinds of work that are unknown are left out."""
    kept = [row for row in rows if row.task in TASKS]
    models = tuple(dict.fromkeys(row.model for row in kept))
    sums, weights = np.zeros((len(TASKS), len(models)), np.float32), np.zeros((len(TASKS), len(models)), np.float32)
    places = {name: place for place, name in enumerate(models)}
    for row in kept:
        cell = TASKS.index(row.task), places[row.model]
        sums[cell] += row.score * row.weight
        weights[cell] += row.weight
    return Experience(models, sums, weights)
