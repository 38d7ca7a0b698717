"""Claims about web search, web fetch and the time of day as tools, made of a whole gateway."""

from __future__ import annotations

import http.client
import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from gateway import API_KEY, Gateway, Reply, provider_table
from patience import until

_PRICE = 1e-6
_SEARCH_PRICE = 0.005
_USAGE = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
_PAGE = (
    "<html><head><title>On &amp; on</title><script>no()</script></head><body><p>Tides <b>rise</b>.</p></body></html>"
)
_EVERY = [
    {"type": "openrouter:web_search", "parameters": {"max_results": 2}},
    {"type": "openrouter:web_fetch"},
    {"type": "openrouter:datetime", "parameters": {"timezone": "Asia/Tokyo"}},
]
_RING = {"type": "function", "function": {"name": "ring", "parameters": {"type": "object"}}}


class _World(http.server.BaseHTTPRequestHandler):
    """A search engine, a web site, and a model that makes the calls that the user writes, one list after another."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.seen.append(self.path)  # type: ignore[attr-defined]
        port = self.server.server_port  # type: ignore[attr-defined]
        if self.path.startswith("/search"):
            found = {"url": f"http://127.0.0.1:{port}/page", "title": "Tides", "content": "About tides"}
            self._reply(json.dumps({"results": [found]}).encode(), "application/json")
        elif self.path == "/hung":
            self.server.left.wait(20)  # type: ignore[attr-defined]
            self.close_connection = True
        elif self.path == "/elsewhere":
            self.send_response(302)
            self.send_header("Location", f"http://localhost:{port}/page")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif self.path == "/long":
            self._reply(b"word " * 2_000, "text/plain")
        else:
            self._reply(_PAGE.encode(), "text/html; charset=utf-8")

    def do_POST(self) -> None:
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.sent.append(sent)  # type: ignore[attr-defined]
        turns = json.loads(sent["messages"][0]["content"])
        turn = turns[sum(message["role"] == "assistant" for message in sent["messages"])]
        calls = [
            {"id": f"c{i}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
            for i, (name, arguments) in enumerate(turn.get("calls", ()))
        ]
        message = {"role": "assistant", "content": turn.get("text", "")} | ({"tool_calls": calls} if calls else {})
        finish = "tool_calls" if calls else "stop"
        if sent.get("stream"):
            indexed = [call | {"index": index} for index, call in enumerate(calls)]
            delta = message | ({"tool_calls": indexed} if calls else {})
            parts = [{"choices": [{"index": 0, "delta": delta}]}]
            parts.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}], "usage": _USAGE})  # type: ignore[dict-item]  # JSON
            text = "".join(f"data: {json.dumps(part)}\n\n" for part in parts) + "data: [DONE]\n\n"
            self._reply(text.encode(), "text/event-stream")
        else:
            choice = {"index": 0, "message": message, "finish_reason": finish}
            self._reply(json.dumps({"id": "u", "choices": [choice], "usage": _USAGE}).encode(), "application/json")

    def _reply(self, body: bytes, kind: str) -> None:
        self.send_response(200)
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
        self.site = f"http://127.0.0.1:{world.server_port}"
        self.world = world

    def ask(self, *turns: dict[str, Any], key: str = API_KEY, **fields: Any) -> Reply:  # noqa: ANN401 - any field
        """What the client gets when the model does what *turns* say."""
        return self.gateway.request("POST", "/api/v1/chat/completions", self.body(*turns, **fields), key=key)

    def body(self, *turns: dict[str, Any], **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - any field
        messages = [{"role": "user", "content": json.dumps(turns)}]
        return {"model": "acme/tiny", "messages": messages, "tools": _EVERY} | fields

    def given(self) -> list[Any]:
        """What the tools gave to the model before its last turn."""
        return [json.loads(m["content"]) for m in self.world.sent[-1]["messages"] if m["role"] == "tool"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Place]:
    world: Any = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _World)
    world.seen, world.sent, world.left = [], [], threading.Event()
    thread = threading.Thread(target=world.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    toml = provider_table("acme", f"http://127.0.0.1:{world.server_port}")
    toml += '[[models]]\nid = "acme/tiny"\n[[models.endpoints]]\nprovider = "acme"\nupstream_model = "tiny"\n'
    toml += 'pricing = { prompt = "0.000001", completion = "0.000001" }\n'
    toml += f'[fetch]\nallow = ["127.0.0.1:{world.server_port}", "localhost:{world.server_port}"]\n'
    toml += '[plugins.web.settings]\nengines = ["searxng"]\n'
    toml += f'urls = {{ searxng = "http://127.0.0.1:{world.server_port}" }}\nprices = {{ searxng = "0.005" }}\n'
    with Gateway(tmp_path_factory.mktemp("tools"), toml) as gateway:
        yield _Place(gateway, world)
    world.left.set()
    world.shutdown()
    world.server_close()
    thread.join()


def _text(reply: Reply) -> str:
    choices = [choice for event in reply.events()[:-1] for choice in event["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


def test_a_loop_of_search_fetch_and_time_runs_inside_a_stream_as_one_generation(place: _Place) -> None:
    turns: list[dict[str, Any]] = [
        {"text": "I look.", "calls": [["web_search", {"query": "tides"}], ["datetime", {}]]},
        {"calls": [["web_fetch", {"url": f"{place.site}/page"}]]},
        {"calls": [["datetime", {"timezone": "Mars/Olympus"}]]},
        {"text": f"They rise, says [127.0.0.1]({place.site}/page)."},
    ]
    reply = place.ask(*turns, stream=True, max_tool_calls=4)
    assert reply.status == 200
    text = _text(reply)
    assert text == f"I look.\n\nThey rise, says [127.0.0.1]({place.site}/page)."
    events = reply.events()
    assert not any("tool_calls" in choice["delta"] for event in events[:-1] for choice in event["choices"])
    [annotation] = [a for e in events[:-1] for c in e["choices"] for a in c["delta"].get("annotations", ())]
    cited = annotation["url_citation"]
    assert text[cited["start_index"] : cited["end_index"]] == f"[127.0.0.1]({place.site}/page)"
    search, now, page, nowhere = place.given()
    assert search["results"] == [{"title": "Tides", "url": f"{place.site}/page", "content": "About tides"}]
    assert now["timezone"] == "Asia/Tokyo"
    assert now["datetime"].endswith("+09:00")
    assert page == {"url": f"{place.site}/page", "content": "On & on\n\nTides rise."}
    assert "Mars/Olympus" in nowhere["error"]
    assert place.world.sent[-1]["tool_choice"] == "none"  # that were four

    usage = events[-2]["usage"]
    assert usage["total_tokens"] == 440
    assert usage["cost"] == pytest.approx(440 * _PRICE + _SEARCH_PRICE)
    assert usage["server_tool_use_details"] == {
        "tool_calls_requested": 4, "tool_calls_executed": 4, "web_search_requests": 1,
    }  # fmt: skip
    record = place.gateway.generation(reply)
    assert record["total_cost"] == pytest.approx(usage["cost"])
    assert len(record["provider_responses"]) == 5
    assert (record["tokens_prompt"], record["tokens_completion"]) == (400, 40)


def test_a_whole_answer_may_use_openais_name_of_the_search_and_end_in_the_clients_tool(place: _Place) -> None:
    turns: list[dict[str, Any]] = [
        {"text": "Hm.", "calls": [["web_search", {"query": "x"}]]},
        {"calls": [["ring", {"n": 1}]]},
    ]
    tools = [{"type": "web_search", "search_context_size": "low", "filters": {"allowed_domains": ["a.example"]}}, _RING]
    reply = place.ask(*turns, tools=tools)
    [choice] = reply.json()["choices"]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] == "Hm."
    assert [call["function"]["name"] for call in choice["message"]["tool_calls"]] == ["ring"]
    assert place.given() == [{"results": []}]  # there is none at that domain


@pytest.mark.parametrize(
    ("parameters", "path", "told"),
    [
        ({"allowed_domains": ["example.com"]}, "/page", "domain"),
        ({"blocked_domains": ["127.0.0.1"]}, "/page", "domain"),
        ({"blocked_domains": ["localhost"]}, "/elsewhere", "domain"),
        ({"max_uses": 1}, "/page", "No more pages"),
        ({}, ":1/page", "public"),
    ],
)
def test_a_page_that_may_not_be_read_is_told_to_the_model(
    place: _Place, parameters: dict[str, Any], path: str, told: str
) -> None:
    url = f"http://127.0.0.1{path}" if path.startswith(":") else place.site + path
    turns: list[dict[str, Any]] = [
        {"calls": [["web_fetch", {"url": f"{place.site}/page"}]]} if "max_uses" in parameters else {},
        {"calls": [["web_fetch", {"url": url}]]},
        {"text": "Well."},
    ]
    turns = [turn for turn in turns if turn]
    reply = place.ask(*turns, tools=[{"type": "openrouter:web_fetch", "parameters": parameters}])
    assert reply.json()["choices"][0]["message"]["content"] == "Well."
    assert told in place.given()[-1]["error"]


def test_of_a_long_page_the_beginning_is_given(place: _Place) -> None:
    turns: list[dict[str, Any]] = [{"calls": [["web_fetch", {"url": f"{place.site}/long"}]]}, {"text": "Well."}]
    tools = [{"type": "openrouter:web_fetch", "parameters": {"max_content_tokens": 50}}]
    assert place.ask(*turns, tools=tools).status == 200
    content = place.given()[0]["content"]
    assert content.startswith("word " * 40)
    assert len(content) < 300


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_budget_that_is_reached_in_the_middle_ends_it_and_what_was_spent_is_charged(
    place: _Place,
    stream: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    management = place.gateway.management_key
    made = place.gateway.request("POST", "/api/v1/keys", {"name": "poor", "limit": 0.003}, key=management).json()
    turns: list[dict[str, Any]] = [
        {"text": "I read.", "calls": [["web_fetch", {"url": f"{place.site}/long"}]]},
        {"text": "Done."},
    ]
    reply = place.ask(*turns, key=made["key"], stream=stream, max_tokens=100)
    error = reply.events()[-2]["error"] if stream else reply.json()["error"]
    assert error["code"] == 402
    assert reply.status == (200 if stream else 402)
    path = f"/api/v1/generation?id={reply.headers['x-generation-id']}"
    record = place.gateway.request("GET", path, key=made["key"]).json()["data"]
    assert record["total_cost"] == pytest.approx(110 * _PRICE)
    left = place.gateway.request("GET", "/api/v1/key", key=made["key"]).json()["data"]["limit_remaining"]
    assert left == pytest.approx(0.003 - 110 * _PRICE)


def test_a_client_that_leaves_while_a_page_hangs_stops_the_reading_and_pays_for_the_round(place: _Place) -> None:
    turns: list[dict[str, Any]] = [
        {"text": "I read.", "calls": [["web_fetch", {"url": f"{place.site}/hung"}]]},
        {"text": "Done."},
    ]
    connection = http.client.HTTPConnection("127.0.0.1", place.gateway.port, timeout=10)
    headers = {"Authorization": f"Bearer {API_KEY}", "Content-Type": "application/json"}
    body = json.dumps(place.body(*turns, stream=True))
    connection.request("POST", "/api/v1/chat/completions", body, headers)
    answer = connection.getresponse()
    assert b"I read." in answer.fp.readline() + answer.fp.readline() + answer.fp.readline()
    until(lambda: "/hung" in place.world.seen)
    asked = len(place.world.sent)
    answer.close()
    connection.close()
    path = f"/api/v1/generation?id={answer.headers['x-generation-id']}"
    until(lambda: place.gateway.request("GET", path).status == 200)
    record = place.gateway.request("GET", path).json()["data"]
    assert record["cancelled"]
    assert record["total_cost"] == pytest.approx(110 * _PRICE)
    assert len(place.world.sent) == asked
