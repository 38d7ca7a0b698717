"""Every dialect: what a client asks reaches the provider, or is listed; what is the gateway's stays in the gateway."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from conformance.hearing import hear_stream, hear_whole
from conformance.kit import DIALECTS, KITS, SECRET, adapter_of, endpoint_of
from conformance.test_answers import CASES, NAMED
from conformance.voice import Kit
from examples import a_request
from turnout.base.errors import BadRequest, UpstreamError
from turnout.contracts.provider import Outgoing

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PDF = "JVBERi0xLjQgY2FuYXJ5LXBkZg=="
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "canary-description",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string", "description": "canary-property"}},
                "required": ["city"],
            },
        },
    },
    {"type": "function", "function": {"name": "now"}},
]
SCHEMA = {
    "type": "json_schema",
    "json_schema": {
        "name": "reply",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"canary_answer": {"type": "string"}},
            "required": ["canary_answer"],
            "additionalProperties": False,
        },
    },
}


def made(dialect: str, parameters: tuple[str, ...] | None = None, **fields: object) -> Outgoing:
    endpoint = endpoint_of(dialect, supported_parameters=parameters)
    return adapter_of(dialect).outgoing(a_request(**fields), endpoint)


async def prepared(dialect: str, **fields: object) -> Outgoing:
    adapter, endpoint, request = adapter_of(dialect), endpoint_of(dialect), a_request(**fields)
    if adapter.prepare is not None:
        request = await adapter.prepare(request, endpoint)
    return adapter.outgoing(request, endpoint)


def texts(node: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    """All texts of a body in their order, keys included, with JSON inside texts taken apart."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield name
            yield from texts(value)
    elif isinstance(node, list):
        for value in node:
            yield from texts(value)
    elif isinstance(node, str):
        yield node


def told(outgoing: Outgoing) -> str:
    """Everything that the body says, as one text in which canaries can be found."""
    return "\n".join(texts(json.loads(outgoing.body)))


# -- conversations --

CONVERSATION: list[dict[str, Any]] = [
    {"role": "system", "content": "canary-system"},
    {"role": "user", "content": [{"type": "text", "text": "canary-1"}, {"type": "text", "text": "canary-2 é 🎉"}]},
    {"role": "assistant", "content": "canary-3"},
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "canary-4"},
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
            {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}},
            {"type": "text", "text": "canary-5"},
        ],
    },
    {
        "role": "assistant",
        "content": "canary-6",
        "tool_calls": [
            {"id": "call_a1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "canary-7"}'}},
            {"id": "call_b2", "type": "function", "function": {"name": "weather", "arguments": '{"city": "canary-8"}'}},
        ],
    },
    {"role": "tool", "tool_call_id": "call_a1", "content": "canary-9"},
    {"role": "tool", "tool_call_id": "call_b2", "content": [{"type": "text", "text": "canary-a"}]},
    {"role": "assistant", "content": "canary-b"},
    {"role": "user", "content": "canary-c"},
]
CANARIES = [f"canary-{letter}" for letter in "123456789abc"]


def _without(message: dict[str, Any], kinds: frozenset[str]) -> dict[str, Any]:
    """*message* without its parts of these kinds."""
    content = message["content"]
    return (
        message if isinstance(content, str) else message | {"content": [p for p in content if p["type"] not in kinds]}
    )


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_every_part_of_a_conversation_arrives_once_and_in_order(dialect: str, stream: bool) -> None:  # noqa: FBT001 - drawn
    messages, kit = CONVERSATION, KITS.get(dialect)
    if kit is not None and kit.refuses:
        with pytest.raises(UpstreamError):
            await prepared(dialect, messages=messages, tools=TOOLS, stream=stream)
        messages = [_without(message, kit.refuses) for message in messages]
    said = told(await prepared(dialect, messages=messages, tools=TOOLS, stream=stream))
    at = [said.index(canary) for canary in CANARIES]
    assert all(one < other for one, other in pairwise(at))
    assert "canary-2 é 🎉" in said
    files = () if kit is not None and "file" in kit.refuses else (PDF,)
    for canary in (*CANARIES, "canary-system", PNG, *files, "canary-description", "canary-property"):
        assert said.count(canary) == 1, canary
    assert said.count("weather") >= 3


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_the_model_is_asked_for_by_the_providers_own_name(dialect: str) -> None:
    outgoing = await prepared(dialect)
    name = endpoint_of(dialect).upstream_model
    assert name.encode() in outgoing.head + outgoing.body
    assert b"acme/tiny" not in outgoing.head + outgoing.body
    assert outgoing.head.startswith(b"POST /")
    assert outgoing.head.endswith(b"Content-Length: ")


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_file_by_url_arrives_as_its_address_or_inline(dialect: str) -> None:
    part = {"type": "image_url", "image_url": {"url": "https://a.example/canary.png"}}
    said = told(await prepared(dialect, messages=[{"role": "user", "content": [part]}]))
    assert ("https://a.example/canary.png" in said) != ("iVBORw0KGgpmZXRjaGVk" in said)


