from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator

import pytest

from patience import PATIENCE, until_here
from servers import RedisServer
from turnout.base.clock import SYSTEM_CLOCK
from turnout.base.errors import Unavailable
from turnout.contracts.shared import Bulletin, HealthExchange, Pace, ReasoningMemory
from turnout.domain.account import Key
from turnout.shared.bulletin import SilentBulletin
from turnout.shared.pace import PaceInProcess

pytest.importorskip("redis")

from turnout.shared.redis_bulletin import BulletinInRedis
from turnout.shared.redis_health import HealthInRedis
from turnout.shared.redis_link import Link
from turnout.shared.redis_pace import PaceInRedis
from turnout.shared.redis_reasoning import ReasoningInRedis

NOW = 1_790_000_000.0
KEY = Key(hash="h" * 64, account_id="a", name="n", label="l", requests_per_minute=5)


@pytest.fixture
async def link(redis_url: str) -> AsyncIterator[Link]:
    made = Link(redis_url, SYSTEM_CLOCK)
    yield made
    await made.close()


@pytest.fixture
async def second(redis_url: str) -> AsyncIterator[Link]:
    """Of another machine."""
    made = Link(redis_url.replace("redis://", "valkey://"), SYSTEM_CLOCK)
    yield made
    await made.close()


def test_everything_fulfils_its_contract(link: Link) -> None:
    pace: Pace = PaceInRedis(link, PaceInProcess())
    health: HealthExchange = HealthInRedis(link)
    reasoning: ReasoningMemory = ReasoningInRedis(link)
    bulletins: list[Bulletin] = [BulletinInRedis(link), SilentBulletin()]
    assert all([pace, health, reasoning, *bulletins])


async def test_two_machines_count_requests_together(link: Link, second: Link) -> None:
    paces = [PaceInRedis(one, PaceInProcess()) for one in (link, second)]
    waits = await asyncio.gather(*[pace.take(KEY, 1, 0, NOW) for _ in range(10) for pace in paces])
    assert sum(wait is None for wait in waits) == 5


