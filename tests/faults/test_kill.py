"""kill -9 and SIGTERM: what clients have read in full is in the store, once; a shutdown says what it does."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from conservation import accepted, assert_conserved, generation_ids, generations
from gateway import FakeServer, Gateway, Reply, model_tables, provider_table, running
from rawhttp import connected, converse, head_of, post_chat, read_answers

pytestmark = pytest.mark.alone  # how soon it serves again is judged

_PRICES = '{ prompt = "0.000001", completion = "0.000002" }'
_WORDS = ("lorem-5", "gap-100-lorem-100", "gap-50-lorem-12", "hang")
_LOAD_THREADS = 6


def _toml(fake: FakeServer, more: str = "") -> str:
    toml = "[catalog]\nbundled = false\n" + more + provider_table("acme", fake.base_url)
    return toml + "".join(model_tables(f"acme/{word}", [("acme", word, _PRICES)]) for word in _WORDS)


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeServer]:
    with FakeServer(tmp_path) as server:
        yield server


class Load:
    """Clients that ask without pause. ``read`` holds the ids of answers whose last byte arrived; ``broken`` counts
    requests that failed.
    """

    def __init__(self, gateway: Gateway) -> None:
        self.read: list[str] = []
        self.broken = 0
        self.refused: list[Reply] = []
        self._gateway = gateway
        self._stopped = threading.Event()

    def ask(self, number: int) -> None:
        while not self._stopped.is_set():
            try:
                reply = self._gateway.chat("acme/lorem-5", stream=number % 2 == 0)
            except (OSError, http.client.HTTPException):
                self.broken += 1
                time.sleep(0.01)
                continue
            if reply.status == 200 and _is_whole(reply):
                self.read.append(reply.headers["x-generation-id"])
            else:
                self.refused.append(reply)

    @contextmanager
    def running(self) -> Iterator[None]:
        threads = [threading.Thread(target=self.ask, args=(number,)) for number in range(_LOAD_THREADS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stopped.set()
            for thread in threads:
                thread.join()


def _is_whole(reply: Reply) -> bool:
    return reply.body.endswith(b"data: [DONE]\n\n") or reply.headers["content-type"] == "application/json"


def _children(pid: int) -> dict[int, str]:
    """Child processes by pid, with their command lines."""
    found: dict[int, str] = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == pid:
                found[int(folder.name)] = (folder / "cmdline").read_text().replace("\0", " ")
        except (OSError, IndexError):
            continue
    return found


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _workers(gateway: Gateway) -> list[int]:
    assert gateway.process is not None
    return [pid for pid, command in _children(gateway.process.pid).items() if "turnout.app" in command]


def _wait(condition: Callable[[], bool], seconds: float) -> float:
    """Seconds until *condition* holds."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "it did not happen in time"
        time.sleep(0.01)
    return time.monotonic() - began


def _answers(gateway: Gateway) -> bool:
    try:
        return gateway.chat("acme/lorem-5").status == 200
    except (OSError, http.client.HTTPException):
        return False


# -- kill -9 --


def _kill_everything(tmp_path: Path, fake: FakeServer, *, workers: int, cycles: int) -> None:
    gateway = Gateway(tmp_path, _toml(fake), workers=workers)
    read: list[str] = []
    for cycle in range(cycles):
        gateway.start()
        try:
            load = Load(gateway)
            with load.running():
                _wait(lambda load=load: len(load.read) > _LOAD_THREADS, 30)  # type: ignore[misc]  # a default as a binding
                time.sleep(cycle % 5 * 0.03)
                gateway.kill()
            read += load.read
            assert not load.refused
        finally:
            gateway.kill()
    began = time.monotonic()
    with gateway:
        assert time.monotonic() - began < 10
        found = {generation_id for generation_id, _ in generation_ids(gateway)}
        assert set(read) <= found
        assert len(read) == len(set(read))
        assert_conserved(gateway, {}, {})
        attempts = sum(len(generation.attempts) for generation in generations(gateway))
        assert attempts <= accepted(fake)["lorem-5"] <= attempts + cycles * _LOAD_THREADS * 2
        reply = gateway.chat("acme/lorem-5")
        assert reply.status == 200
        assert gateway.generation(reply)["id"] == reply.json()["id"]


