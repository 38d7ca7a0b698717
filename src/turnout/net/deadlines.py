"""One timer for all deadlines: a sweep over what is being watched."""

from __future__ import annotations

import asyncio
from typing import Protocol, final

__all__ = ["NEVER", "Deadlines", "Watched"]

NEVER = float("inf")
_SWEEP_SECONDS = 0.1


class Watched(Protocol):
    """Something that must not wait for ever. ``deadline`` is a time of the event loop's clock."""

    deadline: float

    def expire(self, now: float) -> None:
        """Called once ``deadline`` has passed; must move the deadline or stop being watched."""
        ...


@final
class Deadlines:
    """Calls :meth:`Watched.expire` within a tenth of a second after a deadline.

    Setting a deadline is one attribute, so the hot path pays no timer. Nothing runs while nothing is watched.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._watched: set[Watched] = set()
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, thing: Watched) -> None:
        """Look at *thing* from now on."""
        self._watched.add(thing)
        if self._timer is None:
            self._timer = self._loop.call_later(_SWEEP_SECONDS, self._sweep)

    def forget(self, thing: Watched) -> None:
        """Look at *thing* no more; fine if it was not watched."""
        self._watched.discard(thing)

    def _sweep(self) -> None:
        now = self._loop.time()
        try:
            for thing in [thing for thing in self._watched if thing.deadline <= now]:
                if thing in self._watched and thing.deadline <= now:  # an earlier one may have changed that
                    thing.expire(now)
        finally:  # a mistake in one of them must not stop the clock for all
            self._timer = self._loop.call_later(_SWEEP_SECONDS, self._sweep) if self._watched else None