@pytest.mark.parametrize("way", ["whole", "stream"])
@pytest.mark.parametrize(("kit", "dialect"), [one for one in NAMED if KITS[str(one.id)].signs])
async def test_signed_thoughts_go_back_unchanged_with_their_calls(kit: Kit, dialect: str, way: str) -> None:
    said, adapter = CASES["all"], adapter_of(dialect)
    if way == "whole":
        details = hear_whole(adapter, kit.whole(said)).details
    else:
        details = hear_stream(adapter, kit.stream(said)).details
    calls = [
        {"id": one.id, "type": "function", "function": {"name": one.name, "arguments": json.dumps(one.arguments)}}
        for one in said.calls
    ]
    spoken = {"role": "assistant", "reasoning_details": details, "content": said.text, "tool_calls": calls}
    results = [{"role": "tool", "tool_call_id": one.id, "content": "rain"} for one in said.calls]
    messages = [{"role": "user", "content": "Weather?"}, spoken, *results]
    outgoing = await prepared(dialect, messages=messages, tools=TOOLS, reasoning={"effort": "high"}, max_tokens=8000)
    body = told(outgoing)
    assert body.count(said.signature) == 1
    if said.thought in body:
        assert body.index(said.thought) < body.index("Oslo")


# -- parameters --

TUNING: dict[str, object] = {
    "temperature": 0.7,
    "top_p": 0.9,
    "top_k": 40,
    "min_p": 0.1,
    "top_a": 0.2,
    "frequency_penalty": 0.5,
    "presence_penalty": 0.5,
    "repetition_penalty": 1.1,
    "seed": 77,
    "stop": ["canary-stop"],
    "logprobs": True,
    "logit_bias": {"1": 5},
    "n": 2,
    "max_tokens": 4321,
    "max_completion_tokens": 4321,
    "reasoning": {"effort": "high"},
    "reasoning_effort": "low",
    "verbosity": "low",
    "user": "canary-user",
    "service_tier": "priority",
    "modalities": ["text", "image"],
    "prediction": {"type": "content", "content": "canary-prediction"},
    "web_search_options": {"search_context_size": "low"},
}


@pytest.mark.parametrize("name", TUNING)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_parameter_is_sent_or_listed_as_dropped(dialect: str, name: str) -> None:
    kit = KITS.get(dialect)
    if kit is not None and name in kit.understood:
        pytest.skip(kit.understood[name])
    for supported in (None, (), tuple(TUNING)):
        try:
            outgoing = made(dialect, supported, **{name: TUNING[name]})
        except (BadRequest, UpstreamError):
            continue  # said aloud
        plain = made(dialect, supported)
        sent = outgoing.body != plain.body or outgoing.head != plain.head
        assert sent or name in outgoing.dropped, f"{name} vanishes where {supported} are supported"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_nothing_is_listed_as_dropped_that_was_not_asked(dialect: str) -> None:
    assert made(dialect).dropped == ()
    assert made(dialect, (), stream=True).dropped == ()