@pytest.mark.parametrize("workers", [1, 2])
def test_what_was_read_in_full_survives_the_death_of_everything(tmp_path: Path, fake: FakeServer, workers: int) -> None:
    _kill_everything(tmp_path, fake, workers=workers, cycles=2)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("workers", [1, 2])
def test_what_was_read_in_full_survives_fifty_deaths(tmp_path: Path, fake: FakeServer, workers: int) -> None:
    _kill_everything(tmp_path, fake, workers=workers, cycles=25)


def _kill_workers(tmp_path: Path, fake: FakeServer, cycles: int) -> None:
    with Gateway(tmp_path, _toml(fake), workers=2) as gateway:
        _wait(lambda: len(_workers(gateway)) == 2, 20)
        _wait(lambda: _answers(gateway), 20)
        load = Load(gateway)
        with load.running():
            for cycle in range(cycles):
                time.sleep(1.0)  # both are up again by then
                before = _workers(gateway)
                served = len(load.read)
                os.kill(before[cycle % 2], signal.SIGKILL)
                _wait(lambda served=served: len(load.read) > served, 10)  # type: ignore[misc]  # a default as a binding
                _wait(lambda before=before: len(set(_workers(gateway)) - set(before)) == 1, 10)  # type: ignore[misc]  # the same
        assert not load.refused
        assert load.broken <= cycles * _LOAD_THREADS
        _wait(lambda: set(load.read) <= {generation_id for generation_id, _ in generation_ids(gateway)}, 20)
        assert_conserved(gateway, {}, {})


def test_a_killed_worker_is_replaced_and_loses_nothing_that_was_read(tmp_path: Path, fake: FakeServer) -> None:
    _kill_workers(tmp_path, fake, cycles=2)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_fifty_killed_workers_lose_nothing_that_was_read(tmp_path: Path, fake: FakeServer) -> None:
    _kill_workers(tmp_path, fake, cycles=50)


def test_workers_do_not_outlive_their_supervisor(tmp_path: Path, fake: FakeServer) -> None:
    gateway = Gateway(tmp_path, _toml(fake), workers=2)
    gateway.start()
    try:
        _wait(lambda: len(_workers(gateway)) == 2, 20)
        _wait(lambda: _answers(gateway), 20)
        workers = _workers(gateway)
        assert gateway.process is not None
        os.kill(gateway.process.pid, signal.SIGKILL)
        gateway.process.wait()
        _wait(lambda: not any(map(_is_alive, workers)), 10)
        with gateway:
            assert _answers(gateway)
    finally:
        gateway.kill()


# -- SIGTERM --


def _stream(gateway: Gateway, word: str) -> socket.socket:
    """A stream whose first words have arrived."""
    client = connected(gateway.port, 10)
    body = {"model": f"acme/{word}", "messages": [{"role": "user", "content": "Hello"}], "stream": True}
    client.sendall(post_chat(json.dumps(body).encode()))
    received = b""
    while b"lorem" not in received:
        received += client.recv(65536)
    return client


def _rest(client: socket.socket) -> bytes:
    received = b""
    while data := client.recv(65536):
        received += data
    return received


@pytest.mark.parametrize("workers", [1, 2])
def test_a_drain_that_ends_in_time_loses_nothing(tmp_path: Path, fake: FakeServer, workers: int) -> None:
    gateway = Gateway(tmp_path, _toml(fake), workers=workers)
    with gateway:
        _wait(lambda: _answers(gateway), 20)
        began = time.monotonic()
        status: list[int] = []
        stopping = threading.Thread(target=lambda: status.append(gateway.stop()))
        with _stream(gateway, "gap-50-lorem-12") as client:
            stopping.start()
            rest = _rest(client)
        stopping.join()
        assert status == [0]
        assert b"data: [DONE]" in rest
        assert b'"error"' not in rest
        assert time.monotonic() - began < 10
    assert len(generation_ids(gateway)) >= 2


