"""Reasoning remembered by one process, within bounds."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import final

from turnout.base.clock import Clock

__all__ = ["ReasoningInProcess"]

_SECONDS = 3600.0
_MOST_NAMES = 20_000
_MOST_BYTES = 64 * 2**20
_MOST_BYTES_EACH = 2**20


@final
class ReasoningInProcess:
    """A :class:`turnout.contracts.shared.ReasoningMemory` of one worker, which the oldest leave first.

    ``size`` is the bytes that are kept; what stands under several names counts for each.
    """

    def __init__(self, clock: Clock, most_names: int = _MOST_NAMES, most_bytes: int = _MOST_BYTES) -> None:
        self.size = 0
        self._now = clock.monotonic
        self._most_names = most_names
        self._most_bytes = most_bytes
        self._kept: OrderedDict[bytes, tuple[float, bytes]] = OrderedDict()

    async def keep(self, names: Sequence[bytes], reasoning: bytes) -> None:
        """Remember *reasoning* under each of *names*, unless it is very long."""
        if len(reasoning) > min(_MOST_BYTES_EACH, self._most_bytes):
            return
        ends = self._now() + _SECONDS
        for name in names:
            self._forget(name)
            self._kept[name] = (ends, reasoning)
            self.size += len(reasoning)
        while self._kept and self._is_over():
            self._forget(next(iter(self._kept)))

    async def find(self, names: Sequence[bytes]) -> Sequence[bytes | None]:
        """What is remembered under each of *names*."""
        now = self._now()
        return [kept[1] if (kept := self._kept.get(name)) is not None and kept[0] > now else None for name in names]

    def close(self) -> None:
        """Nothing is open."""

    def _is_over(self) -> bool:
        ends, _ = next(iter(self._kept.values()))
        return len(self._kept) > self._most_names or self.size > self._most_bytes or ends <= self._now()

    def _forget(self, name: bytes) -> None:
        _, reasoning = self._kept.pop(name, (0.0, b""))
        self.size -= len(reasoning)
