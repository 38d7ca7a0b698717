"""What the auto router has learned, as a few arrays: stored prompts, how models did on them, and what follows."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from turnout.auto.features import BUCKETS, HAND, Features
from turnout.base.errors import TurnoutError

__all__ = ["DEPTH", "UNSEEN", "BadTable", "Floats", "Table", "empty_table", "load_table", "save_table", "with_outcomes"]

Floats = NDArray[np.float32]

DEPTH = 64
"""Numbers that the words of a prompt are pressed into."""
UNSEEN = 255
"""An outcome that nobody has seen; the others are scores from 0 to 1 in 254 steps."""

_HAND_SHARE = 0.5
_FORMAT = 1
_ARRAYS = (
    "rarity", "directions", "hand_mean", "hand_scale", "vectors", "outcomes", "ease", "tokens", "abilities", "slopes",
    "line", "leanings", "bends", "verbosity", "centres", "starts",
)  # fmt: skip


class BadTable(TurnoutError):
    """A file is not a table of this program."""


class Table(Struct, frozen=True, eq=False, kw_only=True):
    """Arrays over ``n`` stored prompts, ``m`` models, the hand-made signals and the buckets of words.

    Attributes:
        models: the ``m`` names, as the evidence had them.
        made: the date of training, ``YYYY-MM-DD``.
        sources: what it was trained on: names, licences.
        embedding: the mark of the word vectors whose tokens stand in the place of buckets; empty: hashed words.
        rarity: weight of each bucket (inverse document frequency).
        directions: (buckets, DEPTH): where each bucket points, so long that half of the stored prompts reach length 1.
        hand_mean, hand_scale: of the hand-made signals.
        vectors: (n, DEPTH + signals), each of length 1 at most.
        outcomes: (n, m) bytes: score times 254, or ``UNSEEN``.
        ease: (n,): how much better than usual all models did on a prompt.
        tokens: (n,): logarithm of one plus the tokens of a usual answer.
        abilities: (m,): mean score on a prompt of usual ease.
        slopes: (m,): how strongly a model feels ease.
        line: (signals + 1,): ease by the hand-made signals; the last is the constant.
        leanings: (signals, m): what the hand-made signals say for one model against the others.
        bends: (DEPTH + signals, m): the same of the whole vector, for prompts like the stored ones only.
        verbosity: (m,): length of answers against the usual.
        centres: (k, DEPTH + signals): middles of clusters of stored prompts, which stand together in all arrays.
        starts: (k + 1,): where clusters begin, and where the last ends; what was added later stands behind.
    """

    models: tuple[str, ...]
    made: str
    sources: tuple[str, ...]
    rarity: Floats
    directions: Floats
    hand_mean: Floats
    hand_scale: Floats
    vectors: Floats
    outcomes: NDArray[np.uint8]
    ease: Floats
    tokens: Floats
    abilities: Floats
    slopes: Floats
    line: Floats
    leanings: Floats
    bends: Floats
    verbosity: Floats
    centres: Floats
    starts: NDArray[np.int64]
    embedding: str = ""

    def signals(self, features: Features) -> Floats:
        """The hand-made signals in units of their spread, none beyond 4."""
        scaled: Floats = np.clip((features.hand - self.hand_mean) / self.hand_scale, -4, 4)
        return scaled

    def place(self, features: Features, signals: Floats) -> Floats:
        """The vector of a prompt; products of two say how alike they are, at most 1."""
        vector = np.zeros(DEPTH + len(signals), np.float32)
        if len(features.buckets):
            weights = features.counts * self.rarity[features.buckets]
            words = weights @ self.directions[features.buckets]
            # Words that training has not met leave the vector short: such a prompt is near to nothing.
            length = max(float(np.sqrt(words @ words)), float(np.sqrt(weights @ weights)), 1e-9)
            vector[:DEPTH] = words * (np.sqrt(1 - _HAND_SHARE) / length)
        vector[DEPTH:] = signals * (np.sqrt(_HAND_SHARE) / max(1e-9, float(np.sqrt(signals @ signals))))
        return vector


def empty_table() -> Table:
    """A table that knows nothing: every judgement is the catalog's."""
    signals, nothing = len(HAND), np.zeros(0, np.float32)
    return Table(
        models=(), made="", sources=(),
        rarity=np.ones(BUCKETS, np.float32), directions=np.zeros((BUCKETS, DEPTH), np.float32),
        hand_mean=np.zeros(signals, np.float32), hand_scale=np.ones(signals, np.float32),
        vectors=np.zeros((0, DEPTH + signals), np.float32), outcomes=np.zeros((0, 0), np.uint8),
        ease=nothing, tokens=nothing, abilities=nothing, slopes=nothing, line=np.zeros(signals + 1, np.float32),
        leanings=np.zeros((signals, 0), np.float32), bends=np.zeros((DEPTH + signals, 0), np.float32),
        verbosity=nothing, centres=np.zeros((0, DEPTH + signals), np.float32), starts=np.zeros(1, np.int64),
    )  # fmt: skip


