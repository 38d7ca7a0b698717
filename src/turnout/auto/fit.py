"""Makes a table of scored prompts: a few sums and small systems of equations, the same result for the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from turnout.auto.embedding import Embedding, embedded_directions
from turnout.auto.features import BUCKETS, Features
from turnout.auto.table import DEPTH, UNSEEN, Floats, Table, empty_table

__all__ = ["Lessons", "fit_table"]

_SPARE = 16
_ROUNDS = 2
_SAMPLE = 6_000
_ALTERNATIONS = 8
_LINE_PENALTY = 100.0
_LEANING_PENALTY = 100.0
_BEND_PENALTY = 5.0
_FEWEST = 20
_CHUNK = 200_000
_CLUSTER = 200
_CLUSTER_ROUNDS = 8


class Lessons(NamedTuple):
    """Scored prompts: scores are (prompts, models) from 0 to 1, NaN where a model was not asked; so are tokens.

    ``embedding``: the word vectors that features were made with; None: hashed words.
    """

    models: tuple[str, ...]
    features: Sequence[Features]
    scores: Floats
    tokens: Floats
    embedding: Embedding | None = None


def fit_table(lessons: Lessons, *, made: str, sources: tuple[str, ...], seed: int = 0) -> Table:
    """The table that *lessons* teach. *seed* draws the sample of prompts from which directions of words are found."""
    if not lessons.features:
        return replace(empty_table(), made=made, sources=sources)
    hand = np.stack([one.hand for one in lessons.features])
    table = replace(
        empty_table(),
        models=lessons.models, made=made, sources=sources,
        hand_mean=hand.mean(0), hand_scale=hand.std(0) + np.float32(1e-3),
    )  # fmt: skip
    if lessons.embedding is None:
        rarity, directions = _directions(lessons.features, np.random.default_rng(seed))
    else:
        rarity, directions = embedded_directions(lessons.features, lessons.embedding.vectors)
        table = replace(table, embedding=lessons.embedding.mark)
    table = replace(table, rarity=rarity, directions=directions)
    signals = np.stack([table.signals(one) for one in lessons.features])
    vectors = np.stack([table.place(one, row) for one, row in zip(lessons.features, signals, strict=True)])
    seen = np.isfinite(lessons.scores)
    order, centres, starts = _clusters(vectors, np.random.default_rng(seed))
    signals, vectors, seen = signals[order], vectors[order], seen[order]
    scores = np.where(seen, lessons.scores[order], 0).astype(np.float32)
    abilities, ease = _abilities(scores, seen)
    line = _line(signals, ease)
    slopes = _slopes((scores - abilities) * seen, seen, signals @ line[:-1] + line[-1])
    tokens, verbosity = _lengths(lessons.tokens[order])
    beyond = (scores - abilities - ease[:, None]) * seen
    return replace(
        table,
        vectors=vectors,
        outcomes=np.where(seen, np.round(scores * 254), UNSEEN).astype(np.uint8),
        ease=ease,
        tokens=tokens,
        abilities=abilities,
        slopes=slopes,
        line=line,
        leanings=_leanings(signals - signals.mean(0), beyond, seen, _LEANING_PENALTY),
        bends=_leanings(vectors, beyond, seen, _BEND_PENALTY),
        verbosity=verbosity,
        centres=centres,
        starts=starts,
    )


def _clusters(vectors: Floats, dice: np.random.Generator) -> tuple[NDArray[np.int64], Floats, NDArray[np.int64]]:
    """An order in which prompts that are alike stand together, the middles of such clusters, and where they begin."""
    count = max(1, len(vectors) // _CLUSTER)
    centres = vectors[np.sort(dice.choice(len(vectors), count, replace=False))].copy()
    owners = np.zeros(len(vectors), np.int64)
    for _ in range(_CLUSTER_ROUNDS):
        owners = np.argmax(vectors @ centres.T - np.square(centres).sum(1) / 2, axis=1)
        for place in np.unique(owners).tolist():
            centres[place] = vectors[owners == place].mean(0)
    starts = np.concatenate(([0], np.cumsum(np.bincount(owners, minlength=count))))
    return np.argsort(owners, kind="stable"), centres, starts


def _abilities(scores: Floats, seen: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Models' means and prompts' ease, each freed from the other: easy questions make nobody better."""
    mean = scores.sum() / max(1, seen.sum())
    models, prompts = np.zeros(scores.shape[1], np.float32), np.zeros(len(scores), np.float32)
    for _ in range(_ALTERNATIONS):
        prompts = ((scores - mean - models) * seen).sum(1) / (seen.sum(1) + 1)
        models = ((scores - mean - prompts[:, None]) * seen).sum(0) / (seen.sum(0) + 5)
    return (mean + models).astype(np.float32), prompts.astype(np.float32)


