"""The same answer again: for an ``Idempotency-Key`` charged once, from the cache for nothing."""

from __future__ import annotations

import http.client
import json
import re
import socket
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest

from conservation import accepted, assert_conserved, generation_ids, generations, settled
from gateway import API_KEY, FakeServer, Gateway, Reply, model_tables, provider_table, running
from patience import until

PRICING = '{ prompt = "0.000001", completion = "0.000002" }'
UPSTREAM = {
    "acme/chat": "fake/lorem-20",
    "acme/slow": "fake/lorem-20-slow-300",
    "acme/long": "fake/lorem-50-gap-100",
    "acme/broken": "fake/status-500",
    "acme/cut": "fake/lorem-20-error-in-stream-3",
    "acme/vectors": "fake/embed-8",
    "acme/late": "fake/lorem-20-slow-2000",
}
CHAT, VECTORS, COMPLETIONS = "/api/v1/chat/completions", "/api/v1/embeddings", "/api/v1/completions"
CACHE = {"X-OpenRouter-Cache": "true"}
_numbers = count()


def configuration(fake: FakeServer) -> str:
    tables = [model_tables(model, [("acme", upstream, PRICING)]) for model, upstream in UPSTREAM.items()]
    return "[catalog]\nbundled = false\n" + provider_table("acme", fake.base_url) + "".join(tables)


class Stage(NamedTuple):
    """A gateway of two workers and the one provider it has."""

    gateway: Gateway
    fake: FakeServer

    def ask(self, model: str, *, path: str = CHAT, headers: Mapping[str, str] | None = None, **fields: object) -> Reply:
        """A request that is like no other unless *fields* say so."""
        return self.gateway.request("POST", path, body_of(model, **fields), headers=headers)

    def calls(self, model: str) -> int:
        return accepted(self.fake)[UPSTREAM[model]]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("kept")
    with FakeServer(folder) as fake, Gateway(folder, configuration(fake), workers=2) as gateway:
        yield Stage(gateway, fake)
        seen = -1
        while (count_now := len(generation_ids(gateway))) != seen:  # the last of them are on their way into the store
            seen = count_now
            time.sleep(0.5)
        assert_conserved(gateway, {"acme": fake}, {model: {"acme": name} for model, name in UPSTREAM.items()})


def body_of(model: str, **fields: object) -> dict[str, object]:
    asked = {"input": "Hello"} if model == "acme/vectors" else {"messages": [{"role": "user", "content": "Hello"}]}
    return {"model": model, "user": f"u{next(_numbers)}"} | asked | fields


def once(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}


