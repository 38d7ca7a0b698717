"""Chat requests in the words of the Responses API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.kit import adapter_of, endpoint_of
from examples import a_request
from turnout.base.errors import BadRequest, UpstreamError
from turnout.contracts.provider import Outgoing

_FORMAT = "openai-responses-v1"
_TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
_USER = {"role": "user", "content": "Hi"}


def made(model: str = "gpt-5", *, endpoint: Mapping[str, Any] = MappingProxyType({}), **fields: Any) -> Outgoing:  # noqa: ANN401 - any field of a request
    at = endpoint_of("openai-responses", upstream_model=model, **endpoint)
    return adapter_of("openai-responses").outgoing(a_request(**fields), at)


def sent(model: str = "gpt-5", **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - any field of a request
    body: dict[str, Any] = json.loads(made(model, **fields).body)
    return body


def _call(name: str = "look", call_id: str = "c1", arguments: str = "{}") -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def _detail(kind: str, index: int, **more: object) -> dict[str, Any]:
    return {"type": f"reasoning.{kind}", "format": _FORMAT, "index": index} | more


def test_the_provider_keeps_nothing() -> None:
    assert sent()["store"] is False
    assert "store" in made(store=True).dropped


def test_a_first_message_of_the_systems_is_the_instructions_and_later_ones_stay_where_they_are() -> None:
    later = {"role": "developer", "content": "Now in French."}
    body = sent(messages=[{"role": "system", "content": "Be brief."}, _USER, later])
    assert body["instructions"] == "Be brief."
    assert body["input"] == [_USER, later]


def test_instructions_alone_are_input() -> None:
    body = sent(messages=[{"role": "system", "content": "Be brief."}])
    assert "instructions" not in body
    assert body["input"] == [{"role": "system", "content": "Be brief."}]


def test_instructions_stay_in_the_input_where_the_word_json_must_stand_there() -> None:
    system = {"role": "system", "content": "Answer in JSON."}
    body = sent(messages=[system, _USER], response_format={"type": "json_object"})
    assert "instructions" not in body
    assert body["input"] == [system, _USER]


def test_parts_are_said_in_the_providers_words() -> None:
    parts = [
        {"type": "text", "text": "Look"},
        {"type": "image_url", "image_url": {"url": "https://a.example/x.png", "detail": "low"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,QUJD"}},
        {"type": "file", "file": {"file_data": "QUJD"}},
        {"type": "file", "file": {"url": "https://a.example/x.pdf"}},
        {"type": "file", "file": {"file_id": "file-1"}},
        {"type": "file", "file": {"file_data": "data:image/png;base64,QUJD"}},
        {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "mp3"}},
        {"type": "input_file", "file_id": "file-2"},
    ]
    pdf = "data:application/pdf;base64,QUJD"
    assert sent(messages=[{"role": "user", "content": parts}])["input"][0]["content"] == [
        {"type": "input_text", "text": "Look"},
        {"type": "input_image", "image_url": "https://a.example/x.png", "detail": "low"},
        {"type": "input_file", "filename": "a.pdf", "file_data": pdf},
        {"type": "input_file", "filename": "file", "file_data": pdf},
        {"type": "input_file", "file_url": "https://a.example/x.pdf"},
        {"type": "input_file", "file_id": "file-1"},
        {"type": "input_image", "image_url": "data:image/png;base64,QUJD", "detail": "auto"},
        {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "mp3"}},
        {"type": "input_file", "file_id": "file-2"},
    ]


def test_videos_and_files_of_nothing_are_refused() -> None:
    with pytest.raises(UpstreamError):
        sent(
            messages=[{"role": "user", "content": [{"type": "video_url", "video_url": {"url": "https://a.example/x"}}]}]
        )
    with pytest.raises(BadRequest):
        sent(messages=[{"role": "user", "content": [{"type": "file", "file": {"filename": "a"}}]}])
    with pytest.raises(BadRequest):
        sent(messages=[{"role": "assistant", "content": ""}])


def test_names_stand_before_what_is_said() -> None:
    parts = [{"type": "image_url", "image_url": {"url": "https://a.example/x"}}, {"type": "text", "text": "Hi"}]
    messages = [_USER | {"name": "Ann"}, {"role": "user", "name": "Bob", "content": parts}]
    first, second = sent(messages=messages)["input"]
    assert first["content"] == "Ann: Hi"
    assert second["content"][1]["text"] == "Bob: Hi"


def test_calls_and_results_are_items_that_know_each_other() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://a.example/x.png"}}
    messages = [
        _USER,
        {"role": "assistant", "content": "I look.", "tool_calls": [_call(), _call(call_id="x" * 80)]},
        {"role": "tool", "tool_call_id": "c1", "content": "rain"},
        {"role": "tool", "tool_call_id": "x" * 80, "content": [{"type": "text", "text": "see"}, image]},
    ]
    _, said, first, second, one, other = sent(messages=messages, tools=[_TOOL])["input"]
    assert said == {"role": "assistant", "content": "I look."}
    assert first == {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"}
    assert one == {"type": "function_call_output", "call_id": "c1", "output": "rain"}
    assert second["call_id"] == other["call_id"]
    assert len(second["call_id"]) <= 64
    assert [part["type"] for part in other["output"]] == ["input_text", "input_image"]


def test_a_thought_goes_back_as_the_item_that_it_was() -> None:
    details = [
        _detail("summary", 0, summary="First", id="rs_1"),
        _detail("summary", 1, summary="Second", id="rs_1"),
        _detail("encrypted", 2, data="c2VhbA==", id="rs_1"),
    ]
    turn = {"role": "assistant", "content": None, "reasoning_details": details, "tool_calls": [_call()]}
    _, thought, call = sent(messages=[_USER, turn])["input"]
    assert thought == {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "First"}, {"type": "summary_text", "text": "Second"}],
        "encrypted_content": "c2VhbA==",
    }
    assert call["type"] == "function_call"


@given(
    st.lists(st.tuples(st.lists(st.text(min_size=1, max_size=8), max_size=3), st.text("abc", min_size=1)), max_size=4),
    st.randoms(use_true_random=False),
)
def test_pieces_of_thoughts_are_joined_again(thoughts: list[tuple[list[str], str]], dice: Any) -> None:  # noqa: ANN401 - Hypothesis names no type
    details: list[dict[str, Any]] = []
    index = 0
    for number, (summaries, seal) in enumerate(thoughts):
        for text in summaries:
            cut = dice.randrange(len(text)) if text else 0
            details += [
                _detail("summary", index, summary=piece, id=f"rs_{number}")
                for piece in (text[:cut], text[cut:])
                if piece
            ]
            index += 1
        details.append(_detail("encrypted", index, data=seal, id=f"rs_{number}"))
        index += 1
    turn = {"role": "assistant", "content": "So.", "reasoning_details": details}
    items = sent(messages=[_USER, turn])["input"][1:-1]
    assert [([part["text"] for part in one["summary"]], one["encrypted_content"]) for one in items] == thoughts


def test_thoughts_of_other_makers_and_those_without_a_seal_stay_here() -> None:
    details = [
        {"type": "reasoning.text", "text": "hm", "signature": "s", "format": "anthropic-claude-v1", "index": 0},
        {"type": "reasoning.encrypted", "data": "x", "format": "google-gemini-v1", "index": 1},
        {"type": "reasoning.text", "text": "hm", "index": 2},
        _detail("summary", 3, summary="lost", id="rs_1"),
    ]
    turn = {"role": "assistant", "content": "Yes.", "reasoning_details": details}
    assert sent(messages=[_USER, turn])["input"][1:] == [{"role": "assistant", "content": "Yes."}]


def test_what_the_providers_tools_did_goes_back_where_it_stood_in_the_text() -> None:
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search"}}
    mark = {"type": "message", "id": "msg_1", "phase": "commentary"}
    details = [
        _detail("server_tool_call", 0, tool_name="message", result=json.dumps(mark)),
        _detail("server_tool_call", 1, tool_name="web_search", result=json.dumps(search), position=6),
        _detail("encrypted", 2, data="s", id="rs_1", position=6),
    ]
    turn = {"role": "assistant", "content": "First.Then.", "reasoning_details": details}
    _, said, deed, thought, rest = sent(messages=[_USER, turn])["input"]
    assert (said["phase"], said["id"], said["content"][0]["text"]) == ("commentary", "msg_1", "First.")
    assert deed == search
    assert thought["encrypted_content"] == "s"
    assert rest == {"role": "assistant", "content": "Then."}


def test_nothing_points_into_the_providers_store() -> None:
    stored = json.dumps({"type": "item_reference", "id": "msg_of_another"})
    details = [_detail("server_tool_call", 0, tool_name="x", result=stored)]
    turn = {"role": "assistant", "content": "Yes.", "reasoning_details": details}
    body = made(messages=[_USER, turn], previous_response_id="resp_1", conversation="conv_1", background=True)
    assert b"item_reference" not in body.body
    assert {"previous_response_id", "conversation", "background"} <= set(body.dropped)
    assert b"resp_1" not in body.body


def test_pictures_of_the_models_go_back_into_the_items_that_drew_them() -> None:
    drawn = json.dumps({"type": "image_generation_call", "id": "ig_1", "status": "completed"})
    images = [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{one}"}} for one in ("QUJD", "REVG")]
    details = [_detail("server_tool_call", 0, tool_name="image_generation", result=drawn)]
    turn = {"role": "assistant", "content": "There.", "images": images, "reasoning_details": details}
    _, first, _, second = sent(messages=[_USER, turn])["input"]
    assert (first["id"], first["result"]) == ("ig_1", "QUJD")
    assert (second["type"], second["result"]) == ("image_generation_call", "REVG")


def test_functions_are_strict_only_where_the_client_says_so() -> None:
    strict = {"type": "function", "function": {"name": "now", "strict": True}}
    first, second = sent(tools=[_TOOL, strict])["tools"]
    assert first == {
        "type": "function",
        "name": "look",
        "parameters": {"type": "object", "properties": {}},
        "strict": False,
    }
    assert second["strict"] is True


def test_the_providers_own_tools_go_on_as_they_are() -> None:
    tools = [{"type": "web_search", "search_context_size": "low"}, {"type": "mcp", "server_label": "x"}]
    assert sent(tools=tools)["tools"] == tools


def test_tools_that_take_plain_text_are_called_with_plain_text() -> None:
    grammar = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: A"}}
    tool = {"type": "custom", "custom": {"name": "shell", "description": "Runs", "format": grammar}}
    messages = [
        _USER,
        {"role": "assistant", "tool_calls": [_call("shell", "c1", '{"input":"ls -l"}')]},
        {"role": "tool", "tool_call_id": "c1", "content": "a b"},
    ]
    body = sent(tools=[tool], messages=messages, tool_choice={"type": "custom", "custom": {"name": "shell"}})
    assert body["tools"] == [
        {
            "type": "custom",
            "name": "shell",
            "description": "Runs",
            "format": {"type": "grammar", "syntax": "lark", "definition": "start: A"},
        }
    ]
    assert body["tool_choice"] == {"type": "custom", "name": "shell"}
    assert body["input"][1:] == [
        {"type": "custom_tool_call", "call_id": "c1", "name": "shell", "input": "ls -l"},
        {"type": "custom_tool_call_output", "call_id": "c1", "output": "a b"},
    ]


def test_tools_that_are_found_by_searching_have_a_namespace() -> None:
    inner = [{"type": "function", "name": "rate", "parameters": {}}]
    tools = [
        {"type": "tool_search"},
        _TOOL | {"defer_loading": True},
        {"type": "namespace", "name": "money", "tools": inner},
    ]
    turn = {"role": "assistant", "tool_calls": [_call(), _call("rate", "c2")]}
    body = sent(tools=tools, messages=[_USER, turn])
    assert [item.get("namespace") for item in body["input"][1:]] == ["look", "money"]
    assert body["tools"][1]["defer_loading"] is True


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ("auto", "auto"),
        ("required", "required"),
        ({"type": "function", "function": {"name": "look"}}, {"type": "function", "name": "look"}),
        ({"type": "web_search"}, {"type": "web_search"}),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [_TOOL]}},
            {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "look"}]},
        ),
    ],
)
def test_the_choice_of_tools_is_said_in_the_providers_words(choice: object, said: object) -> None:
    assert sent(tools=[_TOOL], tool_choice=choice)["tool_choice"] == said


@pytest.mark.parametrize(
    ("model", "asked", "effort"),
    [
        ("gpt-5", {"effort": "xhigh"}, "high"),
        ("gpt-5", {"effort": "none"}, "minimal"),
        ("gpt-5-pro", {"effort": "low"}, "high"),
        ("gpt-5.1", {"effort": "none"}, "none"),
        ("gpt-5.1", {"effort": "minimal"}, "low"),
        ("gpt-5.4-mini", {"effort": "max"}, "xhigh"),
        ("o3-mini", {"effort": "minimal"}, "low"),
        ("o4-mini-2025-04-16", {"enabled": True}, "medium"),
        ("gpt-5", {"max_tokens": 6400}, "low"),
        ("unheard-of", {"effort": "max"}, "max"),
    ],
)
def test_an_effort_is_the_nearest_that_the_model_knows(model: str, asked: dict[str, object], effort: str) -> None:
    assert sent(model, reasoning=asked)["reasoning"] == {"effort": effort}


def test_what_is_shown_of_thoughts_is_asked_for_in_the_clients_words() -> None:
    asked = {"summary": "detailed", "context": "all_turns", "exclude": True}
    assert sent(reasoning=asked)["reasoning"] == {"summary": "detailed", "context": "all_turns"}


def test_models_that_do_not_think_are_not_asked_to() -> None:
    outgoing = made("gpt-4o", reasoning={"effort": "high"}, verbosity="low", temperature=0.5, logprobs=True)
    body = json.loads(outgoing.body)
    assert outgoing.dropped == ("reasoning", "verbosity")
    assert body["include"] == ["message.output_text.logprobs"]
    assert body["temperature"] == 0.5
    assert "reasoning" not in body


def test_models_that_think_take_no_samplers_unless_they_are_told_not_to_think() -> None:
    assert made("gpt-5", temperature=0.5, top_p=0.9, logprobs=True).dropped == ("logprobs", "temperature", "top_p")
    assert made("gpt-6", temperature=0.5).dropped == ("temperature",)
    assert made("gpt-5.2", temperature=0.5, reasoning={"effort": "low"}).dropped == ("temperature",)
    assert sent("gpt-5.6", temperature=0.5, reasoning={"effort": "none"})["temperature"] == 0.5
    assert sent("gpt-5.2", temperature=0.5)["temperature"] == 0.5  # it thinks only when asked to
    assert "message.output_text.logprobs" in sent("gpt-5.4", logprobs=True)["include"]


def test_limits_below_the_providers_least_are_raised_to_it() -> None:
    assert sent(max_tokens=1)["max_output_tokens"] == 16
    assert sent(max_completion_tokens=500)["max_output_tokens"] == 500


def test_a_schema_stands_in_the_format_of_the_text() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema, "strict": True}}
    text = sent(response_format=form, verbosity="xhigh")["text"]
    assert text == {
        "format": {"type": "json_schema", "name": "x", "schema": schema, "strict": True},
        "verbosity": "high",
    }


def test_searching_and_drawing_may_be_asked_for_without_naming_the_tool() -> None:
    place = {"type": "approximate", "approximate": {"country": "NO"}}
    options = {"search_context_size": "low", "user_location": place}
    body = sent(web_search_options=options, modalities=["text", "image"])
    search, draw = body["tools"]
    assert search == {
        "type": "web_search",
        "search_context_size": "low",
        "user_location": {"type": "approximate", "country": "NO"},
    }
    assert draw == {"type": "image_generation"}
    named = [{"type": "web_search"}, {"type": "image_generation"}]
    assert sent(web_search_options={}, modalities=["image"], tools=named)["tools"] == named
    with pytest.raises(UpstreamError):
        sent(modalities=["audio"])


def test_what_an_endpoint_does_not_support_is_listed_and_its_own_tier_stays() -> None:
    endpoint = {"supported_parameters": (), "service_tier": "flex"}
    outgoing = made("gpt-4o", temperature=1, user="u", service_tier="priority", endpoint=endpoint)
    assert outgoing.dropped == ("temperature", "user")
    assert json.loads(outgoing.body)["service_tier"] == "flex"


async def test_sound_and_unsafe_addresses_are_put_inline() -> None:
    parts = [
        {"type": "image_url", "image_url": {"url": "http://a.example/x.png"}},
        {"type": "image_url", "image_url": {"url": "https://a.example/x.png"}},
    ]
    adapter, endpoint = adapter_of("openai-responses"), endpoint_of("openai-responses")
    assert adapter.prepare is not None
    request = await adapter.prepare(a_request(messages=[{"role": "user", "content": parts}]), endpoint)
    first, second = json.loads(adapter.outgoing(request, endpoint).body)["input"][0]["content"]
    assert first["image_url"].startswith("data:image/png;base64,")
    assert second["image_url"] == "https://a.example/x.png"
