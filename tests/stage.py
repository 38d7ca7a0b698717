"""Recorded exchanges on a stage: a gateway, a stand-in for the provider behind it, and a client that reads."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from answers import Answer, Inexpressible, Said, ToolCall, read_stream, read_whole
from gateway import Gateway, Reply, model_tables
from openrouter_schema import check
from recordings import Exchange, StandIn, stand_in

__all__ = ["WITHOUT_DATA", "Stage", "ask", "cases", "collected", "plain", "read", "said_again", "send", "staged"]

WITHOUT_DATA = pytest.mark.skip(reason="TURNOUT_TEST_DATA names no folder with recorded-traffic")
_PRICE = '{ prompt = "0.000001", completion = "0.000002" }'


class Stage(NamedTuple):
    """A gateway, and the stand-in for all providers behind it. ``models`` are ours by whatever names the provider's."""

    gateway: Gateway
    provider: StandIn
    models: Mapping[Any, str]


def cases(found: list[Exchange]) -> list[Any]:
    """One parameter for each exchange; without data a single one that is skipped."""
    return [pytest.param(one, id=one.id) for one in found] or [pytest.param(None, marks=WITHOUT_DATA)]


@contextmanager
def staged(directory: Path, tables: Callable[[str], str], offers: Mapping[Any, tuple[str, str]]) -> Iterator[Stage]:
    """A stand-in, and a gateway with the providers in *tables*, TOML made of the stand-in's address. *offers* has, by
    what names a model on this stage, the provider's slug and the provider's own name for it.
    """
    models = {name: f"recorded/model-{number}" for number, name in enumerate(sorted(offers))}
    with stand_in() as server:
        toml = "[catalog]\nbundled = false\n" + tables(server.url)
        for name, (slug, upstream_model) in offers.items():
            toml += model_tables(models[name], [(slug, upstream_model, _PRICE)])
        with Gateway(directory, toml) as gateway:
            yield Stage(gateway, server, models)


def ask(stage: Stage, name: Any, *, stream: bool, **more: object) -> Reply:  # noqa: ANN401 - what names a model there
    """Ask the model *name*. What the client says does not matter: the answer is set."""
    body = {"model": stage.models[name], "messages": [{"role": "user", "content": "as recorded"}], "stream": stream}
    return stage.gateway.request("POST", "/api/v1/chat/completions", json.dumps(body | more).encode())


def said_again(chat_request: Callable[[dict[str, Any]], dict[str, Any]], exchange: Exchange) -> dict[str, Any]:
    """The chat request that asks for what *exchange* asked for; where there is none, the test is left out."""
    try:
        return chat_request(exchange.request)
    except Inexpressible as reason:
        pytest.skip(str(reason))


def send(stage: Stage, name: Any, chat: dict[str, Any]) -> Reply:  # noqa: ANN401 - what names a model there
    """Ask the model *name* with the whole request *chat*."""
    body = json.dumps(chat | {"model": stage.models[name]}).encode()
    return stage.gateway.request("POST", "/api/v1/chat/completions", body)


def read(reply: Reply, *, streamed: bool) -> Answer:
    """What the client reads, in shapes that the published schema knows."""
    assert reply.status == 200, reply.body
    if not streamed:
        assert reply.headers["content-type"] == "application/json"
        check("ChatResult", reply.json())
        return read_whole(reply.json())
    assert reply.headers["content-type"] == "text/event-stream"
    events = reply.events()
    assert events.pop() == "[DONE]"
    for event in events:
        check("ChatStreamChunk", event)
    return read_stream(events)


def collected(reply: Reply) -> dict[str, Any]:
    """The message of an answer; a simple client puts the details of a stream into one list as they come."""
    if reply.body.startswith(b"{"):
        message: dict[str, Any] = reply.json()["choices"][0]["message"]
        return message
    said = read(reply, streamed=True).choices[0]
    calls = [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in said.tool_calls
    ]
    message = {"role": "assistant", "content": said.text, "reasoning": said.reasoning}
    return message | {"reasoning_details": said.details, "tool_calls": calls}


def plain(said: Said) -> Said:
    """Calls with their arguments as values, sources in one list, and no details, which are compared apart."""
    calls = [ToolCall(call.id, call.name, json.loads(call.arguments)) for call in said.tool_calls]
    sources: list[Any] = []
    for one in said.extras.get("annotations", []):
        sources += one if isinstance(one, list) else [one]
    extras = {name: value for name, value in said.extras.items() if name != "annotations"}
    return replace(said, tool_calls=calls, details=[], extras=extras | ({"annotations": sources} if sources else {}))
