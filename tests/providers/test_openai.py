"""The OpenAI dialect: requests out, whole answers and streams in."""

from __future__ import annotations

import json
from typing import Any

import pytest

from turnout.api.chat import ChatSurface
from turnout.base.errors import UpstreamError
from turnout.base.secrets import Secret
from turnout.domain.catalog import Endpoint
from turnout.domain.completion import Chunk
from turnout.domain.provider import Capabilities, Provider
from turnout.domain.usage import Usage
from turnout.providers.openai import OpenAIAdapter

_DONE = b"data: [DONE]\n\n"


def _adapter(**capabilities: Any) -> OpenAIAdapter:  # noqa: ANN401 - any capability
    provider = Provider(
        slug="acme", name="Acme", base_url="http://127.0.0.1:1/v1", credential=Secret("k"),
        capabilities=Capabilities(**capabilities),
    )  # fmt: skip
    return OpenAIAdapter(provider, lambda: 0.0)


def _sent(body: dict[str, Any], **capabilities: Any) -> Any:  # noqa: ANN401 - JSON
    body = {"model": "acme/x", "messages": [{"role": "user", "content": "hi"}]} | body
    request = ChatSurface().decode(json.dumps(body).encode())
    endpoint = Endpoint(model_id="acme/x", provider="acme", tag="acme", upstream_model="x-1")
    return json.loads(_adapter(**capabilities).outgoing(request, endpoint).body)


def _events(*events: Any) -> bytes:  # noqa: ANN401 - JSON
    return b"".join(b"data: %b\n\n" % json.dumps(event).encode() for event in events)


def _delta(delta: Any = None, **choice: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {"id": "up-1", "choices": [{"index": 0, "delta": delta or {}} | choice]}


def _finishes(chunks: list[Chunk]) -> list[tuple[str | None, str | None]]:
    return [(choice.finish_reason, choice.native_finish_reason) for chunk in chunks for choice in chunk.choices]


@pytest.mark.parametrize("effort", ["none", "minimal", "high", "xhigh", "default"])
def test_a_reasoning_effort_goes_on_as_sent(effort: str) -> None:
    assert _sent({"reasoning_effort": effort})["reasoning_effort"] == effort


def test_the_reasoning_object_is_said_in_the_providers_words() -> None:
    assert _sent({"reasoning": {"effort": "high"}})["reasoning_effort"] == "high"
    assert _sent({"reasoning": {"effort": "xhigh"}})["reasoning_effort"] == "high"
    assert _sent({"reasoning": {"enabled": True}}, reasoning="thinking")["thinking"] == {"type": "enabled"}
    assert _sent({"reasoning": {"effort": "none"}}, reasoning="enable_thinking")["enable_thinking"] is False
    assert _sent({"reasoning": {"effort": "low", "exclude": True}}, reasoning="object")["reasoning"] == {
        "effort": "low", "exclude": True
    }  # fmt: skip
    assert _sent({"reasoning_effort": "low"}, reasoning="object")["reasoning"] == {"effort": "low"}
    assert "reasoning" not in str(_sent({"reasoning": {"effort": "low"}}, reasoning="none"))


def test_a_client_that_uses_the_providers_own_field_is_not_corrected() -> None:
    own = {"thinking": {"type": "disabled", "clear_thinking": False}, "reasoning_effort": "max"}
    sent = _sent(own, reasoning="thinking")
    assert {name: sent[name] for name in own} == own
    assert _sent({"enable_thinking": False, "reasoning": {"effort": "high"}}, reasoning="enable_thinking")[
        "enable_thinking"
    ] is False  # fmt: skip


def test_earlier_thoughts_go_back_under_the_providers_name_even_when_empty() -> None:
    messages = [
        {"role": "assistant", "content": None, "reasoning_content": ""},
        {"role": "assistant", "content": "x", "reasoning": "so", "reasoning_details": []},
    ]
    first, second = _sent({"messages": messages}, reasoning="thinking")["messages"]
    assert first == messages[0]
    assert second == {"role": "assistant", "content": "x", "reasoning_content": "so"}
    assert "reasoning" not in str(_sent({"messages": messages})["messages"])
    assert _sent({"messages": messages}, reasoning="object")["messages"] == messages


def test_a_whole_answer_without_a_finish_reason_has_one() -> None:
    calls = [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    message: dict[str, Any]
    for message, finish in (({"content": "x"}, "stop"), ({"content": "", "tool_calls": calls}, "tool_calls")):
        for choice in ({"finish_reason": ""}, {"finish_reason": None}, {}):
            body = json.dumps({"id": "", "choices": [choice | {"message": message}]}).encode()
            completion = _adapter().completion(body)
            assert completion.choices[0].finish_reason == finish
            assert completion.choices[0].native_finish_reason is None
            assert completion.upstream_id is None


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "m", "code": 429}},
        {"choices": [{"message": {"content": ""}, "finish_reason": "error", "error": {"message": "m", "code": 429}}]},
    ],
)
def test_an_error_in_place_of_an_answer_is_a_failure(body: Any) -> None:  # noqa: ANN401 - JSON
    with pytest.raises(UpstreamError, match="m") as raised:
        _adapter().completion(json.dumps(body).encode())
    assert raised.value.error_type == "rate_limit_exceeded"


