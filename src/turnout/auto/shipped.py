"""The table that comes with the package, and tables from the owner's own rows."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from turnout.auto.corpus import Corpus
from turnout.auto.embedding import Embedding
from turnout.auto.features import features_of
from turnout.auto.fit import Lessons, fit_table
from turnout.auto.table import Table, empty_table, load_table

__all__ = ["SHIPPED", "shipped_table", "table_of"]

SHIPPED = Path(__file__).with_name("shipped.npz")
"""Trained on rows with a permissive licence only; docs/auto-router.md names them, the date, and the command."""


@cache
def shipped_table() -> Table:
    """The table of the package; one that knows nothing where the package was built without it."""
    return load_table(SHIPPED) if SHIPPED.exists() else empty_table()


def table_of(
    corpus: Corpus, *, made: str, most: int | None = None, seed: int = 0, embedding: Embedding | None = None
) -> Table:
    """The table that *corpus* teaches; of more prompts than *most* a sample is taken, drawn with *seed*."""
    read = features_of if embedding is None else embedding.features_of
    rows = np.arange(len(corpus.texts))
    if most is not None and len(rows) > most:
        rows = np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
    lessons = Lessons(
        corpus.models,
        [read(corpus.texts[row]) for row in rows.tolist()],
        corpus.scores[rows],
        corpus.tokens_out[rows],
        embedding,
    )
    return fit_table(lessons, made=made, sources=tuple(sorted(set(corpus.datasets.tolist()))), seed=seed)
