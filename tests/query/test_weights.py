from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.domain.query import StaticWeight, TrainingTableWeight
from turnout.query.weights import MarkedVote, match_of, taught_weight, weight_without_table
from vectors import vectors

WEIGHT = TrainingTableWeight(1.0, 0.5, 2.0)
POSITIVE = st.floats(1e-6, 1e6)
TABLES = st.lists(POSITIVE, min_size=3, max_size=3).map(sorted).map(lambda w: TrainingTableWeight(w[1], w[0], w[2]))
ROWS = st.lists(st.builds(MarkedVote, st.floats(-1, 1), st.floats(0, 1)), max_size=12)


def test_published_weights() -> None:
    group = vectors()["training_table_weight_proposal"]
    weight = TrainingTableWeight(group["base"], group["min"], group["max"])
    for case in group["cases"]:
        rows = [MarkedVote(*row) for row in case["rows"]]
        assert taught_weight(rows, weight, neutral=group["neutral"]).weight == pytest.approx(case["weight"], rel=1e-12)
        shrunk = taught_weight(rows, weight, neutral=group["neutral"], shrinkage=2.0).weight
        assert shrunk == pytest.approx(case["with_shrinkage_k2"], rel=1e-12)


@given(ROWS, TABLES, st.floats(0, 5), st.floats(0, 1))
def test_weights_stay_within_their_bounds(
    rows: list[MarkedVote], weight: TrainingTableWeight, shrinkage: float, floor: float
) -> None:
    evidence = taught_weight(rows, weight, shrinkage=shrinkage, floor=floor)
    assert weight.min_weight <= evidence.weight <= weight.max_weight
    assert evidence.rows_used <= len(rows)
    assert evidence.match_rate is None or 0 <= evidence.match_rate <= 1


@given(st.lists(st.floats(1e-6, 1), min_size=1, max_size=12), TABLES)
def test_the_three_anchors_are_hit_exactly(similarities: list[float], weight: TrainingTableWeight) -> None:
    assert taught_weight([], weight).weight == weight.base_weight
    assert taught_weight([MarkedVote(one, 1.0) for one in similarities], weight).weight == weight.max_weight
    assert taught_weight([MarkedVote(one, 0.0) for one in similarities], weight).weight == weight.min_weight


@given(ROWS, TABLES, st.floats(0.01, 1), st.floats(0, 1))
def test_being_right_never_costs_weight(
    rows: list[MarkedVote], weight: TrainingTableWeight, similarity: float, match: float
) -> None:
    better = taught_weight([*rows, MarkedVote(similarity, 1.0)], weight).weight
    worse = taught_weight([*rows, MarkedVote(similarity, match)], weight).weight
    assert better >= worse - 1e-9 * weight.max_weight


@given(ROWS, TABLES)
def test_rows_that_are_not_similar_say_nothing(rows: list[MarkedVote], weight: TrainingTableWeight) -> None:
    opposed = [MarkedVote(-abs(row.similarity), row.match) for row in rows]
    evidence = taught_weight(opposed, weight)
    assert (evidence.weight, evidence.rows_used, evidence.match_rate) == (weight.base_weight, 0, None)


def test_evidence_is_told() -> None:
    rows = [MarkedVote(0.9, 1.0), MarkedVote(0.3, 0.0), MarkedVote(0.2, 1.0), MarkedVote(-0.5, 1.0)]
    evidence = taught_weight(rows, WEIGHT, floor=0.3)
    assert evidence.rows_used == 2
    assert evidence.similarity_sum == pytest.approx(1.2)
    assert evidence.match_rate == pytest.approx(0.75)
    assert evidence.weight == pytest.approx(1.5)


def test_a_match_is_the_part_of_the_vote_that_is_true() -> None:
    assert match_of((0.0, 1.0), (0.0, 1.0)) == 1.0
    assert match_of((0.2, 0.7, 0.1), (0.0, 1.0, 0.0)) == pytest.approx(0.7)
    assert match_of((0.5, 0.5), (0.5, 0.5)) == pytest.approx(0.5)
    with pytest.raises(ValueError, match="argument 2"):
        match_of((1.0,), (0.0, 1.0))


def test_without_a_table_a_weight_is_its_base() -> None:
    assert weight_without_table(StaticWeight(3.0)) == 3.0
    assert weight_without_table(WEIGHT) == 1.0
