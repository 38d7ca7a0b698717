"""Bedrock: what its answers, streams and failures say."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.hearing import hear_stream, hear_whole
from conformance.kit import adapter_of
from conformance.kits.bedrock import KIT, framed
from conformance.test_answers import CASES
from conformance.test_hostile_answers import ODD, places, spelled, spoilt, survive_stream
from converters.bedrock import read_frames
from turnout.base.errors import UpstreamError
from turnout.domain.usage import Usage

JSON = {":content-type": "application/json", ":message-type": "event"}
COUNTS = st.none() | st.integers(0, 10**7)


def event(kind: str, **value: object) -> bytes:
    return framed({":event-type": kind, **JSON}, json.dumps(value).encode())


def failing(kind: str, message: str = "the provider's reason") -> bytes:
    return framed({":exception-type": kind, ":message-type": "exception"}, json.dumps({"message": message}).encode())


def delta(index: int, **value: object) -> bytes:
    return event("contentBlockDelta", contentBlockIndex=index, delta=value)


def begin(index: int, **value: object) -> bytes:
    return event("contentBlockStart", contentBlockIndex=index, start=value)


def stop(index: int) -> bytes:
    return event("contentBlockStop", contentBlockIndex=index)


def last(reason: str = "end_turn", usage: dict[str, Any] | None = None) -> list[bytes]:
    counts = {"inputTokens": 3, "outputTokens": 2} if usage is None else usage
    return [event("messageStop", stopReason=reason), event("metadata", usage=counts)]


def whole(*blocks: dict[str, Any], reason: str = "end_turn", usage: dict[str, Any] | None = None) -> bytes:
    message = {"role": "assistant", "content": list(blocks)}
    counts = {"inputTokens": 3, "outputTokens": 2} if usage is None else usage
    return json.dumps({"output": {"message": message}, "stopReason": reason, "usage": counts}).encode()


def message_of(body: bytes) -> dict[str, Any]:
    [choice] = adapter_of("bedrock").completion(body).choices
    return {name: json.loads(bytes(value)) for name, value in choice.message.items()}


def deltas_of(frames: list[bytes]) -> list[dict[str, Any]]:
    chunks = adapter_of("bedrock").decoder().feed(b"".join(frames))
    return [json.loads(bytes(choice.delta)) for chunk in chunks for choice in chunk.choices]


# -- counts --


def test_cached_tokens_stand_beside_fresh_ones() -> None:
    details = [{"inputTokens": 30, "ttl": "1h"}, {"inputTokens": 12, "ttl": "5m"}]
    counts = {"inputTokens": 3, "cacheReadInputTokens": 10, "cacheWriteInputTokens": 42, "cacheDetails": details,
              "outputTokens": 5, "totalTokens": 60}  # fmt: skip
    expected = Usage(fresh=3, cache_read=10, cache_write=12, cache_write_1h=30, completion=5)
    assert hear_whole(adapter_of("bedrock"), whole({"text": "x"}, usage=counts)).usage == expected
    assert hear_stream(adapter_of("bedrock"), [delta(0, text="x"), *last(usage=counts)]).usage == expected


@given(fresh=COUNTS, read=COUNTS, written=COUNTS, long=COUNTS, output=COUNTS)
def test_buckets_sum_to_what_was_counted(
    fresh: int | None, read: int | None, written: int | None, long: int | None, output: int | None
) -> None:
    counts = {"inputTokens": fresh, "cacheReadInputTokens": read, "cacheWriteInputTokens": written,
              "cacheDetails": [{"ttl": "1h", "inputTokens": long}], "outputTokens": output}  # fmt: skip
    usage = hear_whole(adapter_of("bedrock"), whole({"text": "x"}, usage=counts)).usage
    if fresh is None and output is None:
        assert usage is None
        return
    assert usage is not None
    assert usage.prompt_tokens == (fresh or 0) + (read or 0) + (written or 0)
    assert usage.completion_tokens == (output or 0)
    assert min(usage.fresh, usage.cache_read, usage.cache_write, usage.cache_write_1h, usage.completion) >= 0


# -- answers --


@pytest.mark.parametrize(
    ("native", "ours"),
    [("end_turn", "stop"), ("stop_sequence", "stop"), ("max_tokens", "length"), ("tool_use", "tool_calls"),
     ("model_context_window_exceeded", "length"), ("guardrail_intervened", "content_filter"),
     ("content_filtered", "content_filter"), ("malformed_tool_use", "error"), ("malformed_model_output", "error"),
     ("news", "stop")],
)  # fmt: skip
def test_reasons_to_stop_have_our_words(native: str, ours: str) -> None:
    adapter = adapter_of("bedrock")
    assert hear_whole(adapter, whole({"text": "x"}, reason=native)).finish == ours
    assert hear_stream(adapter, [delta(0, text="x"), *last(native)]).finish == ours


def test_an_answer_given_through_a_tool_is_an_answer() -> None:
    use = {"toolUseId": "t", "name": "answer_in_json", "input": {"n": 1}}
    heard = hear_whole(adapter_of("bedrock"), whole({"toolUse": use}, reason="tool_use"))
    assert (heard.text, heard.calls, heard.finish) == ('{"n": 1}', {}, "stop")
    frames = [
        begin(0, toolUse={"toolUseId": "t", "name": "answer_in_json"}),
        delta(0, toolUse={"input": '{"n":'}),
        delta(0, toolUse={"input": " 1}"}),
        stop(0),
        *last("tool_use"),
    ]
    heard = hear_stream(adapter_of("bedrock"), frames)
    assert (heard.text, heard.calls, heard.finish) == ('{"n": 1}', {}, "stop")


def test_tools_of_the_provider_are_no_calls_and_go_back_as_they_came() -> None:
    use = {"toolUseId": "t", "name": "nova_code_interpreter", "type": "server_tool_use"}
    result = {"toolUseId": "t", "status": "success", "type": "nova_code_interpreter_result"}
    found = [{"json": {"stdOut": "4"}}]
    blocks: list[dict[str, Any]] = [
        {"toolUse": use | {"input": {"snippet": "2+2"}}},
        {"toolResult": result | {"content": found}},
    ]
    frames = [
        begin(0, toolUse=use), delta(0, toolUse={"input": '{"snippet": "2+2"}'}), stop(0),
        begin(1, toolResult=result), delta(1, toolResult=found), stop(1), delta(2, text="4"), stop(2), *last(),
    ]  # fmt: skip
    for heard in (
        hear_whole(adapter_of("bedrock"), whole(*blocks, {"text": "4"})),
        hear_stream(adapter_of("bedrock"), frames),
    ):
        assert heard.calls == {}
        assert heard.text == "4"
        [detail] = heard.details
        assert detail["tool_name"] == "nova_code_interpreter"
        assert json.loads(detail["arguments"]) == {"snippet": "2+2"}
        assert json.loads(detail["result"]) == result | {"content": found}


def test_a_tool_that_has_not_answered_yet_is_told_too() -> None:
    use = {"toolUseId": "t", "name": "nova_grounding", "type": "server_tool_use"}
    frames = [begin(0, toolUse=use), stop(0), delta(1, text="x"), *last()]
    for heard in (
        hear_whole(adapter_of("bedrock"), whole({"toolUse": use | {"input": {}}}, {"text": "x"})),
        hear_stream(adapter_of("bedrock"), frames),
    ):
        [detail] = heard.details
        assert (detail["tool_name"], detail["arguments"], detail["result"]) == ("nova_grounding", "{}", "")


def test_a_call_without_arguments_has_an_empty_object() -> None:
    frames = [begin(0, toolUse={"toolUseId": "t", "name": "now"}), stop(0), *last("tool_use")]
    assert hear_stream(adapter_of("bedrock"), frames).calls == {"t": ("now", {})}


def test_sealed_and_hidden_thoughts_are_told_as_they_came() -> None:
    blocks: list[dict[str, Any]] = [
        {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "c2ln"}}},
        {"reasoningContent": {"redactedContent": "aGlkZGVu"}},
    ]
    frames = [
        delta(0, reasoningContent={"text": "H"}), delta(0, reasoningContent={"text": "m."}),
        delta(0, reasoningContent={"signature": "c2ln"}), stop(0),
        delta(1, reasoningContent={"redactedContent": "aGlkZGVu"}), stop(1), delta(2, text="x"), *last(),
    ]  # fmt: skip
    heard = hear_whole(adapter_of("bedrock"), whole(*blocks, {"text": "x"}))
    assert heard.thought == "Hm."
    assert heard.details == [
        {"type": "reasoning.text", "text": "Hm.", "format": "anthropic-claude-v1", "index": 0, "signature": "c2ln"},
        {"type": "reasoning.encrypted", "data": "aGlkZGVu", "format": "anthropic-claude-v1", "index": 1},
    ]
    heard = hear_stream(adapter_of("bedrock"), frames)
    assert heard.thought == "Hm."
    assert [one.get("signature") or one.get("data") or one["text"] for one in heard.details] == [
        "H", "m.", "c2ln", "aGlkZGVu",
    ]  # fmt: skip


def test_sources_with_an_address_are_cited() -> None:
    web = {"title": "Page", "location": {"web": {"url": "https://a.example"}}, "sourceContent": [{"text": "as said"}]}
    page = {"title": "Own file", "location": {"documentPage": {"start": 1}}}
    cited = {"citationsContent": {"content": [{"text": "Yes."}], "citations": [web, page]}}
    expected = {
        "type": "url_citation",
        "url_citation": {
            "url": "https://a.example", "title": "Page", "content": "as said", "start_index": 4, "end_index": 8,
        },
    }  # fmt: skip
    assert message_of(whole({"text": "Hm. "}, cited))["annotations"] == [expected]
    frames = [delta(0, text="Hm. "), stop(0), delta(1, text="Yes."), delta(1, citation=web), delta(1, citation=page)]
    [told] = [one["annotations"] for one in deltas_of([*frames, stop(1), *last()]) if "annotations" in one]
    assert told == [expected]


def test_images_are_told_as_data() -> None:
    block = {"image": {"format": "png", "source": {"bytes": "AAAA"}}}
    image = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]
    assert message_of(whole(block))["images"] == image
    frames = [begin(0, image={"format": "png"}), delta(0, image={"source": {"bytes": "AA"}}),
              delta(0, image={"source": {"bytes": "AA"}}), stop(0), *last()]  # fmt: skip
    assert [one["images"] for one in deltas_of(frames) if "images" in one] == [image]


def test_what_is_new_is_passed_over() -> None:
    frames = [event("news", x=1), delta(0, news={}), delta(0, text="x"), *last()]
    assert hear_stream(adapter_of("bedrock"), frames).text == "x"
    assert hear_whole(adapter_of("bedrock"), whole({"news": {}}, {"text": "x"})).text == "x"


def test_a_stream_ends_with_its_counts() -> None:
    decoder = adapter_of("bedrock").decoder()
    finish, counts = last()
    ended = []
    for piece in (delta(0, text="x") + finish, counts):
        decoder.feed(piece)
        ended.append(decoder.ended)
    assert ended == [False, True]
    assert decoder.feed(b"whatever") == []
    assert decoder.flush() == []


@pytest.mark.parametrize("cut", [1, 20, 60])
def test_a_stream_that_breaks_off_within_a_message_says_so(cut: int) -> None:
    decoder = adapter_of("bedrock").decoder()
    decoder.feed(delta(0, text="x") + event("messageStop", stopReason="end_turn")[:cut])
    with pytest.raises(UpstreamError, match="broke off"):
        decoder.flush()


def test_a_wrong_checksum_is_the_providers_failure() -> None:
    broken = bytearray(delta(0, text="x"))
    broken[-6] ^= 1
    with pytest.raises(UpstreamError, match="checksum"):
        adapter_of("bedrock").decoder().feed(bytes(broken))


def test_no_wrong_value_anywhere_in_a_stream_is_a_mistake_of_ours() -> None:
    server_tool = [
        begin(3, toolUse={"toolUseId": "t", "name": "own", "type": "server_tool_use"}), stop(3),
        begin(4, toolResult={"toolUseId": "t", "status": "success"}), delta(4, toolResult=[{"json": {}}]), stop(4),
        begin(5, image={"format": "png"}), delta(5, image={"source": {"bytes": "AA"}}), stop(5),
        delta(6, reasoningContent={"redactedContent": "AA"}), stop(6),
        delta(7, citation={"title": "x", "location": {"web": {"url": "https://a.example"}}}), stop(7),
    ]  # fmt: skip
    frames = KIT.stream(CASES["all"])
    frames[-2:-2] = server_tool
    adapter, dice = adapter_of("bedrock"), random.Random(7)
    for number, (headers, told) in enumerate(read_frames(b"".join(frames))):
        for path in places(told):
            for odd in (..., *dice.sample(ODD, 10)):
                changed = framed(headers, spelled(spoilt(told, path, odd)))
                survive_stream(adapter, b"".join([*frames[:number], changed, *frames[number + 1 :]]))


# -- failures --

IN_STREAM = {
    "throttlingException": ("rate_limit_exceeded", "endpoint", "rate_limited"),
    "serviceUnavailableException": ("provider_overloaded", "endpoint", "error"),
    "internalServerException": ("provider_unavailable", "endpoint", "error"),
    "modelStreamErrorException": ("provider_unavailable", "endpoint", "error"),
    "modelTimeoutException": ("timeout", "endpoint", "error"),
    "validationException": ("invalid_request", "model", "ignored"),
    "accessDeniedException": ("provider_unavailable", "endpoint", "error"),
    "newsException": ("provider_unavailable", "endpoint", "error"),
}


@pytest.mark.parametrize("kind", IN_STREAM)
def test_exceptions_inside_a_stream_keep_their_meaning(kind: str) -> None:
    with pytest.raises(UpstreamError) as caught:
        adapter_of("bedrock").decoder().feed(failing(kind))
    error = caught.value
    assert (error.error_type, error.elsewhere, error.health) == IN_STREAM[kind]
    assert error.provider_code == kind
    assert error.may_be_billed
    assert kind == "accessDeniedException" or error.raw == "the provider's reason"


def test_an_error_of_the_protocol_tells_itself_in_its_headers() -> None:
    headers = {":message-type": "error", ":error-code": "InternalFailure", ":error-message": "something broke"}
    with pytest.raises(UpstreamError, match="something broke") as caught:
        adapter_of("bedrock").decoder().feed(framed(headers, b""))
    assert caught.value.provider_code == "InternalFailure"


@pytest.mark.parametrize(
    ("status", "body", "error_type", "elsewhere"),
    [
        (400, {"message": "The provided model identifier is invalid."}, "invalid_request", "model"),
        (400, {"message": "Input is too long for requested model."}, "context_length_exceeded", "model"),
        (400, {"message": "Your account has reached its service quota"}, "rate_limit_exceeded", "endpoint"),
        (
            400,
            {"__type": "com.amazon#ServiceQuotaExceededException", "message": "x"},
            "rate_limit_exceeded",
            "endpoint",
        ),
        (403, {"message": "You don't have access to the model"}, "provider_unavailable", "endpoint"),
        (404, {"message": "This model version has reached the end of its life."}, "not_found", "endpoint"),
        (408, {"message": "Model has timed out"}, "timeout", "endpoint"),
        (424, {"message": "The model failed"}, "provider_unavailable", "endpoint"),
        (429, {"message": "Too many tokens, please wait before trying again."}, "rate_limit_exceeded", "endpoint"),
        (500, {"message": "x"}, "provider_unavailable", "endpoint"),
        (503, {"message": "x"}, "provider_overloaded", "endpoint"),
    ],
)
def test_failures_mean_what_they_say(status: int, body: dict[str, str], error_type: str, elsewhere: str) -> None:
    error = adapter_of("bedrock").failure(status, None, json.dumps(body).encode())
    assert (error.error_type, error.elsewhere, error.upstream_status) == (error_type, elsewhere, status)
    if "__type" in body:
        assert error.provider_code == "ServiceQuotaExceededException"
