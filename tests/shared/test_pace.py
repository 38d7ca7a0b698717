from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from turnout.base.clock import SYSTEM_CLOCK
from turnout.contracts.shared import Pace
from turnout.domain.account import Key
from turnout.shared import pace as module
from turnout.shared.pace import PaceInFile, PaceInProcess

NOW = 1_790_000_000.0
KEY = Key(hash="h" * 64, account_id="a", name="n", label="l", requests_per_minute=3, tokens_per_minute=100)


def _in_redis(url: str) -> Pace:
    from turnout.shared.redis_link import Link  # noqa: PLC0415 - its package is an option
    from turnout.shared.redis_pace import PaceInRedis  # noqa: PLC0415 - the same

    return PaceInRedis(Link(url, SYSTEM_CLOCK), PaceInProcess())


@pytest.fixture(params=["process", "file", "redis"])
def new_pace(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Pace]:
    match request.param:
        case "process":
            return PaceInProcess
        case "file":
            return lambda: PaceInFile(tmp_path / "pace.map")
        case _:
            url: str = request.getfixturevalue("redis_url")
            return lambda: _in_redis(url)


@pytest.fixture
async def pace(new_pace: Callable[[], Pace]) -> AsyncIterator[Pace]:
    made = new_pace()
    yield made
    await made.close()
    if link := getattr(made, "_link", None):
        await link.close()


async def test_requests_beyond_the_limit_wait_until_a_minute_has_passed(pace: Pace) -> None:
    for _ in range(3):
        assert await pace.take(KEY, 1, 0, NOW) is None
    wait = await pace.take(KEY, 1, 0, NOW + 10)
    assert wait is not None
    assert 50 <= wait <= 54
    assert await pace.take(KEY, 1, 0, NOW + 9 + wait) is not None
    assert await pace.take(KEY, 3, 0, NOW + 10 + wait) is None


async def test_tokens_beyond_the_limit_wait_and_may_be_put_right(pace: Pace) -> None:
    assert await pace.take(KEY, 1, 90, NOW) is None
    assert await pace.take(KEY, 1, 20, NOW) is not None
    assert await pace.take(KEY, 0, -50, NOW + 5) is None
    assert await pace.take(KEY, 1, 60, NOW + 5) is None
    assert await pace.take(KEY, 0, 40, NOW + 5) is None
    assert await pace.take(KEY, 1, 1, NOW + 30) is not None
    assert await pace.take(KEY, 1, 1, NOW + 70) is None


async def test_keys_do_not_share_their_limits_and_one_without_has_none(pace: Pace) -> None:
    for _ in range(3):
        assert await pace.take(KEY, 1, 0, NOW) is None
    assert await pace.take(replace(KEY, hash="other"), 1, 0, NOW) is None
    free = replace(KEY, hash="free", requests_per_minute=None, tokens_per_minute=None)
    for _ in range(50):
        assert await pace.take(free, 1, 10**9, NOW) is None


async def test_workers_count_together_through_a_file(tmp_path: Path) -> None:
    key = replace(KEY, requests_per_minute=100, tokens_per_minute=None)
    program = (
        "import asyncio, sys; from pathlib import Path; from turnout.shared.pace import PaceInFile\n"
        "from turnout.domain.account import Key\n"
        "key = Key(hash='h' * 64, account_id='a', name='n', label='l', requests_per_minute=100)\n"
        "async def main():\n"
        "    pace = PaceInFile(Path(sys.argv[1]))\n"
        f"    print(sum([await pace.take(key, 1, 0, {NOW}) is None for _ in range(60)]))\n"
        "asyncio.run(main())\n"
    )
    paths = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    arguments = [sys.executable, "-c", program, str(tmp_path / "pace.map")]
    spawn = asyncio.create_subprocess_exec
    workers = [await spawn(*arguments, stdout=subprocess.PIPE, env=paths) for _ in range(3)]
    let_in = [(await worker.communicate())[0] for worker in workers]
    assert sum(map(int, let_in)) == 100
    pace = PaceInFile(tmp_path / "pace.map")
    assert await pace.take(key, 1, 0, NOW) is not None
    await pace.close()


async def test_more_keys_than_a_file_has_places_for_push_out_the_idlest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_ENTRIES", 4)
    pace = PaceInFile(tmp_path / "pace.map")
    for number in range(40):
        assert await pace.take(replace(KEY, hash=str(number)), 3, 0, NOW + 4 * number) is None
    assert await pace.take(replace(KEY, hash="39"), 1, 0, NOW + 160) is not None
    assert await pace.take(replace(KEY, hash="0"), 1, 0, NOW + 160) is None
    await pace.close()


async def test_one_process_remembers_a_bounded_number_of_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_KEYS", 5)
    pace = PaceInProcess()
    for number in range(50):
        await pace.take(replace(KEY, hash=str(number)), 1, 0, NOW)
    assert len(pace._keys) == 5


@pytest.mark.alone
async def test_counting_in_process_costs_about_a_microsecond() -> None:
    pace = PaceInProcess()
    key = replace(KEY, requests_per_minute=10**9, tokens_per_minute=10**12)
    best = float("inf")
    for _ in range(20):
        begun = time.perf_counter()
        for _ in range(1000):
            await pace.take(key, 1, 100, NOW)
        best = min(best, time.perf_counter() - begun)
    assert best / 1000 < 3e-6  # alone on a machine: under 1e-6
