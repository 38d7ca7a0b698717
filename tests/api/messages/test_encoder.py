"""Answers in the words of the Messages API: blocks in order, whatever the chunks are like."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from claude import collected, events_of
from turnout.api.messages import MessagesSurface
from turnout.base.errors import BadRequest, TurnoutError, Unauthenticated, Unavailable
from turnout.base.money import Pico
from turnout.domain.completion import Choice, Chunk, ChunkChoice, Completion
from turnout.domain.usage import Cost, Usage

_PRICE = Cost(Pico(1_000_000), Pico(0), Pico(0), Pico(1_000_000))
_USAGE = Usage(fresh=5, cache_read=3, cache_write=2, cache_write_1h=1, completion=4, reasoning=2)
_SURFACE = MessagesSurface()
_ASKED = b'{"model":"acme/tiny","max_tokens":9,"messages":[{"role":"user","content":"x"}]}'


def _call(index: int, text: str = "", name: str | None = None) -> dict[str, Any]:
    function = {"arguments": text} | ({"name": name} if name else {})
    return {"tool_calls": [{"index": index, "function": function} | ({"id": f"call_{index}"} if name else {})]}


def _streamed(*deltas: dict[str, Any], finish: str = "stop", asked: bytes = _ASKED) -> dict[str, Any]:
    encoder = _SURFACE.encoder("gen-1", 1, _SURFACE.decode(asked))
    encoder.served_by("acme/tiny", "Acme")
    chunks = [Chunk([ChunkChoice(Raw(json.dumps(delta).encode()))]) for delta in deltas]
    chunks.append(Chunk([ChunkChoice(Raw(b'{"content":""}'), 0, finish, finish)]))
    sent = b"".join(encoder.chunks([chunk]) for chunk in chunks)
    return collected(events_of(sent + encoder.end(_USAGE, _PRICE)))


def test_pieces_of_several_calls_are_told_one_call_after_another() -> None:
    message = _streamed(
        _call(0, '{"a":', "first"), _call(1, "", "second"), _call(1, '{"b"'), _call(0, "1}"), _call(1, ":2}"),
        finish="tool_calls",
    )  # fmt: skip
    assert [(block["name"], block["input"]) for block in message["content"]] == [
        ("first", {"a": 1}),
        ("second", {"b": 2}),
    ]
    assert message["stop_reason"] == "tool_use"


@given(st.permutations([0, 0, 0, 1, 1, 1, 2, 2, 2]))
def test_calls_are_whole_in_whichever_order_their_pieces_come(order: list[int]) -> None:
    pieces = {
        index: [_call(index, "", f"f{index}"), _call(index, '{"n":'), _call(index, f"{index}}}")] for index in range(3)
    }
    message = _streamed(*(pieces[index].pop(0) for index in order))
    assert sorted((block["name"], block["input"]["n"]) for block in message["content"]) == [
        ("f0", 0),
        ("f1", 1),
        ("f2", 2),
    ]


def test_thoughts_texts_and_calls_stand_in_blocks_of_their_own() -> None:
    message = _streamed(
        {"reasoning": "hm", "reasoning_details": [{"type": "reasoning.text", "text": "hm", "format": "x", "index": 0}]},
        {"reasoning_details": [{"type": "reasoning.encrypted", "data": "?", "format": "x", "index": 1, "id": "rs"}]},
        {"content": "Hel"},
        {"content": 'lo "there": now'},
        {"annotations": [{"type": "url_citation", "url_citation": {"url": "https://a", "title": "A"}}]},
        _call(0, "{}", "f"),
    )
    thought, hidden, text, call = message["content"]
    assert (thought["type"], thought["thinking"]) == ("thinking", "hm")
    assert thought["signature"].startswith("turnout1.")
    assert hidden["type"] == "redacted_thinking"
    assert (text["text"], text["citations"][0]["url"]) == ('Hello "there": now', "https://a")
    assert (call["name"], call["input"]) == ("f", {})


def test_thoughts_that_nobody_wants_to_see_are_not_shown() -> None:
    asked = _ASKED[:-1] + b',"thinking":{"type":"adaptive","display":"omitted"}}'
    hidden = {"type": "reasoning.encrypted", "data": "?", "format": "x", "index": 1}
    shown = {"type": "reasoning.text", "text": "hm", "format": "x", "index": 0}
    message = _streamed({"reasoning": "hm", "reasoning_details": [shown, hidden]}, {"content": "a"}, asked=asked)
    assert [block["type"] for block in message["content"]] == ["redacted_thinking", "text"]


@pytest.mark.parametrize(
    ("finish", "native", "told"),
    [
        ("stop", "stop", "end_turn"),
        ("length", "length", "max_tokens"),
        ("tool_calls", "tool_calls", "tool_use"),
        ("content_filter", "SAFETY", "refusal"),
        ("stop", "pause_turn", "pause_turn"),
        ("stop", "stop_sequence", "stop_sequence"),
        ("length", "model_context_window_exceeded", "model_context_window_exceeded"),
    ],
)
def test_why_it_stopped(finish: str, native: str, told: str) -> None:
    encoder = _SURFACE.encoder("gen-1", 1, _SURFACE.decode(_ASKED))
    choice = Choice({"content": Raw(b'"x"')}, 0, finish, native)
    message = json.loads(encoder.whole(Completion([choice]), _USAGE, _PRICE))
    assert message["stop_reason"] == told
    assert (message["stop_details"] is not None) == (told == "refusal")


def test_usage_is_counted_as_the_language_counts() -> None:
    usage = _streamed({"content": "x"})["usage"]
    assert (usage["input_tokens"], usage["output_tokens"]) == (5, 6)
    assert (usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"]) == (3, 3)
    assert usage["cache_creation"] == {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 1}
    assert usage["cost"] == pytest.approx(1e-6)


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (BadRequest("x"), 400, "invalid_request_error"),
        (Unauthenticated("x"), 401, "authentication_error"),
        (Unavailable("x"), 529, "overloaded_error"),
        (TurnoutError("x", error_type="payment_required"), 402, "billing_error"),
        (TurnoutError("x", error_type="permission_denied"), 403, "permission_error"),
        (TurnoutError("x", error_type="not_found"), 404, "not_found_error"),
        (TurnoutError("x", error_type="payload_too_large"), 413, "request_too_large"),
        (TurnoutError("x", error_type="rate_limit_exceeded"), 429, "rate_limit_error"),
        (TurnoutError("x", error_type="server"), 500, "api_error"),
        (TurnoutError("x", error_type="provider_unavailable"), 502, "api_error"),
        (TurnoutError("x", error_type="timeout"), 504, "timeout_error"),
    ],
)
def test_errors_have_the_languages_types_and_statuses(error: TurnoutError, status: int, kind: str) -> None:
    found, body = _SURFACE.refusal(error, "gen-1")
    shown = {"type": kind, "message": "x", "error_type": error.error_type}
    assert (found, json.loads(body)) == (status, {"type": "error", "error": shown, "request_id": "gen-1"})
