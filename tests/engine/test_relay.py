from __future__ import annotations

import json
from typing import Any

import pytest

from examples import a_provider, a_request
from line import KEY, Paper, a_call, a_house, rails_to
from turnout.base import limits
from turnout.base.errors import UpstreamError
from turnout.domain.completion import Completion
from turnout.engine import relay
from turnout.engine.draft import Draft
from turnout.engine.relay import Whole, estimate, refuse_blank
from turnout.providers.openai import OpenAIAdapter

ADAPTER = OpenAIAdapter(a_provider(), lambda: 0.0)


def completion(message: dict[str, Any], finish: str | None = "stop", usage: Any = None) -> Completion:  # noqa: ANN401 - JSON
    return ADAPTER.completion(
        json.dumps({"choices": [{"message": message, "finish_reason": finish}], "usage": usage}).encode()
    )


@pytest.mark.parametrize(
    ("message", "finish", "usage"),
    [
        ({"content": "hi"}, "stop", None),
        ({"content": None, "reasoning": "hm"}, "stop", None),
        (
            {"content": "", "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "{}"}}]},
            "tool_calls",
            None,
        ),
        ({"content": ""}, "length", None),
        ({"content": None}, "content_filter", None),
        ({"content": ""}, "stop", {"prompt_tokens": 1, "completion_tokens": 1}),
        ({"content": None, "refusal": "no"}, "stop", None),
    ],
)
async def test_an_answer_that_says_something_is_one(message: dict[str, Any], finish: str, usage: object) -> None:
    refuse_blank(completion(message, finish, usage))


@pytest.mark.parametrize("finish", ["stop", None, "error", "eos"])
@pytest.mark.parametrize("usage", [None, {"prompt_tokens": 1, "completion_tokens": 0}])
@pytest.mark.parametrize("message", [{"content": ""}, {"content": None}, {}, {"role": "assistant", "tool_calls": []}])
async def test_an_answer_that_says_nothing_is_a_failure(
    message: dict[str, Any], finish: str | None, usage: object
) -> None:
    with pytest.raises(UpstreamError, match="empty"):
        refuse_blank(completion(message, finish, usage))


async def test_our_own_count_is_of_what_was_said() -> None:
    house, _ = a_house(rails_to({}))
    draft = Draft(a_call(Paper()), KEY, a_request(messages=[{"role": "user", "content": "x" * 4_000}]), house)
    usage = estimate(draft, completion({"content": "y" * 400}))
    assert usage.estimated
    assert 1_000 <= usage.fresh <= 1_020
    assert 100 <= usage.completion <= 102
    draft.cancelled()


async def test_our_own_count_is_never_over_what_the_request_allows() -> None:
    house, _ = a_house(rails_to({}))
    draft = Draft(a_call(Paper()), KEY, a_request(max_tokens=10, n=2), house)
    assert estimate(draft, completion({"content": "y" * 400})).completion == 20
    assert estimate(draft, completion({"content": "y" * 8})).completion < 10
    draft.cancelled()


@pytest.mark.parametrize(("status", "cap"), [(200, "MAX_UPSTREAM_REPLY_BYTES"), (500, "MAX_UPSTREAM_ERROR_BYTES")])
async def test_an_answer_is_kept_up_to_its_cap(monkeypatch: pytest.MonkeyPatch, status: int, cap: str) -> None:
    assert getattr(limits, cap) > 2**17
    monkeypatch.setattr(relay, cap, 100)
    house, _ = a_house(rails_to({}))
    draft = Draft(a_call(Paper()), KEY, a_request(), house)
    sink = Whole(draft, house)
    sink.head(status, {})
    sink.piece(b"x" * 60)
    sink.piece(b"y" * 40)
    assert sink.body() == b"x" * 60 + b"y" * 40
    with pytest.raises(UpstreamError, match="too large"):
        sink.piece(b"z")
    draft.cancelled()


@pytest.mark.parametrize("encoding", [b"gzip", b"br", b"deflate", b"zstd", b"identity, gzip"])
async def test_a_compressed_answer_is_refused_before_it_is_read(encoding: bytes) -> None:
    house, _ = a_house(rails_to({}))
    draft = Draft(a_call(Paper()), KEY, a_request(), house)
    with pytest.raises(UpstreamError, match="compressed"):
        Whole(draft, house).head(200, {b"content-encoding": encoding})
    draft.cancelled()
