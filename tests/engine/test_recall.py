from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import Raw

from examples import a_request
from line import KEY, Paper, a_call, a_house, rails_to
from turnout.base.clock import SYSTEM_CLOCK
from turnout.domain.completion import Choice, ChunkChoice, Completion
from turnout.domain.provider import Capabilities
from turnout.engine.house import Rails
from turnout.engine.line import serve
from turnout.engine.recall import Recall, Thoughts
from turnout.shared.reasoning import ReasoningInProcess
from upstream import Wire, upstream

DETAILS = [
    {
        "type": "reasoning.text",
        "text": "Hm, \u00e9.",
        "signature": "c2ln+/==",
        "format": "anthropic-claude-v1",
        "index": 0,
    },
    {"type": "reasoning.encrypted", "data": "ZGF0YQ==", "format": "anthropic-claude-v1", "index": 1},
]
_OBJECT = Capabilities(reasoning="object")
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]


def call(
    call_id: str = "call_1", arguments: object = '{"city": "Oslo", "days": 2}', name: str = "weather"
) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def answer(*calls: dict[str, Any], details: object = DETAILS) -> Completion:
    message = {"content": None, "tool_calls": list(calls), "reasoning_details": details}
    return Completion([Choice({name: Raw(json.dumps(value).encode()) for name, value in message.items()})])


def conversation(*calls: dict[str, Any], **fields: object) -> list[dict[str, Any]]:
    results = [{"role": "tool", "tool_call_id": one["id"], "content": "rain"} for one in calls]
    spoken = {"role": "assistant", "content": None, "tool_calls": list(calls)} | fields
    return [{"role": "user", "content": "Weather?"}, spoken, *results]


def a_recall() -> Recall:
    return Recall(ReasoningInProcess(SYSTEM_CLOCK))


async def restored(recall: Recall, messages: list[dict[str, Any]], account: str = "default") -> Any:  # noqa: ANN401 - JSON
    request = await recall.restored(account, a_request(messages=messages))
    return json.loads(bytes(request.fields["messages"]))


async def test_reasoning_goes_back_to_the_calls_it_led_to() -> None:
    recall = a_recall()
    await recall.remember("default", answer(call(), call("call_2")))
    messages = conversation(call(), call("call_2"))
    found = await restored(recall, messages)
    assert found[1].pop("reasoning_details") == DETAILS
    assert found == messages


async def test_a_request_that_gets_its_reasoning_back_says_so_to_those_who_rewrite_it() -> None:
    recall = a_recall()
    await recall.remember("default", answer(call()))
    request = a_request(messages=conversation(call()))
    assert not request.traits.reasoning
    assert (await recall.restored("default", request)).traits.reasoning


@pytest.mark.parametrize(
    "arguments", ['{"days":2,"city":"Oslo"}', '{"city": "Oslo",\n "days": 2}', {"city": "Oslo", "days": 2}]
)
async def test_clients_may_write_the_arguments_anew(arguments: object) -> None:
    recall = a_recall()
    await recall.remember("default", answer(call()))
    assert (await restored(recall, conversation(call(arguments=arguments))))[1]["reasoning_details"] == DETAILS


@pytest.mark.parametrize(
    "kept", [{"reasoning_details": DETAILS[:1]}, {"reasoning_details": []}, {"reasoning_details": [{"type": "x"}]}]
)
async def test_what_the_client_sends_back_itself_stays(kept: dict[str, Any]) -> None:
    recall = a_recall()
    await recall.remember("default", answer(call()))
    messages = conversation(call(), **kept)
    request = a_request(messages=messages)
    assert await recall.restored("default", request) is request


@pytest.mark.parametrize(
    ("messages", "account"),
    [
        (conversation(call()), "other"),
        (conversation(call("call_9")), "default"),
        (conversation(call(arguments='{"city": "Rome"}')), "default"),
        (conversation(call(name="news")), "default"),
        (conversation(call(), call("call_9")), "default"),
        ([{"role": "user", "content": 'say "tool_calls"'}], "default"),
        ([{"role": "assistant", "content": "x", "tool_calls": []}, {"role": "user", "content": "x"}], "default"),
        ([{"role": "user", "content": "x", "tool_calls": [call()]}], "default"),
        ([{"role": "assistant", "content": "x", "tool_calls": "nonsense"}], "default"),
        ([{"role": "assistant", "content": "x", "tool_calls": [{"id": 7}]}], "default"),
    ],
)
async def test_other_accounts_and_other_calls_get_nothing(messages: list[dict[str, Any]], account: str) -> None:
    recall = a_recall()
    await recall.remember("default", answer(call()))
    request = a_request(messages=messages)
    assert await recall.restored(account, request) is request


async def test_calls_of_different_answers_do_not_share_their_reasoning() -> None:
    recall = a_recall()
    await recall.remember("default", answer(call("call_1")))
    await recall.remember("default", answer(call("call_2"), details=DETAILS[:1]))
    assert "reasoning_details" not in (await restored(recall, conversation(call("call_1"), call("call_2"))))[1]


async def test_everything_else_stays_byte_for_byte() -> None:
    recall = a_recall()
    await recall.remember("default", answer(call()))
    odd = '{"role":"user", "content":"caf\\u00e9 1.0"}'
    text = f"[ {odd} , {json.dumps(conversation(call())[1])}]"
    request = a_request()
    request.fields["messages"] = Raw(text.encode())
    sent = bytes((await recall.restored("default", request)).fields["messages"])
    assert odd.encode() in sent
    assert b'"c2ln+/=="' in sent


