"""Time as an argument: one object that tells the wall clock and the monotonic clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

__all__ = ["SYSTEM_CLOCK", "Clock", "uptime"]


class Clock(NamedTuple):
    """Two readings. Durations come from ``monotonic``, calendar dates from ``wall``; both in seconds."""

    wall: Callable[[], float]
    monotonic: Callable[[], float]


_BOOTTIME = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def uptime() -> float:
    """Seconds since the machine was started, those included in which it slept (where the system counts them)."""
    return time.clock_gettime(_BOOTTIME)


SYSTEM_CLOCK = Clock(time.time, time.monotonic)
