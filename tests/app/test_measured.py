"""What listings are told of this installation."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, cast

from turnout.app.measured import MeasuredHere
from turnout.base.clock import SYSTEM_CLOCK, Clock
from turnout.base.errors import Unavailable
from turnout.contracts.store import Store
from turnout.domain.health import Speed

_DAY = 86_400


class _Sums:
    """The one method of a store that is asked, failing the first time."""

    def __init__(self) -> None:
        self.asked: list[float] = []

    async def tokens_by_model(self, since: float) -> Mapping[str, int]:
        self.asked.append(since)
        if len(self.asked) == 1:
            raise Unavailable("no store")
        return {"acme/a": 5}


def _listed(endpoint_id: str, _now: float) -> Mapping[str, Any]:
    return {"status": -1} if endpoint_id == "known" else {}


def test_an_endpoint_of_which_nothing_is_known_is_none() -> None:
    measured = MeasuredHere(_listed, SYSTEM_CLOCK)
    assert measured.endpoint("known") == {"status": -1}
    assert measured.endpoint("other") is None


async def test_tokens_are_those_of_seven_days_and_a_store_that_fails_is_asked_again() -> None:
    measured = MeasuredHere(_listed, SYSTEM_CLOCK)
    store = _Sums()
    for _ in range(2):
        running = asyncio.ensure_future(measured.run(cast("Store", store)))
        await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert measured.tokens_last_7_days("acme/a") == 5
    assert measured.tokens_last_7_days("acme/b") is None
    assert all(5.9 * _DAY < SYSTEM_CLOCK.wall() - since < 6.1 * _DAY for since in store.asked)


async def test_all_endpoints_are_looked_at_a_few_at_a_time() -> None:
    turn, asked = [0], Counter[int]()

    def listed(_name: str, _now: float) -> Mapping[str, Any]:
        asked[turn[0]] += 1
        return {"status": 0}

    names = [f"m|p|{n}" for n in range(500)]
    measured = MeasuredHere(listed, SYSTEM_CLOCK, lambda: names)
    running = asyncio.ensure_future(measured.look())
    while len(measured.endpoints) < len(names):
        await asyncio.sleep(0)
        turn[0] += 1
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert max(asked.values()) <= 40
    assert measured.endpoints["m|p|499"] == {"status": 0}


class _Kept(_Sums):
    """Remembers speeds."""

    def __init__(self) -> None:
        super().__init__()
        self.speeds: list[tuple[Sequence[Speed], int]] = []

    async def add_speeds(self, speeds: Sequence[Speed], before: int) -> None:
        self.speeds.append((speeds, before))


async def test_each_half_hour_is_written_down_when_it_is_over() -> None:
    wall = [1_795_000_000.0]
    spread = {"p50": 1.0, "p75": 2.0, "p90": 3.0, "p99": 4.0}
    seen: dict[str, dict[str, Any]] = {
        "a|p|p": {"status": 0, "latency_last_30m": spread, "throughput_last_30m": spread, "uptime_last_30m": 97.5},
        "a|q|q": {"status": 0, "uptime_last_30m": 50.0},
        "a|r|r": {"status": -5},
    }
    measured = MeasuredHere(lambda name, _: seen[name], Clock(lambda: wall[0], lambda: 0.0), lambda: seen)
    store = _Kept()
    for _ in range(2):
        for _ in range(2):
            running = asyncio.ensure_future(measured.run(cast("Store", store)))
            await asyncio.sleep(0)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        assert len(store.speeds) == (wall[0] > 1_795_000_000)
        wall[0] += 1_800
    [(speeds, before)] = store.speeds
    at = 1_795_000_000 // 1_800 * 1_800 + 1_800
    assert list(speeds) == [
        Speed(endpoint_id="a|p|p", at=at, uptime=97.5, latency_ms=1.0, slowest_ms=3.0, throughput=1.0),
        Speed(endpoint_id="a|q|q", at=at, uptime=50.0),
    ]
    assert before == at - 31 * _DAY
