from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.base.money import Pico
from turnout.domain.budget import WINDOWS, Budget, Window, begins, ends

MOMENTS = st.floats(0, 4e9, allow_nan=False)


@pytest.mark.parametrize(
    ("window", "moment", "first", "after"),
    [
        ("daily", "2026-11-20T23:59:59", "2026-11-20T00:00:00", "2026-11-21T00:00:00"),
        ("daily", "2026-11-20T00:00:00", "2026-11-20T00:00:00", "2026-11-21T00:00:00"),
        ("weekly", "2026-11-22T23:59:59", "2026-11-16T00:00:00", "2026-11-23T00:00:00"),
        ("weekly", "2026-11-23T00:00:00", "2026-11-23T00:00:00", "2026-11-30T00:00:00"),
        ("monthly", "2028-02-29T12:00:00", "2028-02-01T00:00:00", "2028-03-01T00:00:00"),
        ("monthly", "2026-12-31T23:59:59", "2026-12-01T00:00:00", "2027-01-01T00:00:00"),
    ],
)
def test_windows_begin_at_midnight_utc_and_weeks_on_monday(window: str, moment: str, first: str, after: str) -> None:
    now = datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()
    assert begins(window, now) == datetime.fromisoformat(first).replace(tzinfo=UTC).timestamp()
    assert ends(window, now) == datetime.fromisoformat(after).replace(tzinfo=UTC).timestamp()


@given(window=st.sampled_from(["daily", "weekly", "monthly"]), now=MOMENTS)
def test_each_moment_lies_in_exactly_one_window(window: str, now: float) -> None:
    first, after = begins(window, now), ends(window, now)
    assert after is not None
    assert first <= now < after
    assert begins(window, after) == after
    assert begins(window, first) == first
    if window == "weekly":
        assert datetime.fromtimestamp(first, UTC).weekday() == 0
    assert timedelta(0) == timedelta(seconds=first % 86_400)


def test_a_lifetime_does_not_end() -> None:
    assert (begins("lifetime", 1e9), ends("lifetime", 1e9)) == (0, None)


def test_a_budget_is_named_by_what_it_limits_and_not_by_how_much() -> None:
    names = {
        Budget(account_id=account, scope="key", subject=subject, window=window, limit=Pico(limit)).id
        for account in ("a", "b")
        for subject in ("x", "y")
        for window in WINDOWS
        for limit in (1, 2)
    }
    assert len(names) == 2 * 2 * len(WINDOWS)
    window: Window = "daily"
    assert Budget(account_id="a", scope="key", subject="x", window=window, limit=Pico(1)).id.startswith("daily|")
