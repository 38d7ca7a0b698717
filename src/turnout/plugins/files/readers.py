"""A few processes in which files are parsed, away from the requests: none sees the memory of this one."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from typing import IO, final

import msgspec
from msgspec import Struct

from turnout.base.jsons import encode
from turnout.plugins.files.limits import Found, Limits, Unreadable

__all__ = ["Readers", "shared_readers"]

_IDLE_SECONDS = 60.0
_START_SECONDS = 20.0
_MOST_FILES = 1_000
"""After so many a process is replaced: parsers leak."""
_COMMAND = (sys.executable, "-s", "-P", "-m", "turnout.plugins.files.child")


class _Answer(Struct):
    """What a process says of a file."""

    kind: str = ""
    text: str = ""
    pages: int = 0
    refused: str | None = None
    last: bool = False


_decode = msgspec.json.Decoder(_Answer).decode


@final
class Readers:
    """At most *places* processes, started when they are needed and ended when they have had nothing to do."""

    def __init__(self, places: int = 2) -> None:
        self._turns = asyncio.Semaphore(places)
        self._threads = ThreadPoolExecutor(places, "file-parser")
        self._idle: list[tuple[_Process, asyncio.TimerHandle]] = []

    async def read(self, content: bytes, media_type: str, limits: Limits, seconds: float, megabytes: int) -> Found:
        """What is in a file. It may take so many *seconds*, and *megabytes* of memory (MiB).

        Raises:
            Unreadable: it cannot be read within these; the message is for the client.
        """
        order = {
            "media_type": media_type, "size": len(content), "seconds": int(seconds) + 1, "megabytes": megabytes,
            "pages": limits.pages, "characters": limits.characters, "words": limits.words,
        }  # fmt: skip
        async with self._turns:
            process = self._take()
            answer: _Answer | None = None
            loop = asyncio.get_running_loop()
            try:
                async with asyncio.timeout(_START_SECONDS):
                    await loop.run_in_executor(self._threads, process.begin)
                async with asyncio.timeout(seconds):
                    answer = await loop.run_in_executor(self._threads, process.ask, order, content)
            except TimeoutError:
                raise Unreadable(f"reading it takes longer than {seconds:g} s") from None
            except (OSError, EOFError):
                raise Unreadable("reading it takes too much memory, or breaks the reader") from None
            finally:
                if answer is None or answer.last or process.files >= _MOST_FILES:
                    self._end(process)
                else:
                    self._idle.append((process, loop.call_later(_IDLE_SECONDS, self._retire, process)))
        if answer.refused is not None:
            raise Unreadable(answer.refused)
        return Found(answer.kind, answer.text, answer.pages)

    def close(self) -> None:
        """End all processes."""
        for process, timer in self._idle:
            timer.cancel()
            self._end(process)
        self._idle.clear()
        self._threads.shutdown()

    def _take(self) -> _Process:
        while self._idle:
            process, timer = self._idle.pop()
            timer.cancel()
            if process.lives():
                return process
            self._end(process)
        return _Process()

    def _retire(self, process: _Process) -> None:
        self._idle = [entry for entry in self._idle if entry[0] is not process]
        self._end(process)

    def _end(self, process: _Process) -> None:
        process.kill()
        self._threads.submit(process.bury)  # which waits


@cache
def shared_readers() -> Readers:
    """Those of this process, for all its requests."""
    return Readers()


@final
class _Process:
    """One process. All but ``kill`` and ``lives`` may block, and raise OSError or EOFError when it has died."""

    def __init__(self) -> None:
        self.files = 0
        self._killed = False
        self._running: subprocess.Popen[bytes] | None = None

    def lives(self) -> bool:
        """Whether it can be asked again."""
        return self._running is not None and self._running.poll() is None

    def begin(self) -> None:
        """Start it, unless it runs, and wait until it is ready."""
        if self._running is not None:
            return
        self._running = subprocess.Popen(  # noqa: S603 - the command is ours, and so are its arguments
            _COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},  # and no credentials
            start_new_session=True,  # Ctrl-C is not for it
        )
        if self._killed:
            self._running.kill()
        if not self._pipes()[1].read(1):
            raise EOFError

    def ask(self, order: Mapping[str, object], content: bytes) -> _Answer:
        """What it says of a file."""
        orders, answers = self._pipes()
        self.files += 1
        orders.write(encode(order) + b"\n")
        orders.write(content)
        orders.flush()
        size = int.from_bytes(answers.read(8), "big")
        answer = answers.read(size)
        if not size or len(answer) < size:
            raise EOFError
        return _decode(answer)

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        assert self._running is not None and self._running.stdin is not None and self._running.stdout is not None  # noqa: S101, PT018 - it was begun with both
        return self._running.stdin, self._running.stdout

    def kill(self) -> None:
        """End it, now or when it begins."""
        self._killed = True
        if self._running is not None:
            self._running.kill()

    def bury(self) -> None:
        """Leave nothing behind of one that was killed."""
        if self._running is not None:
            for pipe in self._pipes():
                with suppress(OSError):  # what was not written yet has no reader any more
                    pipe.close()
            self._running.wait()
