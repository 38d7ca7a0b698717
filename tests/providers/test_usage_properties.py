from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from turnout.base.limits import MAX_TOKENS
from turnout.domain.usage import COUNTS, Usage
from turnout.providers.usage import read_usage

BUCKETS = COUNTS
SANE = st.integers(0, 10_000)
ABSURD: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, -1, -5, 1.5, "7", [], {}, MAX_TOKENS + 1, 10**30, 1e300, -0.0, 2**63, {"cached_tokens": 1}, "NaN"]
)
PROMPT_DETAILS = ["cached_tokens", "cache_write_tokens", "cache_creation_tokens", "audio_tokens"]
COMPLETION_DETAILS = ["reasoning_tokens", "audio_tokens", "image_tokens"]


def _usages(count: st.SearchStrategy[Any], odd: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    def details(names: list[str]) -> st.SearchStrategy[Any]:
        return st.fixed_dictionaries({}, optional=dict.fromkeys(names, count)) | odd

    return st.fixed_dictionaries(
        {"prompt_tokens": count, "completion_tokens": count},
        optional={
            "total_tokens": count,
            "prompt_tokens_details": details(PROMPT_DETAILS),
            "completion_tokens_details": details(COMPLETION_DETAILS),
            "prompt_cache_hit_tokens": count,
            "cached_tokens": count,
            "reasoning_tokens": count,
        },
    )


def _read(value: object) -> Usage | None:
    return read_usage(Raw(json.dumps(value).encode()))


@given(_usages(SANE, st.none()))
def test_the_buckets_sum_to_the_providers_totals(usage: dict[str, Any]) -> None:
    found = _read(usage)
    assert found is not None
    assert found.prompt_tokens == usage["prompt_tokens"]
    reasoning_on_top = found.reasoning if found.completion_tokens > usage["completion_tokens"] else 0
    assert found.completion_tokens == usage["completion_tokens"] + reasoning_on_top
    assert not found.estimated
    if reasoning_on_top:
        assert usage["total_tokens"] == found.prompt_tokens + found.completion_tokens


@given(_usages(SANE | ABSURD, ABSURD) | ABSURD | st.lists(ABSURD))
def test_no_bucket_is_ever_negative_or_absurd(usage: object) -> None:
    found = _read(usage)
    assert found is None or all(
        type(count) is int and 0 <= count <= 2 * MAX_TOKENS for count in (getattr(found, name) for name in BUCKETS)
    )


@given(st.binary(max_size=30))
def test_bytes_that_are_no_usage_are_none(text: bytes) -> None:
    assert read_usage(Raw(text)) is None or text.lstrip()[:1] == b"{"


@given(
    _usages(SANE, st.none()), st.sampled_from(["prompt_tokens", "completion_tokens"]), ABSURD.filter(lambda v: v != 0)
)
def test_an_absurd_whole_makes_the_count_absent_or_follow_from_the_total(
    usage: dict[str, Any], name: str, value: object
) -> None:
    found = _read(usage | {name: value})
    if found is not None:
        assert "total_tokens" in usage
        assert found.prompt_tokens + found.completion_tokens == usage["total_tokens"]


def test_an_explicit_zero_stays_zero() -> None:
    assert _read({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}) == Usage()
