"""The Anthropic dialect: what its answers mean, in one piece and in events."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from answers import Answer, read_stream, read_whole
from turnout.base.errors import UpstreamError
from turnout.base.limits import MAX_TOKENS
from turnout.contracts.provider import Outside
from turnout.domain.completion import Chunk
from turnout.domain.provider import Provider
from turnout.domain.usage import COUNTS, Usage
from turnout.providers.dialects.anthropic import AnthropicAdapter
from turnout.providers.letters import ANSWER_TOOL


async def _unused(*_: object) -> Any:  # noqa: ANN401 - never called
    raise AssertionError


_ADAPTER = AnthropicAdapter(
    Provider(slug="c", name="C", base_url="http://127.0.0.1:1"), Outside(lambda: 0.0, _unused, _unused)
)
_COUNTS: dict[str, Any] = {"input_tokens": 10, "output_tokens": 5}


def _whole(*content: dict[str, Any], **fields: Any) -> Any:  # noqa: ANN401 - JSON
    message = {"type": "message", "id": "msg_1", "content": list(content), "stop_reason": "end_turn", "usage": _COUNTS}
    return _ADAPTER.completion(json.dumps(message | fields).encode())


def _message(*content: dict[str, Any], **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {name: json.loads(bytes(value)) for name, value in _whole(*content, **fields).choices[0].message.items()}


def _events(*content: dict[str, Any], usage: Any = None, **last: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - JSON
    """The events that tell of *content*; a block's ``deltas`` follow its start."""
    events: list[dict[str, Any]] = [{"type": "message_start", "message": {"id": "msg_1", "usage": _COUNTS}}]
    for index, block in enumerate(content):
        start = {name: value for name, value in block.items() if name != "deltas"}
        events.append({"type": "content_block_start", "index": index, "content_block": start})
        events.append({"type": "ping"})
        events += [{"type": "content_block_delta", "index": index, "delta": one} for one in block.get("deltas", [])]
        events.append({"type": "content_block_stop", "index": index})
    delta = {"stop_reason": "end_turn", "stop_sequence": None} | last
    events.append({"type": "message_delta", "delta": delta, "usage": usage or {"output_tokens": 5}})
    return [*events, {"type": "message_stop"}]


def _wire(events: Sequence[Any], end: bytes = b"\n") -> bytes:
    lines = [b"event: x", b": a comment", b"data: %b", b"", b""]
    return b"".join(end.join(lines) % json.dumps(one, ensure_ascii=False).encode() for one in events)


def _heard(wire: bytes, sizes: Sequence[int] = ()) -> tuple[list[Chunk], bool]:
    """The chunks of a stream that arrives in pieces of *sizes*, and then the rest."""
    decoder = _ADAPTER.decoder()
    chunks: list[Chunk] = []
    position = 0
    for size in sizes:
        chunks += decoder.feed(wire[position : position + size])
        position += size
    chunks += decoder.feed(wire[position:])
    return chunks + decoder.flush(), decoder.ended


def _as_answer(chunks: Sequence[Chunk]) -> Answer:
    """The chunks as a client reads them."""
    return read_stream(
        [
            {
                "choices": [
                    {
                        "index": 0,
                        "delta": json.loads(bytes(choice.delta)),
                        "finish_reason": choice.finish_reason,
                        "native_finish_reason": choice.native_finish_reason,
                    }
                    for choice in chunk.choices
                ]
            }
            for chunk in chunks
        ]
    )


def _stream(*content: dict[str, Any], **last: Any) -> Answer:  # noqa: ANN401 - JSON
    return _as_answer(_heard(_wire(_events(*content, **last)))[0])


def _failure(wire: bytes) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        _heard(wire)
    return caught.value


