"""Answers that are odd byte by byte: never a 500, never a raw body for the client, and the next endpoint helps."""

from __future__ import annotations

import json
import socketserver
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from gateway import FakeServer, Gateway, Reply, model_tables, provider_table, running
from patience import PATIENCE
from rawprovider import RawProvider, Script, event, json_answer, stream_of, whole_answer

_MARK = "not for the eyes of clients"
_GOOD = {
    "id": "x",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "fine"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1},
}
_SAYS = event({"choices": [{"index": 0, "delta": {"role": "assistant", "content": "fine"}}]})
_STOPS = event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
_DONE = b"data: [DONE]\n\n"
_STREAM = stream_of(_SAYS, _STOPS, _DONE)


def _drip(handler: socketserver.StreamRequestHandler, _headers: Mapping[str, str]) -> None:
    """A head that never ends."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-A: ")
    while True:
        handler.wfile.write(b"a" * 1000)


def _reset_idle(handler: socketserver.StreamRequestHandler, _headers: Mapping[str, str]) -> None:
    handler.wfile.write(json_answer(_GOOD))


# What comes in place of an answer; nothing of it may be taken for one, streaming or not.
_NONSENSE: Mapping[str, Script] = {
    "nothing": b"",
    "no-http": b"220 mail.example ESMTP\r\n",
    "half-a-head": b"HTTP/1.1 200 OK\r\nContent-",
    "only-a-head": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n",
    "endless-head": _drip,
    "many-headers": b"HTTP/1.1 200 OK\r\n" + b"X-A: a\r\n" * 100_000 + b"\r\n",
    "large-header": json_answer(_GOOD, "X-A: " + "a" * 5_000_000),
    "split-header": json_answer(_GOOD, "X-A: a\r\n b"),
    "nul-in-header": json_answer(_GOOD, "X-A: a\0b"),
    "two-lengths": json_answer(_GOOD, "Content-Length: 5"),
    "length-and-chunks": json_answer(_GOOD, "Transfer-Encoding: chunked"),
    "bad-chunks": b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    "huge-chunk": b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"F" * 20 + b"\r\n",
    "switching": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "empty-body": whole_answer(b""),
    "array": json_answer([_GOOD, _MARK]),
    "null": json_answer(None),
    "number": json_answer(5),
    "text": json_answer(_MARK),
    "empty-object": json_answer({}),
    "no-choices": json_answer({"choices": []}),
    "null-choices": json_answer({"choices": None, "id": _MARK}),
    "choices-of-numbers": json_answer({"choices": [5]}),
    "choices-object": json_answer({"choices": {"message": _MARK}}),
    "message-of-text": json_answer({"choices": [{"message": _MARK}]}),
    "nothing-said": json_answer({"choices": [{"message": {"role": "assistant", "content": ""}}]}),
    "deep": whole_answer(b'{"choices":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "truncated": whole_answer(json.dumps(_GOOD).encode()[:-10]),
    "broken-utf-8": whole_answer(json.dumps(_GOOD).encode().replace(b"fine", b"\xff\xfe")),
    "html": whole_answer(b"<html>" + _MARK.encode(), kind="text/html"),
    "plain": whole_answer(_MARK.encode(), kind="text/plain"),
    "compressed": json_answer(_GOOD, "Content-Encoding: br"),
    "error-object": json_answer({"error": {"message": "down", "code": 503}}),
    "error-text": json_answer({"error": "down"}),
    "error-in-array": json_answer([{"error": {"message": "down", "code": 503}}]),
    "error-event-first": stream_of(event({"error": {"message": "down", "code": 503}}), _SAYS, _STOPS, _DONE),
    "events-of-nonsense": stream_of(b"data: {\n\n", _SAYS, _STOPS, _DONE),
    "events-of-numbers": stream_of(b"data: 5\n\n", _SAYS, _STOPS, _DONE),
    "only-done": stream_of(_DONE),
    "only-comments": stream_of(b": hello\n\n" * 10),
    "only-usage": stream_of(event({"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 0}}), _DONE),
    "server-error-with-html": whole_answer(b"<html>" + _MARK.encode(), status="500 Oops", kind="text/html"),
    "large-code": json_answer({"error": {"message": "down", "code": "x" * 100_000}}, status="500 Oops"),
    "large-error": whole_answer(b"x" * 10_000_000, status="500 Oops", kind="text/plain"),
}  # fmt: skip

_ODD_BUT_RIGHT: Mapping[str, tuple[bytes, bytes]] = {
    "early-hints": (
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + _STREAM,
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + json_answer(_GOOD),
    ),
    "continue": (b"HTTP/1.1 100 Continue\r\n\r\n" + _STREAM, b"HTTP/1.1 100 Continue\r\n\r\n" + json_answer(_GOOD)),
    "old-http": (_STREAM.replace(b"HTTP/1.1", b"HTTP/1.0"), json_answer(_GOOD).replace(b"HTTP/1.1", b"HTTP/1.0")),
    "no-length": (_STREAM, stream_of(json.dumps(_GOOD).encode(), kind="application/json")),
    "identity": (_STREAM.replace(b"\r\n\r\n", b"\r\nContent-Encoding: identity\r\n\r\n", 1), json_answer(_GOOD)),
    "own-headers": (
        _STREAM.replace(b"\r\n\r\n", b"\r\nSet-Cookie: a=b\r\nX-Generation-Id: theirs\r\nKeep-Alive: 5\r\n\r\n", 1),
        json_answer(_GOOD, "Set-Cookie: a=b", "X-Generation-Id: theirs", "Access-Control-Allow-Origin: evil"),
    ),
    "one-piece-for-a-stream": (json_answer(_GOOD), json_answer(_GOOD)),
    "separators-in-text": (
        stream_of(_SAYS.replace(b"fine", "fi\u2028ne\u0085".encode()), _STOPS, _DONE),
        json_answer(_GOOD | {"note": "\u2028"}),
    ),
    "no-blank-line-at-the-end": (stream_of(_SAYS, _STOPS.rstrip()), json_answer(_GOOD)),
    "more-after-done": (stream_of(_SAYS, _STOPS, _DONE, b"data: {\n\n", _SAYS), json_answer(_GOOD)),
}


class House(NamedTuple):
    gateway: Gateway
    raw: RawProvider
    healthy: FakeServer


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    directory = tmp_path_factory.mktemp("bytes")
    scripts: dict[str, Script] = dict(_NONSENSE)
    for name, (stream, whole) in _ODD_BUT_RIGHT.items():
        scripts |= {f"{name}-stream": stream, f"{name}-whole": whole}
    with RawProvider(scripts) as raw, running(healthy := FakeServer(directory, "healthy")):
        timeouts = "{ connect = 5.0, first_byte = 3.0, idle = 3.0, total = 6.0 }"
        toml = "[catalog]\nbundled = false\n"
        toml += provider_table("raw", raw.base_url, timeouts=timeouts) + provider_table("healthy", healthy.base_url)
        toml += "".join(model_tables(f"alone/{name}", [("raw", name, "{}")]) for name in scripts)
        toml += "".join(
            model_tables(f"first/{name}", [("raw", name, "{}"), ("healthy", "lorem-3", "{}")]) for name in _NONSENSE
        )
        with Gateway(directory, toml) as gateway:
            yield House(gateway, raw, healthy)
            assert "mistake of ours" not in gateway.log()
            assert _MARK not in gateway.log()


def _ask(house: House, model: str, *, stream: bool) -> Reply:
    return house.gateway.chat(model, stream=stream, provider={"order": ["raw", "healthy"]})


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("name", _NONSENSE)
def test_nonsense_is_an_unavailable_provider(house: House, name: str, *, stream: bool) -> None:
    if "event" in name and not stream:
        pytest.skip("made for streams")
    reply = _ask(house, f"alone/{name}", stream=stream)
    assert reply.status in {502, 503, 504}, reply.body
    error = reply.json()["error"]
    assert error["code"] == reply.status
    assert error["metadata"]["error_type"] in {"provider_unavailable", "provider_overloaded", "timeout"}
    assert _MARK not in reply.body.decode()
    assert len(reply.body) < 2000


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("name", _NONSENSE)
def test_behind_nonsense_the_next_endpoint_answers(house: House, name: str, *, stream: bool) -> None:
    reply = _ask(house, f"first/{name}", stream=stream)
    assert reply.status == 200, reply.body
    if stream:
        events = reply.events()
        assert events[-1] == "[DONE]"
        assert not any("error" in event for event in events[:-1])
    assert b"lorem" in reply.body
    assert _MARK not in reply.body.decode()


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("name", _ODD_BUT_RIGHT)
def test_what_is_odd_but_right_is_an_answer(house: House, name: str, *, stream: bool) -> None:
    reply = _ask(house, f"alone/{name}-{'stream' if stream else 'whole'}", stream=stream)
    assert reply.status == 200, reply.body
    if stream:
        events = reply.events()
        assert events[-1] == "[DONE]"
        assert not any("error" in event for event in events[:-1])
        text = "".join(choice["delta"].get("content") or "" for e in events[:-1] for choice in e["choices"])
    else:
        text = reply.json()["choices"][0]["message"]["content"]
    assert text == ("fi\u2028ne\u0085" if name == "separators-in-text" and stream else "fine")
    assert "set-cookie" not in reply.headers
    assert reply.headers["x-generation-id"].startswith("gen-")
    assert reply.headers["access-control-allow-origin"] == "*"


def test_a_provider_that_is_not_there_costs_little_time(tmp_path: Path, house: House) -> None:
    toml = "[catalog]\nbundled = false\n"
    toml += provider_table("gone", "http://127.0.0.1:9/v1") + provider_table("healthy", house.healthy.base_url)
    toml += provider_table("lost", "http://no-such-host.invalid/v1")
    toml += provider_table("secure", house.healthy.base_url.replace("http:", "https:"))
    names = ("gone", "lost", "secure")
    toml += "".join(model_tables(f"alone/{name}", [(name, "x", "{}")]) for name in names)
    toml += model_tables("all/of-them", [*((name, "x", "{}") for name in names), ("healthy", "lorem-3", "{}")])
    with Gateway(tmp_path, toml) as gateway:
        for name in names:
            began = time.monotonic()
            reply = gateway.chat(f"alone/{name}")
            assert reply.status == 502
            assert reply.json()["error"]["metadata"]["provider_name"] == name
            assert time.monotonic() - began < PATIENCE
            record = gateway.generation(reply)
            assert record["total_cost"] == 0
        reply = gateway.chat("all/of-them", provider={"order": [*names, "healthy"]})
        assert reply.status == 200
        assert [one["provider_name"] for one in gateway.generation(reply)["provider_responses"]] == [*names, "healthy"]


def _hinted(hint: str | None, status: int = 429) -> bytes:
    lines = [] if hint is None else [f"Retry-After: {hint}"]
    return json_answer({"error": {"message": "slow down"}}, *lines, status=f"{status} Busy")


# What providers asked one after another say of when to come again, and what the client reads.
_HINTS: list[tuple[list[str | None], int]] = [
    (["7"], 7),
    (["30", "7", "12"], 7),
    (["30", None], 30),
    ([None, None], 5),
    (["0"], 1),
    (["-5"], 1),
    (["1e9"], 3600),
    (["nonsense", "20"], 20),
    (["Wed, 21 Oct 2015 07:28:00 GMT"], 1),
    (["Fri, 31 Dec 2100 23:59:59 GMT"], 3600),
]


def test_the_shortest_hint_to_retry_is_passed_on(tmp_path: Path) -> None:
    slugs = [[f"p{case}-{number}" for number in range(len(hints))] for case, (hints, _) in enumerate(_HINTS)]
    scripts = {
        slug: _hinted(hint)
        for names, (hints, _) in zip(slugs, _HINTS, strict=True)
        for slug, hint in zip(names, hints, strict=True)
    }
    with RawProvider(scripts) as raw:
        toml = "[catalog]\nbundled = false\n" + "".join(provider_table(slug, raw.base_url) for slug in scripts)
        for case, names in enumerate(slugs):
            toml += model_tables(f"busy/{case}", [(slug, slug, "{}") for slug in names])
        with Gateway(tmp_path, toml) as gateway:
            for case, (hints, expected) in enumerate(_HINTS):
                reply = gateway.chat(f"busy/{case}")
                assert reply.status == 429
                assert int(reply.headers["retry-after"]) == expected, hints
                availability = reply.json()["error"]["availability"]
                assert (availability["retry_after"], availability["code"]) == (expected, "capacity_exhausted")
        assert raw.asked == dict.fromkeys(scripts, 1)


def test_comments_keep_the_client_waiting_and_errors_after_them_are_in_band(tmp_path: Path) -> None:
    with running(fake := FakeServer(tmp_path)):
        timeouts = "{ first_byte = 2.0, idle = 2.0 }"
        toml = "[catalog]\nbundled = false\n[limits]\nkeepalive_comment_seconds = 0.2\n"
        toml += provider_table("a", fake.base_url, timeouts=timeouts) + provider_table("b", fake.base_url)
        toml += model_tables("alone/hang", [("a", "hang", "{}")])
        toml += model_tables("alone/stall", [("a", "stall-after-3", "{}")])
        toml += model_tables("helped/hang", [("a", "hang", "{}"), ("b", "lorem-3", "{}")])
        with Gateway(tmp_path, toml) as gateway:
            with ThreadPoolExecutor(4) as pool:
                hung = pool.submit(gateway.chat, "alone/hang", stream=True)
                stalled = pool.submit(gateway.chat, "alone/stall", stream=True)
                helped = pool.submit(gateway.chat, "helped/hang", stream=True, provider={"order": ["a", "b"]})
                whole = pool.submit(gateway.chat, "alone/hang")
            for reply, chunks in ((hung.result(), 0), (stalled.result(), 3)):
                assert reply.status == 200
                assert reply.body.count(b": OPENROUTER PROCESSING\n\n") >= 2
                events = reply.events()
                assert events[-1] == "[DONE]"
                assert [("error" in event) for event in events[:-1]].count(True) == 1
                assert events[-2]["error"]["code"] == 504
                assert events[-2]["choices"][0]["finish_reason"] == "error"
                assert reply.body.count(b'"content":') - 1 >= chunks
            assert helped.result().body.startswith(b": OPENROUTER PROCESSING\n\n")
            events = helped.result().events()
            assert events[-1] == "[DONE]"
            assert not any("error" in event for event in events[:-1])
            assert events[0]["provider"] == "b"
            assert whole.result().status == 504
            assert b"PROCESSING" not in whole.result().body


@pytest.mark.alone
def test_an_event_without_an_end_is_cut_at_its_cap(tmp_path: Path) -> None:
    def flood(handler: socketserver.StreamRequestHandler, _headers: Mapping[str, str]) -> None:
        handler.wfile.write(stream_of(_SAYS, b'data: {"choices":[{"delta":{"content":"'))
        while True:
            handler.wfile.write(b"a" * 262_144)

    with RawProvider({"flood": flood, "little": _STREAM}) as raw:
        toml = "[catalog]\nbundled = false\n" + provider_table("raw", raw.base_url)
        toml += "".join(model_tables(f"raw/{name}", [("raw", name, "{}")]) for name in ("flood", "little"))
        with Gateway(tmp_path, toml) as gateway:
            gateway.chat("raw/little", stream=True)
            before = _peak_memory(gateway)
            for _ in range(4):
                reply = gateway.chat("raw/flood", stream=True)
                assert reply.events()[-2]["error"]["code"] == 502
            assert (
                _peak_memory(gateway) - before < 3 * 32
            )  # of four floods: one holds twice its cap for a moment, none is kept


def _peak_memory(gateway: Gateway) -> float:
    """Most memory ever used by the process, in MiB."""
    assert gateway.process is not None
    status = Path(f"/proc/{gateway.process.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024
