from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.health.book import HealthBook

HERE = "acme/tiny|acme|acme"
START = 100_000.0

# One character is one attempt, one second after another: answered, failed, unreachable, or nothing for five seconds.
ANSWERED, FAILED, UNREACHABLE, PAUSE = "a", "f", "u", "_"


def _after(history: str, start: float = START) -> tuple[HealthBook, float]:
    book, now = HealthBook(), start
    for event in history:
        now += 5 if event == PAUSE else 1
        if event == ANSWERED:
            book.answered(HERE, now)
        elif event != PAUSE:
            book.failed(HERE, now, "error" if event == FAILED else "unreachable")
    return book, now


def _outage(history: str) -> bool:
    book, now = _after(history)
    return book.outage(HERE, now)


@pytest.mark.parametrize(
    "history",
    [
        "u",  # a connection failure
        "aaaaaaaau",
        "ff",  # two in a row
        "aaaaaaaaff",
        "uf",
        "afafaf",  # at least five, and half of them
        "fafaf",
        "affaaf",
        "fafa_f",
    ],
)
def test_an_outage_is_noticed(history: str) -> None:
    assert _outage(history)


@pytest.mark.parametrize(
    "history",
    [
        "",
        "a",
        "f",  # one failed answer condemns nobody
        "aaaf",
        "afaf",  # half, but only four
        "faaaf",  # less than half
        "aaaafaaaaf",
        "ua",  # reached again
        "ffa",
        "ffffa" + "aaaa",
        "f" + PAUSE * 7 + "f",  # in a row, but far apart
    ],
)
def test_what_is_no_outage_condemns_nobody(history: str) -> None:
    assert not _outage(history)


@pytest.mark.parametrize("history", ["u", "ff"])
def test_an_outage_is_left_alone_for_thirty_seconds_and_then_tried_again(history: str) -> None:
    book, now = _after(history)
    assert book.outage(HERE, now + 29)
    assert not book.outage(HERE, now + 37)
    assert book.vitals(HERE, now + 37).outage
    assert book.vitals(HERE, now + 37).probing


def test_a_share_of_failures_is_forgotten_after_thirty_seconds() -> None:
    book, now = _after("fafaf")
    assert book.outage(HERE, now + 20)
    assert not book.vitals(HERE, now + 31).outage


def test_failures_leave_the_window_while_answers_go_on() -> None:
    book, now = _after("fafafa")
    for second in range(1, 40):
        book.answered(HERE, now + second)
    assert not book.outage(HERE, now + 40)
    book.failed(HERE, now + 41, "error")
    assert not book.outage(HERE, now + 41)


def test_a_window_that_was_empty_for_long_begins_anew() -> None:
    book, now = _after("fafa")
    later = now + 10_000
    book.failed(HERE, later, "error")
    assert not book.outage(HERE, later)


def test_endpoints_are_judged_apart() -> None:
    book, now = _after("ff")
    assert not book.outage("acme/tiny|other|other", now)


@given(st.text(st.sampled_from("af"), max_size=30), st.floats(0, 1e9))
def test_a_success_at_the_end_leaves_only_the_share_of_failures_to_decide(history: str, start: float) -> None:
    book, now = _after(history + ANSWERED, start)
    recent = (history + ANSWERED)[-24:]
    if recent.count(FAILED) * 2 < len(recent) and len(history) < 24:
        assert not book.outage(HERE, now)
    if not history.count(FAILED):
        assert not book.outage(HERE, now)


@given(st.text(st.sampled_from("afu_"), max_size=40), st.floats(0, 1e9))
def test_nobody_is_left_alone_for_longer_than_forty_eight_seconds(history: str, start: float) -> None:
    book, now = _after(history, start)
    assert not book.outage(HERE, now + 49)


@given(st.text(st.sampled_from("afu_"), max_size=40))
def test_asking_changes_nothing(history: str) -> None:
    book, now = _after(history)
    assert book.outage(HERE, now) == book.outage(HERE, now)
    again, _ = _after(history)
    again.outage(HERE, now)
    for aside in (book, again):
        aside.answered(HERE, now + 1)
    assert book.outage(HERE, now + 1) == again.outage(HERE, now + 1)