@pytest.mark.parametrize("workers", [1, 2])
def test_a_drain_has_a_limit_and_tells_who_is_cut_off(tmp_path: Path, fake: FakeServer, workers: int) -> None:
    gateway = Gateway(tmp_path, _toml(fake, "[limits]\ndrain_seconds = 2.0\n"), workers=workers)
    with gateway:
        _wait(lambda: _answers(gateway), 20)
        with _stream(gateway, "gap-100-lorem-100") as client, connected(gateway.port, 10) as waiting:
            waiting.sendall(post_chat(b'{"model":"acme/hang","messages":[{"role":"user","content":"Hello"}]}'))
            _wait(lambda: accepted(fake)["hang"] == 1, 5)
            began = _drain_watched(gateway, workers)
            rest = _rest(client)
            refusal = read_answers(waiting, began=time.monotonic()).only
        assert gateway.process is not None
        assert gateway.process.wait(10) == 0
        assert 1.9 < time.monotonic() - began < 8
        _assert_told(rest)
        assert refusal.status == 503
        assert refusal.headers["retry-after"]
        assert refusal.error
    found = generations(gateway)
    cut = [generation for generation in found if generation.cancelled]
    assert len(found) == 3
    assert len(cut) == 2
    assert sorted(generation.cost > 0 for generation in cut) == [False, True]


def _drain_watched(gateway: Gateway, workers: int) -> float:
    """Begin a drain, and look at it from outside and over a connection that was open before; when it began.

    Of several workers, the one that has it may have nothing to finish, and be gone at once.
    """
    assert gateway.process is not None
    with connected(gateway.port) as watching:
        watching.sendall(head_of("GET /ready HTTP/1.1") + b"\r\n")
        assert read_answers(watching, began=time.monotonic()).only.status == 200
        began = time.monotonic()
        gateway.process.send_signal(signal.SIGTERM)
        _wait(lambda: _refuses(gateway), 1.5)
        watching.sendall(head_of("GET /ready HTTP/1.1") + b"\r\n")
        conversation = read_answers(watching, began=time.monotonic(), linger=1.0)
    assert conversation.closed
    if workers == 1 or conversation.received:
        assert conversation.only.status == 503
        assert conversation.only.json()["ready"] is False
        assert conversation.only.headers["connection"] == "close"
    return began


def _refuses(gateway: Gateway) -> bool:
    try:
        converse(gateway.port, head_of("GET /ready HTTP/1.1") + b"\r\n")
    except ConnectionError:
        return True
    return False


def _assert_told(rest: bytes) -> None:
    """The rest of a stream that was cut off: exactly one error, in band, and the end mark."""
    events = [line[6:] for line in rest.split(b"\n") if line.startswith(b"data: ")]
    assert events[-1].strip() == b"[DONE]"
    errors: list[Mapping[str, object]] = [json.loads(text) for text in events[:-1] if b'"error":{' in text]
    assert len(errors) == 1
    assert b'"finish_reason":"error"' in events[-2]
    assert rest.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_second_sigterm_ends_it_at_once(tmp_path: Path, fake: FakeServer, workers: int) -> None:
    gateway = Gateway(tmp_path, _toml(fake), workers=workers)
    with gateway:
        _wait(lambda: _answers(gateway), 20)
        assert gateway.process is not None
        with _stream(gateway, "gap-100-lorem-100"):
            pids = [gateway.process.pid, *_workers(gateway)]
            gateway.process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            assert gateway.process.poll() is None
            gateway.process.send_signal(signal.SIGTERM)
            assert gateway.process.wait(5) == 1
        _wait(lambda: not any(map(_is_alive, pids)), 5)
    with running(again := Gateway(tmp_path, _toml(fake), workers=workers)):
        _wait(lambda: _answers(again), 20)
