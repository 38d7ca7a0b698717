"""Rate limits counted by one process, or by all workers of a machine in a file that they map."""

from __future__ import annotations

import fcntl
import mmap
import os
from hashlib import blake2b
from pathlib import Path
from typing import Final, final

from turnout.domain.account import Key
from turnout.shared.minute import CELLS, take

__all__ = ["PaceInFile", "PaceInProcess"]

_MOST_KEYS: Final = 20_000
_ENTRIES: Final = 8_192
_STRIDE: Final = CELLS + 1  # the mark of the key stands first
_PROBES: Final = 16
_BYTES: Final = 8


@final
class PaceInProcess:
    """A :class:`turnout.contracts.shared.Pace` of one worker. Of too many keys, the one that was met first goes."""

    def __init__(self) -> None:
        self._keys: dict[str, list[int]] = {}

    async def take(self, key: Key, requests: int, tokens: int, now: float) -> float | None:
        """See :class:`turnout.contracts.shared.Pace`."""
        cells = self._keys.get(key.hash)
        if cells is None:
            if len(self._keys) >= _MOST_KEYS:
                del self._keys[next(iter(self._keys))]
            cells = self._keys[key.hash] = [0] * CELLS
        return take(cells, 0, (requests, tokens), (key.requests_per_minute, key.tokens_per_minute), now)

    async def close(self) -> None:
        """Nothing is open."""


@final
class PaceInFile:
    """A :class:`turnout.contracts.shared.Pace` of all workers with the same *path*.

    A key has one of a few places that its hash names; where all are taken, the one that was idle longest goes.

    Raises:
        OSError: the file cannot be made or mapped.
    """

    def __init__(self, path: Path) -> None:
        size = _ENTRIES * _STRIDE * _BYTES
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            if os.fstat(self._file).st_size < size:
                os.pwrite(self._file, bytes(size), 0)  # a full disk is told here, not by a signal later
            fcntl.flock(self._file, fcntl.LOCK_UN)
            self._cells = memoryview(mmap.mmap(self._file, size)).cast("q")
        except BaseException:
            os.close(self._file)
            raise
        self._marks: dict[str, int] = {}

    async def take(self, key: Key, requests: int, tokens: int, now: float) -> float | None:
        """See :class:`turnout.contracts.shared.Pace`."""
        limits = (key.requests_per_minute, key.tokens_per_minute)
        mark = self._mark(key.hash)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            return take(self._cells, self._place(mark) + 1, (requests, tokens), limits, now)
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    async def close(self) -> None:
        """Let go of the file; the map goes with its last reader."""
        os.close(self._file)

    def _mark(self, key_hash: str) -> int:
        mark = self._marks.get(key_hash)
        if mark is None:
            if len(self._marks) >= _MOST_KEYS:
                self._marks.clear()
            mark = int.from_bytes(blake2b(key_hash.encode(), digest_size=7).digest(), "big") + 1
            self._marks[key_hash] = mark
        return mark

    def _place(self, mark: int) -> int:
        """Where the entry of *mark* begins; it is made where there is none."""
        cells = self._cells
        idlest, since = 0, 2**62
        for probe in range(_PROBES):
            place = (mark + probe) % _ENTRIES * _STRIDE
            there = cells[place]
            if there == mark:
                return place
            newest = cells[place + 1] if there else -1
            if newest < since:
                idlest, since = place, newest
        for place in range(idlest, idlest + _STRIDE):
            cells[place] = 0
        cells[idlest] = mark
        return idlest
