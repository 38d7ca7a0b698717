"""Waiting in tests for what comes about by itself: as long as a machine full of other work may need for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

__all__ = ["PATIENCE", "until", "until_here"]

PATIENCE = 20.0
"""Seconds; whoever claims a shorter time is a test that is marked ``alone``."""


def until(holds: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait until *holds* says so; fails after *seconds*."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come to be in time"
        time.sleep(0.02)


async def until_here(holds: Callable[[], object], seconds: float = PATIENCE) -> None:
    """The same for what happens in the test's own event loop."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come to be in time"
        await asyncio.sleep(0.01)
