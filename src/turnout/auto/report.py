"""What an evaluation found: tables, goals that were met or missed, pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple

import numpy as np

from turnout.auto.evaluation import Evaluation, PoolRow
from turnout.auto.speed import Speed

__all__ = ["Goal", "curves_svg", "goals_of", "pair_table", "pool_table"]

_POOL_BOUNDS: Mapping[str, tuple[tuple[str, str, float], ...]] = {
    "routerbench": (("gap", "gap closed", 0.15), ("saved", "saved at 95 % of the best quality", 0.80)),
    "llmrouter": (("gap", "gap closed", 0.20),),
}
_WIDTH, _HEIGHT, _LEFT, _TOP = 460, 300, 60, 50


class Goal(NamedTuple):
    """One promise: what was found, and the bound; ``at_least`` False: the bound is the highest allowed."""

    name: str
    found: float
    bound: float
    at_least: bool = True

    @property
    def met(self) -> bool:
        """Whether the promise is kept."""
        return self.found >= self.bound if self.at_least else self.found <= self.bound


def pair_table(found: Evaluation) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Columns and rows of the table of two models."""
    columns = ("data set", "router", "prompts", "APGR", "95 %", "CPT50", "CPT80")
    return columns, [
        (
            row.dataset, row.router, str(row.prompts),
            f"{row.apgr.value:.3f}", f"{row.apgr.low:.3f}-{row.apgr.high:.3f}", f"{row.cpt50:.0%}", f"{row.cpt80:.0%}",
        )
        for row in found.pairs
    ]  # fmt: skip


def pool_table(found: Evaluation) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Columns and rows of the table of pools."""
    columns = ("pool", "prompts", "models", "gap closed", "95 %", "saved at 95 %", "saved blind", "best quality", "ECE")
    return columns, [
        (
            f"{row.suite}, unseen" if row.unseen else row.suite, str(row.prompts), str(row.models),
            f"{row.gap.value:.1%}",
            f"{row.gap.low:.1%} to {row.gap.high:.1%}", _share(row.saved), _share(row.saved_blind), f"{row.best:+.1%}",
            f"{row.error:.3f}",
        )
        for row in found.pools
    ]  # fmt: skip


def _share(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.0%}"


def goals_of(found: Evaluation, speed: Speed | None = None) -> list[Goal]:
    """The promises that the data allow to be checked."""
    ours = [row for row in found.pairs if row.router == "this router"]
    goals = [
        Goal(f"APGR, {row.dataset}", row.apgr.value, bound)
        for row in ours
        if (bound := _pair_bound(row.dataset)) is not None
    ]
    goals += [Goal(f"gap closed, {row.suite}, unseen", row.gap.value, -0.02) for row in found.pools if row.unseen]
    goals += [
        Goal(f"{name}, {row.suite}", getattr(row, field) if field == "saved" else row.gap.value, bound)
        for row in found.pools
        if not row.unseen
        for field, name, bound in _POOL_BOUNDS.get(row.suite, ())
    ]
    if np.isfinite(found.calibration):
        goals.append(Goal("calibration error", found.calibration, 0.05, at_least=False))
    if found.cold is not None:
        goals.append(Goal("cold model: gap closed below warm", found.cold[0] - found.cold[1], 0.02, at_least=False))
    if speed is not None:
        goals += [
            Goal("decision, ms, p50", speed.p50, 0.5, at_least=False),
            Goal("decision, ms, p99", speed.p99, 4.0, at_least=False),
            Goal("decision at 30,000 tokens, ms, p99", speed.long_p99, 6.0, at_least=False),
            Goal("memory, MB", speed.memory / 1e6, 150.0, at_least=False),
        ]
    return goals


def _pair_bound(name: str) -> float | None:
    unseen = name.endswith(", unseen")
    if "mmlu" in name:
        return 0.60 if unseen else 0.62
    return 0.57 if "gsm" in name and unseen else None


def curves_svg(row: PoolRow) -> str:
    """Quality against cost (logarithmic): the router, the mixture that ignores the prompt, the oracle."""
    costs = np.concatenate([curve[0] for curve in row.curves])
    qualities = np.concatenate([curve[1] for curve in row.curves])
    low, high = float(np.log(costs.min())), float(np.log(costs.max()))
    bottom, top = float(qualities.min()), float(qualities.max())

    def place(cost: float, quality: float) -> str:
        across = (np.log(cost) - low) / max(1e-9, high - low)
        up = (quality - bottom) / max(1e-9, top - bottom)
        return f"{_LEFT + across * _WIDTH:.1f},{_TOP + (1 - up) * _HEIGHT:.1f}"

    def line(points: Sequence[tuple[float, float]], colour: str, dashes: str) -> str:
        path = " ".join(place(cost, quality) for cost, quality in points)
        return f'<polyline fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}" points="{path}"/>'

    across_all, down_all = _LEFT + _WIDTH + 30, _TOP + _HEIGHT + 60
    title = escape(f"{row.suite}{', unseen' if row.unseen else ''}: quality and cost")
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {across_all} {down_all}" role="img">',
        f"<title>{title}</title>",
        "<style>text{font:12px system-ui,sans-serif;fill:#57606a}</style>",
        f'<text x="{_LEFT}" y="26">{title}</text>',
    ]
    looks = (("this router", "#0969da", "0"), ("prompt ignored", "#57606a", "5 4"), ("oracle", "#1a7f37", "2 3"))
    for number, ((name, colour, dashes), (cost, quality)) in enumerate(zip(looks, row.curves, strict=True)):
        ends = [*zip(cost.tolist(), quality.tolist(), strict=True), (float(np.exp(high)), float(quality[-1]))]
        parts.append(line(ends, colour, dashes))
        parts.append(f'<text x="{_LEFT + 130 * number}" y="{_TOP + _HEIGHT + 48}" style="fill:{colour}">{name}</text>')
    for value, up in ((bottom, _HEIGHT), (top, 0)):
        parts.append(f'<text x="8" y="{_TOP + up + 4}">{value:.2f}</text>')
    for value, across in ((low, 0), (high, _WIDTH - 40)):
        parts.append(f'<text x="{_LEFT + across}" y="{_TOP + _HEIGHT + 22}">${np.exp(value):.2g}</text>')
    return "\n".join((*parts, "</svg>", ""))
