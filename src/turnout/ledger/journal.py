"""The worker's journal: a finished generation is safe in the page cache before its last byte goes out.

Invariants:

- One line per generation: CRC-32 of the payload as 8 hexadecimal digits, a space, the payload (JSON), a newline. A torn
  line is therefore recognised wherever it stands.
- A file has one owner, who holds an exclusive `flock` on it from before it has its final name until it is finished.
  Who gets a lock on a journal knows that nothing more will be written to it, however its owner ended.
- What a full disk refuses is kept in memory, in order, and written before anything newer.
"""

from __future__ import annotations

import fcntl
import os
from collections import deque
from pathlib import Path
from typing import final
from zlib import crc32

import msgspec
from msgspec.structs import force_setattr

from turnout.base.clock import SYSTEM_CLOCK, Clock
from turnout.domain.account import Generation, GenerationRow

__all__ = ["JOURNAL_SUFFIX", "UNBORN_SUFFIX", "BrokenLine", "Journal", "format_line", "line_of", "parse_line"]

JOURNAL_SUFFIX = ".journal"
UNBORN_SUFFIX = ".unborn"
"""What a journal is called until its owner has locked it."""

_MAX_BYTES = 16 * 2**20
_MAX_WAITING = 20_000  # lines; some 20 MiB
_CHECKSUM = 9  # bytes: 8 digits and a space

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(GenerationRow).decode


class BrokenLine(ValueError):
    """The bytes are no line of a journal: torn, damaged, or not from this program."""


def format_line(generation: Generation) -> bytes:
    """The line of *generation*, its newline included."""
    return line_of(_encode(generation))


def line_of(payload: bytes) -> bytes:
    """The line of a generation's JSON."""
    return b"%08x %b\n" % (crc32(payload), payload)


def parse_line(line: bytes) -> GenerationRow:
    """The row of the generation that *line* holds, with its newline or without.

    Only the columns are decoded, and what follows them stands where the record will: the checksum says that the rest
    is what was written.

    Raises:
        BrokenLine: the checksum is wrong, or the payload has not the columns of a generation.
    """
    payload = line[_CHECKSUM:-1] if line.endswith(b"\n") else line[_CHECKSUM:]
    if line[:_CHECKSUM] != b"%08x " % crc32(payload):
        raise BrokenLine("wrong checksum")
    try:
        row = _decode(payload)
        force_setattr(row, "record", payload.decode())  # nobody has seen the row yet
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BrokenLine(f"not a generation: {error}") from None
    return row


@final
class Journal:
    """Appends generations to a file of its own in *directory*, and starts a new file after *max_bytes*.

    Not for several threads, and not to be taken across a fork.

    Attributes:
        failing: the last write failed and lines wait in memory. Whoever admits requests should stop.
        dropped: lines that found no room to wait; zero unless a disk stays full for very long.

    Raises:
        OSError: the first file cannot be made.
    """

    __slots__ = (
        "_batch",
        "_descriptor",
        "_directory",
        "_max_bytes",
        "_room",
        "_sequence",
        "_stem",
        "_torn",
        "_waiting",
        "dropped",
        "failing",
    )

    def __init__(self, directory: Path, name: str, max_bytes: int = _MAX_BYTES, clock: Clock = SYSTEM_CLOCK) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory = directory
        self._stem = f"{name}-{os.getpid()}-{int(clock.wall() * 1e6)}"
        self._sequence = 0
        self._max_bytes = max_bytes
        self._room = max_bytes  # bytes until the next file
        self._torn = False  # the file ends within a line
        self._batch: list[bytes] = []
        self._waiting: deque[bytes] = deque()
        self.failing = False
        self.dropped = 0
        self._descriptor = self._begin_file()

    def append(self, generation: Generation) -> None:
        """Write *generation*, and whatever was added before it, now."""
        self.add(generation)
        self.commit()

    def add(self, generation: Generation) -> None:
        """Take *generation*; it is durable after the next :meth:`commit`."""
        self._batch.append(line_of(_encode(generation)))

    def commit(self) -> None:
        """Write what was added, with one system call. Never fails: see :attr:`failing`."""
        lines = self._batch
        if not lines:
            return
        self._batch = []
        if self.failing:
            for line in lines:
                self._keep(line)
            self.flush()
            return
        whole = lines[0] if len(lines) == 1 else b"".join(lines)
        try:
            written = os.write(self._descriptor, whole)
        except OSError:
            written = 0
        self._room -= written
        if written == len(whole):
            if self._room <= 0:
                self._rotate()
            return
        whole_ones = 0
        while written >= len(lines[whole_ones]):
            written -= len(lines[whole_ones])
            whole_ones += 1
        self._torn = written > 0
        for line in lines[whole_ones:]:
            self._keep(line)

    def flush(self) -> bool:
        """Try again to write what waits; True when nothing waits any more."""
        while self._waiting:
            line = b"\n" + self._waiting[0] if self._torn else self._waiting[0]
            try:
                written = os.write(self._descriptor, line)
            except OSError:
                return False
            self._room -= written
            self._torn = written != len(line)
            if self._torn:
                return False
            self._waiting.popleft()
        self.failing = False
        if self._room <= 0:
            self._rotate()
        return True

    def close(self) -> None:
        """Write what waits, if that is possible now, and let go of the file. What still waits counts as dropped."""
        self.commit()
        self.flush()
        self.dropped += len(self._waiting)
        self._waiting.clear()
        os.close(self._descriptor)

    def _keep(self, line: bytes) -> None:
        self.failing = True
        if len(self._waiting) < _MAX_WAITING:
            self._waiting.append(line)
        else:
            self.dropped += 1

    def _rotate(self) -> None:
        self._room = self._max_bytes
        try:
            fresh = self._begin_file()
        except OSError:
            return  # the old file serves on
        os.close(self._descriptor)
        self._descriptor = fresh

    def _begin_file(self) -> int:
        """The descriptor of a new, locked file."""
        while True:
            self._sequence += 1
            final = self._directory / f"{self._stem}-{self._sequence:06d}{JOURNAL_SUFFIX}"
            unborn = final.with_suffix(UNBORN_SUFFIX)
            descriptor = os.open(unborn, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                unborn.rename(final)
            except FileNotFoundError:
                os.close(descriptor)  # swept away in the moment before it was locked
            except OSError:
                os.close(descriptor)
                raise
            else:
                return descriptor
