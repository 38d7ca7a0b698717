"""Word vectors out of a folder of the owner's, by which prompts are placed instead of by hashed words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

import numpy as np

from turnout.auto.features import Features, cut, features_of
from turnout.auto.table import DEPTH, Floats, Table
from turnout.base.errors import TurnoutError

__all__ = ["VECTORS", "VOCABULARY", "BadEmbedding", "Embedding", "embedded_directions", "fits", "load_embedding"]

VECTORS, VOCABULARY = "vectors.npy", "vocab.txt"
"""An array (tokens, width) of floats, and the tokens, one on each line of UTF-8, in the same order."""

_words = re.compile(r"\w+|[^\w\s]").findall


class BadEmbedding(TurnoutError):
    """A folder holds no word vectors that can be read, or a table was trained with others."""


class Embedding(NamedTuple):
    """Word vectors. ``mark`` tells these from any others: a table that was trained with them bears it."""

    mark: str
    places: Mapping[str, int]
    vectors: Floats

    def features_of(self, text: str) -> Features:
        """The features of *text*, whose buckets are tokens; one behind the last is for words that have no vector."""
        counted: Counter[int] = Counter()
        unknown = len(self.vectors)
        for word in _words(cut(text).lower()):
            counted[self.places.get(word, unknown)] += 1
        return features_of(text)._replace(
            buckets=np.array([*counted.keys()], np.int64),
            counts=(1 + np.log(np.array([*counted.values()], np.float32))).astype(np.float32),
        )


def load_embedding(folder: Path) -> Embedding:
    """The word vectors in *folder*.

    Raises:
        BadEmbedding: they are missing, or make no sense.
    """
    try:
        raw = (folder / VOCABULARY).read_bytes()
        tokens = raw.decode().removesuffix("\n").split("\n")
        vectors = np.load(folder / VECTORS, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise BadEmbedding(f"{folder} has no readable {VECTORS} and {VOCABULARY}: {error}") from error
    if vectors.ndim != 2 or not vectors.size or vectors.dtype.kind != "f" or not np.isfinite(vectors).all():
        raise BadEmbedding(f"{folder / VECTORS} is no array (tokens, width) of finite floats")
    if len(tokens) != len(vectors):
        raise BadEmbedding(f"{folder} has {len(vectors)} vectors for {len(tokens)} tokens")
    digest = blake2b(raw, digest_size=16)
    digest.update(np.ascontiguousarray(vectors).data)
    places = {token.strip().lower(): place for place, token in reversed([*enumerate(tokens)])}
    return Embedding(digest.hexdigest(), places, vectors.astype(np.float32))


def fits(table: Table, embedding: Embedding | None) -> bool:
    """Whether *table* was trained with exactly these vectors; without any where there are none."""
    return table.embedding == ("" if embedding is None else embedding.mark)


def embedded_directions(features: Sequence[Features], vectors: Floats) -> tuple[Floats, Floats]:
    """Weights of tokens, and where each points: its vector without what all share, along the directions in which
    prompts spread most. What has no vector points nowhere.
    """
    all_tokens = np.concatenate([one.buckets for one in features])
    counted = np.bincount(all_tokens, minlength=len(vectors) + 1)
    rarity = np.log((len(features) + 1) / (counted + 1)).astype(np.float32)
    shared = (counted * rarity)[:-1]
    centred = np.zeros((len(vectors) + 1, vectors.shape[1]), np.float32)
    centred[:-1] = vectors - shared @ vectors / max(1e-9, float(shared.sum()))
    spread = np.zeros((len(features), vectors.shape[1]), np.float32)
    for place, one in enumerate(features):
        weights = one.counts * rarity[one.buckets]
        spread[place] = weights @ centred[one.buckets] / max(1e-9, float(np.sqrt(weights @ weights)))
    _powers, turns = np.linalg.eigh(spread.T @ spread)
    best = turns[:, ::-1][:, :DEPTH]
    reached = float(np.median(np.sqrt(np.square(spread @ best).sum(1))))
    directions = np.zeros((len(centred), DEPTH), np.float32)
    directions[:, : best.shape[1]] = centred @ best / max(1e-9, reached)
    return rarity, directions
