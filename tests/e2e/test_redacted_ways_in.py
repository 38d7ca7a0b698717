"""Claims about content filters on every way in, before providers of the same language and of others."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from gateway import Gateway, model_tables, provider_table
from rawprovider import RawProvider, json_answer, stream_of

SECRET = "canary@example.com"
ARGUMENTS = json.dumps({"to": SECRET, "text": "x"})
SAID = f"Write to {SECRET} today."
THOUGHT = f"They are {SECRET}, I think."
SEAL = "c2lnbmF0dXJl"
FREE = '{ prompt = "0", completion = "0" }'


def _cut(text: str) -> list[str]:
    return [text[place : place + 5] for place in range(0, len(text), 5)]


def _named(kind: str, **fields: object) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def _anthropic(model: str) -> tuple[bytes, bytes]:
    usage = {"input_tokens": 3, "output_tokens": 4}
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": model, "usage": usage}
    blocks = [
        {"type": "thinking", "thinking": THOUGHT, "signature": SEAL},
        {"type": "text", "text": SAID},
        {"type": "tool_use", "id": "toolu_1", "name": "send", "input": json.loads(ARGUMENTS)},
    ]
    end = {"stop_reason": "tool_use", "stop_sequence": None}
    events = [_named("message_start", message=head | {"content": [], "stop_reason": None, "stop_sequence": None})]
    pieces = [
        ({"type": "thinking", "thinking": "", "signature": ""}, "thinking_delta", "thinking", THOUGHT),
        ({"type": "text", "text": ""}, "text_delta", "text", SAID),
        (blocks[2] | {"input": {}}, "input_json_delta", "partial_json", ARGUMENTS),
    ]
    for index, (block, kind, name, text) in enumerate(pieces):
        events.append(_named("content_block_start", index=index, content_block=block))
        events += [
            _named("content_block_delta", index=index, delta={"type": kind, name: piece}) for piece in _cut(text)
        ]
        if not index:
            events.append(_named("content_block_delta", index=0, delta={"type": "signature_delta", "signature": SEAL}))
        events.append(_named("content_block_stop", index=index))
    events += [_named("message_delta", delta=end, usage={"output_tokens": 4}), _named("message_stop")]
    return json_answer(head | {"content": blocks} | end), stream_of(*events)


def _responses(model: str) -> tuple[bytes, bytes]:
    texts = [{"type": "summary_text", "text": THOUGHT}]
    items: list[dict[str, Any]] = [
        {"type": "reasoning", "id": "rs_1", "summary": texts},
        {
            "type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": SAID, "annotations": []}],
        },
        {
            "type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "send", "status": "completed",
            "arguments": ARGUMENTS,
        },
    ]  # fmt: skip
    whole: dict[str, Any] = {
        "id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": model, "output": items,
        "usage": {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7},
    }  # fmt: skip
    begun: dict[str, Any] = whole | {"status": "in_progress", "output": [], "usage": None}
    events = [_named("response.created", response=begun)]
    empty: list[dict[str, Any]] = [{"summary": []}, {"content": []}, {"arguments": ""}]
    kinds = [
        ("response.reasoning_summary_text", {"summary_index": 0}, THOUGHT, "text"),
        ("response.output_text", {"content_index": 0}, SAID, "text"),
        ("response.function_call_arguments", {}, ARGUMENTS, "arguments"),
    ]
    for index, (kind, place, text, name) in enumerate(kinds):
        where = {"output_index": index, "item_id": items[index]["id"], **place}
        events.append(_named("response.output_item.added", output_index=index, item=items[index] | empty[index]))
        events += [_named(f"{kind}.delta", **where, delta=piece) for piece in _cut(text)]
        events.append(_named(f"{kind}.done", **where, **{name: text}))
        events.append(_named("response.output_item.done", output_index=index, item=items[index]))
    events.append(_named("response.completed", response=whole))
    return json_answer(whole), stream_of(*events)


def _chat(model: str) -> tuple[bytes, bytes]:
    call: dict[str, Any] = {"id": "call_1", "type": "function", "function": {"name": "send", "arguments": ARGUMENTS}}
    head = {"id": "c", "object": "chat.completion", "created": 1, "model": model}
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    message = {"role": "assistant", "content": SAID, "reasoning": THOUGHT, "tool_calls": [call]}
    whole = head | {"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}], "usage": usage}
    deltas: list[dict[str, Any]] = [{"role": "assistant", "reasoning": piece} for piece in _cut(THOUGHT)]
    deltas += [{"content": piece} for piece in _cut(SAID)]
    deltas.append({"tool_calls": [call | {"index": 0} | {"function": {"name": "send", "arguments": ""}}]})
    deltas += [{"tool_calls": [{"index": 0, "function": {"arguments": piece}}]} for piece in _cut(ARGUMENTS)]
    choices: list[dict[str, Any]] = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": "tool_calls"})
    events = [f"data: {json.dumps(head | {'choices': [one]})}\n\n".encode() for one in choices]
    events += [f"data: {json.dumps(head | {'choices': [], 'usage': usage})}\n\n".encode(), b"data: [DONE]\n\n"]
    return json_answer(whole), stream_of(*events)


DIALECTS = {"anthropic": _anthropic, "openai-responses": _responses, "openai": _chat}
TURNS = [{"role": "user", "content": f"I am {SECRET}"}]
TOOL = {"name": "send", "parameters": {"type": "object"}}
BODIES: Mapping[str, dict[str, Any]] = {
    "/chat/completions": {"messages": TURNS, "tools": [{"type": "function", "function": TOOL}]},
    "/messages": {
        "messages": TURNS, "max_tokens": 50, "tools": [{"name": "send", "input_schema": {"type": "object"}}],
    },
    "/responses": {"input": f"I am {SECRET}", "tools": [{"type": "function", **TOOL}]},
}  # fmt: skip


class House:
    """The gateway, a key under a guardrail that redacts addresses, and what providers were sent."""

    def __init__(self, gateway: Gateway, key: str, bodies: list[bytes]) -> None:
        self.gateway = gateway
        self.key = key
        self.bodies = bodies


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    asked: list[bytes] = []

    def answer(model: str) -> Any:  # noqa: ANN401 - a script
        whole, stream = DIALECTS[model](model)

        def script(handler: Any, headers: Mapping[str, str]) -> None:  # noqa: ANN401 - of the standard library
            body = headers["body"].encode()
            asked.append(body)
            handler.wfile.write(stream if b'"stream":true' in body.replace(b" ", b"") else whole)

        return script

    with RawProvider({model: answer(model) for model in DIALECTS}) as provider:
        toml = ""
        for dialect in DIALECTS:
            base = provider.base_url if dialect != "anthropic" else provider.base_url.removesuffix("/v1")
            toml += provider_table(f"p-{dialect}", base, dialect=f'"{dialect}"')
            toml += model_tables(f"acme/{dialect}", [(f"p-{dialect}", dialect, FREE)])
        with Gateway(tmp_path_factory.mktemp("ways"), toml) as gateway:
            master = gateway.management_key
            fields = {"name": "g", "content_filter_builtins": [{"slug": "email", "action": "redact"}]}
            guard = gateway.request("POST", "/api/v1/guardrails", fields, key=master).json()["data"]["id"]
            made = gateway.request("POST", "/api/v1/keys", {"name": "k"}, key=master).json()
            whose = {"key_hashes": [made["data"]["hash"]]}
            gateway.request("POST", f"/api/v1/guardrails/{guard}/assignments/keys", whose, key=master)
            yield House(gateway, made["key"], asked)


@pytest.mark.parametrize("stream", [0, 1])
@pytest.mark.parametrize("told", [0, 1])
@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("path", BODIES)
def test_no_way_in_and_no_provider_lets_through_what_is_redacted(
    house: House, path: str, dialect: str, told: int, stream: int
) -> None:
    body = {"model": f"acme/{dialect}", "stream": bool(stream), **BODIES[path]}
    if not told:
        body = json.loads(json.dumps(body).replace(SECRET, "somebody"))
    plain = house.gateway.request("POST", f"/api/v1{path}", body)
    assert plain.status == 200, plain.body
    assert b"canary" in _joined(plain.body)
    house.bodies.clear()
    reply = house.gateway.request("POST", f"/api/v1{path}", body, key=house.key)
    assert reply.status == 200, reply.body
    assert b"canary" not in _joined(reply.body)
    assert _joined(reply.body).count(b"[EMAIL]") >= 3
    assert [b"canary" in one for one in house.bodies] == [False]
    assert (b"[EMAIL]" in house.bodies[0]) is bool(told)
    assert (SEAL.encode() in _joined(plain.body)) is (dialect == "anthropic")
    assert SEAL.encode() not in _joined(reply.body)


def _joined(body: bytes) -> bytes:
    """An answer, with what is sealed in it opened, and with the pieces of its texts together if it is a stream."""
    opened = [urlsafe_b64decode(one + b"===") for one in re.findall(rb"turnout1\.([\w-]+)", body)]
    return b"\n".join([_whole(body), *opened])


def _whole(body: bytes) -> bytes:
    if not body.startswith((b"event:", b"data:", b":")):
        return body
    texts: dict[str, str] = {}
    for line in body.decode().splitlines():
        if line.startswith("data: {"):
            _collect(json.loads(line[6:]), "", texts)
    return json.dumps(texts).encode() + body


def _collect(value: object, name: str, texts: dict[str, str]) -> None:
    if isinstance(value, dict):
        for key, one in value.items():
            _collect(one, f"{name}.{key}", texts)
    elif isinstance(value, list):
        for one in value:
            _collect(one, name, texts)
    elif isinstance(value, str):
        texts[name] = texts.get(name, "") + value
