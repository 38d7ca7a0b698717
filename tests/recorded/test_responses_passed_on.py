"""Who speaks the Responses API to a provider of it is understood word for word, and so is the provider."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from gateway import Reply, provider_table
from recordings import Exchange, exchanges, sse_events
from stage import Stage, cases, staged

_MODEL = "gpt-5"
_CLAUDE = "claude-sonnet-4-5"
_KEPT = ("previous_response_id", "conversation", "background", "prompt")
_READ_HERE = ("data:text/", "item_reference")
"""Text files are read by a plugin, and nothing is kept that could be referred to."""


def _passes(exchange: Exchange) -> bool:
    request = exchange.request
    ended = exchange.streamed or exchange.response.get("status") in {"completed", "incomplete"}
    kept = any(request.get(name) for name in _KEPT) or any(word in str(request) for word in _READ_HERE)
    return exchange.status == 200 and ended and not kept


_ALL = [one for one in exchanges("openai-responses") if _passes(one)]
_FOR_THE_GATEWAY = {"store", "include", "model", "top_k"}
_ENDS = ("response.completed", "response.incomplete")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    names = {one.request["model"] for one in _ALL} | {_MODEL}
    offers = {name: ("openai", name) for name in names} | {_CLAUDE: ("anthropic", _CLAUDE)}

    def tables(url: str) -> str:
        openai = provider_table("openai", f"{url}/v1", dialect='"openai-responses"')
        return openai + provider_table("anthropic", url, dialect='"anthropic"')

    with staged(tmp_path_factory.mktemp("gateway"), tables, offers) as made:
        yield made


def _ask(stage: Stage, request: dict[str, Any]) -> Reply:
    body = {name: value for name, value in request.items() if name != "store"} | {
        "model": stage.models[request["model"]]
    }
    return stage.gateway.request("POST", "/api/v1/responses", body)


def _sent(stage: Stage) -> dict[str, Any]:
    [received] = stage.provider.received
    sent: dict[str, Any] = json.loads(received.body)
    return sent


@pytest.mark.parametrize("exchange", cases(_ALL))
def test_request_and_answer_pass_through(stage: Stage, exchange: Exchange) -> None:
    if exchange.request.get("temperature", 0) > 2:
        pytest.skip("the gateway refuses such a temperature itself")
    stage.provider.play(exchange, sliced=True)
    reply = _ask(stage, exchange.request)
    assert reply.status == 200, reply.body
    sent = _sent(stage)
    asked = {
        name: value for name, value in exchange.request.items() if name not in _FOR_THE_GATEWAY and value is not None
    }
    assert {name: value for name, value in sent.items() if name not in _FOR_THE_GATEWAY} == asked
    assert sent["store"] is False
    assert set(exchange.request.get("include") or []) <= set(sent.get("include", []))
    if not exchange.streamed:
        _assert_named(reply.json(), exchange.response)
        return
    told, heard = sse_events(exchange.response), reply.events()
    assert [event["type"] for event in heard] == [event["type"] for event in told]
    for event, original in zip(heard, told, strict=True):
        if "response" in event:
            _assert_named(event.pop("response"), original.pop("response"))
        assert event.pop("sequence_number", 0) >= 0
        original.pop("sequence_number", None)
        assert event == original


def _assert_named(response: dict[str, Any], original: dict[str, Any]) -> None:
    """The provider's words under our names."""
    assert response.pop("provider") == "OpenAI"
    assert response["id"].startswith("gen-")
    ours = {name: response[name] for name in ("id", "model", "usage")}
    assert response == original | ours
    if original.get("usage") is not None:
        assert response["usage"].items() >= original["usage"].items()
        assert response["usage"].keys() - original["usage"].keys() == {"cost", "cost_details", "is_byok"}


def test_what_nobody_knows_yet_passes_through(stage: Stage) -> None:
    new = {"type": "something_new", "made_of": {"deep": [1, 2.5, "é"]}}
    used = {"input_tokens": 3, "output_tokens": 1, "total_tokens": 4}
    item = {"type": "message", "id": "m", "role": "assistant", "content": [{"type": "output_text", "text": "Hi"}]}
    response = {"id": "resp_1", "status": "in_progress", "output": [], "new": 1}
    delta = {"type": "response.output_text.delta", "item_id": "m", "output_index": 1, "content_index": 0, "delta": "Hi"}
    done = response | {"status": "completed", "output": [new, item], "usage": used}
    told: list[dict[str, Any]] = [
        {"type": "response.created", "response": response},
        {"type": "response.output_item.added", "output_index": 0, "item": new},
        {"type": "response.something_new.delta", "delta": "x", "with": {"deep": [1]}},
        {"type": "response.output_item.done", "output_index": 0, "item": new},
        {"type": "response.output_item.added", "output_index": 1, "item": item | {"content": []}},
        delta,
        {"type": "response.output_item.done", "output_index": 1, "item": item},
        {"type": "response.completed", "response": done},
    ]
    told = [event | {"sequence_number": number} for number, event in enumerate(told)]
    stage.provider.status, stage.provider.content_type = 200, "text/event-stream"
    stage.provider.answer = "".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in told).encode()
    stage.provider.received.clear()
    asked = {
        "input": [new, {"role": "user", "content": [{"type": "input_text", "text": "x", "new": 1}]}],
        "tools": [new],
        "new_field": new,
        "stream": True,
    }
    reply = _ask(stage, asked | {"model": _MODEL})
    assert _sent(stage).items() >= asked.items()
    assert "x-turnout-dropped" not in reply.headers
    heard = reply.events()
    assert [event for event in heard if "response" not in event] == [event for event in told if "response" not in event]
    assert heard[-1]["response"]["output"] == [new, item]
    assert heard[-1]["response"]["new"] == 1
    assert heard[-1]["sequence_number"] == len(told) - 1


