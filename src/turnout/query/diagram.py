"""Reliability diagrams: how often ballots of a confidence were right, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import sqrt
from typing import Final

from turnout.query.calibration import Bin
from turnout.query.fitting import Quality

__all__ = ["reliability_diagram"]

_SIDE: Final = 360
_LEFT, _TOP = 60, 50
_STYLE: Final = """\
  text { font: 12px system-ui, sans-serif; fill: #24292f }
  .title { font-size: 15px; font-weight: 600 }
  .tick { fill: #57606a; font-size: 11px }
  .grid { stroke: #d0d7de; stroke-width: 1 }
  .perfect { stroke: #57606a; stroke-width: 1.2; stroke-dasharray: 4 4 }
  .raw { fill: #cf222e; stroke: #cf222e } .calibrated { fill: #0969da; stroke: #0969da }
  polyline { fill: none !important; stroke-width: 1.2 } circle { fill-opacity: 0.55; stroke: none }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .tick { fill: #9da7b1 } .grid { stroke: #30363d } .perfect { stroke: #9da7b1 }
    .raw { fill: #ff7b72; stroke: #ff7b72 } .calibrated { fill: #58a6ff; stroke: #58a6ff }
  }"""


def reliability_diagram(quality: Quality, title: str = "Confidence and accuracy") -> str:
    """An SVG document: a point for each bin, as large as it has ballots; on the dashed line confidence is accuracy."""
    width, height = _LEFT + _SIDE + 40, _TOP + _SIDE + 100
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>\n{_STYLE}\n</style>",
        f'<text class="title" x="{_LEFT}" y="28">{escape(title)}</text>',
    ]
    for step in range(0, 11, 2):
        x, y = _place(step / 10, step / 10)
        low_x, low_y = _place(0, 0)
        high_x, high_y = _place(1, 1)
        parts += [
            f'<line class="grid" x1="{low_x}" x2="{high_x}" y1="{y}" y2="{y}"/>',
            f'<line class="grid" x1="{x}" x2="{x}" y1="{low_y}" y2="{high_y}"/>',
            f'<text class="tick" text-anchor="end" x="{low_x - 8}" y="{y + 4}">{step * 10}%</text>',
            f'<text class="tick" text-anchor="middle" x="{x}" y="{low_y + 18}">{step * 10}%</text>',
        ]
    (x1, y1), (x2, y2) = _place(0, 0), _place(1, 1)
    parts.append(f'<line class="perfect" x1="{x1}" x2="{x2}" y1="{y1}" y2="{y2}"/>')
    parts += _series("raw", quality.bins, quality.rows)
    parts += _series("calibrated", quality.calibrated_bins, quality.rows)
    below = _TOP + _SIDE
    middle = _LEFT + _SIDE / 2
    parts.append(f'<text text-anchor="middle" x="{middle}" y="{below + 40}">confidence of the winner</text>')
    turned = f'transform="rotate(-90 16 {_TOP + _SIDE / 2})"'
    parts.append(f'<text text-anchor="middle" x="16" y="{_TOP + _SIDE / 2}" {turned}>winners that were right</text>')
    parts += _legend("raw", "as counted", quality.expected_calibration_error, below + 62)
    if quality.calibrated_expected_calibration_error is not None:
        told = f"calibrated ({quality.estimator}), held out"
        parts += _legend("calibrated", told, quality.calibrated_expected_calibration_error, below + 84)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _place(confidence: float, accuracy: float) -> tuple[float, float]:
    return round(_LEFT + confidence * _SIDE, 1), round(_TOP + (1 - accuracy) * _SIDE, 1)


def _series(name: str, bins: Sequence[Bin], rows: int) -> list[str]:
    if not bins:
        return []
    places = [(_place(one.confidence, one.accuracy), one.count) for one in bins]
    line = " ".join(f"{x},{y}" for (x, y), _ in places)
    dots = [
        f'<circle class="{name}" cx="{x}" cy="{y}" r="{3 + 12 * sqrt(count / rows):.1f}"/>' for (x, y), count in places
    ]
    return [f'<polyline class="{name}" points="{line}"/>', *dots]


def _legend(name: str, told: str, error: float, y: float) -> list[str]:
    return [
        f'<circle class="{name}" cx="{_LEFT + 6}" cy="{y - 4}" r="6"/>',
        f'<text x="{_LEFT + 20}" y="{y}">{escape(told)}: calibration error {error:.3f}</text>',
    ]
