"""The orders of listings: which figure each one compares, and in which direction. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple, TypeVar

from turnout.catalog.entries import Entry

__all__ = ["SORTS", "Sort", "ordered"]

T = TypeVar("T")


class Sort(NamedTuple):
    """One order. ``figure`` is None for a model without data; ``measured``: it changes while the gateway runs."""

    figure: Callable[[Entry], float | None]
    descending: bool
    measured: bool = False


def ordered(items: Iterable[T], figure: Callable[[T], float | None], *, descending: bool) -> list[T]:
    """*items* by *figure*; equal ones keep their order, and those without a figure come last in both directions."""
    known: list[tuple[float, T]] = []
    unknown: list[T] = []
    for item in items:
        value = figure(item)
        if value is None:
            unknown.append(item)
        else:
            known.append((value, item))
    known.sort(key=lambda pair: pair[0], reverse=descending)
    return [item for _, item in known] + unknown


def _popularity(entry: Entry) -> float | None:
    return entry.figures.tokens or None


def _best_rating(entry: Entry) -> float | None:
    benchmarks = entry.model.benchmarks
    scores = benchmarks.design_arena if benchmarks is not None else ()
    return max((score.elo for score in scores), default=None)


SORTS: Final[Mapping[str, Sort]] = {
    "pricing-low-to-high": Sort(lambda entry: entry.weighted, descending=False),
    "pricing-high-to-low": Sort(lambda entry: entry.weighted, descending=True),
    "context-high-to-low": Sort(lambda entry: entry.model.context_length, descending=True),
    "throughput-high-to-low": Sort(lambda entry: entry.figures.throughput, descending=True, measured=True),
    "latency-low-to-high": Sort(lambda entry: entry.figures.latency, descending=False, measured=True),
    "most-popular": Sort(_popularity, descending=True, measured=True),
    "top-weekly": Sort(_popularity, descending=True, measured=True),
    "newest": Sort(lambda entry: entry.model.created or None, descending=True),
    "intelligence-high-to-low": Sort(lambda entry: entry.intelligence_index, descending=True),
    "coding-high-to-low": Sort(lambda entry: entry.coding_index, descending=True),
    "agentic-high-to-low": Sort(lambda entry: entry.agentic_index, descending=True),
    "design-arena-elo-high-to-low": Sort(_best_rating, descending=True),
}
"""By name. Source: Models API, parameter ``sort``."""