_TOOL = {"type": "function", "name": "add", "parameters": {"type": "object", "properties": {"x": {"type": "integer"}}}}


def _openai_turn(number: int) -> dict[str, Any]:
    seal = f"gAAAA{number}+/=" + "Zm9v" * 20
    thought = {"id": f"rs_{number}", "type": "reasoning", "summary": [], "encrypted_content": seal}
    call = {
        "id": f"fc_{number}",
        "type": "function_call",
        "call_id": f"c{number}",
        "name": "add",
        "arguments": '{"x":1}',
    }
    text = {"id": "msg", "type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "3"}]}
    output = [thought, call if number < 3 else text]
    return {"id": "r", "status": "completed", "output": output, "usage": {"input_tokens": 1, "output_tokens": 1}}


def _claude_turn(number: int) -> dict[str, Any]:
    thought = {"type": "thinking", "thinking": f"Hm {number} é.", "signature": f"Sig{number}+/=" + "QUJD" * 20}
    call = {"type": "tool_use", "id": f"toolu_{number}", "name": "add", "input": {"x": 1}}
    blocks = [thought, call if number < 3 else {"type": "text", "text": "3"}]
    usage = {"input_tokens": 1, "output_tokens": 1}
    return {"id": "m", "type": "message", "role": "assistant", "content": blocks, "stop_reason": None, "usage": usage}


@pytest.mark.parametrize("model", [_MODEL, _CLAUDE])
def test_three_turns_with_tools_keep_every_seal(stage: Stage, model: str) -> None:
    turn = _openai_turn if model == _MODEL else _claude_turn
    items: list[Any] = [{"role": "user", "content": "1+1+1?"}]
    for number in (1, 2, 3):
        stage.provider.status, stage.provider.content_type = 200, "application/json"
        stage.provider.answer = json.dumps(turn(number)).encode()
        stage.provider.received.clear()
        reply = _ask(stage, {"model": model, "input": items, "tools": [_TOOL], "max_output_tokens": 9000})
        assert reply.status == 200, reply.body
        output = reply.json()["output"]
        items += output
        for call in output:
            if call["type"] == "function_call":
                items.append({"type": "function_call_output", "call_id": call["call_id"], "output": "2"})
        sent = _sent(stage)
        for earlier in range(1, number):
            said = turn(earlier)
            if model == _MODEL:
                assert [one for one in said["output"] if one not in sent["input"]] == []
            else:
                blocks = [block for one in sent["messages"] if one["role"] == "assistant" for block in one["content"]]
                assert [block for block in said["content"] if block not in blocks] == []


def test_thoughts_of_others_stay_with_them(stage: Stage) -> None:
    stage.provider.status, stage.provider.content_type = 200, "application/json"
    stage.provider.answer = json.dumps(_claude_turn(3)).encode()
    output = _ask(stage, {"model": _CLAUDE, "input": "Hi", "max_output_tokens": 9000}).json()["output"]
    assert [item["type"] for item in output] == ["reasoning", "message"]
    stage.provider.answer = json.dumps(_openai_turn(3)).encode()
    stage.provider.received.clear()
    items = [{"role": "user", "content": "Hi"}, *output, {"role": "user", "content": "On"}]
    assert _ask(stage, {"model": _MODEL, "input": items}).status == 200
    assert [item.get("type") for item in _sent(stage)["input"]] == [None, "message", None]


def test_an_answer_of_another_provider_says_what_it_did_without(stage: Stage) -> None:
    stage.provider.status, stage.provider.content_type = 200, "application/json"
    stage.provider.answer = json.dumps(_claude_turn(3)).encode()
    request = {"model": _CLAUDE, "input": "Hi", "tools": [_TOOL, {"type": "local_shell"}], "max_output_tokens": 9000}
    reply = _ask(stage, request)
    assert "tools.local_shell" in reply.headers["x-turnout-dropped"].split(",")
    compacted = {"type": "compaction", "id": "cmp_1", "encrypted_content": "x"}
    refused = _ask(stage, request | {"input": [compacted, {"role": "user", "content": "Hi"}]})
    assert refused.status == 400
    assert "compaction" in refused.json()["error"]["message"]
