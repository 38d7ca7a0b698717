"""The Gemini API's answers, streams, counts and errors, beyond what the recordings hold."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from gemini import answered, chunks_of, deltas_of, google_adapter, message_of, read_whole, stream_of, turns_for
from turnout.base.errors import UpstreamError
from turnout.domain.completion import Chunk
from turnout.domain.usage import COUNTS, Usage
from turnout.providers.gemini.usage import read_gemini_usage


def test_thoughts_are_reasoning_and_no_text() -> None:
    message = message_of(answered({"text": "Let me see.", "thought": True}, {"text": "Yes"}))
    assert message["content"] == "Yes"
    assert message["reasoning"] == "Let me see."
    assert message["reasoning_details"] == [
        {"type": "reasoning.text", "text": "Let me see.", "format": "google-gemini-v1", "index": 0}
    ]


def test_calls_without_an_id_get_one_each_and_the_same_each_time() -> None:
    answer = answered({"functionCall": {"name": "a"}}, {"functionCall": {"name": "a", "args": {"x": 1}}})
    calls = message_of(answer)["tool_calls"]
    assert [call["function"] for call in calls] == [
        {"name": "a", "arguments": "{}"},
        {"name": "a", "arguments": '{"x":1}'},
    ]
    assert len({call["id"] for call in calls}) == 2
    assert message_of(answer)["tool_calls"] == calls
    assert read_whole(answer).choices[0].finish_reason == "tool_calls"


@pytest.mark.parametrize(
    ("native", "finish"),
    [
        ("STOP", "stop"), ("MAX_TOKENS", "length"), ("SAFETY", "content_filter"), ("RECITATION", "content_filter"),
        ("SPII", "content_filter"), ("IMAGE_SAFETY", "content_filter"), ("MALFORMED_FUNCTION_CALL", "error"),
        ("OTHER", "error"), ("SOMETHING_NEW", "stop"),
    ],
)  # fmt: skip
def test_finish_reasons_are_ours_and_googles(native: str, finish: str) -> None:
    [choice] = read_whole(answered({"text": "x"}, finishReason=native)).choices
    assert (choice.finish_reason, choice.native_finish_reason) == (finish, native)


def test_a_blocked_prompt_ends_by_the_content_filter() -> None:
    blocked = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 8}}
    whole = read_whole(blocked)
    assert whole.choices[0].finish_reason == "content_filter"
    assert whole.choices[0].native_finish_reason == "PROHIBITED_CONTENT"
    assert whole.usage == Usage(fresh=8)
    last = chunks_of(stream_of(blocked))[-1]
    assert last.choices[0].finish_reason == "content_filter"
    assert last.usage == Usage(fresh=8)


def test_a_candidate_without_content_has_a_reason() -> None:
    [choice] = read_whole({"candidates": [{"finishReason": "SAFETY", "index": 0, "safetyRatings": []}]}).choices
    assert choice.finish_reason == "content_filter"
    assert choice.message == {"content": Raw(b'""')}


@pytest.mark.parametrize(
    "body", [b"{}", b'{"candidates":[]}', b"[]", b"<html>", b'{"candidates":[{"content":7}]}', b"\xff"]
)
def test_what_is_no_answer_is_an_error(body: bytes) -> None:
    with pytest.raises(UpstreamError):
        google_adapter().completion(body)


def test_probabilities_that_are_no_numbers_do_no_harm() -> None:
    body = json.dumps(answered({"text": "x"})).replace('"index"', '"avgLogprobs": NaN, "index"').encode()
    assert google_adapter().completion(body).choices[0].finish_reason == "stop"


def test_tools_that_google_runs_are_no_calls_of_the_clients_and_go_back_where_they_stood() -> None:
    parts: list[dict[str, Any]] = [
        {"executableCode": {"language": "PYTHON", "code": "print(1)"}, "thoughtSignature": "A"},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}},
        {"text": "It is "},
        {
            "toolCall": {"toolType": "GOOGLE_SEARCH_WEB", "id": "t1", "args": {"queries": ["x"]}},
            "thoughtSignature": "B",
        },
        {"toolResponse": {"toolType": "GOOGLE_SEARCH_WEB", "id": "t1"}, "thoughtSignature": "C"},
        {"text": "one.", "thoughtSignature": "D"},
    ]
    answer = message_of(answered(*parts))
    assert "tool_calls" not in answer
    assert answer["content"] == "It is one."
    assert {detail["type"] for detail in answer["reasoning_details"][:2]} == {"reasoning.server_tool_call"}
    assert turns_for({"role": "assistant"} | answer)[0]["parts"] == parts


def test_sources_stand_at_characters_and_not_at_bytes() -> None:
    grounding = {
        "groundingChunks": [{"web": {"uri": "https://a", "title": "A"}}, {"web": {"uri": "https://b"}}],
        "groundingSupports": [
            {"segment": {"startIndex": 4, "endIndex": 8, "text": "über"}, "groundingChunkIndices": [0]}
        ],
    }
    message = message_of(answered({"text": "Öl über all"}, groundingMetadata=grounding))
    assert [one["url_citation"] for one in message["annotations"]] == [
        {"url": "https://a", "title": "A", "start_index": 3, "end_index": 7},
        {"url": "https://b", "start_index": 0, "end_index": 0},
    ]


def test_log_probabilities_are_told_as_ours() -> None:
    result = {
        "chosenCandidates": [{"token": "é", "logProbability": -0.5}],
        "topCandidates": [
            {"candidates": [{"token": "é", "logProbability": -0.5}, {"token": "e", "logProbability": -1}]}
        ],
    }
    [choice] = read_whole(answered({"text": "é"}, logprobsResult=result)).choices
    [token] = json.loads(bytes(choice.logprobs))["content"]
    assert token["token"] == "é"
    assert token["logprob"] == -0.5
    assert token["bytes"] == [195, 169]
    assert [one["token"] for one in token["top_logprobs"]] == ["é", "e"]


def test_sound_is_told_as_audio() -> None:
    message = message_of(answered({"inlineData": {"mimeType": "audio/L16;codec=pcm;rate=24000", "data": "AAAA"}}))
    assert message["audio"]["data"] == "AAAA"


def test_counts_are_disjoint_by_kind() -> None:
    counts = {
        "promptTokenCount": 100, "cachedContentTokenCount": 40, "toolUsePromptTokenCount": 7, "thoughtsTokenCount": 30,
        "candidatesTokenCount": 50, "totalTokenCount": 187,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 70}, {"modality": "AUDIO", "tokenCount": 30}],
        "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 10}, {"modality": "TEXT", "tokenCount": 30}],
        "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 45}, {"modality": "TEXT", "tokenCount": 5}],
    }  # fmt: skip
    usage = read_gemini_usage(Raw(json.dumps(counts).encode()))
    assert usage == Usage(fresh=47, cache_read=40, audio_prompt=20, completion=5, reasoning=30, image_completion=45)
    assert usage.prompt_tokens + usage.completion_tokens == 187


_COUNT = st.one_of(st.none(), st.integers(-5, 10**7), st.integers(0, 10**7).map(str), st.just("x"), st.just(1.5))
_BY_KIND = st.lists(
    st.fixed_dictionaries({"modality": st.sampled_from(["TEXT", "AUDIO", "IMAGE", "VIDEO"]), "tokenCount": _COUNT})
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "promptTokenCount": _COUNT, "cachedContentTokenCount": _COUNT, "candidatesTokenCount": _COUNT,
            "thoughtsTokenCount": _COUNT, "toolUsePromptTokenCount": _COUNT, "totalTokenCount": _COUNT,
            "promptTokensDetails": _BY_KIND, "cacheTokensDetails": _BY_KIND, "candidatesTokensDetails": _BY_KIND,
        },
    )
)  # fmt: skip
def test_counts_are_never_negative_and_sum_to_the_totals(counts: dict[str, Any]) -> None:
    usage = read_gemini_usage(Raw(json.dumps(counts).encode()))
    if usage is None:
        return
    assert all(getattr(usage, name) >= 0 for name in COUNTS)
    stated = [counts.get(name) for name in ("promptTokenCount", "toolUsePromptTokenCount")]
    if all(type(one) is int and one >= 0 for one in stated):
        assert usage.prompt_tokens == sum(stated)  # type: ignore[arg-type]  # they are integers


_EVENTS: tuple[dict[str, Any], ...] = (
    {"candidates": [{"content": {"parts": [{"text": "Hm… ", "thought": True}]}, "index": 0}], "responseId": "r1"},
    {"candidates": [{"content": {"parts": [{"text": "so.", "thought": True}]}, "index": 0}]},
    answered({"text": "Grüße "}, finishReason=None),
    answered({"text": "an \U0001f30d"}, finishReason=None),
    answered({"functionCall": {"name": "a", "args": {"q": "ü"}}, "thoughtSignature": "S"}, finishReason=None),
    {
        "candidates": [
            {"content": {"parts": [{"text": "", "thoughtSignature": "T"}]}, "finishReason": "STOP", "index": 0}
        ],
        "usageMetadata": {
            "promptTokenCount": 3,
            "candidatesTokenCount": 4,
            "thoughtsTokenCount": 5,
            "totalTokenCount": 12,
        },
    },
)


def _together(chunks: list[Chunk]) -> tuple[Any, ...]:
    deltas = deltas_of(chunks)
    return (
        "".join(delta.get("content", "") for delta in deltas),
        "".join(delta.get("reasoning", "") for delta in deltas),
        [detail for delta in deltas for detail in delta.get("reasoning_details", [])],
        [call for delta in deltas for call in delta.get("tool_calls", [])],
        [(c.finish_reason, c.native_finish_reason) for chunk in chunks for c in chunk.choices if c.finish_reason],
        chunks[-1].usage,
    )


@pytest.mark.parametrize("end", ["\n\n", "\r\n\r\n", "\r\r"])
@given(size=st.integers(1, 64))
def test_pieces_of_any_size_make_the_same_answer(end: str, size: int) -> None:
    stream = b": hello\n\n" + stream_of(*_EVENTS, end=end)
    assert _together(chunks_of(stream, size)) == _together(chunks_of(stream))


def test_a_stream_tells_all_of_it() -> None:
    text, thoughts, details, calls, finish, usage = _together(chunks_of(stream_of(*_EVENTS)))
    assert text == "Grüße an \U0001f30d"
    assert thoughts == "Hm… so."
    assert [call["function"] for call in calls] == [{"name": "a", "arguments": '{"q":"ü"}'}]
    assert finish == [("tool_calls", "STOP")]
    assert usage == Usage(fresh=3, completion=4, reasoning=5)
    message = {"role": "assistant", "content": text, "tool_calls": calls, "reasoning_details": details}
    assert [part for part in turns_for(message)[0]["parts"] if "functionCall" not in part] == [
        {"text": "Hm… so.", "thought": True},
        {"text": text},
        {"text": "", "thoughtSignature": "T"},
    ]


def test_an_error_within_a_stream_comes_after_what_was_said() -> None:
    broken = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}
    decoder = google_adapter().decoder()
    chunks = decoder.feed(stream_of(answered({"text": "Hel"}, finishReason=None), broken))
    assert deltas_of(chunks) == [{"content": "Hel"}]
    with pytest.raises(UpstreamError) as caught:
        decoder.flush()
    assert caught.value.error_type == "provider_overloaded"
    assert caught.value.provider_code == "UNAVAILABLE"


def test_a_stream_that_breaks_off_has_no_finish_reason() -> None:
    chunks = chunks_of(stream_of(answered({"text": "Hel"}, finishReason=None)))
    assert all(choice.finish_reason is None for chunk in chunks for choice in chunk.choices)


def test_candidates_of_a_stream_are_told_apart() -> None:
    events = [
        answered({"text": "one"}, index=0, finishReason=None),
        answered({"functionCall": {"name": "a"}}, index=1),
        answered({"text": " two"}, index=0, finishReason="MAX_TOKENS"),
    ]
    ends = {
        c.index: c.finish_reason for chunk in chunks_of(stream_of(*events)) for c in chunk.choices if c.finish_reason
    }
    assert ends == {0: "length", 1: "tool_calls"}


def _failure(status: int, body: object, retry_after: str | None = None) -> UpstreamError:
    return google_adapter().failure(status, retry_after, json.dumps(body).encode())


def _error(code: int, status: str, message: str = "words", *details: dict[str, Any]) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "status": status, "details": list(details)}}


def test_a_quota_says_when_to_come_back() -> None:
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.07s"}
    failure = _failure(429, _error(429, "RESOURCE_EXHAUSTED", "quota", {"@type": "x", "violations": [{}]}, info))
    assert failure.error_type == "rate_limit_exceeded"
    assert failure.retry_after == 35
    assert failure.provider_code == "RESOURCE_EXHAUSTED"
    assert _failure(429, [_error(429, "RESOURCE_EXHAUSTED", "Please retry in 7.5s.")]).retry_after == 8
    assert _failure(429, _error(429, "RESOURCE_EXHAUSTED"), "9").retry_after == 9


def test_a_refused_key_is_not_the_clients_fault() -> None:
    message = "API key not valid. Please pass a valid API key."
    reason = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
    failure = _failure(400, _error(400, "INVALID_ARGUMENT", message, reason))
    assert failure.error_type == "provider_unavailable"
    assert failure.elsewhere == "endpoint"
    assert "API key" not in failure.message


def test_a_region_that_is_not_served_is_tried_elsewhere() -> None:
    failure = _failure(400, _error(400, "FAILED_PRECONDITION", "User location is not supported for the API use."))
    assert failure.elsewhere == "endpoint"


def test_a_prompt_that_is_too_long_is_known_by_its_words() -> None:
    message = "The input token count (1189087) exceeds the maximum number of tokens allowed (1048575)."
    assert _failure(400, _error(400, "INVALID_ARGUMENT", message)).error_type == "context_length_exceeded"


@pytest.mark.parametrize(
    ("status", "name", "error_type"),
    [
        (400, "INVALID_ARGUMENT", "invalid_request"), (403, "PERMISSION_DENIED", "provider_unavailable"),
        (404, "NOT_FOUND", "not_found"), (500, "INTERNAL", "provider_unavailable"),
        (503, "UNAVAILABLE", "provider_overloaded"), (504, "DEADLINE_EXCEEDED", "timeout"),
    ],
)  # fmt: skip
def test_statuses_have_their_types(status: int, name: str, error_type: str) -> None:
    for body in (_error(status, name), [_error(status, name)]):
        failure = _failure(status, body)
        assert failure.error_type == error_type
        assert failure.provider_code == name


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"[7]", b'{"error":"text"}', b'{"error":{"details":[1]}}'])
def test_any_body_of_an_error_is_one(body: bytes) -> None:
    assert google_adapter().failure(502, None, body).upstream_status == 502
