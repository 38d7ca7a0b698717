"""Measurements of models that the operator brings in a JSON file of his own."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from turnout.domain.catalog import ArenaScore, Benchmarks

__all__ = ["InvalidBenchmarks", "benchmarks_if_valid", "read_benchmarks"]

_log = logging.getLogger(__name__)

_Index = Annotated[float, Meta(ge=0, le=100)]
_Name = Annotated[str, Meta(min_length=1, max_length=64)]
_MODEL_ID: Final = re.compile(r"[^\s/]+/[^\s/]+")


class InvalidBenchmarks(ValueError):
    """The file is not there, is not JSON, or says something that is no measurement."""


class _Arena(Struct, frozen=True, forbid_unknown_fields=True):
    arena: _Name
    category: _Name
    elo: Annotated[float, Meta(ge=0, le=10_000)]
    win_rate: Annotated[float, Meta(ge=0, le=100)]


class _Measured(Struct, frozen=True, forbid_unknown_fields=True):
    intelligence_index: _Index | None = None
    coding_index: _Index | None = None
    agentic_index: _Index | None = None
    design_arena: Annotated[tuple[_Arena, ...], Meta(max_length=200)] = ()


_decoder = msgspec.json.Decoder(dict[str, _Measured])


def read_benchmarks(path: Path) -> Mapping[str, Benchmarks]:
    """What the file at *path* says of each model: ``{"author/slug": {"coding_index": 31.5, "design_arena": [...]}}``.

    Indexes and win rates go from 0 to 100. The ids are lower-case in the answer.

    Raises:
        InvalidBenchmarks: with the place of the first mistake.
    """
    try:
        stated = _decoder.decode(path.read_bytes())
    except OSError as error:
        raise InvalidBenchmarks(f"{path.name} cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidBenchmarks(f"{path.name}: {error}") from error
    for model_id in stated:
        if not _MODEL_ID.fullmatch(model_id):
            raise InvalidBenchmarks(f"{path.name}: {model_id[:80]!r} is no model id")
    return {model_id.lower(): _benchmarks(measured) for model_id, measured in stated.items()}


def benchmarks_if_valid(path: Path | None) -> Mapping[str, Benchmarks]:
    """The same; a file that is wrong costs a warning and its measurements, never the catalog."""
    if path is None:
        return {}
    try:
        return read_benchmarks(path)
    except InvalidBenchmarks as error:
        _log.warning("benchmarks are left out: %s", error)
        return {}


def _benchmarks(stated: _Measured) -> Benchmarks:
    return Benchmarks(
        intelligence_index=stated.intelligence_index,
        coding_index=stated.coding_index,
        agentic_index=stated.agentic_index,
        design_arena=tuple(
            ArenaScore(arena=one.arena, category=one.category, elo=one.elo, win_rate=one.win_rate)
            for one in stated.design_arena
        ),
    )