def _text(text: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {"type": "text", "text": text} | fields


def _told(*pieces: str) -> dict[str, Any]:
    return _text("", deltas=[{"type": "text_delta", "text": one} for one in pieces])


@pytest.mark.parametrize(
    ("native", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("tool_use", "tool_calls"),
        ("pause_turn", "stop"),
        ("refusal", "content_filter"),
        ("model_context_window_exceeded", "length"),
        ("something_new", "stop"),
    ],
)
def test_reasons_to_stop_are_said_in_our_words_and_kept_in_theirs(native: str, finish: str) -> None:
    [choice] = _whole(_text("hi"), stop_reason=native).choices
    assert (choice.finish_reason, choice.native_finish_reason) == (finish, native)
    said = _stream(_told("hi"), stop_reason=native).choices[0]
    assert (said.finish, said.native) == (finish, native)


def test_a_refusal_is_told_with_its_explanation() -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": "No."}
    assert _message(stop_reason="refusal", stop_details=details) == {"content": "", "refusal": "No."}
    assert _stream(stop_reason="refusal", stop_details=details).choices[0].refusal == "No."


def test_thoughts_are_told_as_text_and_as_details() -> None:
    thinking = {"type": "thinking", "thinking": "so", "signature": "sig="}
    message = _message(thinking, {"type": "redacted_thinking", "data": "xyz"}, _text("hi"))
    assert message == {
        "content": "hi",
        "reasoning": "so",
        "reasoning_details": [
            {"type": "reasoning.text", "text": "so", "format": "anthropic-claude-v1", "index": 0, "signature": "sig="},
            {"type": "reasoning.encrypted", "data": "xyz", "format": "anthropic-claude-v1", "index": 1},
        ],
    }


def test_a_thought_that_is_not_shown_keeps_its_seal() -> None:
    hidden = {"type": "thinking", "thinking": "", "signature": ""}
    said = _stream(hidden | {"deltas": [{"type": "signature_delta", "signature": "sig="}]}, _told("hi")).choices[0]
    assert (said.reasoning, [detail.get("signature") for detail in said.details]) == ("", ["sig="])


def test_a_call_without_input_has_an_empty_object_for_it() -> None:
    call = {"type": "tool_use", "id": "t1", "name": "now", "input": {}}
    [made] = _message(call, stop_reason="tool_use")["tool_calls"]
    assert made == {"id": "t1", "type": "function", "function": {"name": "now", "arguments": "{}"}}
    empty = call | {"deltas": [{"type": "input_json_delta", "partial_json": ""}]}
    filled = call | {"id": "t2", "input": {"a": 1}}
    pieces = call | {
        "id": "t3",
        "deltas": [{"type": "input_json_delta", "partial_json": one} for one in ('{"a"', ":2}")],
    }
    calls = _stream(empty, filled, pieces, stop_reason="tool_use").choices[0].tool_calls
    assert [(call.id, json.loads(call.arguments)) for call in calls] == [("t1", {}), ("t2", {"a": 1}), ("t3", {"a": 2})]


def test_an_answer_through_the_stand_in_tool_is_content() -> None:
    call = {"type": "tool_use", "id": "t1", "name": ANSWER_TOOL, "input": {"n": 1}}
    [choice] = _whole(call, stop_reason="tool_use").choices
    assert {name: json.loads(bytes(value)) for name, value in choice.message.items()} == {"content": '{"n": 1}'}
    assert (choice.finish_reason, choice.native_finish_reason) == ("stop", "tool_use")
    pieces = call | {
        "input": {},
        "deltas": [{"type": "input_json_delta", "partial_json": one} for one in ('{"n"', ":1}")],
    }
    said = _stream(pieces, stop_reason="tool_use").choices[0]
    assert (said.text, said.tool_calls, said.finish) == ('{"n":1}', [], "stop")


def test_the_providers_own_tools_are_no_calls_of_the_client() -> None:
    asked = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "q"}}
    found = {"type": "web_search_tool_result", "tool_use_id": "s1", "content": [{"url": "https://a.example"}]}
    unanswered = {"type": "mcp_tool_use", "id": "s2", "name": "ask", "server_name": "wiki", "input": {}}
    message = _message(asked, found, _text("hi"), unanswered, {"type": "something_new", "text": 5})
    assert message.keys() == {"content", "reasoning_details"}
    first, second = message["reasoning_details"]
    assert (first["type"], first["tool_name"], first["tool_call_id"]) == (
        "reasoning.server_tool_call", "web_search", "s1"
    )  # fmt: skip
    assert (json.loads(first["arguments"]), json.loads(first["result"])) == ({"query": "q"}, found)
    assert (second["server_name"], second["result"]) == ("wiki", "")
    assert _stream(asked, found, _told("hi"), unanswered, {"type": "something_new", "text": 5}).choices[0].details == [
        first | {"arguments": first["arguments"]}, second
    ]  # fmt: skip


