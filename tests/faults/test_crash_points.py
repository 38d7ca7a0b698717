"""A process that dies before or after any write in ledger, journal, store or relay loses and doubles nothing."""

from __future__ import annotations

import asyncio
import http.client
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from statistics import median

import pytest

from conservation import assert_money_adds_up, generation_ids, generations
from gateway import FakeServer, Gateway, model_tables, provider_table
from patience import until
from turnout.stores.sqlite import SQLiteStore

pytestmark = pytest.mark.alone  # how soon it serves again is judged

_PRICES = '{ prompt = "0.000001", completion = "0.000002" }'
_SITE = "from crashing import install\ninstall()\n"
_LEAST = 20
_READY_SECONDS = 3.0


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeServer]:
    with FakeServer(tmp_path) as server:
        yield server


class Bench:
    """One gateway that is killed at a point and started again; its files begin anew with each point."""

    def __init__(self, directory: Path, fake: FakeServer) -> None:
        self._directory = directory
        self._toml = "[catalog]\nbundled = false\n" + provider_table("acme", fake.base_url)
        self._toml += model_tables("acme/tiny", [("acme", "lorem-5", _PRICES)])
        site = directory / "site"
        site.mkdir()
        (site / "sitecustomize.py").write_text(_SITE)
        tests = Path(__file__).parents[1]
        self._path = os.pathsep.join([str(site), str(tests), os.environ.get("PYTHONPATH", "")])
        self._runs = 0
        self.ready: list[float] = []

    def run(self, at: str = "", seconds: float = 8.0) -> list[str]:
        """Load until the process is dead; without *at* for *seconds*: then the points that were passed."""
        self._runs += 1
        directory = self._directory / f"run{self._runs}"
        directory.mkdir()
        armed, log = directory / "armed", directory / "points"
        environment = {"TURNOUT_CRASH_ARMED": str(armed), "TURNOUT_CRASH_AT": at, "PYTHONPATH": self._path}
        if not at:
            environment["TURNOUT_CRASH_LOG"] = str(log)
        gateway = Gateway(directory, self._toml, environment=environment)
        read: list[str] = []
        gateway.start()
        try:
            for scope, subject in (("account", "default"), ("user", "u1"), ("user", "u2")):
                body = {"scope": scope, "subject": subject, "window": "daily", "limit": 1}
                assert gateway.request("PUT", "/api/v1/budgets", body, key=gateway.management_key).status in (200, 201)
            time.sleep(0.7)
            armed.touch()
            assert gateway.process is not None
            until = time.monotonic() + seconds
            while gateway.process.poll() is None and time.monotonic() < until:
                _ask(gateway, read)
            died = gateway.process.poll() is not None
            assert died == bool(at), f"{at} was not passed"
        finally:
            gateway.kill()
        if at:
            self._look(Gateway(directory, self._toml), read)
            return []
        return sorted(set(log.read_text().splitlines()))

    def _look(self, gateway: Gateway, read: list[str]) -> None:
        began = time.monotonic()
        with gateway:
            self.ready.append(time.monotonic() - began)
            found = [generation_id for generation_id, _ in generation_ids(gateway)]
            assert set(read) <= set(found)
            assert len(found) == len(set(found))
            assert_money_adds_up(gateway)
            budget = {budget for one in generations(gateway) for budget in one.budgets}
            _ask(gateway, read)
            until(lambda: len(generation_ids(gateway)) > len(found))
            assert len(budget) <= 3
        assert _leased(gateway) == 0, "an orderly end gives everything back"


def _ask(gateway: Gateway, read: list[str]) -> None:
    for stream in (True, False):
        try:
            reply = gateway.chat("acme/tiny", stream=stream, max_tokens=20, user=f"u{2 - stream}")
        except (OSError, http.client.HTTPException):
            time.sleep(0.02)
            continue
        if reply.status == 200 and (not stream or reply.body.endswith(b"data: [DONE]\n\n")):
            read.append(reply.headers["x-generation-id"])
    time.sleep(0.02)


def _leased(gateway: Gateway) -> int:
    async def nothing() -> None:
        store = SQLiteStore(gateway.data_dir / "turnout.sqlite")
        await store.open()
        await store.close()

    asyncio.run(nothing())  # what stands in its write-ahead log is moved over
    with closing(sqlite3.connect(gateway.data_dir / "turnout.sqlite")) as connection:
        [(granted,)] = connection.execute("SELECT coalesce(sum(granted), 0) FROM leases")
        [(leased,)] = connection.execute("SELECT coalesce(sum(leased), 0) FROM budget_windows")
    assert granted == leased
    return int(granted)


@pytest.mark.slow
def test_a_death_at_some_points_loses_and_doubles_nothing(tmp_path: Path, fake: FakeServer) -> None:
    bench = Bench(tmp_path, fake)
    points = bench.run(seconds=1.5)
    assert len(points) >= _LEAST
    kinds = {point.partition("|")[0] for point in points}
    assert kinds >= {"cell", "transaction", "wire", "write"}
    for point in points[7 :: len(points) // 2]:
        bench.run(point)
    assert median(bench.ready) < _READY_SECONDS


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_a_death_at_every_point_loses_and_doubles_nothing(tmp_path: Path, fake: FakeServer) -> None:
    bench = Bench(tmp_path, fake)
    points = bench.run(seconds=5.0)
    for point in points:
        print(point)  # noqa: T201 - what was exercised
        bench.run(point)
    print(f"{len(points)} points, ready after {median(bench.ready):.1f} s, at most {max(bench.ready):.1f} s")  # noqa: T201 - a measurement
