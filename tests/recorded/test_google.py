"""What Gemini and Vertex said, served again: clients read the same, and Google is sent what it was sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from answers import Answer, Inexpressible
from converters.google import Told, as_chat, normal, tell, turns_of
from gateway import Reply, provider_table
from recordings import Exchange, exchanges, sse_events
from stage import Stage, cases, read, said_again, staged

_ALL = exchanges("google")
_OK = [one for one in _ALL if one.status == 200]
_PRICE = '{ prompt = "0.000001", completion = "0.000002" }'


def _place(exchange: Exchange) -> str:
    return exchange.path.rpartition(":")[0]


def _offer(place: str) -> tuple[str, str]:
    """The provider that serves what stands at *place*, and its name for it."""
    slug = f"v-{place.split('/')[3]}" if "/projects/" in place else "google"
    return slug, place.rpartition("/")[2]


def _tables(url: str) -> str:
    projects = sorted({_place(one).split("/")[3] for one in _ALL if "/projects/" in one.path})
    vertex = [provider_table(f"v-{name}", url, dialect='"vertex"', project=f'"{name}"') for name in projects]
    return provider_table("google", url) + "".join(vertex)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    places = {_place(one) for one in _ALL}
    with staged(tmp_path_factory.mktemp("gateway"), _tables, {place: _offer(place) for place in places}) as made:
        yield made


@pytest.mark.parametrize("sliced", [False, True], ids=["whole", "sliced"])
@pytest.mark.parametrize("exchange", cases(_ALL))
def test_the_client_reads_what_google_said(stage: Stage, exchange: Exchange, sliced: bool) -> None:  # noqa: FBT001 - a parameter of the test
    stage.provider.play(exchange, sliced=sliced)
    reply = _ask(stage, _chat(stage, exchange))
    if exchange.status != 200:
        _assert_refused(reply, exchange)
    else:
        _assert_same(read(reply, streamed=exchange.streamed), _told(exchange))


@pytest.mark.parametrize("exchange", cases([one for one in _OK if not one.streamed]))
def test_a_client_that_streams_reads_an_answer_that_came_in_one_piece(stage: Stage, exchange: Exchange) -> None:
    stage.provider.play(exchange)
    reply = _ask(stage, _chat(stage, exchange) | {"stream": True})
    _assert_same(read(reply, streamed=True), _told(exchange))


@pytest.mark.parametrize("exchange", cases(_ALL))
def test_google_is_sent_what_it_was_sent(stage: Stage, exchange: Exchange) -> None:
    said_again(as_chat, exchange)
    stage.provider.play(exchange)
    _ask(stage, _chat(stage, exchange))
    [received] = stage.provider.received
    assert received.path == exchange.path + ("?alt=sse" if exchange.streamed else "")
    credential = "Authorization" if "/projects/" in exchange.path else "X-Goog-Api-Key"
    headers = {name.lower(): value for name, value in received.headers.items()}
    assert headers[credential.lower()].removeprefix("Bearer ") == "sk-upstream-secret"
    assert stage.gateway.key not in str(received)
    sent, recorded = json.loads(received.body), normal(exchange.request)
    assert sent.keys() <= {
        "contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "cachedContent", "safetySettings"
    }  # fmt: skip
    assert _without_made_ids(turns_of(sent), recorded) == _without_made_ids(turns_of(recorded), recorded)
    instruction = recorded.get("systemInstruction")
    assert sent.get("systemInstruction") == (None if instruction is None else {"parts": instruction["parts"]})
    assert _tools(sent) == _tools(recorded)
    assert sent.get("toolConfig") == recorded.get("toolConfig")
    assert _config(sent) == _config(recorded)
    assert sent.get("cachedContent") == recorded.get("cachedContent")


@pytest.mark.parametrize("exchange", cases(_OK))
def test_the_parts_of_an_answer_go_back_byte_for_byte(stage: Stage, exchange: Exchange) -> None:
    """The client sends the message back as it read it, with a result for each call, three times over."""
    stage.provider.play(exchange)
    chat = _chat(stage, exchange)
    answer = read(_ask(stage, chat), streamed=exchange.streamed)
    said = answer.choices[0]
    message: dict[str, Any] = {"role": "assistant", "content": said.text or None, "reasoning_details": said.details}
    if said.tool_calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in said.tool_calls
        ]
    results = [{"role": "tool", "tool_call_id": call.id, "content": "done"} for call in said.tool_calls]
    for _ in range(3):
        chat["messages"] = [*chat["messages"], message, *(results or [{"role": "user", "content": "go on"}])]
        _ask(stage, chat)
    sent = turns_of(json.loads(stage.provider.received[-1].body))
    expected = _parts_back(_told(exchange).parts)
    if not expected:
        return
    back = [turn["parts"] for turn in sent if turn["role"] == "model"][-3:]
    for parts in back:
        for part in parts:
            if "functionCall" in part and not any("id" in one.get("functionCall", {}) for one in expected):
                del part["functionCall"]["id"]
        assert _parts_back(parts) == expected


def _chat(stage: Stage, exchange: Exchange) -> dict[str, Any]:
    try:
        asked = as_chat(exchange.request)
    except Inexpressible:  # the answer is read all the same
        asked = {"messages": [{"role": "user", "content": "as recorded"}]}
    return asked | {"model": stage.models[_place(exchange)], "stream": exchange.streamed}


def _told(exchange: Exchange) -> Told:
    return tell(sse_events(exchange.response) if exchange.streamed else [exchange.response])


def _ask(stage: Stage, body: dict[str, Any]) -> Reply:
    return stage.gateway.request("POST", "/api/v1/chat/completions", json.dumps(body, ensure_ascii=False).encode())


def _assert_same(heard: Answer, told: Told) -> None:
    said = heard.choices[0]
    assert said.text == told.text
    assert said.reasoning == told.thoughts
    assert [(call.name, json.loads(call.arguments)) for call in said.tool_calls] == [call[1:] for call in told.calls]
    for call, (stated, _, _) in zip(said.tool_calls, told.calls, strict=True):
        assert call.id == stated if stated else call.id
    assert said.finish == told.finish
    assert said.native == told.native or told.blocked
    assert heard.tokens is not None
    assert tuple(heard.tokens) == told.tokens
    signatures = [detail.get("signature") or detail.get("data") for detail in said.details]
    assert [one for one in signatures if one] == told.signatures
    cited = [one["url_citation"]["url"] for some in said.extras.get("annotations", []) for one in some]
    assert sorted(set(cited)) == sorted(set(told.sources))


def _assert_refused(reply: Reply, exchange: Exchange) -> None:
    stated = exchange.response[0] if isinstance(exchange.response, list) else exchange.response
    assert reply.status == exchange.status
    assert reply.json()["error"]["message"] == stated["error"]["message"]


def _without_made_ids(turns: list[dict[str, Any]], recorded: dict[str, Any]) -> list[dict[str, Any]]:
    """Turns without the ids of calls, where Google was sent none."""
    if '"id"' in json.dumps(recorded["contents"]):
        return turns
    for turn in turns:
        for part in turn["parts"]:
            for name in ("functionCall", "functionResponse"):
                part.get(name, {}).pop("id", None)
    return turns


def _tools(request: dict[str, Any]) -> list[Any]:
    """The tools one by one, with schemas under one name."""
    stated = request.get("tools") or []
    found: list[Any] = []
    for group in stated if isinstance(stated, list) else [stated]:
        for name, value in group.items():
            if name != "functionDeclarations":
                found.append({name: value})
                continue
            for one in value:
                schema = one.get("parametersJsonSchema", one.get("parameters"))
                found.append({"name": one["name"], "description": one.get("description"), "schema": schema})
    return sorted(found, key=json.dumps)


def _config(request: dict[str, Any]) -> dict[str, Any]:
    """The settings, with the schema of the answer under one name."""
    config = dict(request.get("generationConfig") or {})
    if "responseSchema" in config:
        config["responseJsonSchema"] = config.pop("responseSchema")
    return config


def _parts_back(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Parts as a conversation has them: unsigned texts in a row are one, and calls stand at the end."""
    joined: list[dict[str, Any]] = []
    for part in parts:
        if part.keys() == {"text"} and joined and joined[-1].keys() == {"text"}:
            joined[-1] = {"text": joined[-1]["text"] + part["text"]}
        elif part != {"text": ""}:
            joined.append(part)
    calls = [part for part in joined if "functionCall" in part]
    return [part for part in joined if "functionCall" not in part] + calls
