"""What the owner has seen himself: scores of models by kind of work, weighing more than anything learned elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from turnout.auto.table import Floats
from turnout.auto.tasks import TASKS

__all__ = ["MOST_ROWS", "Experience", "Heard", "Spent", "blended", "experience_of"]

MOST_ROWS = 2_000
"""So many of the latest rows count; what is older has been forgotten."""

_PRIOR_ROWS = 0.5
_LEVEL_ROWS = 10.0
_FEW_REQUESTS = 10.0
_MOST_OF_SIGNS = 3.0
"""What signs say of one model at one kind of work counts no more than so many judgements."""
_PLACES = {name: place for place, name in enumerate(TASKS)}


class Heard(NamedTuple):
    """One score, 0 to 1, of a model at a kind of work; *weight* below 1 for weak signals.

    ``shares`` are the likely kinds, where it is not sure that it was *task*: names and shares.
    """

    task: str
    model: str
    score: float
    weight: float = 1.0
    shares: Sequence[tuple[str, float]] = ()


class Spent(NamedTuple):
    """Dollars that went to a model for a kind of work, empty where nobody can say, in so many requests."""

    task: str
    model: str
    cost: float
    requests: float


class Experience(Struct, frozen=True, eq=False):
    """Rows of scores.

    Attributes:
        models: their names.
        kinds: (rows, TASKS): the kind of work of each, of length 1.
        columns: (rows,): places in *models*.
        scores: (rows,).
        weights: (rows,).
        spending: (TASKS, models): what each model's share is of all that was spent on a kind of work, the less the
            fewer requests that was; None where nobody asks.
    """

    models: tuple[str, ...]
    kinds: Floats
    columns: NDArray[np.int64]
    scores: Floats
    weights: Floats
    spending: Floats | None = None

    def spent(self, shares: Floats, columns: NDArray[np.int64]) -> Floats:
        """By model of *columns* (-1: none), 0 to 1: its share of what was spent on work of these *shares*."""
        if self.spending is None:
            return np.zeros(len(columns), np.float32)
        found: Floats = (shares @ self.spending)[columns] * (columns >= 0)
        return found

    def heard(self, shares: Floats, columns: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Sums of scores and of weights of the models in *columns* (-1: none) at work with these *shares* of kinds.

        A row counts by the square of how alike the kinds are: one is told as surely as both prompts' kinds are known.
        """
        if not self.models:
            nothing = np.zeros(len(columns), np.float32)
            return nothing, nothing
        length = float(np.sqrt(shares @ shares))
        alike = np.square(self.kinds @ (shares / max(1e-9, length))) * self.weights
        count = len(self.models)
        sums = np.bincount(self.columns, alike * self.scores, count)[columns]
        weights = np.bincount(self.columns, alike, count)[columns]
        known = columns >= 0
        return (sums * known).astype(np.float32), (weights * known).astype(np.float32)

    def lift(self, quality: Floats, columns: NDArray[np.int64]) -> float:
        """How much higher than *quality*, that of the models in *columns*, its owner scores what was tried.

        Expectations come on another scale than his: else a model that he has never tried would seem worse than one
        that he finds bad, or better than one that he finds good, whatever they are.
        """
        if not self.models:
            return 0.0
        totals = np.bincount(self.columns, self.weights, len(self.models))[columns] * (columns >= 0)
        said = float(totals.sum())
        if said <= 0:
            return 0.0
        level = float((self.scores * self.weights).sum() / self.weights.sum())
        return (level - float((quality * totals).sum()) / said) * said / (said + _LEVEL_ROWS)


def blended(quality: Floats, sums: Floats, weights: Floats) -> Floats:
    """*quality*, drawn towards what was heard in proportion to how much that is."""
    together: Floats = (sums + _PRIOR_ROWS * quality) / (weights + _PRIOR_ROWS)
    return together


def experience_of(rows: Iterable[Heard], spent: Sequence[Spent] = ()) -> Experience:
    """The last of *rows*, and what was *spent*. What is of an unknown kind of work says a little of every kind."""
    kept = _bounded(list(rows)[-MOST_ROWS:])
    models = tuple(dict.fromkeys([*(row.model for row in kept), *(one.model for one in spent)]))
    places = {name: place for place, name in enumerate(models)}
    kinds = np.zeros((len(kept), len(TASKS)), np.float32)
    for place, row in enumerate(kept):
        for name, share in row.shares or ((row.task, 1.0),):
            if name in _PLACES:
                kinds[place, _PLACES[name]] += max(0.0, share)
    kinds[kinds.sum(1) == 0] = 1.0
    kinds /= np.sqrt(np.square(kinds).sum(1, keepdims=True))
    return Experience(
        models,
        kinds,
        np.array([places[row.model] for row in kept], np.int64),
        np.array([row.score for row in kept], np.float32),
        np.array([row.weight for row in kept], np.float32),
        _spending(spent, places) if spent else None,
    )


def _spending(spent: Sequence[Spent], places: Mapping[str, int]) -> Floats:
    totals, requests = np.zeros((len(TASKS), len(places)), np.float32), np.zeros((len(TASKS), 1), np.float32)
    for one in spent:
        kinds = [_PLACES[one.task]] if one.task in _PLACES else range(len(TASKS))
        totals[kinds, places[one.model]] += one.cost / len(kinds)
        requests[kinds] += one.requests / len(kinds)
    shares: Floats = totals / np.maximum(totals.sum(1, keepdims=True), 1e-12) * (requests / (requests + _FEW_REQUESTS))
    return shares


def _bounded(rows: list[Heard]) -> list[Heard]:
    """*rows* without the older signs of a model at a kind of work, where there are many."""
    said: dict[tuple[str, str], float] = {}
    kept: list[Heard] = []
    for row in reversed(rows):
        if row.weight < 1:
            cell = row.task, row.model
            if said.get(cell, 0.0) >= _MOST_OF_SIGNS:
                continue
            said[cell] = said.get(cell, 0.0) + row.weight
        kept.append(row)
    return kept[::-1]
