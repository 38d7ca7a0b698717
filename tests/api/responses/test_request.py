"""Bodies of the Responses API: what a chat request says in their place, what is left out, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.kit import adapter_of, endpoint_of
from turnout.api.responses import ResponsesSurface
from turnout.base.errors import BadRequest
from turnout.domain.chat import ChatRequest

_USER = {"role": "user", "content": "Hi"}
_SCHEMA = {"type": "object", "properties": {}}
_FUNCTION = {"type": "function", "name": "f", "parameters": _SCHEMA}
_PATCH = {
    "type": "custom", "name": "patch", "description": "Patches.",
    "format": {"type": "grammar", "syntax": "lark", "definition": "start: X"},
}  # fmt: skip
_HM = {"type": "summary_text", "text": "Hm."}
_SPACE = {
    "type": "namespace",
    "name": "files",
    "description": "",
    "tools": [_FUNCTION, {"type": "custom", "name": "g"}],
}


def _decoded(**fields: Any) -> ChatRequest:  # noqa: ANN401 - JSON
    return ResponsesSurface().decode(json.dumps({"model": "acme/tiny", "input": [_USER]} | fields).encode())


def _told(name: str, **fields: Any) -> Any:  # noqa: ANN401 - JSON
    return json.loads(bytes(_decoded(**fields).fields[name]))


def _unsaid(request: ChatRequest) -> tuple[str, ...]:
    assert request.original is not None
    return request.original.unsaid


@pytest.mark.parametrize(
    ("fields", "name", "told"),
    [
        ({"input": "Hi"}, "messages", [_USER]),
        ({"instructions": "Be kind."}, "messages", [{"role": "system", "content": "Be kind."}, _USER]),
        ({"max_output_tokens": 9}, "max_tokens", 9),
        ({"text": {"verbosity": "low"}}, "verbosity", "low"),
        ({"text": {"format": {"type": "json_object"}}}, "response_format", {"type": "json_object"}),
        ({"text": {"format": {"type": "json_schema", "name": "n", "schema": _SCHEMA, "strict": True}}},
         "response_format", {"type": "json_schema", "json_schema": {"name": "n", "schema": _SCHEMA, "strict": True}}),
        ({"reasoning": {"effort": "high", "summary": "auto"}}, "reasoning", {"effort": "high", "summary": "auto"}),
        ({"include": ["message.output_text.logprobs"], "top_logprobs": 3}, "top_logprobs", 3),
        ({"provider": {"only": ["acme"]}}, "provider", {"only": ["acme"]}),
        ({"tools": [_FUNCTION]}, "tools", [{"type": "function", "function": {"name": "f", "parameters": _SCHEMA}}]),
        ({"tools": [{"type": "web_search", "search_context_size": "low", "new": 1}]}, "tools",
         [{"type": "web_search", "search_context_size": "low"}]),
        ({"tools": [{"type": "openrouter:datetime"}]}, "tools", [{"type": "openrouter:datetime"}]),
    ],
)  # fmt: skip
def test_fields_have_their_counterparts(fields: dict[str, Any], name: str, told: object) -> None:
    assert _told(name, **fields) == told


def test_the_tier_that_sdks_name_unasked_is_left_out() -> None:
    assert "service_tier" not in _decoded(service_tier="auto").fields
    assert _told("service_tier", service_tier="flex") == "flex"


@pytest.mark.parametrize(
    ("choice", "told", "names"),
    [
        ("auto", "auto", ["f", "patch"]),
        ("required", "required", ["f", "patch"]),
        ({"type": "function", "name": "f"}, {"type": "function", "function": {"name": "f"}}, ["f", "patch"]),
        ({"type": "custom", "name": "patch"}, {"type": "function", "function": {"name": "patch"}}, ["f", "patch"]),
        ({"type": "allowed_tools", "mode": "required", "tools": [{"type": "custom", "name": "patch"}]},
         "required", ["patch"]),
    ],
)  # fmt: skip
def test_tools_and_their_choice(choice: object, told: object, names: list[str]) -> None:
    request = _decoded(tools=[_FUNCTION, _PATCH], tool_choice=choice)
    tools = json.loads(bytes(request.fields["tools"]))
    assert [tool["function"]["name"] for tool in tools] == names
    assert "start: X" in tools[-1]["function"]["description"]
    assert json.loads(bytes(request.fields["tool_choice"])) == told


def test_tools_of_a_namespace_are_functions_and_keep_their_own_names() -> None:
    call = {"type": "function_call", "call_id": "c", "name": "f", "namespace": "files", "arguments": "{}"}
    request = _decoded(tools=[_FUNCTION, _SPACE], input=[_USER, call])
    assert [one["function"]["name"] for one in json.loads(bytes(request.fields["tools"]))] == ["f", "files__f", "g"]
    said = json.loads(bytes(request.fields["messages"]))[1]
    assert said["tool_calls"][0]["function"]["name"] == "files__f"


def test_unknown_tools_fields_and_items_are_left_out_and_named() -> None:
    tools = [{"type": "local_shell"}, {"type": "web_search", "external_web_access": False}, {"type": "x\r\ny"}]
    request = _decoded(
        tools=tools, tool_choice="auto", new=1, old=None, input=[_USER, {"type": "new_item", "name": {}}]
    )
    assert "tools" not in request.fields
    assert "tool_choice" not in request.fields
    assert _unsaid(request) == ("tools.local_shell", "tools.web_search", "tools.other", "input.new_item", "new")
    passed = json.loads(adapter_of("openai-responses").outgoing(request, endpoint_of("openai-responses")).body)
    assert passed["tools"] == tools
    assert passed["new"] == 1


def test_one_turn_of_the_model_is_one_message() -> None:
    items: list[Any] = [
        _USER,
        {"type": "reasoning", "id": "rs_1", "summary": [_HM], "encrypted_content": "S"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Look:"}]},
        {"type": "function_call", "call_id": "a", "name": "f", "arguments": '{"x":1}'},
        {"type": "custom_tool_call", "call_id": "b", "name": "patch", "input": 'say "é"'},
        {"type": "function_call_output", "call_id": "a", "output": [{"type": "input_text", "text": "1"}]},
        {"type": "custom_tool_call_output", "call_id": "b", "output": "done"},
        {"role": "assistant", "content": "One."},
        {"role": "assistant", "content": "Two."},
    ]  # fmt: skip
    _, said, first, second, one, two = _told("messages", input=items)
    assert said["content"] == "Look:"
    assert [detail["type"] for detail in said["reasoning_details"]] == ["reasoning.summary", "reasoning.encrypted"]
    arguments = [json.loads(call["function"]["arguments"]) for call in said["tool_calls"]]
    assert arguments == [{"x": 1}, {"input": 'say "é"'}]
    assert (first["content"], second["content"]) == ("1", "done")
    assert (one["content"], two["content"]) == ("One.", "Two.")


def test_files_pictures_and_sound_are_parts_of_a_chat() -> None:
    content = [
        {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "low"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="},
        {"type": "input_file", "file_url": "https://example.org/b.pdf"},
        {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
    ]
    request = _decoded(input=[{"role": "user", "content": content}])
    [message] = json.loads(bytes(request.fields["messages"]))
    assert message["content"] == [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,AA==", "filename": "a.pdf"}},
        {"type": "file", "file": {"file_data": "https://example.org/b.pdf"}},
        {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
    ]
    assert request.traits.files


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"input": []}, "input"),
        ({"input": 1}, "input"),
        ({"input": None}, "input"),
        ({"input": [{"role": "tool", "content": "x"}]}, "role"),
        ({"input": [{"type": "message", "content": "x"}]}, "input[0].role"),
        ({"input": [{"role": "user", "content": 1}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "input[0].content[0].text"),
        ({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, "input[0].content[0]"),
        ({"input": [_USER, {"type": "function_call", "name": "f"}]}, "input[1].call_id"),
        ({"input": [_USER, {"type": "item_reference", "id": "x"}]}, "input[1]"),
        ({"input": [_USER, {"role": "assistant", "content": [{"type": "output_text", "text": 5}]}]}, "input[1]"),
        ({"instructions": ["x"]}, "instructions"),
        ({"store": True}, "store"),
        ({"background": True}, "background"),
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"prompt": {"id": "p"}}, "prompt"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"text": {"format": {"type": "xml"}}}, "text.format.type"),
        ({"text": {"format": {"type": "json_schema", "name": "n"}}}, "text.format.schema"),
        ({"tools": [{"name": "f"}]}, "tools[0]"),
        ({"tools": [{"type": "function"}]}, "tools[0].name"),
        ({"tools": [_FUNCTION], "tool_choice": "maybe"}, "tool_choice"),
        ({"tools": [_FUNCTION], "tool_choice": {"type": "function"}}, "tool_choice.name"),
        ({"temperature": 3}, "temperature"),
        ({"reasoning": {"effort": "gigantic"}}, "effort"),
    ],
)
def test_what_is_wrong_is_refused_by_name(fields: dict[str, Any], named: str) -> None:
    with pytest.raises(BadRequest, match=named.replace("[", r"\[")):
        _decoded(**fields)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"{}", b"\xff", b'{"input":"\xff"}', b'{"input":"x","input":"y"}', b'{"model":"m","input":"x"',
        b'{"input":' + b"[" * 500 + b"]" * 500 + b"}",
        b'{"input":[{"role":"user","content":"x"},{"type":"reasoning","summary":[],"encrypted_content":"turnout1.\\ud800"}]}',
        b'{"input":[{"role":"assistant","content":"\\ud800"},{"type":"reasoning","content":[{"type":"reasoning_text","text":"x"}]}]}',
        b'{"input":"x","reasoning":{"effort":"low","effort":"high"}}',
    ],
)  # fmt: skip
def test_hostile_bodies_are_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        ResponsesSurface().decode(body)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_KINDS = st.sampled_from([
    "message", "reasoning", "function_call", "function_call_output", "custom_tool_call", "web_search_call",
    "image_generation_call", "local_shell_call", "local_shell_call_output", "compaction", "new",
])  # fmt: skip
_NAMES = st.sampled_from([
    "role", "content", "phase", "id", "call_id", "name", "namespace", "arguments", "input", "output", "summary",
    "encrypted_content", "signature", "format", "result", "type",
])  # fmt: skip
_ITEM = st.builds(
    lambda kind, fields: {"type": kind, "role": "user", "call_id": "c"} | fields,
    _KINDS,
    st.dictionaries(_NAMES, _JSON | st.sampled_from(["assistant", "turnout1.e30="]), max_size=5),
)


@given(st.lists(_ITEM, max_size=4), st.lists(_JSON, max_size=2), _JSON)
def test_any_item_is_read_or_refused(items: list[Any], tools: list[Any], choice: Any) -> None:  # noqa: ANN401 - JSON
    try:
        request = _decoded(input=items, tools=tools, tool_choice=choice)
    except BadRequest:
        return
    messages = json.loads(bytes(request.fields["messages"]))
    assert all(message["role"] in {"system", "developer", "user", "assistant", "tool"} for message in messages)
