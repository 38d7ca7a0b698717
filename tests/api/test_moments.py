from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.api.moments import moment_of, moment_text
from turnout.base.errors import BadRequest


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:00Z", 0.0),
        ("1970-01-01t00:00:01.5z", 1.5),
        ("1970-01-01 00:00:00+00:00", 0.0),
        ("1970-01-01T02:00:00+02:00", 0.0),
        ("1970-01-01T02:00:00 02:00", 0.0),
        ("1969-12-31T18:30:00-05:30", 0.0),
        ("2016-12-31T23:59:60Z", 1483228800.0),
        ("2025-10-03T12:00:00.123456789Z", 1759492800.123456789),
    ],
)
def test_moments_are_read(text: str, seconds: float) -> None:
    assert moment_of(text, "from") == pytest.approx(seconds, abs=1e-6)


@pytest.mark.parametrize(
    "text",
    ["", "now", "2025-10-03", "2025-10-03T12:00:00", "2025-13-03T12:00:00Z", "2025-10-03T24:00:00Z", "1759492800",
     "2025-10-03T12:00Z", "2025-10-03T12:00:00+2:00", "2025-10-03T12:00:00+24:00", "2025-10-03T12:00:61Z", "x" * 9999],
)  # fmt: skip
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(BadRequest) as caught:
        moment_of(text, "from")
    assert caught.value.metadata["field"] == "from"
    assert len(caught.value.message) < 250


@given(st.integers(0, 4_000_000_000_000))
def test_a_moment_survives_being_written_and_read(milliseconds: int) -> None:
    assert moment_of(moment_text(milliseconds / 1000), "from") == pytest.approx(milliseconds / 1000, abs=1e-6)
