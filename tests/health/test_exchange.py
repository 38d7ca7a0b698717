from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from turnout.base.clock import SYSTEM_CLOCK, Clock
from turnout.health.book import HealthBook
from turnout.health.exchange import HealthSharing
from turnout.health.neighbour import LAYOUT, REGION_BYTES
from turnout.health.slot import SLOT_BYTES
from turnout.shared.regions import MappedRegions

ENDPOINT = "acme/tiny|acme|tiny"


class Board:
    """An exchange in memory."""

    def __init__(self) -> None:
        self.shown: dict[str, Mapping[str, bytes]] = {}
        self.published = 0

    async def publish(self, machine: str, blocks: Mapping[str, bytes], seconds: int) -> None:  # noqa: ARG002 - as Redis
        self.shown[machine] = blocks
        self.published += 1

    async def others(self, machine: str) -> Mapping[str, Sequence[bytes]]:
        found: dict[str, list[bytes]] = {}
        for name, blocks in self.shown.items():
            if name != machine:
                for endpoint_id, block in blocks.items():
                    found.setdefault(endpoint_id, []).append(block)
        return found


def machine(directory: Path, name: str, board: Board, clock: Clock = SYSTEM_CLOCK) -> tuple[HealthBook, HealthSharing]:
    book = HealthBook(MappedRegions(directory / f"{name}.map", REGION_BYTES, LAYOUT))
    return book, HealthSharing(book, board, f"{name}/1", clock)


async def test_an_outage_that_one_machine_has_found_another_knows(tmp_path: Path) -> None:
    board = Board()
    (one, showing), (other, hearing) = machine(tmp_path, "a", board), machine(tmp_path, "b", board)
    now = SYSTEM_CLOCK.monotonic()
    for _ in range(2):
        one.failed(ENDPOINT, now, "error")
    assert one.known[ENDPOINT].outage
    await showing.turn()
    await hearing.turn()
    assert other.known[ENDPOINT].outage
    one.answered(ENDPOINT, now + 0.1, whole=0.1)
    one.pulse(now + 0.2)
    assert not one.outage(ENDPOINT, now + 0.3)
    await showing.turn()
    await hearing.turn()
    assert not other.outage(ENDPOINT, SYSTEM_CLOCK.monotonic())
    one.close()
    other.close()


async def test_windows_of_all_machines_are_summed_once(tmp_path: Path) -> None:
    board = Board()
    (one, showing), (other, hearing) = machine(tmp_path, "a", board), machine(tmp_path, "b", board)
    now = SYSTEM_CLOCK.monotonic()
    for _ in range(60):
        one.answered(ENDPOINT, now, whole=0.1)
        other.answered(ENDPOINT, now, whole=0.1)
    alone = other.listed(ENDPOINT, now)
    one.pulse(now)
    for _ in range(3):
        await showing.turn()
        await hearing.turn()
    assert other.listed(ENDPOINT, now) != {}
    assert len(other._endpoints[ENDPOINT].slots()) == 2
    assert set(alone) <= set(other.listed(ENDPOINT, now))
    assert board.published <= 4  # nothing new is not shown again
    board.shown.pop("a/1")
    await hearing.turn()
    assert len(other._endpoints[ENDPOINT].slots()) == 1
    one.close()
    other.close()


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"nonsense",
        zlib.compress(bytes(10)),
        zlib.compress(bytes(100 * SLOT_BYTES)),
        zlib.compress(bytes(SLOT_BYTES)),
        zlib.compress(struct.pack("=8d", *[float("nan")] * 8).ljust(SLOT_BYTES, b"\0")),
        zlib.compress(struct.pack("=8d", *[1e18] * 8).ljust(SLOT_BYTES, b"\0")),
    ],
)
async def test_what_no_machine_would_write_is_not_read(tmp_path: Path, block: bytes) -> None:
    board = Board()
    book, hearing = machine(tmp_path, "a", board)
    board.shown["evil/1"] = {ENDPOINT: block}
    await hearing.turn()
    assert book.known == {}
    book.close()


async def test_a_machine_whose_clock_was_set_shares_nothing(tmp_path: Path) -> None:
    board = Board()
    clock = Clock(lambda: SYSTEM_CLOCK.wall() + 3600, SYSTEM_CLOCK.monotonic)
    book, showing = machine(tmp_path, "a", board, clock)
    book.failed(ENDPOINT, SYSTEM_CLOCK.monotonic(), "error")
    await showing.turn()
    assert board.shown == {}
    book.close()