def test_thoughts_amid_a_text_tell_their_position_in_it() -> None:
    thinking = {"type": "thinking", "thinking": "so", "signature": "s"}
    hidden = {"type": "redacted_thinking", "data": "x"}
    content = (thinking, _text("Well, "), thinking, hidden, _text("yes"))
    details = _message(*content)["reasoning_details"]
    assert [detail.get("position") for detail in details] == [None, 6, 6]
    assert _stream(*content).choices[0].details == details


def test_sources_are_annotations_with_the_place_they_are_cited_at() -> None:
    source = {"type": "web_search_result_location", "url": "https://a.example", "title": "A", "cited_text": "words"}
    place = {"type": "char_location", "document_index": 0, "cited_text": "mine"}
    message = _message(_text("So "), _text("it is", citations=[source, place]))
    cited = {"url": "https://a.example", "title": "A", "content": "words", "start_index": 3, "end_index": 8}
    assert message["annotations"] == [{"type": "url_citation", "url_citation": cited}]
    deltas = [{"type": "citations_delta", "citation": source}, {"type": "text_delta", "text": "it is"}]
    said = _stream(_told("So "), _text("", citations=[], deltas=deltas)).choices[0]
    assert said.extras["annotations"] == [message["annotations"]]


def test_what_was_written_for_an_hour_stands_apart() -> None:
    written = {"ephemeral_5m_input_tokens": 7, "ephemeral_1h_input_tokens": 20}
    usage = _COUNTS | {
        "cache_read_input_tokens": 3, "cache_creation_input_tokens": 27, "cache_creation": written,
        "output_tokens_details": {"thinking_tokens": 2}, "server_tool_use": {"web_search_requests": 4},
    }  # fmt: skip
    assert _whole(_text("hi"), usage=usage).usage == Usage(
        fresh=10, cache_read=3, cache_write=7, cache_write_1h=20, completion=3, reasoning=2, web_searches=4
    )


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (_COUNTS, {"output_tokens": 9}, Usage(fresh=10, completion=9)),
        (_COUNTS, _COUNTS | {"output_tokens": 9}, Usage(fresh=10, completion=9)),
        (_COUNTS, {"input_tokens": 400, "output_tokens": 9}, Usage(fresh=400, completion=9)),
        (_COUNTS, {"input_tokens": 0, "output_tokens": 9}, Usage(fresh=10, completion=9)),
        (
            {"input_tokens": 0, "output_tokens": 0},
            {"input_tokens": 8, "output_tokens": 9},
            Usage(fresh=8, completion=9),
        ),
        (
            _COUNTS | {"cache_read_input_tokens": 6},
            {"input_tokens": 4, "cache_read_input_tokens": 12, "output_tokens": 9},
            Usage(fresh=4, cache_read=12, completion=9),
        ),
        (None, {"output_tokens": 9}, Usage(completion=9)),
        (_COUNTS, None, Usage(fresh=10, completion=5)),
        (None, None, None),
    ],
)
def test_the_counts_of_a_stream_are_those_at_its_end(first: Any, last: Any, expected: Usage | None) -> None:  # noqa: ANN401 - JSON
    events = _events(_told("hi"))
    events[0]["message"]["usage"] = first
    events[-2]["usage"] = last
    assert _heard(_wire(events))[0][-1].usage == expected


