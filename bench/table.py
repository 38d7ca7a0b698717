"""Turns samples into medians, ratios and Markdown tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import comb
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from figures import Figure

__all__ = ["Samples", "comparison_table", "limits_table", "median_interval"]

_PAIRS_FOR_INTERVAL = 6


@dataclass(slots=True)
class Samples:
    """The measured values, by figure and peer; the n-th values of two peers belong to the same pair."""

    values: dict[str, dict[str, list[float | None]]] = field(default_factory=dict)

    def add(self, figure: str, peer: str, value: float | None) -> None:
        """Append one value; None stands for a run that gave none."""
        self.values.setdefault(figure, {}).setdefault(peer, []).append(value)

    def median(self, figure: str, peer: str) -> float | None:
        """Median over the pairs."""
        known = [value for value in self.values.get(figure, {}).get(peer, []) if value is not None]
        return median(known) if known else None

    def ratios(self, figure: str, peer: str, reference: str) -> list[float]:
        """*peer* over *reference*, pair by pair: what drifts from pair to pair cancels."""
        by_peer = self.values.get(figure, {})
        pairs = zip(by_peer.get(peer, []), by_peer.get(reference, []), strict=False)
        return [ours / theirs for ours, theirs in pairs if ours is not None and theirs is not None and theirs > 0]


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """Interval between order statistics that holds the true median with at least 95 %, whatever the distribution.

    Below ``_PAIRS_FOR_INTERVAL`` values no such interval exists: then the smallest and the largest value are given.
    """
    ordered = sorted(values)
    n = len(ordered)
    outside = 0.0  # chance that the median lies below the rank-th value
    rank = 0
    while rank < n // 2 and outside + comb(n, rank) / 2**n <= 0.025:
        outside += comb(n, rank) / 2**n
        rank += 1
    low = max(rank - 1, 0)
    return ordered[low], ordered[n - 1 - low]


def limits_table(
    samples: Samples, figures: Sequence[Figure], peer: str, reference: str, slack: float = 1.0
) -> tuple[str, list[str]]:
    """Markdown table of *peer* against *reference* and the limits, and the titles of the rows beyond *slack* musts."""
    rows = [["figure", "unit", "direct", reference, peer, "ratio", "spread", "must", "aim", "ok?"]]
    missed = []
    for figure in figures:
        value = samples.median(figure.name, peer)
        ratios = samples.ratios(figure.name, peer, reference)
        if value is None and figure.limit is None:
            continue
        verdict = _verdict(figure, value, ratios)
        judged = _judged(figure, value, ratios)
        if verdict == "NO" and (judged is None or (figure.limit and judged > figure.limit.must * slack)):
            missed.append(figure.title)
        must, aim = _limit_texts(figure)
        direct = None if figure.beyond_direct else samples.median(figure.name, "direct")
        theirs = samples.median(figure.name, reference)
        cells = [figure.title, figure.unit, _number(direct), _number(theirs), _number(value)]
        rows.append([*cells, *_ratio_texts(ratios), must, aim, verdict])
    return _markdown(rows), missed


def comparison_table(samples: Samples, figures: Sequence[Figure], before: str, after: str) -> str:
    """Markdown table of *after* against *before*: a difference counts when its whole interval lies beside 1."""
    rows = [["figure", "unit", before, after, "ratio", "interval", "pairs", "verdict"]]
    for figure in figures:
        ratios = samples.ratios(figure.name, after, before)
        if not ratios:
            continue
        low, high = median_interval(ratios)
        change = f"{abs(median(ratios) - 1):.1%}"
        if len(ratios) < _PAIRS_FOR_INTERVAL:
            verdict = "too few pairs"
        elif low <= 1 <= high:
            verdict = "no difference seen"
        else:
            verdict = f"{change} {'better' if (low > 1) == figure.more_is_better else 'WORSE'}"
        cells = [_number(samples.median(figure.name, peer)) for peer in (before, after)]
        rows.append([figure.title, figure.unit, *cells, *_ratio_texts(ratios), str(len(ratios)), verdict])
    return _markdown(rows)


def _verdict(figure: Figure, value: float | None, ratios: list[float]) -> str:
    """``aim``, ``yes`` (must), ``NO``, or ``-`` where nothing is demanded or the ratio cannot be known."""
    limit = figure.limit
    if limit is None:
        return "-"
    judged = _judged(figure, value, ratios)
    if judged is None:
        return "NO"
    if limit.aim is not None and judged <= limit.aim:
        return "aim"
    return "yes" if judged <= limit.must else "NO"


def _judged(figure: Figure, value: float | None, ratios: list[float]) -> float | None:
    """What the figure's limit is about: the ratio to the reference, or the value itself."""
    if figure.limit is not None and figure.limit.of_ratio:
        return median(ratios) if ratios else None
    return value


def _limit_texts(figure: Figure) -> tuple[str, str]:
    limit = figure.limit
    if limit is None:
        return "", ""
    unit = "x" if limit.of_ratio else f" {figure.unit}"
    return f"≤ {limit.must:g}{unit}", "" if limit.aim is None else f"≤ {limit.aim:g}{unit}"


def _ratio_texts(ratios: list[float]) -> list[str]:
    if not ratios:
        return ["-", "-"]
    low, high = median_interval(ratios)
    return [f"{median(ratios):.2f}x", f"{low:.2f}-{high:.2f}"]


def _number(value: float | None) -> str:
    """Three or four digits that matter."""
    if value is None:
        return "-"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"


def _markdown(rows: list[list[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]

    def line(cells: list[str]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"

    return "\n".join([line(rows[0]), line(["-" * width for width in widths]), *map(line, rows[1:])])
