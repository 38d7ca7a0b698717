"""Bodies of the Messages API: what a chat request says in their place, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.api.messages import MessagesSurface
from turnout.api.seals import sealed, unsealed
from turnout.base.errors import BadRequest
from turnout.domain.chat import ChatRequest

_USER = {"role": "user", "content": "Hi"}


def _decoded(**fields: Any) -> ChatRequest:  # noqa: ANN401 - JSON
    body = {"model": "acme/tiny", "max_tokens": 100, "messages": [_USER]} | fields
    return MessagesSurface().decode(json.dumps(body).encode())


def _told(name: str, **fields: Any) -> Any:  # noqa: ANN401 - JSON
    return json.loads(bytes(_decoded(**fields).fields[name]))


def _parts(*blocks: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
    [message] = _told("messages", messages=[{"role": "user", "content": list(blocks)}])
    return message["content"]


@pytest.mark.parametrize(
    ("fields", "name", "told"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 2048}}, "reasoning", {"max_tokens": 2048}),
        ({"thinking": {"type": "adaptive"}}, "reasoning", {"enabled": True}),
        ({"thinking": {"type": "disabled"}}, "reasoning", {"enabled": False}),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}, "reasoning", {"effort": "max"}),
        ({"thinking": {"type": "adaptive", "display": "omitted"}}, "reasoning", {"enabled": True, "exclude": True}),
        ({"output_config": {"effort": "xhigh"}}, "verbosity", "high"),
        ({"stop_sequences": ["a", "b"]}, "stop", ["a", "b"]),
        ({"stop_sequences": list("abcdef")}, "stop", list("abcdef")),
        ({"metadata": {"user_id": "u"}}, "user", "u"),
        ({"metadata": {"user_id": "u"}, "user": "v"}, "user", "v"),
        ({"service_tier": "standard_only"}, "service_tier", "default"),
        ({"service_tier": "standard"}, "service_tier", "default"),
        ({"service_tier": "priority"}, "service_tier", "priority"),
        ({"fallbacks": [{"model": "a/b"}, {"model": "c/d", "max_tokens": 1}]}, "models", ["a/b", "c/d"]),
        ({"models": [], "fallbacks": [{"model": "a/b"}]}, "models", ["a/b"]),
        ({"session_id": "s"}, "session_id", "s"),
        ({"provider": {"only": ["acme"]}}, "provider", {"only": ["acme"]}),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "web_search_options", {}),
    ],
)
def test_fields_have_their_counterparts(fields: dict[str, Any], name: str, told: object) -> None:
    assert _told(name, **fields) == told


def test_the_tier_that_nobody_has_to_name_is_left_out() -> None:
    assert "service_tier" not in _decoded(service_tier="auto").fields


_TOOL = {"name": "f", "input_schema": {"type": "object"}, "cache_control": {"type": "ephemeral"}}


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        ({"type": "auto"}, "auto"),
        ({"type": "any"}, "required"),
        ({"type": "none"}, "none"),
        ({"type": "tool", "name": "f"}, {"type": "function", "function": {"name": "f"}}),
    ],
)
def test_tools_and_their_choice(choice: dict[str, Any], told: object) -> None:
    request = _decoded(tools=[_TOOL], tool_choice=choice | {"disable_parallel_tool_use": True})
    function = {"name": "f", "parameters": {"type": "object"}}
    assert json.loads(bytes(request.fields["tools"])) == [{"type": "function", "function": function}]
    assert json.loads(bytes(request.fields["tool_choice"])) == told
    assert request.parameters.parallel_tool_calls is (None if told == "none" else False)


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        ({"type": "object", "properties": {"a": {}}, "required": ["a"], "additionalProperties": False}, True),
        ({"type": "object", "properties": {"a": {}}, "additionalProperties": False}, False),
        ({"type": "object", "properties": {"a": {}}, "required": ["a"]}, False),
    ],
)
def test_a_schema_is_strict_where_every_provider_would_take_it_so(schema: dict[str, Any], strict: bool) -> None:  # noqa: FBT001 - a parameter of the test
    told = _told("response_format", output_config={"format": {"type": "json_schema", "schema": schema}})
    assert told == {"type": "json_schema", "json_schema": {"name": "answer", "strict": strict, "schema": schema}}


def test_what_the_user_shows_becomes_parts() -> None:
    mark = {"type": "ephemeral"}
    assert _parts(
        {"type": "text", "text": "a", "cache_control": mark},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
        {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}, "cache_control": mark},
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "BBBB"}},
        {"type": "document", "title": "T", "source": {"type": "text", "media_type": "text/plain", "data": "words"}},
        {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "inner"}]}},
        {"type": "search_result", "title": "S", "source": "https://s", "content": [{"type": "text", "text": "found"}]},
    ) == [
        {"type": "text", "text": "a", "cache_control": mark},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "image_url", "image_url": {"url": "https://x/y.png"}, "cache_control": mark},
        {"type": "file", "file": {"filename": "document.pdf", "file_data": "data:application/pdf;base64,BBBB"}},
        {"type": "text", "text": "T\n\nwords"},
        {"type": "text", "text": "inner"},
        {"type": "text", "text": "S\nhttps://s"},
        {"type": "text", "text": "found"},
    ]


def test_results_of_tools_are_messages_before_what_the_user_says() -> None:
    image = {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}}
    blocks = [
        {
            "type": "tool_result",
            "tool_use_id": "1",
            "content": [{"type": "text", "text": "r"}, image],
            "is_error": True,
        },
        {"type": "tool_result", "tool_use_id": "2"},
        {"type": "text", "text": "next"},
    ]
    request = _decoded(system="S", messages=[_USER, {"role": "user", "content": blocks}])
    assert request.traits.rich_results
    system, _, first, second, last = json.loads(bytes(request.fields["messages"]))
    assert system == {"role": "system", "content": "S"}
    parts = [{"type": "text", "text": "r"}, {"type": "image_url", "image_url": {"url": "https://x/y.png"}}]
    assert first == {"role": "tool", "tool_call_id": "1", "content": parts, "is_error": True}
    assert second == {"role": "tool", "tool_call_id": "2", "content": ""}
    assert last == {"role": "user", "content": [{"type": "text", "text": "next"}]}


@pytest.mark.parametrize(
    ("fields", "peculiar"),
    [
        ({"tools": [{"type": "bash_20250124", "name": "bash"}]}, "a tool of type 'bash_20250124'"),
        ({"mcp_servers": [{"type": "url", "url": "https://x"}]}, "`mcp_servers`"),
        ({"messages": [{"role": "user", "content": [{"type": "container_upload", "file_id": "f"}]}]},
         "a block of type 'container_upload'"),
        ({"tools": [_TOOL]}, ""),
    ],
)  # fmt: skip
def test_what_only_this_language_says_is_named(fields: dict[str, Any], peculiar: str) -> None:
    original = _decoded(**fields).original
    assert original is not None
    assert original.peculiar == peculiar


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"messages": []}, "`messages` is empty"),
        ({"messages": "x"}, "`messages`: Expected `array`, got `str`"),
        ({"messages": None}, "`messages`: Expected `array`, got `null`"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "Invalid enum value 'tool'"),
        ({"messages": [{"role": "user"}]}, "`messages[0].content`: a text or a list of blocks is expected"),
        ({"messages": [{"role": "user", "content": [{"text": "x"}]}]}, "`messages[0].content`"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "`messages[0].content[0].text` is missing"),
        ({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "`messages[0].content[0].source`"),
        ({"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]}, "tool_use_id` is missing"),
        ({"messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "1"}]}]}, "name` is missing"),
        ({"system": 5}, "`system`"),
        ({"system": [{"type": "image"}]}, "`system`: only blocks of type `text`"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"temperature": 3}, "temperature"),
        ({"thinking": {"type": "perhaps"}}, "thinking"),
        ({"thinking": True}, "thinking"),
        ({"tools": [5]}, "`tools[0]`"),
        ({"tools": [{"input_schema": {}}]}, "`tools[0].name` is missing"),
        ({"tools": [{"name": "f", "input_schema": 1}]}, "`tools[0].input_schema`"),
        ({"tool_choice": {"type": "maybe"}, "tools": [_TOOL]}, "`tool_choice.type`"),
        ({"stop_sequences": "x"}, "stop_sequences"),
        ({"output_config": {"format": {"type": "xml"}}}, "`output_config.format.type`"),
        ({"model": 5}, "model"),
        ({"provider": {"nonsense": 1}}, "nonsense"),
        ({"models": ["e/f"], "fallbacks": [{"model": "a/b"}]}, "`fallbacks` and `models`"),
        ({"fallbacks": [{"model": "a/b"}] * 4}, "`fallbacks`"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_place(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(BadRequest) as caught:
        _decoded(**fields)
    assert message in caught.value.message


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b"\xff", b'{"messages":[],"messages":[]}', b'{"messages":' + b"[" * 200 + b"]" * 200 + b"}",
     b'{"messages":[{"role":"user","content":"\\ud800"}]}', b'{"model":"a","max_tokens":1}',
     b'{"messages":[{"role":"user","content":"x"}],"thinking":{"type":"adaptive","type":"enabled"}}'],
)  # fmt: skip
def test_hostile_bodies_are_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        MessagesSurface().decode(body)


_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["text", "tool_use", "tool_result"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "text", "content", "source", "input", "name", "id"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(content=_JSON, role=st.sampled_from(["user", "assistant"]), system=_JSON, tools=_JSON)
def test_any_body_is_understood_or_refused(content: object, role: str, system: object, tools: object) -> None:
    body = {"model": "a/b", "messages": [{"role": role, "content": content}], "system": system, "tools": tools}
    try:
        request = MessagesSurface().decode(json.dumps(body).encode())
    except BadRequest:
        return
    assert isinstance(json.loads(bytes(request.fields["messages"])), list)


@given(st.dictionaries(st.text(), st.text() | st.integers(0, 2**53) | st.none()))
def test_what_is_sealed_comes_out_as_it_went_in(detail: dict[str, Any]) -> None:
    assert unsealed(sealed(detail)) == detail


@pytest.mark.parametrize(
    "seal", ["", "EqQB", "turnout1.", "turnout1.!!", "turnout1.AAAA", "turnout1.W10=", "turnout1.é"]
)
def test_broken_seals_hold_nothing(seal: str) -> None:
    assert unsealed(seal) is None
