"""Claims about the plugin ``web`` and ``:online``, made of a whole gateway."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway import Gateway, Reply, provider_table

_METADATA = {"X-OpenRouter-Metadata": "enabled"}
_WEB = [{"id": "web"}]
_ANSWER = "😀 As [example.org](https://example.org/a) says: yes."
_RESULTS = [
    {"url": "https://example.org/a", "title": "A", "content": "About a"},
    {"url": "https://example.com/b", "title": "B", "content": "About b"},
]
_CITED: dict[str, object] = {
    "url": "https://example.org/a",
    "title": "A",
    "content": "About a",
    "start_index": 5,
    "end_index": 41,
}


class _World(http.server.BaseHTTPRequestHandler):
    """A search engine, a chat provider that cites the first result, and one that searches itself, at once."""

    def do_GET(self) -> None:
        self.server.searches.append(self.path)  # type: ignore[attr-defined]
        self._reply({"results": _RESULTS}, 500 if "nobody" in self.path else 200)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        sent = json.loads(body)
        self.server.sent.append(sent)  # type: ignore[attr-defined]
        if self.path.startswith("/v1/messages"):
            usage = {
                "input_tokens": 5,
                "output_tokens": 3,
                "server_tool_use": {"web_search_requests": 2},
            }
            answer = {
                "id": "m",
                "type": "message",
                "role": "assistant",
                "model": "c",
                "stop_reason": "end_turn",
            }
            content = [{"type": "text", "text": "Searched"}]
            self._reply({**answer, "content": content, "usage": usage}, 500 if b"broken" in body else 200)
        elif sent.get("stream"):
            deltas = [{"content": _ANSWER[at : at + 7]} for at in range(0, len(_ANSWER), 7)]
            events: list[object] = [{"id": "c", "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
            events.append({"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
            events.append({"id": "c", "choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 9}})
            text = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
            self._send(text.encode(), 200, "text/event-stream")
        else:
            choice = {"index": 0, "message": {"role": "assistant", "content": _ANSWER}, "finish_reason": "stop"}
            self._reply({"id": "c", "choices": [choice], "usage": {"prompt_tokens": 9, "completion_tokens": 9}})

    def _reply(self, answer: object, status: int = 200) -> None:
        self._send(json.dumps(answer).encode(), status, "application/json")

    def _send(self, body: bytes, status: int, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


class _Place:
    """A gateway with its world."""

    def __init__(self, gateway: Gateway, world: Any) -> None:  # noqa: ANN401 - a server with lists of ours
        self.gateway = gateway
        self.searches: list[str] = world.searches
        self.sent: list[Any] = world.sent

    def ask(self, model: str, text: str = "What is a?", **fields: Any) -> Reply:  # noqa: ANN401 - of a request
        self.searches.clear()
        self.sent.clear()
        body = {"model": model, "messages": [{"role": "user", "content": text}]} | fields
        return self.gateway.request("POST", "/api/v1/chat/completions", body, headers=_METADATA)


_MODELS = """
[[models]]
id = "acme/plain"
[[models.endpoints]]
provider = "acme"
upstream_model = "plain"
pricing = { prompt = "0.000001", completion = "0.000002" }
[[models]]
id = "acme/native"
[[models.endpoints]]
provider = "claude"
upstream_model = "claude-test"
supported_parameters = ["max_tokens", "web_search_options"]
pricing = { prompt = "0.000001", completion = "0.000002", web_search = "0.01" }
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Place]:
    world = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _World)
    world.searches, world.sent = [], []  # type: ignore[attr-defined]
    thread = threading.Thread(target=world.serve_forever, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{world.server_port}"
    toml = provider_table("acme", f"{address}/v1") + provider_table("claude", address, dialect='"anthropic"') + _MODELS
    toml += f'[plugins.web.settings]\nengines = ["searxng"]\nurls = {{ searxng = "{address}" }}\n'
    toml += 'prices = { searxng = "0.004" }\n'
    with Gateway(tmp_path_factory.mktemp("web"), toml) as gateway:
        yield _Place(gateway, world)
    world.shutdown()
    world.server_close()
    thread.join()


def _annotations(reply: Reply) -> Any:  # noqa: ANN401 - a JSON value
    assert reply.status == 200, reply.body
    return reply.json()["choices"][0]["message"].get("annotations")


@pytest.mark.parametrize(
    ("model", "plugins"), [("acme/plain:online", None), ("acme/plain", _WEB), ("acme/plain:Online:floor", _WEB)]
)
def test_what_was_found_is_in_the_prompt_and_what_is_cited_in_the_annotations(
    place: _Place, model: str, plugins: list[dict[str, str]] | None
) -> None:
    reply = place.ask(model, plugins=plugins) if plugins else place.ask(model)
    found = [one["url_citation"] for one in _annotations(reply)]
    assert found[0] == _CITED
    assert _ANSWER[5:41] == "[example.org](https://example.org/a)"
    assert [(one["url"], one["end_index"]) for one in found[1:]] == [("https://example.com/b", 0)]
    [message] = place.sent[0]["messages"]
    assert "A web search made on" in message["content"]
    assert "https://example.com/b\nAbout b" in message["content"]
    assert message["content"].endswith("What is a?")
    assert [path for path in place.searches if "q=What+is+a%3F" in path] == place.searches
    assert len(place.searches) == 1
    assert not place.sent[0].keys() & {"plugins", "web_search_options"}


def test_a_search_is_paid_for_and_stands_in_the_records(place: _Place) -> None:
    reply = place.ask("acme/plain", plugins=_WEB)
    usage = reply.json()["usage"]
    assert usage["server_tool_use_details"]["web_search_requests"] == 1
    assert usage["cost"] == pytest.approx(0.004 + 9 * 0.000001 + 9 * 0.000002)
    record = place.gateway.generation(reply)
    assert record["total_cost"] == pytest.approx(usage["cost"])
    assert [one["provider_name"] for one in record["provider_responses"]] == ["SearXNG", "acme"]
    assert reply.json()["openrouter_metadata"]["pipeline"] == [
        {"type": "plugin", "name": "web", "data": {"engine": "searxng", "results": 2}, "cost_usd": 0.004}
    ]


def test_a_stream_ends_with_the_same_annotations(place: _Place) -> None:
    events = place.ask("acme/plain", plugins=_WEB, stream=True).events()[:-1]
    deltas = [choice["delta"] for event in events for choice in event["choices"]]
    assert "".join(delta.get("content") or "" for delta in deltas) == _ANSWER
    [annotations] = [delta["annotations"] for delta in deltas if "annotations" in delta]
    assert [one["url_citation"]["end_index"] for one in annotations] == [41, 0]
    assert annotations[0]["url_citation"] == _CITED
    assert events[-1]["usage"]["server_tool_use_details"]["web_search_requests"] == 1


def test_parameters_steer_the_search(place: _Place) -> None:
    stated = {
        "id": "web",
        "max_results": 1,
        "search_prompt": "Look:",
        "include_domains": ["example.com"],
        "mode": "fast",
    }
    parts = [{"type": "text", "text": "Well, what is b?"}]
    said = [{"role": "system", "content": "Be."}, {"role": "user", "content": parts}]
    reply = place.ask("acme/plain", messages=said, plugins=[stated])
    assert [one["url_citation"]["url"] for one in _annotations(reply)] == ["https://example.com/b"]
    [first, second] = place.sent[0]["messages"][1]["content"]
    assert first["text"].startswith("Look:\n\n[1] B\nhttps://example.com/b\nAbout b")
    assert second == parts[0]
    assert "site%3Aexample.com" in place.searches[0]


def test_a_provider_that_searches_itself_is_left_to_it(place: _Place) -> None:
    location = {"type": "approximate", "country": "NL"}
    entry = {"id": "web", "exclude_domains": ["*.bad.example"], "max_uses": 3, "user_location": location}
    reply = place.ask("acme/native", plugins=[entry])
    assert reply.status == 200, reply.body
    assert not place.searches
    [tool] = place.sent[0]["tools"]
    assert tool == tool | {
        "type": "web_search_20250305", "max_uses": 3, "blocked_domains": ["bad.example"], "user_location": location
    }  # fmt: skip
    usage = reply.json()["usage"]
    assert usage["server_tool_use_details"]["web_search_requests"] == 2
    assert usage["cost"] == pytest.approx(0.02 + 5 * 0.000001 + 3 * 0.000002)


@pytest.mark.parametrize(
    "entry",
    [{"engine": "searxng"}, {"include_domains": ["example.org"], "exclude_domains": ["example.com"]}],
    ids=["asked for", "filters it has no words for"],
)
def test_an_engine_searches_all_the_same(place: _Place, entry: dict[str, object]) -> None:
    reply = place.ask("acme/native", plugins=[{"id": "web"} | entry])
    assert reply.status == 200, reply.body
    assert len(place.searches) == 1
    assert "tools" not in place.sent[0]


def test_when_the_one_that_searches_itself_fails_the_next_one_gets_results(place: _Place) -> None:
    reply = place.ask("acme/native", "Is a broken?", models=["acme/plain"], plugins=[{"id": "web", "engine": "native"}])
    assert reply.json()["model"] == "acme/plain"
    assert len(_annotations(reply)) == 2
    assert len(place.searches) == 1
    assert "A web search made on" in place.sent[-1]["messages"][0]["content"]


def test_without_an_engine_the_answer_comes_without_results(place: _Place) -> None:
    reply = place.ask("acme/plain", "Is nobody there?", plugins=_WEB)
    assert _annotations(reply) is None
    assert len(place.searches) == 1
    [stage] = reply.json()["openrouter_metadata"]["pipeline"]
    assert "searxng: it answered with status 500" in stage["data"]["failed"]
    assert "cost_usd" not in stage


@pytest.mark.parametrize(
    ("entry", "named"), [({"engine": "altavista"}, "altavista"), ({"max_results": 0}, "max_results"), ({"x": 1}, "x")]
)
def test_entries_that_make_no_sense_are_refused(place: _Place, entry: dict[str, object], named: str) -> None:
    reply = place.ask("acme/plain", plugins=[{"id": "web"} | entry])
    assert reply.status == 400
    assert named in reply.json()["error"]["message"]


def test_an_entry_may_switch_the_suffix_off(place: _Place) -> None:
    assert _annotations(place.ask("acme/plain:online", plugins=[{"id": "web", "enabled": False}])) is None
    assert not place.searches


def test_a_budget_that_does_not_afford_a_search_refuses_it(place: _Place) -> None:
    key = place.gateway.request(
        "POST", "/api/v1/keys", {"name": "poor", "limit": 0.003}, key=place.gateway.management_key
    ).json()["key"]
    body = {"model": "acme/plain", "messages": [{"role": "user", "content": "a"}], "max_tokens": 5}
    assert place.gateway.request("POST", "/api/v1/chat/completions", body, key=key).status == 200
    reply = place.gateway.request("POST", "/api/v1/chat/completions", body | {"plugins": _WEB}, key=key)
    assert reply.status == 402


def test_long_texts_are_searched_for_by_their_last_question(place: _Place) -> None:
    place.ask("acme/plain", "Read. " + "word " * 200 + "\nWho wrote this? And so on. " + "more " * 50, plugins=_WEB)
    assert "q=Who+wrote+this%3F&" in place.searches[0]


def test_a_broken_configuration_is_told(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="altavista"):
        Gateway(tmp_path, '[plugins.web.settings]\nengines = ["altavista"]\n').start()
