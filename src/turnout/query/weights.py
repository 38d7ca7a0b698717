"""What a voter weighs: always the same, or by what it got right on similar prompts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from turnout.domain.query import Evidence, StaticWeight, TrainingTableWeight, Weight

__all__ = ["MarkedVote", "match_of", "taught_weight", "weight_without_table"]


class MarkedVote(NamedTuple):
    """A row of a training table as one voter sees it: how similar its prompt is (cosine), and how right the voter
    was (0 to 1).
    """

    similarity: float
    match: float


def match_of(vote: Sequence[float], truth: Sequence[float]) -> float:
    """How right *vote* was, 0 to 1: its product with the truth, which may be shared among options too."""
    return min(1.0, max(0.0, sum(share * right for share, right in zip(vote, truth, strict=True))))


def taught_weight(
    rows: Iterable[MarkedVote],
    weight: TrainingTableWeight,
    *,
    neutral: float = 0.5,
    shrinkage: float = 0.0,
    floor: float = 0.0,
) -> Evidence:
    """The weight of a voter after *rows*, the most similar ones on which it voted.

    The match rate is weighted by similarity; the weight is the base where it is *neutral*, the least where it is 0,
    the most where it is 1, and straight lines in between. *shrinkage* pulls the rate to neutral as if so much
    similarity spoke for that; rows less similar than *floor* are left out.
    """
    used = [row for row in rows if row.similarity > 0 and row.similarity >= floor]
    similarity = sum(row.similarity for row in used)
    if not used or similarity <= 0:
        return Evidence(weight=weight.base_weight, rows_used=0, similarity_sum=0.0, match_rate=None)
    rate = min(1.0, max(0.0, sum(row.similarity * row.match for row in used) / similarity))
    shrunk = (similarity * rate + shrinkage * neutral) / (similarity + shrinkage) if shrinkage else rate
    return Evidence(
        weight=_on_the_line(shrunk, neutral, weight),
        rows_used=len(used),
        similarity_sum=similarity,
        match_rate=rate,
    )


def weight_without_table(weight: Weight) -> float:
    """The weight of a voter of which no row is known."""
    return weight.weight if isinstance(weight, StaticWeight) else weight.base_weight


def _on_the_line(rate: float, neutral: float, weight: TrainingTableWeight) -> float:
    """Exact at the three anchors, whatever floats do in between."""
    least, base, most = weight.min_weight, weight.base_weight, weight.max_weight
    if rate >= 1:
        return most
    if rate <= 0:
        return least
    if rate >= neutral:
        return min(most, base + (rate - neutral) / (1 - neutral) * (most - base))
    return max(least, min(base, least + rate / neutral * (base - least)))
