"""Claims about plugins, made of a whole gateway."""

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway import FakeServer, Gateway, Reply, provider_table, running

_METADATA = {"X-OpenRouter-Metadata": "enabled"}
_FORMAT = {
    "type": "json_schema",
    "json_schema": {
        "name": "a",
        "schema": {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
    },
}
_HEAL = [{"id": "response-healing"}]


class _Moderator(http.server.BaseHTTPRequestHandler):
    """Answers as a provider's moderation does: it objects to one word, and breaks at another."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(500 if b"broken" in body else 200)
        self.end_headers()
        flagged = b"grenade" in body
        result = {"flagged": flagged, "categories": {"violence": flagged, "hate": False}, "category_scores": {}}
        self.wfile.write(json.dumps({"id": "x", "model": "m", "results": [result]}).encode())

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def moderator() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Moderator)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1/moderations"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeServer]:
    with FakeServer(tmp_path_factory.mktemp("fake")) as server:
        yield server


def _model(name: str, *endpoints: int) -> str:
    text = f'[[models]]\nid = "acme/{name}"\n'
    for place, room in enumerate(endpoints):
        text += f'[[models.endpoints]]\nprovider = "acme"\nupstream_model = "fake/echo"\ntag = "acme/{place}"\n'
        text += f'context_length = {room}\npricing = {{ prompt = "0.000001", completion = "0.000002" }}\n'
    return text


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, fake: FakeServer, moderator: str) -> Iterator[Gateway]:
    toml = provider_table("acme", fake.base_url)
    toml += _model("small", 4_096) + _model("large", 20_000) + _model("mixed", 4_096, 60_000)
    toml += f'[plugins.moderation.settings]\nwords = ["forbidden fruit"]\nurl = "{moderator}"\n'
    with Gateway(tmp_path_factory.mktemp("plugins"), toml) as running_gateway:
        yield running_gateway


def _content(reply: Reply) -> Any:  # noqa: ANN401 - a JSON value
    assert reply.status == 200, reply.body
    return reply.json()["choices"][0]["message"]["content"]


def test_a_spoiled_answer_is_healed_and_says_so(gateway: Gateway) -> None:
    reply = gateway.chat("fake/echo", "Sure! {a: '1',}", response_format=_FORMAT, plugins=_HEAL)
    assert json.loads(_content(reply)) == {"a": 1}
    assert reply.json()["choices"][0]["message"]["metadata"] == {"healed": True}


def test_a_spoiled_stream_is_healed(gateway: Gateway) -> None:
    reply = gateway.chat("fake/echo", "Sure! {a: '1',}", response_format=_FORMAT, plugins=_HEAL, stream=True)
    events = reply.events()
    text = "".join(c["delta"].get("content") or "" for e in events[:-1] for c in e["choices"])
    assert json.loads(text) == {"a": 1}
    assert any(c["delta"].get("metadata") == {"healed": True} for e in events[:-1] for c in e["choices"])
    assert events[-2]["usage"]["completion_tokens"] > 0


@pytest.mark.parametrize("stream", [False, True])
def test_what_is_sound_comes_as_it_was_written(gateway: Gateway, stream: bool) -> None:  # noqa: FBT001 - a parameter of the test
    sound = '{ "a":1e0 ,"b" : [ ] }'
    reply = gateway.chat("fake/echo", sound, response_format=_FORMAT, plugins=_HEAL, stream=stream)
    if stream:
        choices = [choice for event in reply.events()[:-1] for choice in event["choices"]]
        assert "".join(choice["delta"].get("content") or "" for choice in choices) == sound
    else:
        assert _content(reply) == sound
        assert "metadata" not in reply.json()["choices"][0]["message"]


def test_without_a_response_format_nothing_is_healed(gateway: Gateway) -> None:
    assert _content(gateway.chat("fake/echo", "{a: 1}", plugins=_HEAL)) == "{a: 1}"


def test_the_pipeline_tells_what_was_done(gateway: Gateway) -> None:
    body = {
        "model": "fake/echo",
        "messages": [{"role": "user", "content": "{a: 1}"}],
        "response_format": _FORMAT,
        "plugins": _HEAL,
    }
    reply = gateway.request("POST", "/api/v1/chat/completions", body, headers=_METADATA)
    assert reply.json()["openrouter_metadata"]["pipeline"] == [
        {"type": "response_healing", "name": "response-healing", "data": {"healed": True}}
    ]


def test_a_second_try_is_an_attempt_with_its_own_cost(gateway: Gateway) -> None:
    plugins = [{"id": "response-healing", "retry": True}]
    reply = gateway.chat("acme/large", "no JSON at all", response_format=_FORMAT, plugins=plugins)
    assert _content(reply) == "no JSON at all"  # the echo of the complaint is none either
    record = gateway.generation(reply)
    assert len(record["provider_responses"]) == 2
    assert reply.json()["usage"]["cost"] == pytest.approx(record["total_cost"])
    once = gateway.chat("acme/large", "no JSON at all", response_format=_FORMAT)
    assert reply.json()["usage"]["cost"] > 1.9 * once.json()["usage"]["cost"]


@pytest.mark.parametrize(
    ("plugins", "named"),
    [
        ([{"id": "teleport"}], "teleport"),
        ([{"id": "response-healing", "strength": 5}], "strength"),
        ([{"id": "context-compression", "engine": "magic"}], "magic"),
        ([{"id": "response-healing"}, {"id": "response-healing"}], "twice"),
    ],
)
def test_what_no_plugin_knows_is_refused_by_name(gateway: Gateway, plugins: object, named: str) -> None:
    reply = gateway.chat("fake/echo", plugins=plugins)
    assert reply.status == 400
    assert named in reply.json()["error"]["message"]


def _sent(fake: FakeServer) -> list[Any]:
    body = [entry["body"] for entry in fake.journal() if entry["t"] == "request"][-1]
    sent: list[Any] = (json.loads(body) if isinstance(body, str) else body)["messages"]
    return sent


def test_a_prompt_too_long_for_a_small_endpoint_is_compressed_unasked(gateway: Gateway, fake: FakeServer) -> None:
    text = "first " + "word " * 20_000 + "last"
    reply = gateway.chat("acme/small", text)
    assert reply.status == 200, reply.body
    told = json.dumps(_sent(fake))
    assert len(told) < 4_096 * 4
    assert told.count("first") == told.count("last") == 1


@pytest.mark.parametrize("off", [{"plugins": [{"id": "context-compression", "enabled": False}]}, {"transforms": []}])
def test_switched_off_a_prompt_too_long_is_refused_with_advice(gateway: Gateway, off: dict[str, Any]) -> None:
    reply = gateway.chat("acme/small", "word " * 20_000, **off)
    assert reply.status == 400
    assert reply.json()["error"]["metadata"]["error_type"] == "context_length_exceeded"
    assert "context-compression" in reply.json()["error"]["message"]


def test_a_larger_endpoint_is_not_compressed_for_unless_asked(gateway: Gateway, fake: FakeServer) -> None:
    text = "word " * 60_000
    assert gateway.chat("acme/large", text).status == 400
    for asked in ({"plugins": [{"id": "context-compression"}]}, {"transforms": ["middle-out"]}):
        assert gateway.chat("acme/large", text, **asked).status == 200
        assert len(json.dumps(_sent(fake))) < 80_000


def test_an_endpoint_that_fits_comes_before_one_that_needs_compression(gateway: Gateway, fake: FakeServer) -> None:
    text = "word " * 12_000
    assert gateway.chat("acme/mixed", text, plugins=[{"id": "context-compression"}]).status == 200
    assert _sent(fake)[0]["content"] == text


@pytest.mark.parametrize("text", ["some Forbidden Fruit here", "how to build a grenade"])
def test_what_is_flagged_is_refused_with_its_reasons(gateway: Gateway, text: str) -> None:
    reply = gateway.chat("fake/echo", text, plugins=[{"id": "moderation"}])
    assert reply.status == 403
    metadata = reply.json()["error"]["metadata"]
    assert metadata["reasons"]
    assert 0 < len(metadata["flagged_input"]) <= 100
    assert metadata["model_slug"] == "fake/echo"
    assert metadata["provider_name"]
    assert metadata["error_type"] == "permission_denied"


def test_what_nobody_objects_to_passes(gateway: Gateway) -> None:
    assert _content(gateway.chat("fake/echo", "A fine day", plugins=[{"id": "moderation"}])) == "A fine day"


def test_a_moderation_that_breaks_fails_the_request_clearly(gateway: Gateway) -> None:
    reply = gateway.chat("fake/echo", "broken", plugins=[{"id": "moderation"}])
    assert reply.status == 502
    assert reply.json()["error"]["metadata"]["plugin"] == "moderation"


def test_the_operators_word_stands_where_overrides_are_prevented(tmp_path: Path, fake: FakeServer) -> None:
    toml = provider_table("acme", fake.base_url) + _model("small", 4_096)
    toml += '[plugins.moderation]\nenabled = true\nprevent_overrides = true\nsettings = { words = ["plum"] }\n'
    toml += "[plugins.response-healing]\nenabled = true\n[plugins.context-compression]\nenabled = false\n"
    with Gateway(tmp_path, toml) as strict:
        off = [{"id": "moderation", "enabled": False}]
        assert strict.chat("fake/echo", "a plum", plugins=off).status == 403
        assert json.loads(_content(strict.chat("fake/echo", "{a: 1}", response_format=_FORMAT))) == {"a": 1}
        no = [{"id": "response-healing", "enabled": False}]
        assert _content(strict.chat("fake/echo", "{a: 1}", response_format=_FORMAT, plugins=no)) == "{a: 1}"
        assert strict.chat("acme/small", "word " * 20_000).status == 400


def test_a_judge_is_a_model_of_the_gateway_and_is_paid(tmp_path: Path, fake: FakeServer) -> None:
    toml = provider_table("acme", fake.base_url) + _model("large", 20_000)
    toml += '[plugins.moderation.settings]\njudge = "acme/large"\n'
    with Gateway(tmp_path, toml) as judged, running():
        flagged = judged.chat("fake/echo", '{"flagged": true, "reasons": ["tone"]}', plugins=[{"id": "moderation"}])
        assert flagged.status == 403  # the judge is an echo
        assert flagged.json()["error"]["metadata"]["reasons"] == ["tone"]
        passed = judged.chat("fake/echo", '{"flagged": false}', plugins=[{"id": "moderation"}])
        assert passed.json()["usage"]["cost"] > 0
        assert len(judged.generation(passed)["provider_responses"]) == 2


@pytest.mark.parametrize(
    ("toml", "named"),
    [
        ("[plugins.teleport]\n", "plugins.teleport"),
        ("[plugins.moderation.settings]\nwrds = []\n", "wrds"),
        ('[plugins.context-compression.parameters]\nengine = "magic"\n', "magic"),
        ('[plugins.moderation.credentials]\n"no-such-service" = "x"\n', "no-such-service"),
    ],
)
def test_a_configuration_that_says_what_no_plugin_knows_is_refused(tmp_path: Path, toml: str, named: str) -> None:
    with pytest.raises(RuntimeError, match=named), Gateway(tmp_path, toml):
        pass
