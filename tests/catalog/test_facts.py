"""Facts are picked in order, and only in the shape that they must have."""

import pytest

from turnout.catalog.facts import chosen, fitting, is_day


def test_the_first_stated_value_counts_even_if_it_is_nothing() -> None:
    assert chosen(None, 0, 5) == 0
    assert chosen(None, None) is None


@pytest.mark.parametrize("text", ["2026-1-31", "20260131", "2026-02-30", "soon", "", "2026-01-31T00:00:00"])
def test_what_is_no_day_is_left_out(text: str) -> None:
    assert fitting(text, is_day) is None


def test_a_day_is_taken() -> None:
    assert fitting("2026-01-31", is_day) == "2026-01-31"
    assert fitting(None, is_day) is None
