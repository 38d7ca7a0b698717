"""Chat requests in Mistral's words: nothing goes out that it does not know."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.hearing import heard_of
from conformance.kit import adapter_of, endpoint_of
from examples import a_request
from turnout.base.errors import BadRequest, UpstreamError
from turnout.contracts.provider import Outgoing
from turnout.providers.compatible import load_compatible

_MODEL = "mistral-small-latest"
_TOOL = {"type": "function", "function": {"name": "look"}}
_USER = {"role": "user", "content": "Hi"}


def made(model: str = _MODEL, *, endpoint: Mapping[str, Any] = MappingProxyType({}), **fields: Any) -> Outgoing:  # noqa: ANN401 - any field of a request
    return adapter_of("mistral").outgoing(a_request(**fields), endpoint_of("mistral", upstream_model=model, **endpoint))


def sent(model: str = _MODEL, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - any field of a request
    body: dict[str, Any] = json.loads(made(model, **fields).body)
    return body


def _call(call_id: str) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": "look", "arguments": "{}"}}


def test_the_shipped_provider_speaks_its_own_dialect() -> None:
    row = load_compatible()["mistral"]
    assert (row.dialect, row.base_url) == ("mistral", "https://api.mistral.ai/v1")


def test_what_it_does_not_know_is_listed_and_what_it_calls_otherwise_is_renamed() -> None:
    outgoing = made(seed=7, user="u", logprobs=True, top_k=3, stream=True, stream_options={"include_usage": True}, x=1)
    body = json.loads(outgoing.body)
    assert body.keys() == {"model", "messages", "random_seed", "stream"}
    assert body["random_seed"] == 7
    assert outgoing.dropped == ("logprobs", "top_k", "user", "x")
    assert made(seed=-1).dropped == ("seed",)


def test_its_own_words_go_on_as_they_are() -> None:
    own: dict[str, Any] = {
        "safe_prompt": True,
        "prompt_cache_key": "k",
        "prompt_mode": "reasoning",
        "random_seed": 3,
        "n": 2,
    }
    body = sent(**own, temperature=1.9, frequency_penalty=-1)
    assert {name: body[name] for name in own} == own
    assert (body["temperature"], body["frequency_penalty"]) == (1.5, -1)


def test_messages_hold_nothing_that_others_have_left_there() -> None:
    turn: dict[str, Any] = {
        "role": "assistant",
        "content": "x",
        "refusal": None,
        "annotations": [],
        "audio": None,
        "images": [],
    }
    marked = {"role": "user", "content": [{"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}}]}
    assert sent(messages=[marked, turn, _USER])["messages"] == [_USER, {"role": "assistant", "content": "x"}, _USER]


def test_a_last_message_of_the_models_is_what_it_goes_on_with() -> None:
    assert sent(messages=[_USER, {"role": "assistant", "content": "So"}])["messages"][1]["prefix"] is True


def test_the_user_is_not_heard_right_after_a_tool() -> None:
    turn = {"role": "assistant", "tool_calls": [_call("abcDEF123")]}
    result = {"role": "tool", "tool_call_id": "abcDEF123", "name": "look", "content": "rain"}
    messages = sent(messages=[_USER, turn, result, _USER], tools=[_TOOL])["messages"]
    assert [one["role"] for one in messages] == ["user", "assistant", "tool", "assistant", "user"]
    assert messages[2] == result


@given(st.text(min_size=1, max_size=40))
def test_ids_have_nine_letters_and_calls_keep_their_results(call_id: str) -> None:
    turn = {"role": "assistant", "tool_calls": [_call(call_id), _call("other")]}
    results = [{"role": "tool", "tool_call_id": one, "content": "rain"} for one in (call_id, "other")]
    _, spoken, *told = sent(messages=[_USER, turn, *results], tools=[_TOOL])["messages"]
    ids = [call["id"] for call in spoken["tool_calls"]]
    assert all(len(one) == 9 and one.isalnum() and one.isascii() for one in ids)
    assert [one["tool_call_id"] for one in told] == ids
    assert call_id == "other" or len(set(ids)) == 2


def test_thoughts_go_back_to_models_that_think_and_to_no_others() -> None:
    details = [{"type": "reasoning.text", "text": text, "index": at} for text, at in (("a", 0), ("b", 0), ("c", 1))]
    messages = [_USER, {"role": "assistant", "content": "x", "reasoning_details": details}, _USER]
    texts = [{"type": "text", "text": text} for text in ("ab", "c")]
    said = [{"type": "thinking", "thinking": texts}, {"type": "text", "text": "x"}]
    assert sent("magistral-medium-latest", messages=messages)["messages"][1]["content"] == said
    assert sent("codestral-latest", messages=messages)["messages"][1]["content"] == "x"
    plain = [_USER, {"role": "assistant", "content": "x", "reasoning": "hm"}, _USER]
    assert sent(messages=plain)["messages"][1]["content"][0]["thinking"] == [{"type": "text", "text": "hm"}]


@pytest.mark.parametrize(
    ("model", "effort", "said", "dropped"),
    [
        (_MODEL, "minimal", {"reasoning_effort": "high"}, ()),
        (_MODEL, "none", {"reasoning_effort": "none"}, ()),
        ("magistral-small-latest", "low", {"prompt_mode": "reasoning"}, ()),
        ("magistral-small-latest", "none", {}, ("reasoning",)),
        ("ministral-8b-latest", "high", {}, ("reasoning",)),
    ],
)
def test_thinking_is_all_or_nothing(model: str, effort: str, said: dict[str, str], dropped: tuple[str, ...]) -> None:
    outgoing = made(model, reasoning={"effort": effort})
    body = json.loads(outgoing.body)
    assert {name: value for name, value in body.items() if name not in {"model", "messages"}} == said
    assert outgoing.dropped == dropped


def test_tools_and_the_choice_of_them() -> None:
    body = sent(tools=[_TOOL], tool_choice="required", parallel_tool_calls=False)
    assert (body["tool_choice"], body["parallel_tool_calls"]) == ("any", False)
    named = {"type": "function", "function": {"name": "look"}}
    assert sent(tools=[_TOOL], tool_choice=named)["tool_choice"] == named
    assert made(tool_choice="auto", parallel_tool_calls=True).dropped == ("parallel_tool_calls", "tool_choice")
    for wrong in ({"tools": [{"type": "web_search"}]}, {"tools": [_TOOL], "tool_choice": {"type": "web_search"}}):
        with pytest.raises(UpstreamError):
            sent(**wrong)


def test_parts_are_said_in_its_words() -> None:
    parts = [
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,QUJD"}},
        {"type": "file", "file": {"url": "https://a.example/x.pdf"}},
        {"type": "file", "file": {"file_id": "f-1"}},
        {"type": "file", "file": {"file_data": "data:image/png;base64,QUJD"}},
        {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "mp3"}},
        {"type": "document_url", "document_url": "https://a.example/y.pdf"},
        {"type": "text", "text": "Read."},
    ]
    assert sent(messages=[{"role": "user", "name": "Ann", "content": parts}])["messages"][0]["content"] == [
        {"type": "document_url", "document_url": "data:application/pdf;base64,QUJD", "document_name": "a.pdf"},
        {"type": "document_url", "document_url": "https://a.example/x.pdf"},
        {"type": "file", "file_id": "f-1"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}},
        {"type": "input_audio", "input_audio": "QUJD"},
        {"type": "document_url", "document_url": "https://a.example/y.pdf"},
        {"type": "text", "text": "Ann: Read."},
    ]
    with pytest.raises(UpstreamError):
        sent(
            messages=[{"role": "user", "content": [{"type": "video_url", "video_url": {"url": "https://a.example/x"}}]}]
        )
    for empty in (
        [{"role": "assistant", "content": ""}],
        [{"role": "user", "content": [{"type": "file", "file": {}}]}],
    ):
        with pytest.raises(BadRequest):
            sent(messages=empty)


def test_a_schema_is_said_as_openai_says_it() -> None:
    form = {"name": "x", "schema": {"type": "object"}, "strict": True, "description": "d"}
    wanted = {"type": "json_schema", "json_schema": form}
    assert sent(response_format=wanted)["response_format"] == wanted
    assert sent(response_format={"type": "json_object"})["response_format"] == {"type": "json_object"}
    with pytest.raises(UpstreamError):
        sent(response_format={"type": "grammar", "grammar": "x"})


def test_references_among_the_parts_of_an_answer_say_nothing_and_do_no_harm() -> None:
    content = [
        {"type": "text", "text": "Oslo"},
        {"type": "reference", "reference_ids": [1]},
        {"type": "text", "text": "."},
    ]
    body = {"id": "m", "choices": [{"index": 0, "message": {"content": content}, "finish_reason": "model_length"}]}
    heard = heard_of(adapter_of("mistral").completion(json.dumps(body).encode()))
    assert (heard.text, heard.finish) == ("Oslo.", "length")
