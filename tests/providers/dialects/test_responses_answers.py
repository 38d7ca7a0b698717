"""Answers and streams of the Responses API in the words of the gateway."""

from __future__ import annotations

import json
from typing import Any

import pytest

from conformance.hearing import Heard, hear_stream, heard_of
from conformance.kit import adapter_of
from conformance.voice import event
from turnout.base.errors import UpstreamError
from turnout.domain.completion import Completion

_USAGE = {"input_tokens": 9, "output_tokens": 4, "total_tokens": 13}


def _response(*output: dict[str, Any], **more: object) -> dict[str, Any]:
    return {"id": "resp_1", "status": "completed", "output": list(output), "usage": _USAGE} | more


def _completion(*output: dict[str, Any], **more: object) -> Completion:
    return adapter_of("openai-responses").completion(json.dumps(_response(*output, **more)).encode())


def _message(completion: Completion) -> dict[str, Any]:
    return {name: json.loads(bytes(value)) for name, value in completion.choices[0].message.items()}


def _streamed(*events: dict[str, Any]) -> Heard:
    return hear_stream(adapter_of("openai-responses"), [event(one, one["type"]) for one in events])


def _deltas(*events: dict[str, Any]) -> list[dict[str, Any]]:
    decoder = adapter_of("openai-responses").decoder()
    chunks = [chunk for one in events for chunk in decoder.feed(event(one))]
    return [json.loads(bytes(choice.delta)) for chunk in chunks for choice in chunk.choices]


def _done(index: int, item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "response.output_item.done", "output_index": index, "item": item}


def _completed(*output: dict[str, Any]) -> dict[str, Any]:
    return {"type": "response.completed", "response": _response(*output)}


def _text(text: str, **more: object) -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": []} | more
    return {"type": "message", "id": "msg_1", "role": "assistant", "content": [part]}


_CITED = {"type": "url_citation", "url": "https://a.example", "title": "A", "start_index": 1, "end_index": 3}
_SEARCH = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "x"}}
_THOUGHT = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [{"type": "summary_text", "text": "One."}, {"type": "summary_text", "text": "Two."}],
    "encrypted_content": "c2VhbA==",
}
_CUSTOM = {"type": "custom_tool_call", "id": "ct_1", "call_id": "c1", "name": "shell", "input": 'echo "é"\n'}


