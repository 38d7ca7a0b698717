"""Clients that leave, or stop reading: the provider is left within a second, and the record says so."""

from __future__ import annotations

import json
import socket
import socketserver
import struct
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from conservation import assert_conserved, generations
from gateway import FakeServer, Gateway, model_tables, provider_table, running
from rawhttp import connected, converse, head_of, post_chat
from rawprovider import RawProvider, event, stream_of
from turnout.domain.account import Generation
from turnout.domain.usage import cost

pytestmark = pytest.mark.alone  # within a second, and how much memory: both only where nothing else runs

_PRICES = '{ prompt = "0.000001", completion = "0.000002" }'
_MODELS = ("hang", "slow-3000", "gap-100-lorem-100", "stall-after-3", "endless", "big-30000000", "lorem-5")
_FIRST_A = {"provider": {"order": ["a", "b"]}}
_SOON = 1.0
_PATIENCE = 10.0
_READERS = 10
_MIB_PER_READER = 2  # one read of the provider, the buffer of the socket, and what the allocator keeps


@dataclass
class House:
    gateway: Gateway
    fake: FakeServer
    flooded: int = 0


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    directory = tmp_path_factory.mktemp("leaving")
    built: list[House] = []

    def flood(handler: socketserver.StreamRequestHandler, _headers: Mapping[str, str]) -> None:
        says = event({"choices": [{"index": 0, "delta": {"role": "assistant", "content": "word " * 20}}]})
        handler.wfile.write(stream_of(says))
        try:
            while True:
                handler.wfile.write(says * 500)
        finally:
            built[0].flooded += 1

    with RawProvider({"flood": flood}) as raw, running(fake := FakeServer(directory)):
        toml = "[catalog]\nbundled = false\n[limits]\nwrite_stall_seconds = 1.0\n"
        toml += provider_table("a", fake.base_url) + provider_table("b", fake.base_url)
        toml += "".join(model_tables(f"acme/{word}", [("a", word, _PRICES), ("b", word, _PRICES)]) for word in _MODELS)
        toml += provider_table("raw", raw.base_url) + model_tables("acme/flood", [("raw", "flood", _PRICES)])
        with Gateway(directory, toml) as gateway:
            built.append(House(gateway, fake))
            yield built[0]
            assert "mistake of ours" not in gateway.log()
            assert_conserved(gateway, {"a": fake}, {f"acme/{word}": {"a": word} for word in _MODELS})


def _begin(house: House, word: str, mark: str, *, stream: bool) -> socket.socket:
    """Send a request and wait until the provider has it."""
    body = {"model": f"acme/{word}", "messages": [{"role": "user", "content": mark}], "stream": stream} | _FIRST_A
    with ExitStack() as stack:
        client = stack.enter_context(connected(house.gateway.port))
        client.sendall(post_chat(json.dumps(body).encode(), "X-Title: " + mark))
        _number(house, mark)
        stack.pop_all()
    return client


def _number(house: House, mark: str) -> int:
    """The number under which the provider accepted the request."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        for entry in house.fake.journal():
            if entry["t"] == "request" and mark in entry["body"]:
                return int(entry["n"])
        time.sleep(0.01)
    raise AssertionError("the provider was never asked")


def _left_after(house: House, mark: str, since: float) -> float:
    """Seconds from *since* (monotonic) until the provider noticed that it was left."""
    number = _number(house, mark)
    while time.monotonic() < since + _PATIENCE:
        if any(entry["t"] == "left" and entry["n"] == number for entry in house.fake.journal()):
            return time.monotonic() - since
        time.sleep(0.01)
    raise AssertionError("the provider was never left")


def _record(house: House, mark: str) -> Generation:
    """The one generation of that request."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        found = [generation for generation in generations(house.gateway) if generation.title == mark]
        if found:
            assert len(found) == 1
            return found[0]
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _read_events(client: socket.socket, count: int) -> None:
    """Read on until that many events have come."""
    received = b""
    while received.count(b"data: ") < count:
        data = client.recv(65536)
        assert data, received
        received += data


def _leave(client: socket.socket, how: str) -> None:
    if how == "reset":
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
    elif how == "half-close":
        client.shutdown(socket.SHUT_WR)
    else:
        client.close()


@pytest.mark.parametrize("how", ["close", "reset", "half-close"])
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("word", ["hang", "slow-3000"])
def test_leaving_before_the_first_byte_cancels_and_costs_nothing(
    house: House, word: str, how: str, *, stream: bool
) -> None:
    mark = f"before {word} {how} {stream}"
    with _begin(house, word, mark, stream=stream) as client:
        began = time.monotonic()
        _leave(client, how)
        assert _left_after(house, mark, began) < _SOON
        record = _record(house, mark)
    assert record.cancelled
    assert record.outcome == "cancelled"
    assert record.cost == 0
    assert [attempt.outcome for attempt in record.attempts] == ["cancelled"]  # and no second attempt