_ODD_COUNT = st.none() | st.integers(-5, MAX_TOKENS + 5) | st.floats() | st.text(max_size=3) | st.booleans()
_ODD_USAGE = st.fixed_dictionaries(
    {},
    optional={
        "input_tokens": _ODD_COUNT,
        "output_tokens": _ODD_COUNT,
        "cache_read_input_tokens": _ODD_COUNT,
        "cache_creation_input_tokens": _ODD_COUNT,
        "cache_creation": st.none()
        | st.fixed_dictionaries(
            {}, optional={"ephemeral_5m_input_tokens": _ODD_COUNT, "ephemeral_1h_input_tokens": _ODD_COUNT}
        ),
        "output_tokens_details": st.none() | st.fixed_dictionaries({}, optional={"thinking_tokens": _ODD_COUNT}),
        "something_new": _ODD_COUNT,
    },
)


@given(_ODD_USAGE, _ODD_USAGE)
def test_counts_are_never_negative_and_never_more_than_their_whole(first: Any, last: Any) -> None:  # noqa: ANN401 - JSON
    events = _events(_told("hi"), usage=last)
    events[0]["message"]["usage"] = first
    wire = b"".join(b"data: %b\n\n" % msgspec.json.encode(one) for one in events)
    usage = _heard(wire)[0][-1].usage
    if usage is None:
        return
    assert all(getattr(usage, name) >= 0 for name in COUNTS)
    for name in ("output_tokens", "input_tokens"):
        if type(last.get(name)) is int and 0 < last[name] <= MAX_TOKENS:
            whole = usage.completion_tokens if name == "output_tokens" else usage.fresh
            assert whole == last[name]


_CONTENT = (
    {"type": "thinking", "thinking": "", "signature": "", "deltas": [
        {"type": "thinking_delta", "thinking": "hm, é"}, {"type": "signature_delta", "signature": "sig="}]},
    _told("Grüezi, ", "\u2028mitenand 🎉"),
    {"type": "tool_use", "id": "t1", "name": "f", "input": {}, "deltas": [
        {"type": "input_json_delta", "partial_json": one} for one in ('{"city":', '"Zürich"}')]},
)  # fmt: skip


@given(st.lists(st.integers(0, 9)), st.sampled_from([b"\n", b"\r", b"\r\n"]))
def test_a_stream_means_the_same_however_it_is_cut(sizes: list[int], end: bytes) -> None:
    events = _events(*_CONTENT, stop_reason="tool_use")
    chunks, ended = _heard(_wire(events, end), sizes)
    plain, _ = _heard(_wire(events))
    assert ended
    assert [msgspec.json.encode(chunk) for chunk in chunks] == [msgspec.json.encode(chunk) for chunk in plain]
    said = _as_answer(chunks).choices[0]
    assert (said.text, said.reasoning) == ("Grüezi, \u2028mitenand 🎉", "hm, é")
    assert [json.loads(call.arguments) for call in said.tool_calls] == [{"city": "Zürich"}]