def text_of(reply: Reply) -> str:
    """What a stream says."""
    choices = [choice for event in reply.events() if event != "[DONE]" for choice in event["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


def begin_and_leave(gateway: Gateway, body: object, headers: Mapping[str, str], seconds: float) -> bytes:
    """Ask, read for a while, and go; what was read."""
    sent = json.dumps(body).encode()
    lines = [f"POST {CHAT} HTTP/1.1", "Host: x", f"Authorization: Bearer {API_KEY}", f"Content-Length: {len(sent)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    with socket.create_connection(("127.0.0.1", gateway.port)) as client:
        client.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + sent)
        client.settimeout(seconds)
        try:
            return client.recv(65536)
        except TimeoutError:
            return b""


# -- Idempotency-Key --


@pytest.mark.parametrize("stream", [False, True])
def test_of_fifty_equal_requests_at_once_one_is_asked_and_charged_and_all_get_its_answer(
    stage: Stage,
    stream: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    asked = stage.calls("acme/slow")
    key, body = once(f"fifty-{stream}"), body_of("acme/slow", stream=stream)
    with ThreadPoolExecutor(50) as pool:
        replies = list(pool.map(lambda _: stage.gateway.request("POST", CHAT, body, headers=key), range(50)))
    assert {reply.status for reply in replies} == {200}
    assert len({reply.body for reply in replies}) == 1
    assert len({reply.headers["x-generation-id"] for reply in replies}) == 1
    assert sum(reply.headers.get("idempotent-replayed") == "true" for reply in replies) == 49
    assert stage.calls("acme/slow") == asked + 1
    assert stage.gateway.generation(replies[0])["total_cost"] > 0
    [record] = [one for one in generations(stage.gateway) if one.user == body["user"]]
    assert record.id == replies[0].headers["x-generation-id"]
    assert all(reply.headers["content-type"] == replies[0].headers["content-type"] for reply in replies)


@pytest.mark.parametrize(
    ("path", "model", "fields"),
    [
        (CHAT, "acme/chat", {}),
        (CHAT, "acme/chat", {"stream": True}),
        (COMPLETIONS, "acme/chat", {"prompt": "Hello"}),
        (COMPLETIONS, "acme/chat", {"prompt": "Hello", "stream": True}),
        (VECTORS, "acme/vectors", {}),
    ],
)
def test_every_way_in_gives_the_same_answer_again(
    stage: Stage, path: str, model: str, fields: Mapping[str, object]
) -> None:
    body = body_of(model, **fields)
    if "prompt" in fields:
        del body["messages"]
    key = once(f"{path}{fields}")
    asked = stage.calls(model)
    first, second = (stage.gateway.request("POST", path, body, headers=key) for _ in range(2))
    assert first.status == second.status == 200, first.body
    assert first.body == second.body
    assert first.headers["x-generation-id"] == second.headers["x-generation-id"]
    assert ("idempotent-replayed" in first.headers, second.headers["idempotent-replayed"]) == (False, "true")
    assert stage.calls(model) == asked + 1


def test_voters_too_are_asked_once(stage: Stage) -> None:
    body = body_of("") | {"model": {"llms": [{"model": "fake/echo"}]}}
    first, second = (
        stage.gateway.request("POST", "/api/v1/multichat/completions", body, headers=once("voters")) for _ in range(2)
    )
    assert first.status == 200, first.body
    assert second.body == first.body
    assert second.headers["idempotent-replayed"] == "true"


def test_the_same_key_with_another_request_is_refused(stage: Stage) -> None:
    body = body_of("acme/chat")
    assert stage.gateway.request("POST", CHAT, body, headers=once("other")).status == 200
    for path, changed in ((CHAT, body | {"seed": 1}), (CHAT, body | {"stream": True}), (COMPLETIONS, body)):
        refused = stage.gateway.request("POST", path, changed, headers=once("other"))
        assert refused.status == 422
        assert refused.json()["error"]["metadata"]["error_type"] == "unprocessable"
    spaced = json.dumps(body, indent=3).encode()
    assert stage.gateway.request("POST", CHAT, spaced, headers=once("other")).headers["idempotent-replayed"] == "true"


def test_another_request_is_refused_at_once_while_the_first_is_under_way(stage: Stage) -> None:
    body, before = body_of("acme/late"), stage.calls("acme/late")
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(stage.gateway.request, "POST", CHAT, body, headers=once("busy"))
        until(lambda: stage.calls("acme/late") > before)
        refused = stage.gateway.request("POST", CHAT, body | {"seed": 1}, headers=once("busy"))
        assert not first.done()
        assert refused.status == 422
        assert first.result().status == 200


def test_keys_of_other_callers_are_other_keys(stage: Stage) -> None:
    made = stage.gateway.request("POST", "/api/v1/keys", {"name": "second"}, key=stage.gateway.management_key).json()
    body = body_of("fake/echo")
    first = stage.gateway.request("POST", CHAT, body, headers=once("mine") | CACHE)
    second = stage.gateway.request("POST", CHAT, body, headers=once("mine") | CACHE, key=made["key"])
    assert second.headers["x-openrouter-cache-status"] == "MISS"
    assert first.headers["x-generation-id"] != second.headers["x-generation-id"]
    assert stage.gateway.request("DELETE", f"/api/v1/keys/{made['data']['hash']}", key=stage.gateway.management_key)


@pytest.mark.parametrize("key", ["", " ", "k" * 256])
def test_a_key_that_is_none_is_refused(stage: Stage, key: str) -> None:
    refused = stage.ask("acme/chat", headers=once(key))
    assert refused.status == 400
    assert "Idempotency-Key" in refused.json()["error"]["message"]


def test_what_failed_is_tried_again(stage: Stage) -> None:
    body, asked = body_of("acme/broken"), stage.calls("acme/broken")
    for _ in range(2):
        assert stage.gateway.request("POST", CHAT, body, headers=once("broken") | CACHE).status == 502
    assert stage.calls("acme/broken") == asked + 2
    body, asked = body_of("acme/cut", stream=True), stage.calls("acme/cut")
    for _ in range(2):
        reply = stage.gateway.request("POST", CHAT, body, headers=once("cut") | CACHE)
        assert reply.events()[-2]["error"]
        assert "idempotent-replayed" not in reply.headers
    assert stage.calls("acme/cut") == asked + 2


def test_who_leaves_makes_way_for_the_next(stage: Stage) -> None:
    body, key = body_of("acme/slow"), once("left")
    begin_and_leave(stage.gateway, body, key, 0.1)
    reply = stage.gateway.request("POST", CHAT, body, headers=key)
    assert reply.status == 200
    assert "idempotent-replayed" not in reply.headers


def test_requests_that_are_wrong_are_refused_as_ever(stage: Stage) -> None:
    headers = once("wrong") | CACHE
    assert stage.gateway.request("POST", CHAT, b"{nonsense", headers=headers).status == 400
    assert stage.gateway.request("POST", CHAT, body_of("acme/chat"), headers=headers, key=None).status == 401
    managed = stage.gateway.request(
        "POST", CHAT, body_of("acme/chat"), headers=headers, key=stage.gateway.management_key
    )
    assert managed.status == 403
    assert stage.ask("acme/none", headers=headers).status == 400


# -- the cache --


@pytest.mark.parametrize("stream", [False, True])
def test_an_equal_request_gets_the_kept_answer_for_nothing(
    stage: Stage,
    stream: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    body, asked = body_of("acme/chat", stream=stream), stage.calls("acme/chat")
    wanted = CACHE | {"X-OpenRouter-Metadata": "enabled"}
    first = stage.gateway.request("POST", CHAT, body, headers=wanted)
    later = [stage.gateway.request("POST", CHAT, json.dumps(body, indent=2).encode(), headers=CACHE) for _ in range(6)]
    assert stage.calls("acme/chat") == asked + 1
    assert first.headers["x-openrouter-cache-status"] == "MISS"
    assert first.headers["x-openrouter-cache-ttl"] == "300"
    assert b"openrouter_metadata" in first.body
    ids = {reply.headers["x-generation-id"] for reply in (first, *later)}
    assert len(ids) == 7
    for reply in later:
        assert reply.headers["x-openrouter-cache-status"] == "HIT"
        assert reply.headers["x-openrouter-cache-source-id"] == first.headers["x-generation-id"]
        assert 0 <= int(reply.headers["x-openrouter-cache-age"]) <= 60
        assert 240 <= int(reply.headers["x-openrouter-cache-ttl"]) <= 300
        assert reply.headers["content-type"] == first.headers["content-type"]
        assert b"openrouter_metadata" not in reply.body
        answers = [event for event in reply.events() if event != "[DONE]"] if stream else [reply.json()]
        assert {one["id"] for one in answers} == {reply.headers["x-generation-id"]}
        assert abs(answers[0]["created"] - time.time()) < 60
        assert set(re.findall(r"\d[\d.]*", json.dumps(answers[-1]["usage"]))) == {"0"}
        if stream:
            assert text_of(reply) == text_of(first)
            assert reply.events()[-1] == "[DONE]"
        else:
            assert answers[0]["choices"] == first.json()["choices"]
    record = stage.gateway.generation(later[0])
    assert record["response_cache_source_id"] == first.headers["x-generation-id"]
    assert (record["total_cost"], record["provider_responses"], record["external_user"]) == (0, [], body["user"])
    assert record["model"] == "acme/chat"


def test_the_order_of_properties_tells_requests_apart(stage: Stage) -> None:
    body = body_of("acme/chat")
    turned = dict(reversed(list(body.items())))
    assert stage.gateway.request("POST", CHAT, body, headers=CACHE).headers["x-openrouter-cache-status"] == "MISS"
    assert stage.gateway.request("POST", CHAT, turned, headers=CACHE).headers["x-openrouter-cache-status"] == "MISS"
    assert stage.gateway.request("POST", CHAT, turned, headers=CACHE).headers["x-openrouter-cache-status"] == "HIT"


@pytest.mark.parametrize(
    ("stated", "seconds"),
    [("60abc", 60), ("0", 1), ("-5", 1), ("999999", 86_400), ("1e3", 1), ("abc", 300), ("", 300), (" 42 ", 42)],
)
def test_the_time_to_live_is_read_as_a_number_and_kept_within_bounds(stage: Stage, stated: str, seconds: int) -> None:
    reply = stage.ask("acme/chat", headers=CACHE | {"X-OpenRouter-Cache-TTL": stated})
    assert reply.headers["x-openrouter-cache-ttl"] == str(seconds)


def test_an_answer_is_forgotten_after_its_time_and_on_demand(stage: Stage) -> None:
    def ask(**more: str) -> str:
        headers = CACHE | {f"X-OpenRouter-Cache-{name}": value for name, value in more.items()}
        return stage.gateway.request("POST", CHAT, body, headers=headers).headers["x-openrouter-cache-status"]

    body = body_of("acme/chat")
    assert [ask(TTL="2"), ask(TTL="2")] == ["MISS", "HIT"]
    time.sleep(2.05)
    assert [ask(), ask(), ask(Clear="true"), ask()] == ["MISS", "HIT", "MISS", "HIT"]


@pytest.mark.parametrize("headers", [{}, {"X-OpenRouter-Cache": "false"}, {"X-OpenRouter-Cache": "yes"}])
def test_nothing_is_kept_for_those_who_do_not_ask(stage: Stage, headers: Mapping[str, str]) -> None:
    body, asked = body_of("acme/chat"), stage.calls("acme/chat")
    replies = [stage.gateway.request("POST", CHAT, body, headers=headers) for _ in range(2)]
    assert not any("x-openrouter-cache-status" in reply.headers for reply in replies)
    assert stage.calls("acme/chat") == asked + 2


def test_a_stream_that_was_left_is_not_kept(stage: Stage) -> None:
    body = body_of("acme/long", stream=True)
    assert b"200 OK" in begin_and_leave(stage.gateway, body, CACHE, 2.0)
    assert b"x-openrouter-cache-status: MISS" in begin_and_leave(stage.gateway, body, CACHE, 2.0)


def test_an_answer_in_another_family_is_another_answer_and_its_events_stay_whole(stage: Stage) -> None:
    text = 'data: {"error":1}'
    body = body_of("fake/echo", stream=True, max_tokens=50, messages=[{"role": "user", "content": text}])
    for path in (CHAT, "/api/v1/messages"):
        first, second = (stage.gateway.request("POST", path, body, headers=CACHE) for _ in range(2))
        statuses = [reply.headers["x-openrouter-cache-status"] for reply in (first, second)]
        assert statuses == ["MISS", "HIT"]
        assert second.headers["x-generation-id"].encode() in second.body
        assert first.headers["x-generation-id"].encode() not in second.body
        assert first.body.count(b"\n\n") == second.body.count(b"\n\n")


def test_a_preset_may_ask_for_the_cache_and_forbid_it_and_headers_stand_between(stage: Stage) -> None:
    def make(slug: str, **fields: object) -> None:
        made = {"model": "fake/echo", "messages": []} | fields
        assert stage.gateway.request("POST", f"/api/v1/presets/{slug}/chat/completions", made).status == 200

    def ask(body: object, headers: Mapping[str, str]) -> tuple[str | None, str | None]:
        reply = stage.gateway.request("POST", CHAT, body, headers=headers)
        assert reply.status == 200, reply.body
        return reply.headers.get("x-openrouter-cache-status"), reply.headers.get("x-openrouter-cache-ttl")

    make("always", cache_enabled=True, cache_ttl_seconds=77)
    make("never", cache_enabled=False)
    for reference in ({"model": "@preset/always"}, {"model": "fake/echo", "preset": "always"}):
        body = body_of("") | reference
        assert ask(body, {}) == ("MISS", "77")
        assert ask(body, {})[0] == "HIT"
        assert ask(body, once(f"preset-{reference}"))[0] == "HIT"
        assert ask(body, {"X-OpenRouter-Cache": "false"}) == (None, None)
        assert ask(body, CACHE | {"X-OpenRouter-Cache-TTL": "9"})[0] == "HIT"
    body = body_of("@preset/never")
    assert [ask(body, CACHE) for _ in range(2)] == [(None, None)] * 2
    body = body_of("@preset/always")
    assert ask(body, {}) == ("MISS", "77")
    make("always", cache_enabled=True, temperature=0.5)
    time.sleep(3.0)  # until every worker knows of the new version
    assert ask(body, {}) == ("MISS", "300")


def test_vectors_are_kept_and_a_hit_of_an_idempotent_request_is_one_hit(stage: Stage) -> None:
    body = body_of("acme/vectors")
    first = stage.gateway.request("POST", VECTORS, body, headers=CACHE)
    second, third = (stage.gateway.request("POST", VECTORS, body, headers=CACHE | once("vectors")) for _ in range(2))
    assert second.headers["x-openrouter-cache-status"] == "HIT"
    assert second.json()["data"] == first.json()["data"]
    assert second.json()["usage"]["prompt_tokens"] == 0
    assert third.headers["x-generation-id"] == second.headers["x-generation-id"]
    assert third.headers["idempotent-replayed"] == "true"


# -- machines --


@pytest.mark.alone  # Redis must answer within a quarter of a second, or each goes on by itself
def test_machines_that_share_a_redis_ask_once_for_all_of_them(tmp_path: Path, redis_url: str) -> None:
    fake = FakeServer(tmp_path)
    with running(fake):
        toml = configuration(fake) + f'[store]\nshared = "{redis_url}"\n'
        folders = [tmp_path / name for name in ("one", "two")]
        for folder in folders:
            folder.mkdir()
        nodes = [Gateway(folder, toml) for folder in folders]
        with running(*nodes):
            body = body_of("acme/slow")
            with ThreadPoolExecutor(20) as pool:
                replies = list(
                    pool.map(lambda n: nodes[n % 2].request("POST", CHAT, body, headers=once("k") | CACHE), range(20))
                )
            assert {reply.status for reply in replies} == {200}
            assert len({reply.body for reply in replies}) == 1
            hits = [node.request("POST", CHAT, body, headers=CACHE) for node in nodes]
            assert {reply.headers["x-openrouter-cache-status"] for reply in hits} == {"HIT"}
            assert accepted(fake)[UPSTREAM["acme/slow"]] == 1


# -- deaths --


def test_an_answer_that_reached_the_client_outlives_a_kill_of_all_processes(tmp_path: Path) -> None:
    fake = FakeServer(tmp_path)
    with running(fake):
        gateway = Gateway(tmp_path, configuration(fake))
        with running(gateway):
            bodies = [body_of("acme/chat", stream=stream) for stream in (False, True)]
            first = [gateway.request("POST", CHAT, body, headers=once("k") | CACHE) for body in bodies[:1]]
            first += [gateway.request("POST", CHAT, body, headers=once("s") | CACHE) for body in bodies[1:]]
            gateway.kill()
            gateway.start()
            for body, key, before in zip(bodies, "ks", first, strict=True):
                again = gateway.request("POST", CHAT, body, headers=once(key))
                assert again.body == before.body
                assert again.headers["idempotent-replayed"] == "true"
                hit = gateway.request("POST", CHAT, body, headers=CACHE)
                assert hit.headers["x-openrouter-cache-status"] == "HIT"
            assert accepted(fake)["fake/lorem-20"] == 2
            settled(gateway, 4)
            assert_conserved(gateway, {"acme": fake}, {model: {"acme": name} for model, name in UPSTREAM.items()})


@pytest.mark.slow
def test_a_request_that_was_killed_is_free_for_the_next_after_a_while(tmp_path: Path) -> None:
    fake = FakeServer(tmp_path)
    with running(fake):
        gateway = Gateway(tmp_path, configuration(fake), workers=2)
        with running(gateway):
            body = body_of("acme/late")
            with ThreadPoolExecutor(1) as pool:
                first = pool.submit(gateway.request, "POST", CHAT, body, headers=once("k"))
                while not accepted(fake)["fake/lorem-20-slow-2000"]:
                    time.sleep(0.01)
                gateway.kill()
                assert isinstance(first.exception(), OSError | http.client.HTTPException)
            gateway.start()
            began = time.monotonic()
            second = gateway.request("POST", CHAT, body, headers=once("k"))
            assert second.status == 200
            assert "idempotent-replayed" not in second.headers
            assert time.monotonic() - began < 30  # the claim lapses after ten seconds, and the machine may be busy
            assert accepted(fake)["fake/lorem-20-slow-2000"] == 2
            assert len(settled(gateway, 1)) == 1