def with_outcomes(table: Table, models: tuple[str, ...], vectors: Floats, outcomes: NDArray[np.uint8]) -> Table:
    """*table* and more prompts: *outcomes* is (prompts, *models*). Names that are new become new models.

    Nothing is fitted anew: the prompts are found as neighbours, and a new model's ability is the mean of its scores.
    """
    added = tuple(name for name in models if name not in table.models)
    names = table.models + added
    places = [names.index(name) for name in models]
    grown = np.full((len(table.outcomes) + len(outcomes), len(names)), UNSEEN, np.uint8)
    grown[: len(table.outcomes), : len(table.models)] = table.outcomes
    grown[len(table.outcomes) :, places] = outcomes
    means = [_mean(grown[:, names.index(name)]) for name in added]
    more, signals = len(added), len(table.hand_mean)
    blank = np.zeros(len(vectors), np.float32)
    usual = float(table.tokens.mean()) if len(table.tokens) else float(np.log1p(300))
    return replace(
        table,
        models=names,
        vectors=np.concatenate((table.vectors, vectors)),
        outcomes=grown,
        ease=np.concatenate((table.ease, blank)),
        tokens=np.concatenate((table.tokens, blank + np.float32(usual))),
        abilities=np.concatenate((table.abilities, np.array(means, np.float32))),
        slopes=np.concatenate((table.slopes, np.ones(more, np.float32))),
        leanings=np.concatenate((table.leanings, np.zeros((signals, more), np.float32)), axis=1),
        bends=np.concatenate((table.bends, np.zeros((DEPTH + signals, more), np.float32)), axis=1),
        verbosity=np.concatenate((table.verbosity, np.ones(more, np.float32))),
    )


def _mean(column: NDArray[np.uint8]) -> float:
    seen = column[column != UNSEEN]
    return float(seen.mean()) / 254 if len(seen) else 0.5


def save_table(table: Table, path: Path) -> None:
    """Write *table* as a compressed archive of arrays; vectors and directions lose all but eight bits."""
    arrays: dict[str, NDArray[Any]] = {name: getattr(table, name) for name in _ARRAYS}
    reach = float(np.abs(table.directions).max(initial=1e-9))
    arrays["directions"] = np.round(table.directions * (127 / reach)).astype(np.int8)
    arrays["vectors"] = np.round(table.vectors * 127).astype(np.int8)
    arrays["centres"] = table.centres.astype(np.float16)
    arrays["leanings"] = table.leanings.astype(np.float16)
    arrays["bends"] = table.bends.astype(np.float16)
    head = {
        "format": _FORMAT, "models": table.models, "made": table.made, "sources": table.sources, "reach": reach,
        "embedding": table.embedding,
    }  # fmt: skip
    arrays["head"] = np.frombuffer(json.dumps(head).encode(), np.uint8)
    packed = io.BytesIO()
    np.savez_compressed(packed, allow_pickle=False, **arrays)
    path.write_bytes(packed.getvalue())


def load_table(path: Path) -> Table:
    """Read what :func:`save_table` has written.

    Raises:
        BadTable: it is no such file, or of another version of the program.
        OSError: it cannot be read.
    """
    packed = path.read_bytes()
    try:
        with np.load(io.BytesIO(packed), allow_pickle=False) as archive:
            head = json.loads(archive["head"].tobytes())
            arrays = {name: archive[name] for name in _ARRAYS}
    except (KeyError, ValueError, EOFError, BadZipFile) as error:
        raise BadTable(f"{path} is no table of the auto router") from error
    if head.get("format") != _FORMAT or arrays["line"].shape != (len(HAND) + 1,):
        raise BadTable(f"{path} was made by another version: train it anew")
    for name, scale in (
        ("directions", head["reach"] / 127),
        ("vectors", 1 / 127),
        ("leanings", 1.0),
        ("bends", 1.0),
        ("centres", 1.0),
    ):
        arrays[name] = arrays[name].astype(np.float32) * np.float32(scale)
    return Table(
        models=tuple(head["models"]), made=head["made"], sources=tuple(head["sources"]),
        embedding=head.get("embedding", ""), **arrays,
    )  # fmt: skip