def _line(signals: Floats, ease: Floats) -> Floats:
    centre = signals.mean(0)
    spread = signals - centre
    weights = np.linalg.solve(
        spread.T @ spread + _LINE_PENALTY * np.eye(signals.shape[1]), spread.T @ (ease - ease.mean())
    )
    line: Floats = np.append(weights, ease.mean() - centre @ weights).astype(np.float32)
    return line


def _slopes(residuals: Floats, seen: NDArray[np.bool_], guessed: Floats) -> Floats:
    """How strongly each model follows the guessed ease; 1 where little is known."""
    weight = 20 * guessed.var() + 1e-9
    slopes = ((residuals * guessed[:, None]).sum(0) + weight) / ((seen * guessed[:, None] ** 2).sum(0) + weight)
    found: Floats = slopes.astype(np.float32)
    return found


def _leanings(signals: Floats, residuals: Floats, seen: NDArray[np.bool_], weight: float) -> Floats:
    """For each model what the signals say of it beyond ability and ease."""
    found = np.zeros((signals.shape[1], residuals.shape[1]), np.float32)
    penalty = weight * np.eye(signals.shape[1], dtype=np.float32)
    for model in range(residuals.shape[1]):
        rows = np.flatnonzero(seen[:, model])
        if len(rows) >= _FEWEST:
            own = signals[rows]
            found[:, model] = np.linalg.solve(own.T @ own + penalty, own.T @ residuals[rows, model])
    return found


def _lengths(tokens: Floats) -> tuple[Floats, Floats]:
    """Logarithms of usual lengths of answers by prompt, and each model's length against the usual."""
    known = np.isfinite(tokens)
    usual = np.where(known, tokens, 0).sum(1) / np.maximum(1, known.sum(1))
    overall = usual[known.any(1)].mean() if known.any() else 300.0
    usual = np.where(known.any(1), usual, overall)
    sums = np.where(known, tokens, 0).sum(0)
    expected = (known * usual[:, None]).sum(0)
    verbosity = (sums + 10 * overall) / (expected + 10 * overall)
    return np.log1p(usual).astype(np.float32), verbosity.astype(np.float32)


def _directions(features: Sequence[Features], dice: np.random.Generator) -> tuple[Floats, Floats]:
    """Weights of buckets, and the directions along which a sample of prompts spreads most (truncated SVD)."""
    lengths = np.array([len(one.buckets) for one in features])
    all_buckets = np.concatenate([one.buckets for one in features])
    rarity = np.log((len(features) + 1) / (np.bincount(all_buckets, minlength=BUCKETS) + 1)).astype(np.float32)
    chosen = np.flatnonzero(lengths)
    if len(chosen) > _SAMPLE:
        chosen = np.sort(dice.choice(chosen, _SAMPLE, replace=False))
    directions = np.zeros((BUCKETS, DEPTH), np.float32)
    if not len(chosen):
        return rarity, directions
    columns = np.concatenate([features[place].buckets for place in chosen.tolist()])
    values = np.concatenate([features[place].counts for place in chosen.tolist()]) * rarity[columns]
    sizes = lengths[chosen]
    starts = np.concatenate(([0], np.cumsum(sizes)[:-1]))
    values /= np.repeat(np.sqrt(np.add.reduceat(values * values, starts)) + np.float32(1e-9), sizes)
    rows = np.repeat(np.arange(len(chosen)), sizes)
    turned = np.argsort(columns, kind="stable")
    filled, turned_starts = np.unique(columns[turned], return_index=True)
    width = min(DEPTH + _SPARE, len(chosen), len(filled))
    basis = np.zeros((BUCKETS, width), np.float32)
    basis[filled] = dice.standard_normal((len(filled), width)).astype(np.float32)
    for _ in range(_ROUNDS):
        forth, _triangle = np.linalg.qr(_product(columns, values, starts, basis))
        back, _triangle = np.linalg.qr(_product(rows[turned], values[turned], turned_starts, forth))
        basis[filled] = back
    spread = _product(columns, values, starts, basis)
    _powers, turns = np.linalg.eigh(spread.T @ spread)
    best = turns[:, ::-1][:, :DEPTH]
    directions[:, : best.shape[1]] = basis @ best
    reached = np.median(np.sqrt(np.square(spread).sum(1)))
    return rarity, directions / max(np.float32(1e-3), reached)


def _product(places: NDArray[np.int64], values: Floats, starts: NDArray[np.int64], dense: Floats) -> Floats:
    """A sparse matrix, given by rows, times a dense one, a few rows at a time to bound the memory."""
    product = np.empty((len(starts), dense.shape[1]), np.float32)
    ends = np.append(starts[1:], len(places))
    first = 0
    while first < len(starts):
        last = max(first + 1, int(np.searchsorted(ends, starts[first] + _CHUNK)))
        begin, end = starts[first], ends[last - 1]
        product[first:last] = np.add.reduceat(
            values[begin:end, None] * dense[places[begin:end]], starts[first:last] - begin, axis=0
        )
        first = last
    return product