@pytest.mark.parametrize("how", ["close", "reset", "half-close"])
@pytest.mark.parametrize("word", ["gap-100-lorem-100", "stall-after-3", "endless"])
def test_leaving_in_mid_stream_cancels_and_charges_what_was_delivered(house: House, word: str, how: str) -> None:
    mark = f"amid {word} {how}"
    with _begin(house, word, mark, stream=True) as client:
        _read_events(client, 3)
        began = time.monotonic()
        _leave(client, how)
        assert _left_after(house, mark, began) < _SOON
        record = _record(house, mark)
    assert record.cancelled
    assert record.usage.estimated
    assert record.usage.completion_tokens > 0
    assert record.cost == cost(record.usage, record.pricing).total > 0


def test_leaving_a_pipelined_queue_cancels_the_request_under_way(house: House) -> None:
    bodies: list[dict[str, object]] = [
        {"model": "acme/lorem-5", "messages": [{"role": "user", "content": "first"}]},
        {"model": "acme/gap-100-lorem-100", "messages": [{"role": "user", "content": "pipelined"}], "stream": True},
        {"model": "acme/lorem-5", "messages": [{"role": "user", "content": "never reached"}]},
    ]
    with connected(house.gateway.port) as client:
        client.sendall(b"".join(post_chat(json.dumps(body | _FIRST_A).encode()) for body in bodies))
        _read_events(client, 2)
        began = time.monotonic()
    assert _left_after(house, "pipelined", began) < _SOON
    time.sleep(0.1)
    assert not any("never reached" in entry.get("body", "") for entry in house.fake.journal())


def test_leaving_while_the_body_is_being_sent_leaves_no_record(house: House) -> None:
    before = len(generations(house.gateway))
    with connected(house.gateway.port) as client:
        client.sendall(head_of() + b"Content-Length: 1000\r\n\r\n{")
        time.sleep(0.1)
    time.sleep(0.3)
    assert len(generations(house.gateway)) == before


def _memory(gateway: Gateway) -> float:
    """Resident memory of the process in MiB."""
    assert gateway.process is not None
    status = Path(f"/proc/{gateway.process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def _flood(house: House, mark: str) -> float:
    """By how many MiB the process is larger at most while readers that have stopped are being dropped."""
    before, dropped, most = _memory(house.gateway), house.flooded, 0.0
    with ExitStack() as stack:
        for number in range(_READERS):
            client = stack.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", house.gateway.port))
            body = {"model": "acme/flood", "messages": [{"role": "user", "content": "Hello"}], "stream": True}
            client.sendall(post_chat(json.dumps(body).encode(), f"X-Title: {mark} {number}"))
        deadline = time.monotonic() + _PATIENCE
        while house.flooded < dropped + _READERS:  # that many have been cut off
            assert time.monotonic() < deadline
            most = max(most, _memory(house.gateway) - before)
            time.sleep(0.05)
        for number in range(_READERS):
            record = _record(house, f"{mark} {number}")
            assert record.cancelled
            assert record.cost > 0
    return most


def test_a_reader_that_stops_costs_little_memory_and_is_dropped(house: House) -> None:
    _flood(house, "first")  # the heap grows once
    assert _flood(house, "stalled") < _READERS * _MIB_PER_READER


def test_a_slow_reader_gets_everything(house: House) -> None:
    received = 0
    tail = b""
    with _begin(house, "big-30000000", "slow reader", stream=True) as client:
        while not tail.endswith(b"0\r\n\r\n") and (data := client.recv(1_000_000)):
            received += len(data)
            tail = (tail + data)[-100:]
            if received < 5_000_000:
                time.sleep(0.05)
    assert received > 30_000_000
    assert b"[DONE]" in tail


def _metrics(house: House) -> str:
    return house.gateway.request("GET", "/metrics", key=house.gateway.management_key).body.decode()


def test_everything_is_let_go_of_afterwards(house: House) -> None:
    """Runs in any order: it makes its own leavers."""
    assert house.gateway.process is not None
    descriptors = Path(f"/proc/{house.gateway.process.pid}/fd")
    before = len(list(descriptors.iterdir()))
    with ExitStack() as stack:
        for number in range(30):
            stack.enter_context(_begin(house, "hang", f"leaver {number}", stream=number % 2 == 0))
    deadline = time.monotonic() + _PATIENCE
    while len(list(descriptors.iterdir())) > before + 5 or "turnout_open_requests 0" not in _metrics(house):
        assert time.monotonic() < deadline, _metrics(house)[:3000]
        time.sleep(0.05)
    assert converse(house.gateway.port, post_chat(b"{")).only.status == 400
