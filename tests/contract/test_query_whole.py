"""Ballots of any voters through the whole gateway: what holds of every one of them, streamed or not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import Gateway

ASKED = [{"role": "user", "content": "Which of them is it?"}]
_LOOSE = ("id", "created", "completion_metadata", "usage")
"""What differs from one request to the next."""

_WEIGHTS = st.sampled_from([0.1, 1, 2.5, 1e-6, 7e3])
_TEXTS = st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=9), min_size=2, max_size=24, unique=True)
_SCORERS = st.builds(
    lambda model, weight, more: {"model": model, "weight": {"type": "static", "weight": weight}} | more,
    st.sampled_from(["fake/vote-1", "fake/vote-0.6", "fake/status-404", "fake/lorem-3"]),
    _WEIGHTS,
    st.sampled_from([{}, {"top_logprobs": 5}, {"output_mode": "json_schema"}, {"output_mode": "tool_call"}]),
)
_QUERIERS = st.builds(
    lambda model, mode, weight: {"id": model, "mode": mode, "weight": {"type": "static", "weight": weight}},
    st.sampled_from(["fake/vote-1", "fake/vote-0.6", "fake/status-404"]),
    st.sampled_from(["select_thinking", "select_non_thinking", "select_non_thinking_logprobs"]),
    _WEIGHTS,
)
_ANSWERERS = st.builds(
    lambda model, weight: {"id": model, "mode": "generate", "weight": {"type": "static", "weight": weight}},
    st.sampled_from(["fake/lorem-1", "fake/lorem-2", "fake/echo", "fake/status-404"]),
    _WEIGHTS,
)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("whole")) as gateway:
        yield gateway


def put_together(events: list[Any]) -> dict[str, Any]:
    """A streamed answer as it would be in one piece, its choices by index."""
    assert events.pop() == "[DONE]"
    choices: dict[int, dict[str, Any]] = {}
    answer: dict[str, Any] = {}
    for event in events:
        answer |= {name: value for name, value in event.items() if name not in {"choices", "object"}}
        for chunk in event["choices"]:
            choice = choices.setdefault(chunk["index"], {"message": {}})
            for name, value in chunk["delta"].items():
                text = isinstance(value, str) and name != "role"
                choice["message"][name] = choice["message"].get(name, "") + value if text else value
            choice |= {name: value for name, value in chunk.items() if name not in {"delta", "logprobs"}}
    return answer | {"choices": choices}


def compared(answer: dict[str, Any]) -> dict[str, Any]:
    """What two answers to the same question have in common; voters by what they are, for they speak in any order."""
    given = answer["choices"]
    listed = list(given.values()) if isinstance(given, dict) else given
    choices = []
    for choice in listed:
        message = {name: value for name, value in choice["message"].items() if value is not None}
        kept = {name: value for name, value in choice.items() if name not in {*_LOOSE, "message", "logprobs"}}
        if choice["model"] is not None:
            del kept["index"]
        choices.append(kept | {"message": message})
    rest = {name: answer[name] for name in ("model", "ballot", "weight_data") if name in answer}
    return rest | {
        "choices": sorted(choices, key=lambda one: json.dumps(one, sort_keys=True)),
        "cost": answer["usage"]["cost"],
    }


def check(answer: dict[str, Any], votes: list[list[float]]) -> None:
    """What holds of every ballot."""
    ballot = answer["ballot"]
    assert ballot["voters"] == ballot["succeeded"] + ballot["failed"] + ballot["unheard"]
    assert all(sum(vote) == pytest.approx(1) for vote in votes)
    assert sum(ballot["support"]) == pytest.approx((ballot["weight_cast"]) / ballot["weight_total"])
    assert 0 <= ballot["margin"] <= ballot["confidence"] <= 1
    for choice in answer["choices"]:
        assert choice["confidence"] is None or 0 <= choice["confidence"] <= 1 + 1e-9
    told = [choice["completion_metadata"] for choice in answer["choices"]]
    picos = [round(one["usage"]["cost"] * 1e12) for one in told if one]
    assert round(answer["usage"]["cost"] * 1e12) == sum(picos)


@settings(max_examples=15, deadline=None)
@given(llms=st.lists(_SCORERS, min_size=1, max_size=5), texts=_TEXTS, seed=st.integers(0, 2**53), dice=st.randoms())
def test_score_ballots_add_up_in_any_order_and_streamed(
    gateway: Gateway,
    llms: list[dict[str, Any]],
    texts: list[str],
    seed: int,
    dice: Any,  # noqa: ANN401 - a Random
) -> None:
    body = {"messages": ASKED, "choices": texts, "model": {"llms": llms}, "vote_seed": seed, "seed": 1}
    reply = gateway.request("POST", "/score/completions", body)
    if reply.status != 200:
        assert reply.json()["error"]["metadata"]["kind"] == "all_votes_failed"
        assert all(llm["model"] in {"fake/status-404", "fake/lorem-3"} for llm in llms)
        return
    answer = reply.json()
    check(answer, [vote for one in answer["choices"][len(texts) :] if (vote := one["message"]["vote"])])
    assert sum(one["confidence"] for one in answer["choices"][: len(texts)]) == pytest.approx(1)
    turned = dice.sample(llms, len(llms))
    again = gateway.request("POST", "/score/completions", body | {"model": {"llms": turned}}).json()
    assert compared(again) == compared(answer)
    streamed = gateway.request("POST", "/score/completions", body | {"stream": True})
    assert compared(put_together(streamed.events())) == compared(answer)


@settings(max_examples=12, deadline=None)
@given(
    answerers=st.lists(_ANSWERERS, min_size=1, max_size=3),
    selectors=st.lists(_QUERIERS, max_size=3),
    n=st.integers(1, 2),
    seed=st.integers(0, 2**53),
)
def test_query_ballots_add_up_in_any_order_and_streamed(
    gateway: Gateway, answerers: list[dict[str, Any]], selectors: list[dict[str, Any]], n: int, seed: int
) -> None:
    model = {"models": [*answerers, *selectors], "weight": {"type": "static"}}
    body = {"messages": ASKED, "model": model, "vote_seed": seed, "seed": 1, "n": n}
    reply = gateway.request("POST", "/query/completions", body)
    if reply.status != 200:
        assert reply.json()["error"]["metadata"]["kind"] == "all_votes_failed"
        return
    answer = reply.json()
    ids = answer["ballot"]["confidence_ids"]
    voted = [one["confidence_id"] for one in answer["choices"] if isinstance(one["confidence_id"], dict)]
    check(answer, [list(one.values()) for one in voted])
    by_id = {one["confidence_id"]: one["confidence"] for one in answer["choices"] if one["generate_id"]}
    assert by_id.keys() == set(ids)
    assert sum(by_id.values()) == pytest.approx(1 if ids else 0)
    ordered = [one["confidence"] for one in answer["choices"] if one["confidence"] is not None]
    assert ordered == sorted(ordered, reverse=True)
    assert len(answer["choices"]) == n * len(answerers) + (n * len(selectors) if ids else 0)
    other = model | {"models": [*selectors, *reversed(answerers)]}
    again = gateway.request("POST", "/query/completions", body | {"model": other}).json()
    assert compared(again) == compared(answer)
    streamed = gateway.request("POST", "/query/completions", body | {"stream": True})
    assert compared(put_together(streamed.events())) == compared(answer)
