from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from patience import PATIENCE
from turnout.base.clock import SYSTEM_CLOCK, Clock
from turnout.shared.reasoning_file import ReasoningInFile
from turnout.shared.sealed import opened, sealed

NAME, OTHER = b"n" * 16, b"o" * 16


@asynccontextmanager
async def memory(path: Path, clock: Clock = SYSTEM_CLOCK, most_bytes: int = 2**20) -> AsyncIterator[ReasoningInFile]:
    made = ReasoningInFile(path, clock, most_bytes)
    try:
        yield made
    finally:
        made.close()


async def test_what_one_worker_keeps_another_finds(tmp_path: Path) -> None:
    path = tmp_path / "reasoning"
    async with memory(path) as one, memory(path) as another:
        await one.keep([NAME, OTHER], b"thought")
        assert await another.find([OTHER, b"x" * 16, NAME]) == [b"thought", None, b"thought"]
        await another.keep([NAME], b"later")
        assert await one.find([NAME]) == [b"later"]


async def test_it_is_forgotten_after_an_hour(tmp_path: Path) -> None:
    now = [1000.0]
    async with memory(tmp_path / "reasoning", Clock(lambda: now[0], lambda: 0.0)) as kept:
        await kept.keep([NAME], b"thought")
        now[0] += 3599
        assert await kept.find([NAME]) == [b"thought"]
        now[0] += 2
        assert await kept.find([NAME]) == [None]


def list_of(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_the_file_is_ours_alone_and_tells_nothing(tmp_path: Path) -> None:
    path = tmp_path / "reasoning"
    async with memory(path) as kept:
        await kept.keep([NAME], b'[{"text":"canary-thought","signature":"canary-signature"}]' * 50)
        bytes_on_disk = b"".join(file.read_bytes() for file in list_of(tmp_path))
        assert b"canary" not in bytes_on_disk
        assert NAME not in bytes_on_disk
        assert path.stat().st_mode & 0o077 == 0


async def test_it_stays_within_its_bounds(tmp_path: Path) -> None:
    now = [1000.0]
    path = tmp_path / "reasoning"
    async with memory(path, Clock(lambda: now[0], lambda: 0.0), most_bytes=100_000) as kept:
        for number in range(300):
            now[0] += 1
            await kept.keep([b"%016d" % number], b"x" * 5_000)
        assert await kept.find([b"%016d" % 299]) == [b"x" * 5_000]
        assert await kept.find([b"%016d" % 100]) == [None]
        await kept.keep([NAME], b"x" * 100_001)
        assert await kept.find([NAME]) == [None]
    with sqlite3.connect(path) as connection:
        [(size,)] = connection.execute("SELECT sum(length(sealed)) FROM kept")
    connection.close()
    assert size <= 100_000 + 64 * 5_032


async def test_a_file_that_cannot_be_had_is_a_memory_that_keeps_nothing(tmp_path: Path) -> None:
    async with memory(tmp_path / "nowhere" / "reasoning") as kept:
        await kept.keep([NAME], b"thought")
        assert await kept.find([NAME]) == [None]


async def test_a_broken_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "reasoning"
    path.write_bytes(b"nonsense" * 1000)
    async with memory(path) as kept:
        await kept.keep([NAME], b"thought")
        assert await kept.find([NAME]) == [None]
        await kept.keep([NAME], b"thought")
        assert await kept.find([NAME]) == [b"thought"]


async def test_a_file_that_another_process_holds_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "reasoning"
    async with memory(path) as kept:
        await kept.keep([NAME], b"thought")
        program = (
            "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
            "c.execute('BEGIN EXCLUSIVE'); print('held', flush=True); sys.stdin.read()"
        )
        with subprocess.Popen(  # noqa: ASYNC220, S603 - it is there at once, and our own
            [sys.executable, "-c", program, os.fspath(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as holder:
            assert holder.stdout is not None
            assert holder.stdin is not None
            assert await asyncio.to_thread(holder.stdout.readline) == b"held\n"
            async with asyncio.timeout(PATIENCE):  # the other process holds it for ever
                await kept.keep([OTHER], b"thought")
            holder.stdin.close()
        assert await kept.find([NAME, OTHER]) == [b"thought", None]


async def test_after_its_end_it_keeps_nothing(tmp_path: Path) -> None:
    async with memory(tmp_path / "reasoning") as kept:
        await kept.keep([NAME], b"thought")
    await kept.keep([NAME], b"thought")
    assert await kept.find([NAME]) == [None]


@given(st.binary(max_size=300), st.binary(min_size=16, max_size=16))
def test_who_knows_the_name_reads_what_wassealed(text: bytes, name: bytes) -> None:
    assert opened(name, sealed(name, text)) == text


@given(st.binary(min_size=1, max_size=100), st.data())
def test_what_was_changed_is_not_read(text: bytes, data: st.DataObject) -> None:
    changed = bytearray(sealed(NAME, text))
    at = data.draw(st.integers(0, len(changed) - 1))
    changed[at] ^= 1 << data.draw(st.integers(0, 7))
    assert opened(NAME, bytes(changed)) is None
    assert opened(OTHER, sealed(NAME, text)) is None
    assert opened(NAME, sealed(NAME, text)[: data.draw(st.integers(0, 32))]) is None