async def test_a_redis_that_is_gone_refuses_nobody_and_each_machine_counts_for_itself(
    link: Link, redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    pace = PaceInRedis(link, PaceInProcess())
    for _ in range(5):
        assert await pace.take(KEY, 1, 0, NOW) is None
    redis_server.stop()
    try:
        waits = [await pace.take(KEY, 1, 0, NOW) for _ in range(8)]
        assert sum(wait is None for wait in waits) == 5
    finally:
        redis_server.start()
    await asyncio.sleep(1.1)
    waits = [await pace.take(KEY, 1, 0, NOW) for _ in range(8)]
    assert sum(wait is None for wait in waits) == 5
    assert [record.message.partition(":")[0].split()[0] for record in caplog.records] == ["Redis", "Redis"]


@pytest.mark.alone
async def test_a_redis_that_says_nothing_costs_its_patience_once_a_second_and_not_each_request(
    link: Link, redis_server: RedisServer
) -> None:
    pace = PaceInRedis(link, PaceInProcess())
    assert await pace.take(KEY, 1, 0, NOW) is None
    redis_server.freeze()
    try:
        begun = time.monotonic()
        for _ in range(100):
            await pace.take(KEY, 1, 0, NOW)
        assert time.monotonic() - begun < 10  # a hundred times its patience would be 25
    finally:
        redis_server.thaw()
    await asyncio.sleep(1.1)
    assert await pace.take(KEY, 3, 0, NOW) is None  # the one that was given up may have been counted all the same
    assert await pace.take(KEY, 3, 0, NOW) is not None


async def test_a_redis_that_was_flushed_counts_from_nothing_and_knows_its_script_again(
    link: Link, redis_server: RedisServer
) -> None:
    pace = PaceInRedis(link, PaceInProcess())
    for flushed in ("FLUSHALL", "SCRIPT FLUSH"):
        await pace.take(KEY, 5, 0, NOW)
        assert await pace.take(KEY, 1, 0, NOW) is not None
        assert redis_server.command(flushed) == "+OK"
        assert redis_server.command("FLUSHALL") == "+OK"
    assert await pace.take(KEY, 5, 0, NOW) is None


async def test_what_is_counted_does_not_stay_for_ever(link: Link, redis_server: RedisServer) -> None:
    await PaceInRedis(link, PaceInProcess()).take(KEY, 1, 0, NOW)
    assert 60 < int(redis_server.command("TTL", f"turnout:pace:{KEY.hash}").removeprefix(":")) <= 68


async def test_machines_show_each_other_their_health_and_not_to_themselves(
    link: Link, second: Link, redis_server: RedisServer
) -> None:
    one, other = HealthInRedis(link), HealthInRedis(second)
    assert await one.others("a") == {}
    await one.publish("a", {"x": b"\0\xff", "y": b"2"}, 60)
    await other.publish("b", {"x": b"3"}, 60)
    assert await one.others("a") == {"x": [b"3"]}
    assert await other.others("c") == {"x": [b"\0\xff", b"3"], "y": [b"2"]}
    await one.publish("a", {"x": b"4"}, 60)
    assert await other.others("b") == {"x": [b"4"]}
    await one.publish("a/1", {"x": b"5"}, 60)
    assert await one.others("a/2") == {"x": [b"3"]}
    assert await other.others("b") == {"x": [b"4", b"5"]}
    await one.publish("a/1", {}, 60)
    await one.publish("a", {}, 60)
    assert await other.others("b") == {}
    await one.publish("a", {"x": b"4"}, 1)
    redis_server.command("DEL", "turnout:health:a")  # as time does
    assert await other.others("b") == {}
    assert redis_server.command("SISMEMBER", "turnout:machines", "a") == ":0"


async def test_health_that_cannot_be_told_says_so(link: Link, redis_server: RedisServer) -> None:
    health = HealthInRedis(link)
    redis_server.stop()
    try:
        with pytest.raises(Unavailable):
            await health.publish("a", {"x": b"1"}, 60)
        with pytest.raises(Unavailable):
            await health.others("a")
    finally:
        redis_server.start()


async def test_reasoning_is_found_on_another_machine_by_its_name_alone(link: Link, second: Link) -> None:
    one, other = ReasoningInRedis(link), ReasoningInRedis(second)
    await one.keep([b"a" * 16, b"b" * 16], b"a secret thought")
    assert await other.find([b"b" * 16, b"c" * 16, b"a" * 16]) == [b"a secret thought", None, b"a secret thought"]
    assert await other.find([]) == []
    await one.keep([b"long"], b"x" * (2**20 + 1))
    assert await one.find([b"long"]) == [None]
    found = await link.call(lambda redis: redis.keys("*"))
    for name in found:
        assert b"a" * 16 not in name
        assert b"b" * 16 not in name
        assert b"secret" not in str(await link.redis.get(name)).encode()


async def test_reasoning_that_cannot_be_had_is_left_out(link: Link, redis_server: RedisServer) -> None:
    memory = ReasoningInRedis(link)
    await memory.keep([b"a"], b"thought")
    await link.redis.set(b"turnout:reasoning:x", b"short")
    redis_server.stop()
    try:
        await memory.keep([b"b"], b"thought")
        assert await memory.find([b"a", b"b"]) == [None, None]
    finally:
        redis_server.start()
        memory.close()


async def until(heard: list[bytes], expected: list[bytes]) -> None:
    await until_here(lambda: heard == expected)


async def test_what_is_told_is_heard_by_all_others_at_once_and_again_after_redis_was_gone(
    link: Link, second: Link, redis_server: RedisServer
) -> None:
    one, other = BulletinInRedis(link), BulletinInRedis(second)
    mine: list[bytes] = []
    heard: list[bytes] = []
    one.hear("keys", mine.append)
    other.hear("keys", heard.append)
    running = [asyncio.create_task(bulletin.run()) for bulletin in (one, other)]
    await subscribed(link, 2)
    one.tell("keys", b"first")
    one.tell("other things", b"nobody listens")
    one.tell("keys", b"\0\xff")
    await until(heard, [b"first", b"\0\xff"])
    await asyncio.to_thread(redis_server.stop)
    one.tell("keys", b"meanwhile")
    await asyncio.to_thread(redis_server.start)

    def heard_again() -> bool:
        one.tell("keys", b"again")  # what is told before the other listens again is lost
        return len(heard) > 2

    await until_here(heard_again)
    assert mine == []
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def subscribed(link: Link, most: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        [(_, count)] = await link.redis.pubsub_numsub("turnout:bulletin:keys")
        if int(count) == most:
            return
        await asyncio.sleep(0.01)


async def test_a_listener_that_fails_does_not_end_the_listening(link: Link, second: Link) -> None:
    one, other = BulletinInRedis(link), BulletinInRedis(second)
    heard: list[bytes] = []

    def listen(text: bytes) -> None:
        if text == b"bad":
            raise ValueError("bad")
        heard.append(text)

    other.hear("keys", listen)
    running = [asyncio.create_task(bulletin.run()) for bulletin in (one, other)]
    await subscribed(link, 1)
    one.tell("keys", b"bad")
    one.tell("keys", b"good")
    await until(heard, [b"good"])
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def test_the_silent_bulletin_says_nothing() -> None:
    bulletin = SilentBulletin()
    bulletin.hear("keys", lambda _: pytest.fail("heard"))
    bulletin.tell("keys", b"")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await bulletin.run()
