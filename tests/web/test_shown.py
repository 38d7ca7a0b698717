"""How numbers are written."""

from __future__ import annotations

import pytest

from turnout.web.shown import ago, milliseconds, path, per_million, short, tokens

_DASH = "\u2013"


@pytest.mark.parametrize(
    ("price", "text"),
    [
        ("0", "free"), ("0.000001", "$1.00"), ("0.0000025", "$2.50"), ("0.00015", "$150"), ("0.000000075", "$0.075"),
        ("0.0000000001", "$0.0001"), ("0.000000000001", "$0.000001"), ("0.0015", "$1,500"), (None, _DASH), ("x", _DASH),
        ("0.00000000333", "$0.0033"),
    ],
)  # fmt: skip
def test_a_price_is_told_for_a_million_tokens(price: str | None, text: str) -> None:
    assert per_million(price) == text


def test_large_numbers_are_told_in_three_digits() -> None:
    assert [tokens(n) for n in (None, 512, 8_192, 131_072, 1_048_576, 2_000_000)] == [
        _DASH, "512", "8K", "131K", "1.05M", "2M",
    ]  # fmt: skip
    assert [short(n) for n in (None, 0, 999, 1_200, 34_000_000, 5.6e9)] == [_DASH, "0", "999", "1.2K", "34M", "5.6B"]


def test_lengths_of_time_are_told_roughly() -> None:
    assert [ago(n) for n in (5, 60, 7_200, 86_400 * 3)] == ["just now", "1 minute ago", "2 hours ago", "3 days ago"]
    known = {0.0: "0 ms", 0.44: "0.4 ms", 2.0: "2 ms", 9.96: "10 ms", 12.4: "12 ms", 999.0: "999 ms", 1_500.0: "1.5 s"}
    assert {n: milliseconds(n) for n in known} == known
    assert milliseconds(None) == _DASH


def test_a_name_in_an_address_keeps_its_slashes_and_nothing_else_that_means_something() -> None:
    assert path("~a/b:c") == "~a/b:c"
    assert path("a/b?c#d%e\"'<") == "a/b%3Fc%23d%25e%22%27%3C"