def test_a_whole_answer_and_a_stream_of_it_say_the_same() -> None:
    thinking = {"type": "thinking", "thinking": "so", "signature": "s"}
    call = {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": [1.50, "x"]}}
    message = _message(thinking, _text("a"), _text("b"), call, stop_reason="tool_use")
    whole = read_whole(
        {"choices": [{"message": message, "finish_reason": "tool_calls", "native_finish_reason": "tool_use"}]}
    )
    assert _stream(thinking, _text("a"), _text("b"), call, stop_reason="tool_use") == whole


def test_odd_events_are_passed_over() -> None:
    odd = [
        {"type": "something_new", "index": "x", "delta": 5},
        {"type": "ping", "index": "x"},
        {},
        {"type": "content_block_delta", "index": 99, "delta": {"type": "text_delta", "text": "lost"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "something_new", "thing": 1}},
        {"type": "content_block_stop", "index": 99},
    ]
    events = _events(_told("hi"))
    chunks, ended = _heard(_wire([*events[:3], *odd, *events[3:]]))
    assert (_as_answer(chunks).choices[0].text, ended) == ("hi", True)


def test_a_stream_may_end_as_others_do_or_be_cut_off() -> None:
    events = _events(_told("hi"))[:-1]
    assert _heard(_wire(events) + b"data: [DONE]\n\n")[1] is True
    chunks, ended = _heard(_wire(events))
    assert (chunks[-1].choices[0].finish_reason, ended) == ("stop", False)
    assert all(choice.finish_reason is None for chunk in _heard(_wire(events[:-1]))[0] for choice in chunk.choices)


@pytest.mark.parametrize(
    ("kind", "error_type", "elsewhere"),
    [
        ("overloaded_error", "provider_overloaded", "endpoint"),
        ("api_error", "provider_unavailable", "endpoint"),
        ("rate_limit_error", "rate_limit_exceeded", "endpoint"),
        ("timeout_error", "timeout", "endpoint"),
        ("authentication_error", "provider_unavailable", "endpoint"),
        ("billing_error", "provider_unavailable", "endpoint"),
        ("invalid_request_error", "invalid_request", "model"),
        ("request_too_large", "payload_too_large", "model"),
    ],
)
def test_errors_inside_a_200_are_what_they_say(kind: str, error_type: str, elsewhere: str) -> None:
    error = {"type": "error", "error": {"type": kind, "message": "Words"}, "request_id": "r"}
    found = _failure(_wire([error]))
    assert (found.error_type, found.elsewhere, found.provider_code) == (error_type, elsewhere, kind)
    with pytest.raises(UpstreamError) as caught:
        _ADAPTER.completion(json.dumps(error).encode())
    assert caught.value.error_type == error_type


def test_what_came_before_an_error_is_passed_on_first() -> None:
    events = [*_events(_told("hi"))[:4], {"type": "error", "error": {"type": "overloaded_error", "message": "Busy"}}]
    decoder = _ADAPTER.decoder()
    assert _as_answer(decoder.feed(_wire(events))).choices[0].text == "hi"
    with pytest.raises(UpstreamError, match="Busy"):
        decoder.flush()


@pytest.mark.parametrize(
    ("status", "words", "error_type", "elsewhere"),
    [
        (529, "Overloaded", "provider_overloaded", "endpoint"),
        (429, "Slow down", "rate_limit_exceeded", "endpoint"),
        (500, "Oh", "provider_unavailable", "endpoint"),
        (401, "invalid x-api-key", "provider_unavailable", "endpoint"),
        (400, "prompt is too long: 210000 tokens > 200000 maximum", "context_length_exceeded", "model"),
        (400, "messages: Field required", "invalid_request", "model"),
        (400, "Your credit balance is too low to access the API.", "provider_unavailable", "endpoint"),
        (413, "Request exceeds the maximum size", "payload_too_large", "model"),
    ],
)
def test_statuses_mean_what_they_mean(status: int, words: str, error_type: str, elsewhere: str) -> None:
    body = json.dumps({"type": "error", "error": {"type": "some_error", "message": words}}).encode()
    found = _ADAPTER.failure(status, "7", body)
    assert (found.error_type, found.elsewhere, found.retry_after) == (error_type, elsewhere, 7)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"content":5}',
        b'{"content":[5]}',
        b'{"content":[{"type":"text","text":"\xff"}]}',
    ],
)
def test_a_body_that_is_no_answer_is_refused(body: bytes) -> None:
    with pytest.raises(UpstreamError):
        _ADAPTER.completion(body)


@pytest.mark.parametrize(
    "event",
    [
        b"{",
        b'{"type":"content_block_delta","delta":5}',
        b'{"type":"message_start","message":7}',
        b'{"type":"x\xff"}',
    ],
)
def test_an_event_that_breaks_the_answer_breaks_the_stream(event: bytes) -> None:
    assert _failure(b"data: %b\n\n" % event).may_be_billed


@given(st.binary(max_size=200))
def test_hostile_bytes_raise_nothing_but_the_one_error(noise: bytes) -> None:
    with suppress(UpstreamError):
        _ADAPTER.completion(noise)
    with suppress(UpstreamError):
        _heard(noise)
    with suppress(UpstreamError):
        _heard(b"data: %b\n\n" % noise)
