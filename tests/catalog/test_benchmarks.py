"""Measurements come from a file of the operator's."""

import json
import logging
from pathlib import Path

import pytest

from turnout.catalog.benchmarks import InvalidBenchmarks, benchmarks_if_valid, read_benchmarks
from turnout.domain.catalog import ArenaScore, Benchmarks

ARENA = {"arena": "models", "category": "website", "elo": 1301.5, "win_rate": 61.2}


def written(folder: Path, content: object) -> Path:
    path = folder / "benchmarks.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_indexes_and_arenas_are_read_by_model(tmp_path: Path) -> None:
    path = written(tmp_path, {"OpenAI/GPT-X": {"coding_index": 31.5, "design_arena": [ARENA]}, "a/b": {}})

    assert read_benchmarks(path) == {
        "openai/gpt-x": Benchmarks(
            coding_index=31.5,
            design_arena=(ArenaScore(arena="models", category="website", elo=1301.5, win_rate=61.2),),
        ),
        "a/b": Benchmarks(),
    }


@pytest.mark.parametrize(
    "content",
    [
        "nonsense",
        [],
        {"no-slash": {}},
        {"a/b": {"coding_index": -1}},
        {"a/b": {"coding_index": 101}},
        {"a/b": {"coding_index": "31"}},
        {"a/b": {"coding": 31}},
        {"a/b": {"design_arena": [{**ARENA, "win_rate": 140}]}},
        {"a/b": {"design_arena": [{"arena": "models"}]}},
        {"a/b": {"design_arena": [{**ARENA, "rank": 1}]}},
        '{"a/b": {"coding_index": NaN}}',
    ],
)
def test_what_is_no_measurement_is_refused_with_the_name_of_the_file(tmp_path: Path, content: object) -> None:
    with pytest.raises(InvalidBenchmarks, match=r"benchmarks\.json"):
        read_benchmarks(written(tmp_path, content))


def test_a_wrong_file_costs_a_warning_and_nothing_else(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert benchmarks_if_valid(tmp_path / "missing.json") == {}
    assert len(caplog.records) == 1
    assert benchmarks_if_valid(None) == {}
