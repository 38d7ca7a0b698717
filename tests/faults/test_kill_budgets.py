"""kill -9 of workers and of whole nodes under load, with budgets: nothing lost, nothing doubled, nothing held back."""

from __future__ import annotations

import http.client
import os
import random
import signal
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from conservation import assert_money_adds_up, generation_ids, generations
from gateway import FakeServer, Gateway, model_tables, provider_table

pytestmark = pytest.mark.alone  # how soon it serves again is judged

_PRICES = '{ prompt = "0.000001", completion = "0.000002" }'
_THREADS = 6
_READY_SECONDS = 3.0


class Load:
    """Clients that ask until they are told to stop, through deaths and all. ``read`` are the answers read in full."""

    def __init__(self, gateway: Gateway) -> None:
        self.read: list[str] = []
        self.refused: list[int] = []
        self._gateway = gateway
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(_THREADS)]

    def begin(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, number: int) -> None:
        while not self._stopped.is_set():
            stream = number % 2 == 0
            try:
                reply = self._gateway.chat("acme/tiny", stream=stream, max_tokens=20, user=f"u{number % 3}")
            except (OSError, http.client.HTTPException):
                time.sleep(0.02)
                continue
            if reply.status != 200:
                self.refused.append(reply.status)
            elif not stream or reply.body.endswith(b"data: [DONE]\n\n"):
                self.read.append(reply.headers["x-generation-id"])


def _workers(gateway: Gateway) -> list[int]:
    assert gateway.process is not None
    pid = gateway.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    named = [int(child) for child in children]
    return [child for child in named if b"turnout.app" in Path(f"/proc/{child}/cmdline").read_bytes()]


def _until_read(load: Load, count: int) -> float:
    began = time.monotonic()
    while len(load.read) < count:
        assert time.monotonic() - began < 40, "nothing is answered"
        time.sleep(0.005)
    return time.monotonic() - began


def _kill(tmp_path: Path, cycles: int) -> None:
    dice = random.Random(7)
    with FakeServer(tmp_path) as fake:
        toml = "[catalog]\nbundled = false\n" + provider_table("acme", fake.base_url)
        gateway = Gateway(tmp_path, toml + model_tables("acme/tiny", [("acme", "lorem-5", _PRICES)]), workers=2)
        gateway.start()
        load = Load(gateway)
        try:
            for scope, subject in (("account", "default"), ("user", "u1")):
                body = {"scope": scope, "subject": subject, "window": "daily", "limit": 100}
                assert gateway.request("PUT", "/api/v1/budgets", body, key=gateway.management_key).status in (200, 201)
            time.sleep(1)
            load.begin()
            ready = [_cycle(gateway, load, dice, whole=turn % 2 == 0) for turn in range(cycles)]
            load.stop()
            time.sleep(1)
        finally:
            load.stop()
            gateway.kill()
        print(f"ready again after {sorted(ready)[len(ready) // 2]:.2f} s, at most {max(ready):.2f} s")  # noqa: T201 - a measurement
        print(f"{len(load.read)} answers read in full, {len(load.refused)} refused")  # noqa: T201 - the same
        with gateway:
            found = [name for name, _ in generation_ids(gateway)]
            assert set(load.read) <= set(found)
            assert len(found) == len(set(found))
            assert assert_money_adds_up(gateway) == sum(one.cost for one in generations(gateway)) > 0
            assert set(load.refused) <= {502, 503}
        with closing(sqlite3.connect(gateway.data_dir / "turnout.sqlite")) as connection:
            assert connection.execute("SELECT coalesce(sum(leased), 0) FROM budget_windows").fetchone() == (0,)
            assert connection.execute("SELECT coalesce(sum(granted), 0) FROM leases").fetchone() == (0,)
        assert sorted(ready)[len(ready) // 2] < _READY_SECONDS  # others use the machine too


def _cycle(gateway: Gateway, load: Load, dice: random.Random, *, whole: bool) -> float:
    """Kill at some moment; how many seconds nobody was answered."""
    _until_read(load, len(load.read) + 10)
    time.sleep(dice.random() * 0.1)
    if whole:
        gateway.kill()
        began = time.monotonic()
        served = len(load.read)
        gateway.start()
        _until_read(load, served + 2)  # one may have been read before its client noticed
        return time.monotonic() - began
    workers = _workers(gateway)
    os.kill(dice.choice(workers), signal.SIGKILL)
    return _until_read(load, len(load.read) + 2)


@pytest.mark.slow
def test_deaths_of_workers_and_nodes_under_load_lose_and_double_nothing(tmp_path: Path) -> None:
    _kill(tmp_path, 4)


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_a_hundred_deaths_of_workers_and_nodes_under_load_lose_and_double_nothing(tmp_path: Path) -> None:
    _kill(tmp_path, 100)
