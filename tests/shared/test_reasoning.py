from __future__ import annotations

from turnout.base.clock import Clock
from turnout.shared.reasoning import ReasoningInProcess


class Hours:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.clock = Clock(lambda: 0.0, lambda: self.now)


async def test_what_is_kept_is_found_under_each_of_its_names() -> None:
    memory = ReasoningInProcess(Hours().clock)
    await memory.keep([b"a", b"b"], b"thought")
    assert await memory.find([b"b", b"c", b"a"]) == [b"thought", None, b"thought"]


async def test_it_is_forgotten_after_an_hour() -> None:
    hours = Hours()
    memory = ReasoningInProcess(hours.clock)
    await memory.keep([b"a"], b"thought")
    hours.now += 3599
    assert await memory.find([b"a"]) == [b"thought"]
    hours.now += 2
    assert await memory.find([b"a"]) == [None]
    await memory.keep([b"b"], b"other")
    assert memory.size == 5


async def test_the_oldest_leave_when_there_are_too_many() -> None:
    memory = ReasoningInProcess(Hours().clock, most_names=3)
    for name in (b"a", b"b", b"a", b"c", b"d"):
        await memory.keep([name], b"x")
    assert await memory.find([b"a", b"b", b"c", b"d"]) == [b"x", None, b"x", b"x"]
    assert memory.size == 3


async def test_the_oldest_leave_when_there_is_too_much() -> None:
    memory = ReasoningInProcess(Hours().clock, most_bytes=100)
    for name in range(50):
        await memory.keep([b"%d" % name], b"x" * 30)
        assert memory.size <= 100
    assert await memory.find([b"49", b"47", b"46"]) == [b"x" * 30, b"x" * 30, None]


async def test_what_is_too_long_is_not_kept_and_drives_nothing_out() -> None:
    memory = ReasoningInProcess(Hours().clock, most_bytes=100)
    await memory.keep([b"a"], b"x" * 50)
    await memory.keep([b"b"], b"x" * 101)
    assert await memory.find([b"a", b"b"]) == [b"x" * 50, None]


async def test_a_name_that_is_used_again_means_the_last() -> None:
    memory = ReasoningInProcess(Hours().clock)
    await memory.keep([b"a"], b"one")
    await memory.keep([b"a"], b"another")
    assert await memory.find([b"a"]) == [b"another"]
    assert memory.size == 7