@pytest.mark.parametrize("nothing", [None, "", {}, False])
def test_an_error_that_says_nothing_is_none(nothing: Any) -> None:  # noqa: ANN401 - JSON
    body = {"error": nothing, "choices": [{"message": {"content": "x"}, "error": nothing}]}
    assert _adapter().completion(json.dumps(body).encode()).choices
    assert _adapter().decoder().feed(_events(_delta({"content": "x"}) | {"error": nothing}))


def test_choices_without_an_index_are_numbered() -> None:
    body = {"choices": [{"message": {"content": "a"}}, {"message": None}, {"index": 7, "message": {"content": "b"}}]}
    completion = _adapter().completion(json.dumps(body).encode())
    assert [choice.index for choice in completion.choices] == [0, 1, 7]


def test_a_stream_that_ends_without_a_finish_reason_has_one() -> None:
    call = {"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "f", "arguments": "{}"}}]}
    assert _finishes(_adapter().decoder().feed(_events(_delta({"content": "x"})) + _DONE))[-1] == ("stop", None)
    assert _finishes(_adapter().decoder().feed(_events(_delta(call)) + _DONE))[-1] == ("tool_calls", None)
    finished = _events(_delta({"content": "x"}, finish_reason=""), _delta(finish_reason="eos")) + _DONE
    assert _finishes(_adapter().decoder().feed(finished)) == [(None, None), ("stop", "eos")]


@pytest.mark.parametrize(
    "event",
    [
        {"usage": {"prompt_tokens": 3, "completion_tokens": 2}, "choices": []},
        {"x_groq": {"usage": {"prompt_tokens": 3, "completion_tokens": 2}}, "choices": None},
        _delta(finish_reason="stop", usage={"prompt_tokens": 3, "completion_tokens": 2}),
    ],
)
def test_usage_in_a_stream_is_found_wherever_it_stands(event: Any) -> None:  # noqa: ANN401 - JSON
    chunks = _adapter().decoder().feed(_events(_delta({"content": "x"}) | {"usage": None}, event))
    assert [chunk.usage for chunk in chunks] == [None, Usage(fresh=3, completion=2)]


def test_what_comes_in_one_piece_with_an_error_is_passed_on_before_it() -> None:
    decoder = _adapter().decoder()
    text = _events(_delta({"content": "x"})) + b"event: error\n" + _events({"error": {"message": "m", "code": 503}})
    assert len(decoder.feed(text)) == 1
    assert decoder.ended
    with pytest.raises(UpstreamError, match="m"):
        decoder.flush()


@pytest.mark.parametrize("choice", [{"finish_reason": "error", "error": {"message": "m", "code": 429}}])
def test_an_error_inside_a_choice_of_a_stream_is_a_failure(choice: Any) -> None:  # noqa: ANN401 - JSON
    with pytest.raises(UpstreamError, match="m"):
        _adapter().decoder().feed(_events(_delta(**choice)))
