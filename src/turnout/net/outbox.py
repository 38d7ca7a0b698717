"""Bytes that leave together at the end of a turn of the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import final

__all__ = ["Outbox"]

_BURST_BYTES = 65_536


@final
class Outbox:
    """Gathers what is to be written, and writes it when everything that was ready in this turn has run.

    Writing to somebody who sleeps wakes him, which costs more than the write; a burst wakes him once. *before* is
    called ahead of each burst: records are committed there, in one write for all answers of the turn, and so before
    any of them leaves.
    """

    __slots__ = ("_before", "_loop", "_scheduled", "_size", "_waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop, before: Callable[[], None]) -> None:
        self._loop = loop
        self._before = before
        self._waiting: list[tuple[asyncio.WriteTransport, bytes]] = []
        self._size = 0  # bytes that wait
        self._scheduled = False

    def put(self, transport: asyncio.WriteTransport, data: bytes) -> None:
        """Write *data* to *transport* soon; per transport in the order of the calls."""
        self._waiting.append((transport, data))
        self._size += len(data)
        if self._size > _BURST_BYTES:
            self.flush()  # much at once: whoever reads slowly must be able to say so
        elif not self._scheduled:
            self.wake()

    def wake(self) -> None:
        """See to it that *before* is called soon, even if nothing is to be written."""
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write now; what is about to close a transport calls this first."""
        self._scheduled = False
        self._before()
        waiting, self._waiting = self._waiting, []
        self._size = 0
        for transport, data in waiting:
            if not transport.is_closing():
                transport.write(data)
