from __future__ import annotations

import time

from turnout.base.clock import SYSTEM_CLOCK, Clock


def test_the_system_clock_tells_the_date_and_never_runs_back() -> None:
    assert abs(SYSTEM_CLOCK.wall() - time.time()) < 5
    readings = [SYSTEM_CLOCK.monotonic() for _ in range(100)]
    assert readings == sorted(readings)


def test_a_clock_may_be_any_two_readings() -> None:
    assert Clock(lambda: 1.0, lambda: 2.0).monotonic() == 2.0
