"""The results of the routing simulation as a picture: SVG, readable on light and on dark pages."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

from routing_day import Result

__all__ = ["picture"]

_WIDTH, _HEIGHT = 960, 470
_TOP, _BOTTOM = 60, 60
_LETTER, _LINE = 6.3, 13
"""Of a name, about: width of a letter, height of a line."""

_STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #24292f }
  .title { font-size: 15px; font-weight: 600 }
  .tick { fill: #57606a; font-size: 11px }
  .grid { stroke: #d0d7de; stroke-width: 1 }
  .front { fill: none; stroke: #57606a; stroke-width: 1.2; stroke-dasharray: 4 4 }
  .default { fill: #cf222e } .ours { fill: #0969da } .other { fill: #8c959f }
  .strong { font-weight: 600 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .tick { fill: #9da7b1 } .grid { stroke: #30363d } .front { stroke: #9da7b1 }
    .default { fill: #ff7b72 } .ours { fill: #58a6ff } .other { fill: #7d8590 }
  }
"""


class _Panel(NamedTuple):
    """One diagram: cost to the right, *value* upwards; both are better when they are lower."""

    left: int
    right: int
    title: str
    value: Callable[[Result], float]


def picture(results: Sequence[Result], ours: str, default: str) -> str:
    """Cost against the 99th percentile of latency, and cost against failures; names that begin with *ours* are ours."""
    panels = (
        _Panel(50, 460, "p99 of the time to the first token, s", lambda one: one.p99),
        _Panel(530, 940, "failed requests, of 10,000", lambda one: (1 - one.success) * 10_000),
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">',
        "<title>Cost, latency and failures of ways to choose among endpoints</title>",
        f"<style>{_STYLE}</style>",
    ]
    for panel in panels:
        parts += _drawn(panel, results, ours, default)
    return "\n".join([*parts, "</svg>", ""])


def _drawn(panel: _Panel, results: Sequence[Result], ours: str, default: str) -> list[str]:
    least, most = _round_bounds([one.cost for one in results])
    lowest, highest = _round_bounds([panel.value(one) for one in results])

    def x(cost: float) -> float:
        return panel.left + (cost - least) / (most - least) * (panel.right - panel.left)

    def y(value: float) -> float:
        return _HEIGHT - _BOTTOM - (value - lowest) / (highest - lowest) * (_HEIGHT - _BOTTOM - _TOP)

    parts = [f'<text class="title" x="{panel.left - 20}" y="28">{escape(panel.title)}</text>']
    for tick in _ticks(lowest, highest):
        parts.append(f'<line class="grid" x1="{panel.left}" x2="{panel.right}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>')
        parts.append(f'<text class="tick" text-anchor="end" x="{panel.left - 6}" y="{y(tick) + 4:.1f}">{tick:g}</text>')
    parts += [
        f'<text class="tick" text-anchor="middle" x="{x(tick):.1f}" y="{_HEIGHT - _BOTTOM + 18}">{tick:g}</text>'
        for tick in _ticks(least, most)
    ]
    middle = (panel.left + panel.right) / 2
    parts.append(
        f'<text class="tick" text-anchor="middle" x="{middle}" y="{_HEIGHT - 18}">dollars per 1,000 answers</text>'
    )
    points = [(x(one.cost), y(panel.value(one)), one.name) for one in results]
    steps = " ".join(f"{across:.1f},{down:.1f}" for across, down, _ in _front(points))
    parts.append(f'<polyline class="front" points="{steps}"/>')
    return parts + _points(points, panel, ours, default)


def _points(points: Sequence[tuple[float, float, str]], panel: _Panel, ours: str, default: str) -> list[str]:
    """The points with their names, which give way to each other downwards."""
    parts: list[str] = []
    taken: list[tuple[float, float, float]] = []
    for across, down, name in sorted(points, key=lambda one: one[1]):
        kind = "default" if name == default else "ours" if name.startswith(ours) else "other"
        at_right = across < (panel.left + panel.right) / 2 + 40
        beside, line = across + (9 if at_right else -9), down + 4
        width = _LETTER * len(name)
        begin = beside if at_right else beside - width
        while any(abs(line - other) < _LINE and begin < end and start < begin + width for start, end, other in taken):
            line += _LINE
        taken.append((begin, begin + width, line))
        parts.append(
            f'<circle class="{kind}" cx="{across:.1f}" cy="{down:.1f}" r="{6 if kind == "default" else 4.5}"/>'
        )
        strong = ' class="strong"' if kind == "default" else ""
        anchor = "start" if at_right else "end"
        parts.append(f'<text{strong} text-anchor="{anchor}" x="{beside:.1f}" y="{line:.1f}">{escape(name)}</text>')
    return parts


def _front(points: Sequence[tuple[float, float, str]]) -> list[tuple[float, float, str]]:
    """Those that no other is better than in both; down is better in value, and larger on the screen."""
    kept: list[tuple[float, float, str]] = []
    for point in sorted(points, key=lambda one: (one[0], -one[1])):
        if not kept or point[1] > kept[-1][1]:
            kept.append(point)
    return kept


def _round_bounds(values: Sequence[float]) -> tuple[float, float]:
    step = _step(min(values), max(values))
    return max(math.floor(min(values) / step - 0.3), 0) * step, math.ceil(max(values) / step + 0.3) * step


def _ticks(lowest: float, highest: float) -> list[float]:
    step = _step(lowest, highest)
    first = math.ceil(lowest / step - 1e-9)
    return [round(place * step, 6) for place in range(first, math.floor(highest / step + 1e-9) + 1)]


def _step(lowest: float, highest: float) -> float:
    """A round number of which about five fit between the two."""
    raw = max(highest - lowest, 1e-6) / 5
    power = 10 ** math.floor(math.log10(raw))
    return float(next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw))
