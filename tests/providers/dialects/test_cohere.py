"""Chat requests in Cohere's words, and its answers in ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest

from conformance.hearing import hear_stream
from conformance.kit import adapter_of, endpoint_of
from conformance.voice import event
from examples import a_request
from turnout.base.errors import BadRequest, UpstreamError
from turnout.base.money import Pico
from turnout.contracts.provider import Outgoing
from turnout.domain.completion import Completion
from turnout.domain.usage import Pricing, Usage, cost
from turnout.providers.dialects import load_dialects

_THINKING = "command-a-reasoning-08-2025"
_TOOL = {"type": "function", "function": {"name": "look"}}
_OTHER = {"type": "function", "function": {"name": "now", "description": "Tells the time", "strict": True}}
_USER = {"role": "user", "content": "Hi"}
_CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}


def made(model: str = _THINKING, *, endpoint: Mapping[str, Any] = MappingProxyType({}), **fields: Any) -> Outgoing:  # noqa: ANN401 - any field of a request
    return adapter_of("cohere").outgoing(a_request(**fields), endpoint_of("cohere", upstream_model=model, **endpoint))


def sent(model: str = _THINKING, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - any field of a request
    body: dict[str, Any] = json.loads(made(model, **fields).body)
    return body


def completion(message: object, **more: object) -> Completion:
    body = {"id": "c-1", "finish_reason": "COMPLETE", "message": message} | more
    return adapter_of("cohere").completion(json.dumps(body).encode())


def test_the_provider_needs_only_its_key() -> None:
    [known] = load_dialects()["cohere"].providers
    assert known.credential == ("COHERE_API_KEY", "CO_API_KEY")
    for address in ("https://api.cohere.com", "https://api.cohere.com/", "https://api.cohere.com/v2"):
        head = adapter_of("cohere", base_url=address).outgoing(a_request(), endpoint_of("cohere")).head
        assert head.startswith(b"POST /v2/chat HTTP/1.1\r\nHost: api.cohere.com\r\n")


def test_parameters_have_other_names_and_bounds() -> None:
    asked: dict[str, Any] = {
        "top_p": 1,
        "top_k": 900,
        "stop": "END",
        "frequency_penalty": 1.5,
        "presence_penalty": 0.5,
        "seed": 7,
    }
    body = sent(**asked, max_completion_tokens=9)
    assert (body["p"], body["k"], body["stop_sequences"], body["seed"]) == (0.99, 500, ["END"], 7)
    assert (body["frequency_penalty"], body["presence_penalty"], body["max_tokens"]) == (1.0, 0.5, 9)
    outgoing = made(presence_penalty=-1, user="u", n=2, logit_bias={"1": 1}, modalities=["image"])
    assert outgoing.dropped == ("logit_bias", "modalities", "n", "presence_penalty", "user")


def test_its_own_words_go_on_as_they_are() -> None:
    own: dict[str, Any] = {
        "safety_mode": "STRICT",
        "documents": ["a"],
        "citation_options": {"mode": "FAST"},
        "thinking": {"type": "enabled"},
    }
    body = sent(**own, reasoning={"effort": "none"})
    assert {name: body[name] for name in own} == own


def test_tools_are_functions_alone_and_always_have_a_schema() -> None:
    first, second = sent(tools=[_TOOL, _OTHER])["tools"]
    assert first["function"] == {"name": "look", "parameters": {"type": "object", "properties": {}}}
    assert "strict" not in second["function"]
    with pytest.raises(UpstreamError):
        sent(tools=[{"type": "web_search"}])


@pytest.mark.parametrize(("choice", "said"), [("required", "REQUIRED"), ("none", "NONE"), ("auto", None), (None, None)])
def test_calls_are_required_forbidden_or_free(choice: object, said: object) -> None:
    assert sent(tools=[_TOOL, _OTHER], tool_choice=choice).get("tool_choice") == said


def test_a_tool_can_be_named_where_it_is_the_only_one() -> None:
    named = {"type": "function", "function": {"name": "look"}}
    assert sent(tools=[_TOOL], tool_choice=named)["tool_choice"] == "REQUIRED"
    with pytest.raises(UpstreamError):
        sent(tools=[_TOOL, _OTHER], tool_choice=named)
    assert made(tool_choice="required").dropped == ("tool_choice",)


def test_a_schema_goes_with_json_and_not_with_tools() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    assert sent(response_format=form)["response_format"] == {"type": "json_object", "json_schema": schema}
    assert sent(response_format={"type": "json_object"})["response_format"] == {"type": "json_object"}
    for more in ({"tools": [_TOOL]}, {"documents": ["a"]}):
        with pytest.raises(UpstreamError):
            sent(response_format=form, **more)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"reasoning": {"effort": "none"}}, {"type": "disabled"}),
        ({"reasoning": {"effort": "high"}}, {"type": "enabled"}),
        ({"reasoning": {"max_tokens": 700}}, {"type": "enabled", "token_budget": 700}),
        ({"reasoning_effort": "low", "max_tokens": 1000}, {"type": "enabled", "token_budget": 200}),
    ],
)
def test_models_that_think_are_told_how_much(asked: dict[str, Any], said: dict[str, Any]) -> None:
    assert sent(**asked)["thinking"] == said
    outgoing = made("command-r-plus-08-2024", **asked)
    assert b"thinking" not in outgoing.body
    assert outgoing.dropped == (next(iter(asked)),)


def test_thoughts_and_plans_go_back_into_their_places() -> None:
    plan = {"type": "reasoning.text", "text": "First look.", "id": "tool_plan", "index": 1}
    thought = {"type": "reasoning.text", "text": "Hm.", "index": 0}
    turn = {"role": "assistant", "content": "Wait.", "reasoning_details": [thought, plan], "tool_calls": [_CALL]}
    result = {"role": "tool", "tool_call_id": "c1", "content": "rain"}
    _, spoken, told = sent(messages=[_USER, turn, result], tools=[_TOOL])["messages"]
    assert spoken["content"] == [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "Wait."}]
    assert spoken["tool_plan"] == "First look."
    assert spoken["tool_calls"] == [_CALL]
    assert told == result
    plain = {"role": "assistant", "content": None, "reasoning": "Look.", "tool_calls": [_CALL]}
    [_, spoken] = sent("command-r7b-12-2024", messages=[_USER, plain], tools=[_TOOL])["messages"]
    assert spoken == {"role": "assistant", "tool_calls": [_CALL], "tool_plan": "Look."}


def test_what_a_tool_found_may_be_documents() -> None:
    document = {"type": "document", "document": {"id": "1", "data": {"title": "A"}}}
    result = {"role": "tool", "tool_call_id": "c1", "content": [document]}
    turn = {"role": "assistant", "tool_calls": [_CALL]}
    assert sent(messages=[_USER, turn, result], tools=[_TOOL])["messages"][2]["content"] == [document]


def test_instructions_names_and_texts_in_files_are_said_in_its_words() -> None:
    note = {"type": "file", "file": {"filename": "a.txt", "file_data": "data:text/plain;base64,SGVsbG8="}}
    image = {"type": "image_url", "image_url": {"url": "https://a.example/x.png", "detail": "low"}}
    messages = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "name": "Ann", "content": [note, image]},
        {"role": "assistant", "content": None},
    ]
    first, second = sent(messages=messages)["messages"]
    assert first == {"role": "system", "content": "Be brief."}
    assert second["content"] == [{"type": "text", "text": "Ann: a.txt:\nHello"}, image]
    for part in ({"file_data": "data:application/pdf;base64,QUJD"}, {"file_id": "f"}):
        with pytest.raises(UpstreamError):
            sent(messages=[{"role": "user", "content": [{"type": "file", "file": part}]}])
    with pytest.raises(BadRequest):
        sent(messages=[{"role": "assistant", "content": ""}])


def test_tokens_are_those_that_the_model_read_and_wrote_and_its_bill_is_kept_apart() -> None:
    tokens = {"input_tokens": 1452, "output_tokens": 33}
    billed = {"input_tokens": 33, "output_tokens": 22}
    message = {"content": [{"type": "text", "text": "x"}]}
    usage = {"billed_units": billed, "tokens": tokens, "cached_tokens": 16}
    counted = completion(message, usage=usage).usage
    assert counted == Usage(fresh=1436, cache_read=16, completion=33, billed=Usage(fresh=33, completion=22))
    assert cost(counted, Pricing(prompt=Pico(10), completion=Pico(100))).total == 33 * 10 + 22 * 100
    assert completion(message, usage={"billed_units": billed}).usage == Usage(fresh=33, completion=22)
    assert completion(message, usage={"billed_units": tokens, "tokens": tokens}).usage == Usage(
        fresh=1452, completion=33
    )
    assert completion(message, usage={"tokens": tokens}).usage == Usage(fresh=1452, completion=33)
    assert completion(message).usage is None


@pytest.mark.parametrize(
    ("native", "finish"),
    [("STOP_SEQUENCE", "stop"), ("MAX_TOKENS", "length"), ("ERROR_TOXIC", "content_filter"), ("ERROR", "error")],
)
def test_it_says_why_it_stopped(native: str, finish: str) -> None:
    [choice] = completion({"content": [{"type": "text", "text": "x"}]}, finish_reason=native).choices
    assert (choice.finish_reason, choice.native_finish_reason) == (finish, native)


def test_a_generation_that_failed_and_said_nothing_is_a_failure() -> None:
    with pytest.raises(UpstreamError):
        completion({"content": []}, finish_reason="ERROR")
    last = {"type": "message-end", "delta": {"finish_reason": "TIMEOUT"}}
    with pytest.raises(UpstreamError):
        hear_stream(adapter_of("cohere"), [event(last)])


def test_sources_with_an_address_are_named() -> None:
    document = {"id": "d", "title": "A", "url": "https://a.example", "snippet": "s"}
    citation = {
        "start": 0,
        "end": 4,
        "text": "Oslo",
        "sources": [{"type": "tool"}, {"type": "document", "document": document}],
    }
    text = {"content": [{"type": "text", "text": "Oslo."}]}
    message = completion(text | {"citations": [citation, {"start": 0, "end": 1}]}).choices[0].message
    [found] = json.loads(bytes(message["annotations"]))
    cited = {"url": "https://a.example", "title": "A", "content": "s", "start_index": 0, "end_index": 4}
    assert found["url_citation"] == cited
    told = {"type": "citation-start", "index": 0, "delta": {"message": {"citations": citation}}}
    [chunk] = adapter_of("cohere").decoder().feed(event(told))
    assert json.loads(bytes(chunk.choices[0].delta))["annotations"] == [found]


def test_a_plan_for_calls_is_a_thought_and_a_call_without_arguments_has_an_empty_object() -> None:
    events: list[dict[str, Any]] = [
        {"type": "message-start", "id": "c-1", "delta": {"message": {"role": "assistant"}}},
        {"type": "tool-plan-delta", "delta": {"message": {"tool_plan": "I "}}},
        {"type": "tool-plan-delta", "delta": {"message": {"tool_plan": "look."}}},
        {
            "type": "tool-call-start",
            "index": 0,
            "delta": {"message": {"tool_calls": _CALL | {"function": {"name": "look"}}}},
        },
        {"type": "tool-call-end", "index": 0},
        {"type": "message-end", "delta": {"finish_reason": "TOOL_CALL"}},
    ]
    heard = hear_stream(adapter_of("cohere"), [event(one) for one in events])
    assert (heard.thought, heard.calls, heard.finish) == ("I look.", {"c1": ("look", {})}, "tool_calls")
    assert {one["id"] for one in heard.details} == {"tool_plan"}


def test_a_blocked_prompt_is_no_matter_of_the_providers_health() -> None:
    error = adapter_of("cohere").failure(498, None, b'{"message":"blocked input"}')
    assert (error.error_type, error.health, error.elsewhere) == ("content_policy_violation", "ignored", "model")
