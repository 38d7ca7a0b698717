"""One memory-mapped file in which every worker of a machine writes to a region of its own and reads all the others.

Invariants:

- A region has one writer at a time: the process that holds the lock on it. The operating system takes the lock back
  however the process ends; the next worker goes on in the first region that nobody holds, with what stands in it.
- Nothing that was mapped is ever cut off. A file of another layout is put aside and replaced under the same name.
- A page is written to only after the disk has granted it (:meth:`Regions.reserve`): a full disk raises OSError there,
  where it would kill a process that writes into a hole of a mapped file.
- Times in the file run on: monotonic within one boot, and close to unix time, so that they still make sense after the
  next boot. :attr:`Regions.epoch` turns a monotonic reading of this boot into them.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, final

from turnout.base.clock import SYSTEM_CLOCK, Clock

__all__ = ["PAGE", "MappedRegions", "PrivateRegion", "Regions"]

PAGE = 16_384
"""Bytes; the largest page of the systems we run on. Regions begin and end at multiples of it."""

_HEAD = struct.Struct("=16sQ40sd")  # layout, size of a region, boot, epoch
_MAX_REGIONS = 1024
_SAME_BOOT_SECONDS = 3600.0
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Regions(Protocol):
    """The memory of one writer, and what the others have written.

    Attributes:
        own: the region of this process.
        epoch: seconds to add to a monotonic reading to get a time of the file.
    """

    own: memoryview
    epoch: float

    def others(self) -> list[memoryview]:
        """The regions of all others, dead or alive, each always at the same place in the list. To be read only."""
        ...

    def reserve(self, start: int, size: int) -> None:
        """Fill *size* bytes of the own region with zeros, from *start* on, and make sure that they can be kept.

        Raises:
            OSError: the disk is full.
        """
        ...

    def close(self) -> None:
        """Let go of the region and of the file."""
        ...


@final
class PrivateRegion:
    """Memory of this process alone: for one worker that keeps nothing."""

    def __init__(self, size: int) -> None:
        self._memory = mmap.mmap(-1, size)
        self.own = memoryview(self._memory)
        self.epoch = 0.0

    def others(self) -> list[memoryview]:
        """Nobody."""
        return []

    def reserve(self, start: int, size: int) -> None:
        """Fill with zeros."""
        self._memory[start : start + size] = bytes(size)

    def close(self) -> None:
        """The memory goes with its last reader."""


@final
class MappedRegions:
    """The file at *path*, of regions of *size* bytes (a multiple of ``PAGE``) each; it comes to be with its first user.

    *layout* names what is written into the regions, in at most 16 bytes; other layouts are not read. Not to be taken
    across a fork.

    Raises:
        OSError: the file cannot be made, locked or mapped, or has no region left.
    """

    def __init__(self, path: Path, size: int, layout: bytes, clock: Clock = SYSTEM_CLOCK) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._size = size
        self._others: dict[int, memoryview] = {}
        self._known_bytes = 0
        self._descriptor, self.epoch = _open(path, size, layout, clock)
        try:
            self._place = self._claim()
            self.own = self._map(self._place, mmap.ACCESS_WRITE)
        except BaseException:
            os.close(self._descriptor)
            raise

    def others(self) -> list[memoryview]:
        """See :class:`Regions`. Costs one look at the file's size."""
        length = os.fstat(self._descriptor).st_size
        if length != self._known_bytes:
            self._known_bytes = length
            for place in range((length - PAGE) // self._size):
                if place != self._place and place not in self._others:
                    self._others[place] = self._map(place, mmap.ACCESS_READ)
        return list(self._others.values())

    def reserve(self, start: int, size: int) -> None:
        """See :class:`Regions`."""
        place = PAGE + self._place * self._size + start
        if os.pwrite(self._descriptor, bytes(size), place) != size:
            raise OSError("the disk is full")

    def close(self) -> None:
        """See :class:`Regions`. The maps go with their last reader; the lock goes now."""
        os.close(self._descriptor)

    def _claim(self) -> int:
        """The first place that nobody holds; it is this process's from now on."""
        for place in range(_MAX_REGIONS):
            try:
                fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 1 + place)
            except OSError:
                continue
            end = PAGE + (place + 1) * self._size
            with _locked(self._descriptor):
                if os.fstat(self._descriptor).st_size < end:
                    os.ftruncate(self._descriptor, end)
            return place
        raise OSError("every region of the file is taken")

    def _map(self, place: int, access: int) -> memoryview:
        return memoryview(mmap.mmap(self._descriptor, self._size, access=access, offset=PAGE + place * self._size))


def _open(path: Path, size: int, layout: bytes, clock: Clock) -> tuple[int, float]:
    """The descriptor of the file, with a head of this boot, and the epoch."""
    name = layout.ljust(16, b"\0")
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            with _locked(descriptor):
                head = os.pread(descriptor, _HEAD.size, 0)
                fresh = not head
                found = _HEAD.unpack(head) if len(head) == _HEAD.size else (b"", 0, b"", 0.0)
                if fresh or found[:2] == (name, size):
                    epoch = _epoch(found[2], found[3], clock)
                    head = _HEAD.pack(name, size, _boot(), epoch)
                    os.pwrite(descriptor, head.ljust(PAGE, b"\0") if fresh else head, 0)
                    return descriptor, epoch
                if os.path.samestat(os.fstat(descriptor), path.stat()):  # else another process was quicker
                    path.rename(path.with_name(path.name + ".old"))
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _epoch(boot: bytes, epoch: float, clock: Clock) -> float:
    """The epoch in the file, if it is of this boot, else a new one."""
    now = clock.wall() - clock.monotonic()
    ours = _boot()
    same = boot == ours if ours.strip(b"\0") else abs(epoch - now) < _SAME_BOOT_SECONDS
    return epoch if same else now


def _boot() -> bytes:
    """What tells this boot from the one before; nothing where the system does not say."""
    try:
        return _BOOT_ID.read_bytes().strip()[:40].ljust(40, b"\0")
    except OSError:
        return bytes(40)


@contextmanager
def _locked(descriptor: int) -> Iterator[None]:
    """Nobody else changes the head or the size of the file meanwhile."""
    fcntl.lockf(descriptor, fcntl.LOCK_EX, 1, 0)
    try:
        yield
    finally:
        fcntl.lockf(descriptor, fcntl.LOCK_UN, 1, 0)