def test_sources_count_from_the_beginning_of_the_whole_text() -> None:
    whole = _message(_completion(_text("Hello "), _text("there", annotations=[_CITED, {"type": "file_citation"}])))
    assert whole["content"] == "Hello there"
    cited = {"url": "https://a.example", "title": "A", "start_index": 7, "end_index": 9}
    assert whole["annotations"] == [{"type": "url_citation", "url_citation": cited}]
    told = [
        {"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "delta": "there"},
        {"type": "response.output_text.annotation.added", "output_index": 1, "content_index": 0, "annotation": _CITED},
        _done(1, _text("there", annotations=[_CITED])),
    ]
    deltas = _deltas(_done(0, _text("Hello ")), *told)
    assert [one["annotations"] for one in deltas if "annotations" in one] == [whole["annotations"]]


def test_summaries_are_told_one_after_another_and_kept_apart_in_the_details() -> None:
    message = _message(_completion(_THOUGHT, _text("So.")))
    assert message["reasoning"] == "One.Two."
    kinds = [(one["type"], one.get("summary") or one.get("data"), one["index"]) for one in message["reasoning_details"]]
    assert kinds == [
        ("reasoning.summary", "One.", 0),
        ("reasoning.summary", "Two.", 1),
        ("reasoning.encrypted", "c2VhbA==", 2),
    ]
    delta = {"type": "response.reasoning_summary_text.delta", "output_index": 0}
    pieces = [delta | {"summary_index": at, "delta": text} for at, text in ((0, "On"), (0, "e."), (1, "Two."))]
    heard = _streamed(*pieces, _done(0, _THOUGHT), _completed(_THOUGHT))
    assert heard.thought == "One.Two."
    assert [one["index"] for one in heard.details] == [0, 0, 1, 2]


def test_thoughts_in_the_open_are_texts() -> None:
    item = {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm."}]}
    message = _message(_completion(item, _text("So.")))
    assert message["reasoning"] == "Hm."
    assert message["reasoning_details"][0]["type"] == "reasoning.text"
    delta = {"type": "response.reasoning_text.delta", "output_index": 0, "content_index": 0, "delta": "H"}
    heard = _streamed(delta, _done(0, item), _completed(item))
    assert (heard.thought, heard.finish) == ("Hm.", "stop")


def test_tools_of_the_provider_are_told_as_details_and_never_as_calls() -> None:
    completion = _completion(_SEARCH, _text("Found."))
    message = _message(completion)
    assert "tool_calls" not in message
    [detail] = message["reasoning_details"]
    assert (detail["tool_name"], json.loads(detail["arguments"])["query"]) == ("web_search", "x")
    assert json.loads(detail["result"]) == _SEARCH
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage is not None
    assert completion.usage.web_searches == 1


def test_searches_are_counted_as_the_provider_counts_them() -> None:
    opened = _SEARCH | {"action": {"type": "open_page", "url": "https://a.example"}}
    counted = _completion(_SEARCH, opened, _text("x"))
    assert counted.usage is not None
    assert counted.usage.web_searches == 1
    told = _completion(_SEARCH, _text("x"), tool_usage={"web_search": {"num_requests": 3}})
    assert told.usage is not None
    assert told.usage.web_searches == 3


def test_a_call_with_plain_text_has_it_in_an_object() -> None:
    whole = heard_of(_completion(_CUSTOM))
    assert whole.calls == {"c1": ("shell", {"input": 'echo "é"\n'})}
    begun = {"type": "response.output_item.added", "output_index": 0, "item": _CUSTOM | {"input": ""}}
    delta = {"type": "response.custom_tool_call_input.delta", "output_index": 0}
    pieces = [delta | {"delta": piece} for piece in ('echo "', 'é"\n')]
    for events in ([begun, *pieces, _done(0, _CUSTOM)], [begun, _done(0, _CUSTOM)], [_done(0, _CUSTOM)], []):
        heard = _streamed(*events, _completed(_CUSTOM))
        assert (heard.calls, heard.finish) == (whole.calls, "tool_calls")
    empty = _CUSTOM | {"input": ""}
    assert _streamed(_done(0, empty), _completed(empty)).calls == {"c1": ("shell", {"input": ""})}


def test_a_call_that_nobody_announced_is_told_when_it_is_done() -> None:
    call = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "now", "arguments": '{"a":1}'}
    delta = {"type": "response.function_call_arguments.delta", "output_index": 0, "delta": '{"a'}
    assert _streamed(delta, _done(0, call), _completed(call)).calls == {"c1": ("now", {"a": 1})}


def test_a_refusal_is_one() -> None:
    item = {"type": "message", "content": [{"type": "refusal", "refusal": "I will not."}]}
    assert _message(_completion(item))["refusal"] == "I will not."
    delta = {"type": "response.refusal.delta", "output_index": 0, "content_index": 0, "delta": "I "}
    deltas = _deltas(delta, _done(0, item), _completed(item))
    assert "".join(one.get("refusal", "") for one in deltas) == "I will not."


def test_pictures_are_shown_once_they_are_whole() -> None:
    item = {"type": "image_generation_call", "id": "ig_1", "result": "QUJD", "output_format": "webp"}
    message = _message(_completion(item))
    assert message["images"] == [{"type": "image_url", "image_url": {"url": "data:image/webp;base64,QUJD"}}]
    assert "QUJD" not in message["reasoning_details"][0]["result"]
    partial = {"type": "response.image_generation_call.partial_image", "output_index": 0, "partial_image_b64": "QQ=="}
    deltas = _deltas(partial, _done(0, item), _completed(item))
    assert [one["images"] for one in deltas if "images" in one] == [message["images"]]


def test_a_comment_before_the_answer_is_marked_and_so_is_the_answer_then() -> None:
    first, last = _text("Let me see.") | {"phase": "commentary"}, _text("Seen.") | {"phase": "final_answer"}
    details = _message(_completion(first, last))["reasoning_details"]
    marks = [(json.loads(one["result"])["phase"], one.get("position", 0)) for one in details]
    assert marks == [("commentary", 0), ("final_answer", 11)]
    assert "reasoning_details" not in _message(_completion(last))


def test_log_probabilities_are_passed_on() -> None:
    one = {"token": "x", "logprob": -0.5, "bytes": [120], "top_logprobs": []}
    completion = _completion(_text("x", logprobs=[one]))
    assert json.loads(bytes(completion.choices[0].logprobs)) == {"content": [one], "refusal": None}
    delta = {"type": "response.output_text.delta", "output_index": 0, "delta": "x", "logprobs": [one]}
    [chunk] = adapter_of("openai-responses").decoder().feed(event(delta))
    assert json.loads(bytes(chunk.choices[0].logprobs)) == {"content": [one], "refusal": None}


@pytest.mark.parametrize(
    ("reason", "finish"), [("max_output_tokens", "length"), ("content_filter", "content_filter"), ("else", "length")]
)
def test_an_answer_that_was_cut_off_says_why(reason: str, finish: str) -> None:
    incomplete: dict[str, Any] = {"status": "incomplete", "incomplete_details": {"reason": reason}}
    [choice] = _completion(_text("So f"), **incomplete).choices
    assert (choice.finish_reason, choice.native_finish_reason) == (finish, reason)


@pytest.mark.parametrize(
    ("code", "error_type"),
    [
        ("server_error", "provider_unavailable"),
        ("rate_limit_exceeded", "rate_limit_exceeded"),
        ("invalid_prompt", "invalid_request"),
        ("image_too_large", "invalid_request"),
    ],
)
def test_a_failure_inside_an_answer_is_sorted_by_its_code(code: str, error_type: str) -> None:
    with pytest.raises(UpstreamError) as caught:
        _completion(status="failed", error={"code": code, "message": "No."})
    assert (caught.value.error_type, caught.value.message) == (error_type, "No.")


@pytest.mark.parametrize("status", ["queued", "in_progress", "cancelled"])
def test_what_is_not_finished_is_no_answer(status: str) -> None:
    with pytest.raises(UpstreamError):
        _completion(status=status)


def test_events_of_unknown_types_and_odd_ones_that_say_nothing_are_overlooked() -> None:
    odd: list[dict[str, Any]] = [
        {"type": "response.new_thing", "delta": {"a": 1}},
        {"type": "response.audio.delta", "delta": "x"},
        {"type": "x"},
    ]
    heard = _streamed(*odd, _done(0, _text("Hi")), *odd, _completed(_text("Hi")))
    assert (heard.text, heard.finish) == ("Hi", "stop")
    with pytest.raises(UpstreamError):
        _streamed({"type": "response.output_text.delta", "delta": {"a": 1}})


def test_an_event_in_several_lines_leaves_in_one() -> None:
    lines = json.dumps({"type": "response.output_text.delta", "delta": "x", "logprobs": [{"token": "x"}]}, indent=1)
    frame = "".join(f"data: {line}\n" for line in lines.splitlines()) + "\n"
    [chunk] = adapter_of("openai-responses").decoder().feed(frame.encode())
    assert b"\n" not in bytes(chunk.choices[0].logprobs)
