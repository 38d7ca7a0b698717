"""Regions of several workers within one process, for tests of what they tell each other."""

from __future__ import annotations

import mmap

__all__ = ["TableRegion", "table"]


class TableRegion:
    """One worker's view of memory that all in the table share."""

    def __init__(self, memory: list[memoryview], place: int, epoch: float) -> None:
        self.own = memory[place]
        self.epoch = epoch
        self._others = [region for number, region in enumerate(memory) if number != place]

    def others(self) -> list[memoryview]:
        return self._others

    def reserve(self, start: int, size: int) -> None:
        self.own[start : start + size] = bytes(size)

    def close(self) -> None:
        """There is nothing to let go of."""


def table(workers: int, size: int, epoch: float = 1.7e9) -> list[TableRegion]:
    """The regions of *workers*, of *size* bytes each."""
    memory = [memoryview(mmap.mmap(-1, size)) for _ in range(workers)]
    return [TableRegion(memory, place, epoch) for place in range(workers)]