@pytest.mark.parametrize("arguments", ["", "{", "not json", "\ud800", "1e999", "[" * 40])
async def test_arguments_that_are_no_json_are_names_all_the_same(arguments: str) -> None:
    recall = a_recall()
    await recall.remember("default", answer(call(arguments=arguments)))
    if arguments != "\ud800":
        assert "reasoning_details" in (await restored(recall, conversation(call(arguments=arguments))))[1]


def taken(*deltas: dict[str, Any]) -> Thoughts:
    thoughts = Thoughts()
    for delta in deltas:
        thoughts.take(ChunkChoice(Raw(json.dumps(delta).encode())))
    return thoughts


async def test_the_pieces_of_a_stream_make_the_same_as_a_whole_answer() -> None:
    first, second = DETAILS
    thoughts = taken(
        {"role": "assistant", "content": ""},
        {"reasoning": "Hm,", "reasoning_details": [{**first, "text": "Hm,", "signature": None}]},
        {"reasoning": " \u00e9.", "reasoning_details": [{**first, "text": " \u00e9.", "signature": None}]},
        {"reasoning_details": [{**first, "text": "", "signature": first["signature"]}]},
        {"reasoning_details": [second]},
        {"content": "Let me see."},
        {"tool_calls": [{"index": 0, "id": "call_1", "function": {"name": "weather", "arguments": ""}}]},
        {"tool_calls": [{"index": 1, "id": "call_2", "function": {"name": "weather", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"city": "Os'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": 'lo", "days": 2}'}}]},
        {"tool_calls": [{"index": 1, "function": {"arguments": '{"city": "Oslo", "days": 2}'}}]},
    )
    recall = a_recall()
    await recall.remember_stream("default", thoughts)
    found = await restored(recall, conversation(call(), call("call_2")))
    assert found[1]["reasoning_details"] == DETAILS


def test_a_signed_thought_is_not_continued_nor_are_others_mixed_with_it() -> None:
    pieces = [
        {"type": "reasoning.text", "text": "a", "signature": "s1", "index": 0},
        {"type": "reasoning.text", "text": "b", "index": 0},
        {"type": "reasoning.text", "text": "c", "index": 1},
        {"type": "reasoning.summary", "summary": "d", "index": 1},
        {"type": "reasoning.encrypted", "data": "e", "index": 1, "id": "x"},
        {"type": "reasoning.encrypted", "data": "f", "index": 1, "id": "y"},
        {"type": "reasoning.text", "text": "g"},
        {"type": "reasoning.text", "text": "h"},
    ]
    [(_, details)] = taken(*[{"reasoning_details": [piece]} for piece in pieces]).said()
    assert [json.loads(bytes(detail)) for detail in details] == pieces


async def test_broken_deltas_are_passed_over() -> None:
    thoughts = taken({"reasoning_details": 7}, {"tool_calls": [{"index": "x"}]}, {"reasoning_details": [1, None, []]})
    await a_recall().remember_stream("default", thoughts)


# -- through the line --


def _event(value: object) -> bytes:
    return f"data: {json.dumps(value)}\n\n".encode()


def _head(kind: str, length: int | None = None) -> bytes:
    size = "" if length is None else f"Content-Length: {length}\r\n"
    return f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n{size}Connection: close\r\n\r\n".encode()


class Provider:
    """Answers with a tool call and reasoning; ``asked`` holds what it got."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    async def __call__(self, wire: Wire) -> None:
        body = json.loads(await wire.request())
        self.asked.append(body)
        message: object = {"role": "assistant", "content": None, "tool_calls": [call()], "reasoning_details": DETAILS}
        if body.get("stream"):
            deltas: list[dict[str, Any]] = [
                {"reasoning_details": DETAILS},
                {"tool_calls": [{"index": 0, **call()}]},
            ]
            ends: list[str | None] = [None, None, "tool_calls"]
            chunks = [
                {"choices": [{"index": 0, "delta": delta, "finish_reason": end}]}
                for delta, end in zip([*deltas, {}], ends, strict=True)
            ]
            await wire.send(_head("text/event-stream"), *map(_event, chunks), b"data: [DONE]\n\n")
        else:
            whole = json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}).encode()
            await wire.send(_head("application/json", len(whole)), whole)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("recalling", [False, True])
async def test_reasoning_survives_a_client_that_drops_it(stream: bool, recalling: bool) -> None:  # noqa: FBT001 - drawn
    provider = Provider()
    async with upstream(provider) as server:
        rails = rails_to({"acme": f"{server.base_url}/v1"}, capabilities=_OBJECT)
        known = frozenset({"acme"}) if recalling else frozenset[str]()
        house, records = a_house(Rails(rails.routes, rails.adapters, rails.origins, known))
        house.recall = a_recall()
        for messages in ([{"role": "user", "content": "Weather?"}], conversation(call())):
            paper = Paper()
            await serve(a_call(paper, stream=stream, tools=TOOLS, messages=messages), house)
            assert paper.error is None
    assert len(records.generations) == 2
    assert KEY.account_id == "default"
    assert provider.asked[1]["messages"][1].get("reasoning_details") == (DETAILS if recalling else None)
