"""Real processes on one file."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest

from turnout.health.book import HealthBook
from turnout.health.neighbour import LAYOUT, REGION_BYTES
from turnout.shared.regions import MappedRegions

HERE = "acme/tiny|acme|acme"

WORKER = """
import sys, time
from pathlib import Path
from turnout.health.book import HealthBook
from turnout.health.neighbour import LAYOUT, REGION_BYTES
from turnout.shared.regions import MappedRegions
book = HealthBook(MappedRegions(Path(sys.argv[1]), REGION_BYTES, LAYOUT))
here = "acme/tiny|acme|acme"
for order in sys.stdin:
    word, *numbers = order.split()
    now = time.monotonic()
    if word == "answer":
        for _ in range(int(numbers[0])):
            book.answered(here, now, 0.25, None, 80.0)
    elif word == "fail":
        book.failed(here, now, "unreachable")
    elif word == "wait":
        while not book.outage(here, time.monotonic()):
            time.sleep(0.02)
            book.pulse(time.monotonic())
        now = time.monotonic()
    elif word == "write":
        print("writing", flush=True)
        count = 0
        while True:
            count += 1
            for name in (here, f"other/{count % 50}|o|o"):
                book.answered(name, time.monotonic(), 0.25, None, 80.0)
            book.failed(f"other/{count % 70}|o|o", time.monotonic(), "error")
            book.pulse(time.monotonic())
    book.pulse(now)
    print(now, flush=True)
"""


class Worker:
    """A process with a health book on *path*."""

    def __init__(self, path: Path) -> None:
        self.process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-c", WORKER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def begin(self, order: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(order + "\n")
        self.process.stdin.flush()

    def outcome(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def do(self, order: str) -> str:
        self.begin(order)
        return self.outcome()

    def end(self, *, kill: bool = False) -> None:
        if kill:
            self.process.kill()
        self.process.communicate()


def _book(path: Path) -> HealthBook:
    return HealthBook(MappedRegions(path, REGION_BYTES, LAYOUT))


@pytest.mark.alone
def test_an_outage_declared_by_one_process_is_seen_by_another_within_a_second(tmp_path: Path) -> None:
    path = tmp_path / "health.map"
    one, two = Worker(path), Worker(path)
    two.do("answer 1")
    two.begin("wait")
    declared = float(one.do("fail"))
    assert float(two.outcome()) - declared < 1
    for worker in (one, two):
        worker.end()


def test_windows_of_processes_are_added_up_and_survive_all_of_them(tmp_path: Path) -> None:
    path = tmp_path / "health.map"
    workers = [Worker(path) for _ in range(2)]
    for worker in workers:
        worker.do("answer 60")
    for worker in workers:
        worker.end()
    for _ in range(2):  # a restart, and another one
        book, now = _book(path), time.monotonic()
        found = book.vitals(HERE, now)
        assert (found.requests, found.uptime) == (120, 100.0)
        assert found.latency is not None
        book.close()


def test_a_writer_that_is_killed_never_breaks_its_readers_nor_its_successor(tmp_path: Path) -> None:
    path, dice = tmp_path / "health.map", Random(5)
    reader = _book(path)
    for _ in range(6):
        worker = Worker(path)
        worker.do("write")
        stop = time.monotonic() + dice.uniform(0.05, 0.2)
        while (now := time.monotonic()) < stop:
            reader.pulse(now)
            for endpoint_id in list(reader.known):
                found = reader.vitals(endpoint_id, now)
                assert found.requests >= 0
                assert found.latency is None or 0.2 < found.latency.p50 < 0.3
        worker.end(kill=True)
        reader.pulse(time.monotonic())
    before = reader.vitals(HERE, time.monotonic()).requests
    assert before > 0
    heir = _heir(path)
    assert heir == before
    reader.close()


def _heir(path: Path) -> int:
    """What the next process in the place of the killed ones finds of the endpoint, in that process's own region."""
    script = WORKER.split("for order", maxsplit=1)[0] + "print(book.vitals(here, time.monotonic()).requests)"
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, check=True)  # noqa: S603 - ours
    return int(done.stdout)
