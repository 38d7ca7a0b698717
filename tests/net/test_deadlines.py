from __future__ import annotations

import asyncio
from collections.abc import Callable

from patience import until_here
from turnout.net.deadlines import NEVER, Deadlines


class Thing:
    def __init__(self, deadline: float, on_expire: Callable[[Thing], None] = lambda _: None) -> None:
        self.deadline = deadline
        self.expired_at: list[float] = []
        self._on_expire = on_expire

    def expire(self, now: float) -> None:
        self.expired_at.append(now)
        self.deadline = NEVER
        self._on_expire(self)


async def test_a_deadline_is_told_soon_after_it_passed_and_never_before() -> None:
    loop = asyncio.get_running_loop()
    deadlines = Deadlines(loop)
    due, later = Thing(loop.time() + 0.2), Thing(loop.time() + 60)
    deadlines.watch(due)
    deadlines.watch(later)
    wanted = due.deadline
    await until_here(lambda: due.expired_at)
    assert len(due.expired_at) == 1
    assert due.expired_at[0] >= wanted
    assert later.expired_at == []
    deadlines.forget(due)
    deadlines.forget(later)


async def test_a_deadline_may_be_moved_while_it_is_watched() -> None:
    loop = asyncio.get_running_loop()
    deadlines = Deadlines(loop)
    thing = Thing(loop.time() + 0.1)
    deadlines.watch(thing)
    thing.deadline += 60
    await asyncio.sleep(0.3)
    assert thing.expired_at == []
    deadlines.forget(thing)


async def test_what_is_forgotten_is_not_told() -> None:
    loop = asyncio.get_running_loop()
    deadlines = Deadlines(loop)
    thing = Thing(loop.time())
    deadlines.watch(thing)
    deadlines.forget(thing)
    await asyncio.sleep(0.25)
    assert thing.expired_at == []


async def test_one_thing_may_forget_another_while_both_expire() -> None:
    loop = asyncio.get_running_loop()
    deadlines = Deadlines(loop)
    things: list[Thing] = []

    def forget_all(_thing: Thing) -> None:
        for thing in things:
            deadlines.forget(thing)

    things += [Thing(loop.time(), forget_all) for _ in range(3)]
    for thing in things:
        deadlines.watch(thing)
    await until_here(lambda: any(thing.expired_at for thing in things))
    await asyncio.sleep(0.25)
    assert sum(len(thing.expired_at) for thing in things) == 1


async def test_nothing_runs_while_nothing_is_watched() -> None:
    loop = asyncio.get_running_loop()
    deadlines = Deadlines(loop)
    thing = Thing(NEVER)
    deadlines.watch(thing)
    assert deadlines._timer is not None
    deadlines.forget(thing)
    await until_here(lambda: deadlines._timer is None)


async def test_a_mistake_in_one_thing_does_not_stop_the_clock_for_the_others() -> None:
    loop = asyncio.get_running_loop()
    reported: list[object] = []
    loop.set_exception_handler(lambda _loop, context: reported.append(context["exception"]))
    deadlines = Deadlines(loop)

    def stumble(_thing: Thing) -> None:
        raise LookupError("a mistake of ours")

    bad, good = Thing(loop.time(), stumble), Thing(loop.time() + 0.15)
    deadlines.watch(bad)
    deadlines.watch(good)
    await until_here(lambda: good.expired_at)
    assert len(good.expired_at) == 1
    assert [type(error) for error in reported] == [LookupError]
    deadlines.forget(bad)
    deadlines.forget(good)
