"""A turn's answers leave together, after what must come before them."""

import asyncio
from typing import cast

from turnout.net.outbox import Outbox


class _Transport:
    """Writes into a log that others write into as well."""

    def __init__(self, log: list[object], name: str) -> None:
        self._log, self._name, self.closing = log, name, False

    def is_closing(self) -> bool:
        return self.closing

    def write(self, data: bytes) -> None:
        self._log.append((self._name, data))


def _outbox(log: list[object]) -> tuple[Outbox, asyncio.WriteTransport, asyncio.WriteTransport, _Transport]:
    outbox = Outbox(asyncio.get_running_loop(), lambda: log.append("commit"))
    one, two = _Transport(log, "one"), _Transport(log, "two")
    return outbox, cast("asyncio.WriteTransport", one), cast("asyncio.WriteTransport", two), one


async def test_one_commit_comes_before_all_that_a_turn_writes() -> None:
    log: list[object] = []
    outbox, one, two, _ = _outbox(log)
    outbox.put(one, b"a")
    outbox.put(two, b"b")
    outbox.put(one, b"c")
    assert log == []
    await asyncio.sleep(0)
    assert log == ["commit", ("one", b"a"), ("two", b"b"), ("one", b"c")]


async def test_a_wake_commits_although_nothing_is_written() -> None:
    log: list[object] = []
    outbox, *_ = _outbox(log)
    outbox.wake()
    outbox.wake()
    await asyncio.sleep(0)
    assert log == ["commit"]


async def test_flushing_at_once_leaves_nothing_for_later() -> None:
    log: list[object] = []
    outbox, one, *_ = _outbox(log)
    outbox.put(one, b"a")
    outbox.flush()
    assert log == ["commit", ("one", b"a")]
    await asyncio.sleep(0)
    assert [entry for entry in log if entry != "commit"] == [("one", b"a")]


async def test_what_is_for_a_closing_transport_is_dropped() -> None:
    log: list[object] = []
    outbox, one, _, fake = _outbox(log)
    outbox.put(one, b"a")
    fake.closing = True
    outbox.flush()
    assert log == ["commit"]
