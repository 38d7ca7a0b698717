"""Usage objects as providers write them, in buckets that do not overlap."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import Raw

from turnout.domain.usage import Usage
from turnout.providers.usage import read_usage


def _read(usage: Any) -> Usage | None:  # noqa: ANN401 - JSON
    return read_usage(Raw(json.dumps(usage).encode()))


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 3, "completion_tokens": 2}, Usage(fresh=3, completion=2)),
        ({"prompt_tokens": 3, "completion_tokens": 0, "total_tokens": 3}, Usage(fresh=3)),
        ({"prompt_tokens": 3.0, "completion_tokens": 2}, Usage(fresh=3, completion=2)),
        ({"input_tokens": 3, "output_tokens": 2}, Usage(fresh=3, completion=2)),
        ({"prompt_tokens": 3, "total_tokens": 5}, Usage(fresh=3, completion=2)),
        ({"prompt_tokens": 3, "completion_tokens": None, "total_tokens": 5}, Usage(fresh=3, completion=2)),
        ({"completion_tokens": 2, "total_tokens": 5}, Usage(fresh=3, completion=2)),
        (
            {"prompt_tokens": 3, "completion_tokens": 2, "prompt_tokens_details": None, "completion_tokens_details": 7},
            Usage(fresh=3, completion=2),
        ),
    ],
)
def test_tokens_in_and_out_are_read_under_their_names(usage: Any, expected: Usage) -> None:  # noqa: ANN401 - JSON
    assert _read(usage) == expected


@pytest.mark.parametrize(
    "details",
    [
        {"prompt_tokens_details": {"cached_tokens": 4}},
        {"input_tokens_details": {"cached_tokens": 4}},
        {"prompt_cache_hit_tokens": 4, "prompt_cache_miss_tokens": 6},
        {"cached_tokens": 4},
        {"cached_tokens": 4, "prompt_tokens_details": None},
        {"cached_tokens": 4, "prompt_tokens_details": {"cached_tokens": None}},
    ],
)
def test_cached_tokens_are_part_of_the_prompt(details: Any) -> None:  # noqa: ANN401 - JSON
    assert _read({"prompt_tokens": 10, "completion_tokens": 2} | details) == Usage(fresh=6, cache_read=4, completion=2)


@pytest.mark.parametrize(
    "details",
    [
        {"completion_tokens_details": {"reasoning_tokens": 5}},
        {"output_tokens_details": {"reasoning_tokens": 5}},
        {"reasoning_tokens": 5},
    ],
)
def test_reasoning_is_part_of_the_completion_unless_the_total_says_otherwise(details: Any) -> None:  # noqa: ANN401 - JSON
    usage = {"prompt_tokens": 1, "completion_tokens": 7} | details
    assert _read(usage | {"total_tokens": 8}) == Usage(fresh=1, completion=2, reasoning=5)
    assert _read(usage | {"total_tokens": 13}) == Usage(fresh=1, completion=7, reasoning=5)


def test_parts_never_exceed_their_whole() -> None:
    usage = _read(
        {
            "prompt_tokens": 3,
            "completion_tokens": 2,
            "prompt_tokens_details": {"cached_tokens": 9, "audio_tokens": 9, "cache_write_tokens": 9},
            "completion_tokens_details": {"reasoning_tokens": 9, "audio_tokens": 9, "image_tokens": 9},
        }
    )
    assert usage == Usage(cache_read=3, reasoning=2)


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {},
        [],
        "3",
        {"total_tokens": 5},
        {"prompt_tokens": -1, "completion_tokens": 2},
        {"prompt_tokens": "3", "completion_tokens": 2},
        {"prompt_tokens": 10**30, "completion_tokens": 2},
        {"prompt_tokens": 9, "total_tokens": 5},
        {"prompt_tokens": True, "completion_tokens": True},
    ],
)
def test_what_makes_no_sense_counts_as_absent(usage: Any) -> None:  # noqa: ANN401 - JSON
    assert _read(usage) is None