CONTRACTS: dict[str, dict[str, object]] = {
    "tools": {"tools": TOOLS},
    "tool_choice none": {"tools": TOOLS, "tool_choice": "none"},
    "tool_choice required": {"tools": TOOLS, "tool_choice": "required"},
    "tool_choice named": {"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "now"}}},
    "json_schema": {"response_format": SCHEMA},
    "json_object": {"response_format": {"type": "json_object"}},
    "json_schema with tools": {"response_format": SCHEMA, "tools": TOOLS},
}


@pytest.mark.parametrize("case", CONTRACTS)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_contracts_are_never_dropped(dialect: str, case: str) -> None:
    asked = CONTRACTS[case]
    for supported in (None, ()):
        try:
            outgoing = made(dialect, supported, **asked)
        except (BadRequest, UpstreamError):
            continue  # said aloud
        said = told(outgoing)
        assert not {"tools", "tool_choice", "response_format"} & set(outgoing.dropped)
        if "tools" in asked and asked.get("tool_choice") != "none":
            assert "canary-description" in said
        if "tool_choice" in asked:
            assert outgoing.body != made(dialect, supported, tools=TOOLS).body
        if asked.get("response_format") is SCHEMA:
            assert "canary_answer" in said
        elif "response_format" in asked:
            assert outgoing.body != made(dialect, supported).body


# -- what stays here --

GATEWAY_FIELDS: dict[str, object] = {
    "models": ["acme/tiny", "canary/model"],
    "provider": {"ignore": ["canary"]},
    "plugins": [{"id": "canary"}],
    "route": "fallback",
    "preset": "canary",
    "session_id": "canary",
    "trace": {"id": "canary"},
    "transforms": ["canary"],
    "usage": {"include": True, "x": "canary"},
    "metadata": {"a": "canary"},
    "debug": {"echo_upstream_body": True, "x": "canary"},
    "include_reasoning": True,
    "max_tool_calls": 3,
    "stop_server_tools_when": ["canary"],
    "stream_options": {"x": "canary"},
    "prompt": "canary",
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_what_is_meant_for_the_gateway_stays_here(dialect: str, stream: bool) -> None:  # noqa: FBT001 - drawn
    outgoing = await prepared(dialect, stream=stream, **GATEWAY_FIELDS)
    assert b"canary" not in outgoing.body
    names = set(texts(json.loads(outgoing.body)))
    assert not names & (GATEWAY_FIELDS.keys() - {"stream_options"})


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_credentials_stand_in_the_head_alone_and_on_no_line_of_their_own(dialect: str) -> None:
    outgoing = await prepared(dialect, tools=TOOLS)
    assert SECRET.encode() not in outgoing.body
    request_line, *headers = outgoing.head.removesuffix(b"Content-Length: ").rstrip().split(b"\r\n")
    assert SECRET.encode() not in request_line
    assert all(b": " in line for line in headers)
    names = [line.partition(b":")[0].lower() for line in headers]
    assert len(names) == len(set(names))
    assert {b"host", b"content-type", b"user-agent", b"accept-encoding"} <= set(names)


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_no_text_of_a_client_reaches_the_head(dialect: str) -> None:
    outgoing = await prepared(
        dialect,
        messages=[{"role": "user", "content": "canary\r\nX-Evil: 1"}],
        user="canary",
        stop=["canary"],
        tools=TOOLS,
    )
    assert b"canary" not in outgoing.head.replace(SECRET.encode(), b"").replace(b"canary-", b"")
    assert b"Evil" not in outgoing.head


LOOP = {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}
HOSTILE_REQUESTS: list[dict[str, object]] = [
    {"messages": [{"role": "user", "content": [{"type": "nonsense"}]}]},
    {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:nonsense"}}]}]},
    {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": 7}]}]},
    {"messages": [{"role": "user", "content": {"a": 1}}]},
    {"messages": [{"role": "tool", "content": "x"}]},
    {"messages": [{"role": "assistant", "content": None}]},
    {"messages": [{"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{"}}]}]},
    {"messages": [{"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "[1]"}}]}]},
    {"messages": [{"role": "assistant", "tool_calls": 7}]},
    {"messages": [{"role": "assistant", "content": "x", "reasoning_details": [7, None, {"type": 3}, {}]}]},
    {"messages": [{"role": "system", "content": "only"}]},
    {"messages": [{"role": "user", "content": ""}]},
    {"messages": [{"role": "user", "content": "x" * 10, "n": 10**40}]},
    {"tools": [{"type": "function"}]},
    {"tools": [{"type": "function", "function": {"name": "f", "parameters": 7}}]},
    {"tools": [{"type": "nonsense", "x": 1}]},
    {"tools": TOOLS, "tool_choice": {"type": "function"}},
    {"tools": TOOLS, "tool_choice": "sometimes"},
    {"tools": TOOLS, "tool_choice": 7},
    {"response_format": {"type": "json_schema"}},
    {"response_format": {"type": "json_schema", "json_schema": {"schema": 7}}},
    {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": LOOP}}},
    {"reasoning": {"max_tokens": 0}},
    {"reasoning": {"max_tokens": 10**9}, "max_tokens": 1},
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(HOSTILE_REQUESTS)))
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_strange_request_is_sent_or_refused_and_never_a_mistake_of_ours(dialect: str, number: int) -> None:
    try:
        outgoing = await prepared(dialect, **HOSTILE_REQUESTS[number])
    except (BadRequest, UpstreamError):
        return
    assert isinstance(json.loads(outgoing.body), dict)
