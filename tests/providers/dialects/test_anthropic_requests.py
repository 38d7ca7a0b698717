"""The Anthropic dialect: what a chat request becomes."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.api.chat import ChatSurface
from turnout.base.errors import BadRequest, UpstreamError
from turnout.base.secrets import Secret
from turnout.contracts.provider import Fetched, Outside
from turnout.domain.catalog import Endpoint
from turnout.domain.provider import Capabilities, Provider
from turnout.providers.dialects.anthropic import AnthropicAdapter

_OLD = "claude-sonnet-4-5"
_NEW = "claude-opus-4-8"
_MARK = {"type": "ephemeral", "ttl": "1h"}
_WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
_RATIOS = {"max": 0.95, "xhigh": 0.95, "high": 0.8, "medium": 0.5, "low": 0.2, "minimal": 0.1}


class Sent(NamedTuple):
    """What goes out."""

    head: str
    body: Any
    dropped: tuple[str, ...]


async def _fetch(url: str) -> Fetched:
    return Fetched("text/plain", url.encode())


async def _post(*_: object) -> tuple[int, bytes]:
    raise AssertionError


def _adapter(base_url: str = "http://127.0.0.1:1", **capabilities: Any) -> AnthropicAdapter:  # noqa: ANN401 - any capability
    provider = Provider(
        slug="claudes", name="Claudes", base_url=base_url, credential=Secret("sk-key"),
        capabilities=Capabilities(**capabilities), headers=(("x-team", "blue"),),
    )  # fmt: skip
    return AnthropicAdapter(provider, Outside(lambda: 0.0, _fetch, _post))


_ADAPTER = _adapter()


def _sent(model: str = _OLD, adapter: AnthropicAdapter = _ADAPTER, limit: int | None = None, **fields: Any) -> Sent:  # noqa: ANN401 - JSON
    body = {"model": "a/x", "messages": [{"role": "user", "content": "hi"}]} | fields
    request = ChatSurface().decode(json.dumps(body).encode())
    endpoint = Endpoint(
        model_id="a/x", provider="claudes", tag="claudes", upstream_model=model, max_completion_tokens=limit
    )
    outgoing = adapter.outgoing(request, endpoint)
    return Sent(outgoing.head.decode(), json.loads(outgoing.body), outgoing.dropped)


def _turns(*messages: dict[str, Any], model: str = _OLD) -> Any:  # noqa: ANN401 - JSON
    return _sent(model, messages=list(messages)).body["messages"]


def _user(text: str = "hi") -> dict[str, Any]:
    return {"role": "user", "content": text}


def _calls(*ids: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    calls = [
        {"id": one, "type": "function", "function": {"name": "weather", "arguments": '{"at":1.50}'}} for one in ids
    ]
    return {"role": "assistant", "content": None, "tool_calls": calls} | fields


def _result(call_id: str, text: str = "sunny", **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {"role": "tool", "tool_call_id": call_id, "content": text} | fields


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def test_the_head_carries_key_and_version_and_no_bearer() -> None:
    head = _sent().head
    assert head.startswith("POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1:1\r\n")
    for line in ("x-api-key: sk-key", "anthropic-version: 2023-06-01", "x-team: blue"):
        assert f"\r\n{line}\r\n" in head
    assert "Authorization" not in head
    assert "anthropic-beta" not in head
    assert _sent(adapter=_adapter("http://127.0.0.1:1/proxy/v1/")).head.startswith("POST /proxy/v1/messages ")


def test_instructions_go_to_the_top_wherever_they_stand() -> None:
    messages = [
        {"role": "system", "content": "one"},
        _user(),
        {"role": "developer", "content": [_text("two") | {"cache_control": _MARK}]},
    ]
    body = _sent(messages=messages).body
    assert body["system"] == [_text("one"), _text("two") | {"cache_control": _MARK}]
    assert body["messages"] == [{"role": "user", "content": [_text("hi")]}]


def test_newer_models_read_instructions_where_they_stand_if_the_place_allows() -> None:
    late = {"role": "system", "content": "late"}
    assert [turn["role"] for turn in _turns(_user(), late, model=_NEW)] == ["user", "system"]
    assert [turn["role"] for turn in _turns(_user(), late, late, model=_NEW)] == ["user", "system", "system"]
    assert [turn["role"] for turn in _turns(_user(), late, _user(), model=_NEW)] == ["user", "user"]
    assistant = {"role": "assistant", "content": "so"}
    assert [turn["role"] for turn in _turns(_user(), assistant, late, _user(), model=_NEW)] == [
        "user", "assistant", "user"
    ]  # fmt: skip


def test_instructions_alone_are_said_by_the_user() -> None:
    body = _sent(messages=[{"role": "system", "content": "go"}]).body
    assert body["messages"] == [{"role": "user", "content": [_text("go")]}]
    assert "system" not in body


def test_results_of_parallel_calls_and_what_follows_are_one_turn() -> None:
    turns = _turns(_user(), _calls("a", "b"), _result("a"), _result("b", "", is_error=True), _user("so?"))
    assert turns[1]["content"] == [
        {"type": "tool_use", "id": one, "name": "weather", "input": {"at": 1.5}} for one in ("a", "b")
    ]
    assert turns[2] == {
        "role": "user",
        "content": [
            {"type": "tool_result", "tool_use_id": "a", "content": [_text("sunny")]},
            {"type": "tool_result", "tool_use_id": "b", "is_error": True},
            _text("so?"),
        ],
    }
    assert len(turns) == 3


def test_ids_and_arguments_that_the_provider_refuses_are_put_right() -> None:
    turns = _turns(_user(), _calls("functions.weather:0"), _result("functions.weather:0"))
    assert turns[1]["content"][0]["id"] == turns[2]["content"][0]["tool_use_id"] == "functions_weather_0"
    broken = _calls("a")
    broken["tool_calls"][0]["function"]["arguments"] = '{"at":'
    assert _turns(_user(), broken, _result("a"))[1]["content"][0]["input"] == {"arguments": '{"at":'}


def test_names_are_said_and_empty_texts_are_not() -> None:
    turns = _turns({"role": "user", "name": "Ann", "content": [_text(""), _text("hi")]}, _user(""))
    assert turns == [{"role": "user", "content": [_text("Ann: hi")]}]


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (
            {"type": "image_url", "image_url": {"url": "data:image/jpg;base64,AAAA"}},
            {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "AAAA"}},
        ),
        (
            {"type": "image_url", "image_url": {"url": "https://a.example/x.png"}, "cache_control": _MARK},
            {"type": "image", "source": {"type": "url", "url": "https://a.example/x.png"}, "cache_control": _MARK},
        ),
        (
            {"type": "file", "file": {"filename": "x.pdf", "file_data": "data:application/pdf;base64,AAAA"}},
            {
                "type": "document",
                "title": "x.pdf",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "AAAA"},
            },
        ),
        (
            {"type": "file", "file": {"file_data": "https://a.example/x.pdf"}},
            {"type": "document", "source": {"type": "url", "url": "https://a.example/x.pdf"}},
        ),
        (
            {"type": "file", "file": {"file_data": "data:text/csv,a%2Cb"}},
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a,b"}},
        ),
        (
            {"type": "file", "file": {"file_data": "data:image/png;base64,AAAA"}},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
        ),
    ],
)
def test_files_go_as_blocks(part: dict[str, Any], block: dict[str, Any]) -> None:
    assert _turns({"role": "user", "content": [part]})[0]["content"] == [block]


def test_a_file_by_its_id_needs_a_feature_that_is_tried_out() -> None:
    sent = _sent(messages=[{"role": "user", "content": [{"type": "file", "file": {"file_id": "file_1"}}]}])
    assert sent.body["messages"][0]["content"] == [
        {"type": "document", "source": {"type": "file", "file_id": "file_1"}}
    ]
    assert sent.head.endswith("\r\nanthropic-beta: files-api-2025-04-14\r\nContent-Length: ")


async def test_files_that_the_provider_would_not_read_are_read_for_it() -> None:
    files = ["http://a.example/x.txt", "https://a.example/x.csv", "https://a.example/x.pdf", "https://a.example/x"]
    parts = [{"type": "file", "file": {"file_data": url}} for url in files]
    body = {"model": "a/x", "messages": [{"role": "user", "content": parts}]}
    request = ChatSurface().decode(json.dumps(body).encode())
    endpoint = Endpoint(model_id="a/x", provider="claudes", tag="claudes", upstream_model=_OLD)
    assert _ADAPTER.prepare is not None
    prepared = await _ADAPTER.prepare(request, endpoint)
    [turn] = json.loads(_ADAPTER.outgoing(prepared, endpoint).body)["messages"]
    assert [block["source"].get("data") or block["source"]["url"] for block in turn["content"]] == files
    assert [block["source"]["type"] for block in turn["content"]] == ["text", "text", "url", "url"]


@pytest.mark.parametrize(
    "part",
    [
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "video_url", "video_url": {"url": "https://a.example/x.mp4"}},
        {"type": "file", "file": {"filename": "empty"}},
    ],
)
def test_what_cannot_be_said_is_refused(part: dict[str, Any]) -> None:
    with pytest.raises(BadRequest if part["type"] == "file" else UpstreamError):
        _turns({"role": "user", "content": [part]})


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ("auto", {"type": "auto"}),
        ("required", {"type": "any"}),
        ("none", {"type": "none"}),
        ({"type": "function", "function": {"name": "weather"}}, {"type": "tool", "name": "weather"}),
        ({"type": "tool", "name": "weather"}, {"type": "tool", "name": "weather"}),
    ],
)
def test_tools_and_how_they_are_chosen(chosen: Any, said: Any) -> None:  # noqa: ANN401 - JSON
    tools = [
        _WEATHER,
        {
            "type": "function",
            "cache_control": _MARK,
            "function": {"name": "bare", "description": "Bare.", "strict": True},
        },
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 2},
    ]
    body = _sent(tools=tools, tool_choice=chosen).body
    assert body["tools"] == [
        {"name": "weather", "input_schema": {"type": "object", "properties": {}}},
        {
            "name": "bare",
            "description": "Bare.",
            "strict": True,
            "input_schema": {"type": "object", "properties": {}, "additionalProperties": False},
            "cache_control": _MARK,
        },
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 2},
    ]
    assert body["tool_choice"] == said


def test_one_call_at_a_time() -> None:
    assert _sent(tools=[_WEATHER], parallel_tool_calls=False).body["tool_choice"] == {
        "type": "auto", "disable_parallel_tool_use": True
    }  # fmt: skip
    assert "tool_choice" not in _sent(tools=[_WEATHER], parallel_tool_calls=True).body


def test_a_tool_cannot_be_forced_on_every_model() -> None:
    with pytest.raises(UpstreamError, match="forces"):
        _sent("claude-fable-5-1", tools=[_WEATHER], tool_choice="required")
    with pytest.raises(UpstreamError):
        _sent(tools=[_WEATHER], tool_choice={"type": "something_new"})
    assert _sent(tool_choice="required").dropped == ("tool_choice",)
    assert _sent("claude-fable-5", tools=[_WEATHER], tool_choice="required").body["tool_choice"] == {"type": "any"}


def test_cache_marks_are_kept_on_parts_messages_and_the_whole() -> None:
    messages = [
        {"role": "user", "content": [_text("a") | {"cache_control": _MARK}, _text("b")]},
        {"role": "user", "content": "c", "cache_control": _MARK},
        _calls("x", cache_control=_MARK),
        _result("x", cache_control=_MARK),
    ]
    body = _sent(messages=messages, cache_control={"type": "ephemeral"}).body
    marked = [[block.get("cache_control") for block in turn["content"]] for turn in body["messages"]]
    assert marked == [[_MARK, None], [_MARK], [_MARK], [_MARK]]
    assert body["cache_control"] == {"type": "ephemeral"}


@given(st.sampled_from(sorted(_RATIOS)), st.integers(1, 300_000))
def test_an_effort_is_a_share_of_the_limit_and_leaves_room_for_the_answer(effort: str, limit: int) -> None:
    body = _sent(reasoning={"effort": effort}, max_tokens=limit).body
    budget = max(min(int(limit * _RATIOS[effort]), 128_000), 1024)
    assert body["thinking"] == {"type": "enabled", "budget_tokens": budget}
    assert body["max_tokens"] > budget
    assert body["max_tokens"] == limit or limit <= 1024


@given(st.integers(1, 300_000), st.integers(1, 300_000))
def test_a_stated_budget_never_takes_the_whole_limit(budget: int, limit: int) -> None:
    body = _sent(reasoning={"max_tokens": budget}, max_tokens=limit).body
    assert 1024 <= body["thinking"]["budget_tokens"] < body["max_tokens"]
    if 1024 <= budget < limit and budget <= 128_000:
        assert body["thinking"]["budget_tokens"] == budget


@pytest.mark.parametrize(
    ("model", "reasoning", "thinking", "effort"),
    [
        ("claude-opus-4-6", {"enabled": True}, {"type": "adaptive"}, None),
        ("claude-opus-4-6", {"effort": "xhigh"}, {"type": "adaptive"}, "max"),
        ("claude-sonnet-4-6", {"max_tokens": 2000}, {"type": "enabled", "budget_tokens": 2000}, None),
        ("claude-opus-4-7", {"effort": "xhigh"}, {"type": "adaptive", "display": "summarized"}, "xhigh"),
        ("claude-opus-5", {"effort": "minimal"}, {"type": "adaptive", "display": "summarized"}, "low"),
        ("claude-opus-5", {"max_tokens": 3200}, {"type": "adaptive", "display": "summarized"}, "high"),
        ("claude-opus-5", {"effort": "low", "exclude": True}, {"type": "adaptive"}, "low"),
        ("claude-opus-5", {"effort": "none"}, {"type": "disabled"}, None),
        ("claude-fable-5", {"effort": "none"}, None, None),
        ("claude-sonnet-4-5", {"enabled": False}, None, None),
        ("claude-sonnet-4-5", {"enabled": True}, {"type": "enabled", "budget_tokens": 2000}, None),
        ("someone-elses", {"effort": "high"}, {"type": "enabled", "budget_tokens": 3200}, None),
    ],
)
def test_models_are_told_to_think_in_the_way_they_know(
    model: str,
    reasoning: dict[str, Any],
    thinking: Any,  # noqa: ANN401 - JSON
    effort: str | None,
) -> None:
    body = _sent(model, reasoning=reasoning, max_tokens=4000).body
    assert body.get("thinking") == thinking
    assert body.get("output_config", {}).get("effort") == effort


def test_verbosity_is_effort_where_there_is_such_a_thing() -> None:
    assert _sent(_NEW, verbosity="low").body["output_config"] == {"effort": "low"}
    assert _sent(_OLD, verbosity="low").dropped == ("verbosity",)
    sent = _sent(_NEW, verbosity="low", reasoning={"effort": "high"})
    assert (sent.body["output_config"], sent.dropped) == ({"effort": "high"}, ("verbosity",))
    body = _sent("claude-opus-5", verbosity="max", reasoning={"effort": "none"}).body
    assert body["output_config"] == {"effort": "high"}


def test_sampling_that_thinking_or_the_model_rules_out_is_dropped_and_listed() -> None:
    tuning: dict[str, Any] = {"temperature": 0.3, "top_p": 0.5, "top_k": 5}
    sent = _sent(reasoning={"effort": "low"}, **tuning)
    assert sent.dropped == ("temperature", "top_k", "top_p")
    assert not tuning.keys() & sent.body.keys()
    assert _sent(_NEW, **tuning).dropped == ("temperature", "top_k", "top_p")
    sent = _sent(_OLD, **tuning)
    assert (sent.body["temperature"], sent.body["top_k"], sent.dropped) == (0.3, 5, ("top_p",))
    sent = _sent(temperature=1.7)
    assert (sent.body["temperature"], sent.dropped) == (1.0, ())
    assert _sent(reasoning={"effort": "low"}, temperature=1, top_p=0.97).dropped == ("top_p",)


def test_thinking_yields_to_a_forced_tool_and_to_calls_without_their_thoughts() -> None:
    sent = _sent(reasoning={"effort": "low"}, tools=[_WEATHER], tool_choice="required")
    assert (sent.body["tool_choice"], sent.dropped) == ({"type": "any"}, ("reasoning",))
    assert "thinking" not in sent.body
    sent = _sent(reasoning={"effort": "low"}, tools=[_WEATHER], messages=[_user(), _calls("a"), _result("a")])
    assert ("thinking" in sent.body, sent.dropped) == (False, ("reasoning",))
    later = [_user(), _calls("a"), _result("a"), {"role": "assistant", "content": "sunny"}, _user("and?")]
    assert "thinking" in _sent(reasoning={"effort": "low"}, messages=later).body
    small = _sent(reasoning={"effort": "low"}, tools=[_WEATHER], tool_choice="required", max_tokens=9)
    assert small.body["max_tokens"] == 9


def test_thoughts_go_back_as_they_were_also_when_a_stream_left_them_in_pieces() -> None:
    kind = {"type": "reasoning.text", "format": "anthropic-claude-v1", "index": 0}
    details = [
        kind | {"text": "so "},
        kind | {"text": "it is"},
        kind | {"text": "", "signature": "sig="},
        {"type": "reasoning.encrypted", "format": "anthropic-claude-v1", "index": 1, "data": "xyz"},
        kind | {"index": 2, "text": "", "signature": "sig2"},
        {"type": "reasoning.encrypted", "format": "openai-responses-v1", "index": 3, "data": "foreign"},
        kind | {"index": 4, "text": "unsigned"},
    ]
    turns = _turns(_user(), _calls("a", reasoning="so it is", reasoning_details=details), _result("a"))
    assert turns[1]["content"][:-1] == [
        {"type": "thinking", "thinking": "so it is", "signature": "sig="},
        {"type": "redacted_thinking", "data": "xyz"},
        {"type": "thinking", "thinking": "", "signature": "sig2"},
    ]


def test_thoughts_amid_a_text_go_back_to_where_they_were() -> None:
    kind = {"type": "reasoning.text", "format": "anthropic-claude-v1", "signature": "s"}
    details = [
        kind | {"text": "a", "index": 0},
        kind | {"text": "b", "index": 1, "position": 3},
        kind | {"text": "c", "index": 2, "position": 99},
    ]
    said = {"role": "assistant", "content": "So it is", "reasoning_details": details}
    blocks = _turns(_user(), said, _user())[1]["content"]
    assert [block.get("text") or block["thinking"] for block in blocks] == ["a", "So ", "b", "it is", "c"]
    cut = said | {"content": [_text("So "), _text("it is")]}
    blocks = _turns(_user(), cut, _user())[1]["content"]
    assert [block.get("text") or block["thinking"] for block in blocks] == ["a", "b", "c", "So ", "it is"]


def test_what_the_providers_own_tools_did_goes_back_with_the_turn() -> None:
    result = {"type": "web_search_tool_result", "tool_use_id": "s1", "content": [{"encrypted_content": "x"}]}
    kind = {"type": "reasoning.server_tool_call", "format": "anthropic-claude-v1", "tool_call_id": "s1"}
    details = [
        kind | {"tool_name": "web_search", "arguments": '{"query":"q"}', "result": json.dumps(result)},
        kind | {"tool_name": "ask", "server_name": "wiki", "arguments": "{}", "result": ""},
    ]
    turns = _turns(_user(), {"role": "assistant", "content": "it is", "reasoning_details": details})
    assert turns[1]["content"] == [
        {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "q"}},
        result,
        {"type": "mcp_tool_use", "id": "s1", "name": "ask", "server_name": "wiki", "input": {}},
        _text("it is"),
    ]


def test_structured_answers_are_asked_for_natively_where_the_model_knows_them() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 3}}, "required": ["n"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    assert _sent(response_format=wanted).body["output_config"]["format"] == {
        "type": "json_schema",
        "schema": {
            "type": "object",
            "properties": {"n": {"type": "integer", "description": "{minimum: 3}"}},
            "required": ["n"],
            "additionalProperties": False,
        },
    }


@pytest.mark.parametrize("kind", ["json_schema", "json_object"])
def test_structured_answers_come_through_a_tool_elsewhere(kind: str) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    wanted = {"type": kind} | ({"json_schema": {"name": "answer", "schema": schema}} if kind == "json_schema" else {})
    body = _sent("claude-3-5-haiku-20241022", response_format=wanted).body
    [tool] = body["tools"]
    assert tool["input_schema"] == (schema if kind == "json_schema" else {"type": "object"})
    assert body["tool_choice"] == {"type": "tool", "name": tool["name"], "disable_parallel_tool_use": True}
    body = _sent("claude-3-5-haiku-20241022", response_format=wanted, tools=[_WEATHER], tool_choice="auto").body
    assert ([one["name"] for one in body["tools"]], body["tool_choice"]) == (["weather", tool["name"]], {"type": "any"})
    body = _sent("claude-3-7-sonnet", response_format=wanted, reasoning={"effort": "low"}).body
    assert body["tool_choice"] == {"type": "auto"}
    assert tool["name"] in body["system"]


def test_formats_that_nobody_knows_here_are_refused() -> None:
    bare = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "array", "items": {}}}}
    assert _sent(response_format=bare).body["output_config"]["format"]["schema"] == {"type": "array", "items": {}}
    with pytest.raises(UpstreamError):
        _sent("claude-3-haiku-20240307", response_format=bare)
    with pytest.raises(UpstreamError):
        _sent(response_format={"type": "grammar"})


def test_small_things_are_said_in_their_own_words() -> None:
    sent = _sent(stop=["END", "\n"], user="u-1", service_tier="default", stream=True)
    assert sent.body["stop_sequences"] == ["END"]
    assert sent.body["metadata"] == {"user_id": "u-1"}
    assert sent.body["service_tier"] == "standard_only"
    assert sent.body["stream"] is True
    assert sent.dropped == ("stop",)
    assert _sent(service_tier="flex").dropped == ("service_tier",)


def test_what_the_provider_does_not_know_is_dropped_and_listed() -> None:
    sent = _sent(seed=1, frequency_penalty=0.5, logprobs=True, odd="x", metadata={"a": "b"}, session_id="s", n=None)
    assert sent.dropped == ("frequency_penalty", "logprobs", "odd", "seed")
    assert sent.body.keys() == {"model", "max_tokens", "messages"}
    assert _sent(adapter=_adapter(drop=frozenset({"stop"})), stop="x").dropped == ("stop",)


def test_a_limit_is_always_stated() -> None:
    assert _sent(max_completion_tokens=7).body["max_tokens"] == 7
    assert _sent(limit=64_000).body["max_tokens"] == 64_000
    assert _sent().body["max_tokens"] == 8192
    assert _sent("claude-3-opus-20240229").body["max_tokens"] == 4096


def test_a_prefill_ends_without_white_space() -> None:
    assert _turns(_user(), {"role": "assistant", "content": "So: \n"})[-1]["content"] == [_text("So:")]
    assert len(_turns(_user(), {"role": "assistant", "content": " "})) == 1


def test_messages_that_say_nothing_are_refused() -> None:
    for message in (_user(" \n"), {"role": "assistant", "content": " "}):
        with pytest.raises(BadRequest):
            _turns(message)


def test_a_client_that_speaks_the_providers_own_words_is_not_corrected() -> None:
    own: dict[str, Any] = {
        "thinking": {"type": "enabled", "budget_tokens": 2000},
        "container": "c_1",
        "mcp_servers": [{"type": "url", "name": "wiki", "url": "https://a.example"}],
        "output_config": {"effort": "max", "task_budget": {"type": "tokens", "total": 9}},
    }
    sent = _sent(_NEW, verbosity="low", reasoning={"effort": "none"}, **own)
    assert {name: sent.body[name] for name in own} == own
    assert "anthropic-beta: mcp-client-2025-04-04\r\n" in sent.head


def test_blocks_of_the_providers_own_go_on_as_they_are() -> None:
    found = {"type": "search_result", "source": "https://a.example", "title": "A", "content": [_text("words")]}
    own = {"type": "document", "source": {"type": "file", "file_id": "file_1"}, "citations": {"enabled": True}}
    messages = [
        {"role": "user", "content": [own, _text("hi"), {"type": "container_upload", "file_id": "file_2"}]},
        _calls("a"),
        _result("a") | {"content": [found, {"type": "tool_reference", "tool_name": "weather"}]},
        {"role": "system", "content": [{"type": "tool_addition", "tool": {"name": "weather"}}]},
    ]
    sent = _sent(_NEW, messages=messages)
    first, _, result, system = sent.body["messages"]
    assert first["content"] == [own, _text("hi"), {"type": "container_upload", "file_id": "file_2"}]
    assert result["content"][0]["content"] == [found, {"type": "tool_reference", "tool_name": "weather"}]
    assert system["content"] == [{"type": "tool_addition", "tool": {"name": "weather"}}]
    assert "anthropic-beta: files-api-2025-04-14,mid-conversation-tool-changes-2026-07-01\r\n" in sent.head
    with pytest.raises(UpstreamError):
        _sent(_OLD, messages=messages)


def test_search_options_become_the_providers_search() -> None:
    options = {"user_location": {"type": "approximate", "approximate": {"city": "Bern", "country": "CH"}}}
    assert _sent(web_search_options=options).body["tools"] == [
        {
            "type": "web_search_20250305",
            "name": "web_search",
            "user_location": {"type": "approximate", "city": "Bern", "country": "CH"},
        }
    ]
