from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regions_table import table
from turnout.domain.health import UNKNOWN
from turnout.health.book import HealthBook
from turnout.health.neighbour import REGION_BYTES, SLOTS

HERE = "acme/tiny|acme|acme"
START = 100_000.0
MINUTE = 60.0
HOUR = 3600.0


def _answers(book: HealthBook, number: int, now: float, **figures: float) -> None:
    for _ in range(number):
        book.answered(HERE, now, **figures)


def test_speed_is_known_after_five_answers_and_forgotten_after_six_minutes() -> None:
    book = HealthBook()
    _answers(book, 4, START, first_token=0.5, rate=40.0)
    assert book.vitals(HERE, START).latency is None
    _answers(book, 1, START, first_token=0.5, rate=40.0)
    found = book.vitals(HERE, START + 1)
    assert found.latency is not None
    assert found.latency.p50 == pytest.approx(0.5, rel=0.13)
    assert found.throughput is not None
    assert found.throughput.p99 == pytest.approx(40, rel=0.13)
    assert book.vitals(HERE, START + 5 * MINUTE - 1).latency is not None
    assert book.vitals(HERE, START + 6 * MINUTE).latency is None


def test_one_slow_answer_does_not_move_the_median() -> None:
    book = HealthBook()
    _answers(book, 10, START, first_token=0.2)
    _answers(book, 1, START, first_token=300.0)
    latency = book.vitals(HERE, START).latency
    assert latency is not None
    assert latency.p75 < 0.25
    assert latency.p99 > 250


@pytest.mark.parametrize(
    ("before", "lately", "slow", "expected"),
    [
        (50, 50, 3.0, True),
        (50, 50, 1.2, False),  # not three times as long
        (9, 50, 3.0, False),  # too little is known of what is usual
        (50, 9, 3.0, False),  # or of what is the matter
    ],
)
def test_an_endpoint_is_slowed_when_its_median_is_far_above_what_it_was(
    before: int,
    lately: int,
    slow: float,
    expected: bool,  # noqa: FBT001 - a column
) -> None:
    for kind in ("first_token", "whole"):
        book = HealthBook()
        _answers(book, before, START, **{kind: 0.5})
        _answers(book, lately, START + 10 * MINUTE, **{kind: slow})
        assert book.vitals(HERE, START + 10 * MINUTE + 1).slowed is expected
        assert not book.vitals(HERE, START + 17 * MINUTE).slowed  # nothing is known any more


def test_nobody_is_slowed_who_begins_within_a_second_or_was_always_slow() -> None:
    for usual, lately in ((0.1, 0.9), (5.0, 5.0)):
        book = HealthBook()
        _answers(book, 50, START, first_token=usual)
        _answers(book, 50, START + 10 * MINUTE, first_token=lately)
        assert not book.vitals(HERE, START + 10 * MINUTE + 1).slowed


def test_whole_answers_stand_in_where_nobody_streams() -> None:
    book = HealthBook()
    _answers(book, 9, START, whole=4.0)
    latency = book.vitals(HERE, START).latency
    assert latency is not None
    assert latency.p50 == pytest.approx(4, rel=0.13)
    _answers(book, 5, START + 1, first_token=0.3)
    latency = book.vitals(HERE, START + 2).latency
    assert latency is not None
    assert latency.p99 == pytest.approx(0.3, rel=0.13)


@pytest.mark.parametrize(
    ("answered", "failed", "standing", "uptime"),
    [
        (99, 0, "normal", None),
        (60, 39, "normal", None),  # too few to judge
        (95, 5, "normal", 95.0),
        (94, 6, "lowered", 94.0),
        (80, 20, "lowered", 80.0),
        (79, 21, "last", 79.0),
    ],
)
def test_standing_follows_uptime_from_a_hundred_requests_on(
    answered: int, failed: int, standing: str, uptime: float | None
) -> None:
    book = HealthBook()
    for number in range(failed):
        book.failed(HERE, START + number, "error")
    _answers(book, answered, START + failed)
    found = book.vitals(HERE, START + failed + 1)
    assert (found.standing, found.uptime, found.requests) == (standing, uptime, answered + failed)


def test_rate_limits_and_requests_that_make_no_sense_do_not_lower_uptime() -> None:
    book = HealthBook()
    _answers(book, 100, START)
    for _ in range(100):
        book.limited(HERE, START)
        book.ignored(HERE, START)
    found = book.vitals(HERE, START)
    assert (found.uptime, found.requests, found.outage, found.limited_until) == (100.0, 100, False, 0.0)


def test_the_shortest_window_with_enough_requests_decides_the_standing() -> None:
    book = HealthBook()
    for number in range(100):
        book.failed(HERE, START + number, "error")
    assert book.vitals(HERE, START + 100).standing == "last"
    _answers(book, 100, START + 9 * MINUTE)
    found = book.vitals(HERE, START + 9 * MINUTE)
    assert (found.standing, found.uptime) == ("normal", 100.0)


def test_a_rate_limit_lasts_as_long_as_the_endpoint_said() -> None:
    book = HealthBook()
    book.limited(HERE, START, 60)
    assert book.known[HERE].limited_until == pytest.approx(START + 60)
    book.limited(HERE, START + 1, 5)  # a shorter hint does not shorten it
    assert book.vitals(HERE, START + 59).limited_until == pytest.approx(START + 60)
    assert book.vitals(HERE, START + 61).limited_until == 0


def test_tool_calls_are_counted_for_two_hours() -> None:
    book = HealthBook()
    for number in range(10):
        book.tool_calls(HERE, START, ok=number > 2)
    found = book.vitals(HERE, START + 2 * HOUR - 1)
    assert (found.tool_requests, found.tool_errors) == (10, 3)
    assert book.vitals(HERE, START + 3 * HOUR).tool_requests == 0


def test_only_what_is_known_stands_in_the_dictionary_that_plans_read() -> None:
    book = HealthBook()
    book.ignored(HERE, START)
    book.pulse(START + 2)
    assert HERE not in book.known
    _answers(book, 1, START + 2)
    book.pulse(START + 3)
    assert book.known[HERE].requests == 1
    for later in range(3, 40):
        book.pulse(START + later * MINUTE)
    assert HERE not in book.known
    assert book.vitals(HERE, START + 40 * MINUTE) == UNKNOWN


def test_a_failure_is_seen_by_the_next_plan_without_a_pulse() -> None:
    book = HealthBook()
    book.failed(HERE, START, "unreachable")
    assert book.known[HERE].outage
    assert HERE in book.ailing
    book.answered(HERE, START + 1)
    assert HERE not in book.ailing
    assert HERE not in book.known or not book.known[HERE].outage


def test_events_of_one_instant_keep_their_order() -> None:
    book = HealthBook()
    for _ in range(3):
        book.failed(HERE, START, "unreachable")
        assert book.outage(HERE, START)
        book.answered(HERE, START)
        assert not book.known.get(HERE, UNKNOWN).outage or book.vitals(HERE, START).requests >= 5


def test_a_trial_is_for_one_request_and_comes_again_when_it_fails() -> None:
    book = HealthBook(dice=Random(1))
    book.failed(HERE, START, "unreachable")
    now = START
    for _ in range(5):
        assert not book.vitals(HERE, now + 29).probing
        now += 49
        assert book.vitals(HERE, now).probing
        book.tried(HERE, now)
        assert book.known[HERE].outage
        assert not book.known[HERE].probing
        now += 1
        book.failed(HERE, now, "unreachable")
        assert not book.known[HERE].probing
    book.pulse(now + 50)
    book.tried(HERE, now + 50)
    book.answered(HERE, now + 51)
    assert not book.known.get(HERE, UNKNOWN).outage


def test_a_trial_without_an_outcome_is_followed_by_another() -> None:
    book = HealthBook()
    book.failed(HERE, START, "unreachable")
    book.tried(HERE, START + 40)
    assert not book.vitals(HERE, START + 69).probing
    assert book.vitals(HERE, START + 89).probing


def test_trying_an_endpoint_that_is_well_notes_nothing() -> None:
    book = HealthBook()
    book.tried(HERE, START)
    assert book.vitals(HERE, START) == UNKNOWN


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 6), st.floats(31, 1500), st.floats(0.2, 5))
def test_whoever_recovers_has_traffic_within_sixty_seconds_and_few_trials_before(
    seed: int, workers: int, down: float, gap: float
) -> None:
    dice = Random(seed)
    books = [HealthBook(region, Random(seed + place)) for place, region in enumerate(table(workers, REGION_BYTES))]
    now, tries, back = START, 0, None
    books[0].failed(HERE, now, "unreachable")
    while back is None and now < START + down + 200:
        now += gap / workers * dice.uniform(0.5, 1.5)  # the next request, at any of the workers
        for book in books:
            if now >= book._next_pulse:
                book.pulse(now)
        book = dice.choice(books)
        if book.outage(HERE, now):
            continue  # the others are fine, and take the request
        book.tried(HERE, now)
        tries += 1
        if now < START + down:
            book.failed(HERE, now + 0.01, "unreachable")
        else:
            book.answered(HERE, now + 0.01)
            back = now
    assert back is not None
    assert back - (START + down) < 60
    assert tries <= 2 + down / 30 * 1.2  # one at a time, whatever the number of workers


def test_an_outage_that_nobody_asks_about_is_forgotten() -> None:
    book = HealthBook()
    book.failed(HERE, START, "unreachable")
    assert book.vitals(HERE, START + 299).outage
    assert not book.vitals(HERE, START + 301).outage


def test_an_outage_seen_by_one_worker_is_known_to_another_with_its_next_pulse() -> None:
    one, two = (HealthBook(region) for region in table(2, REGION_BYTES))
    one.failed(HERE, START, "unreachable")
    two.pulse(START + 0.2)
    assert two.known[HERE].outage
    two.answered(HERE, START + 0.5)
    two.pulse(START + 0.6)
    one.pulse(START + 0.7)
    assert HERE not in one.ailing


def test_two_failures_in_a_row_may_be_one_at_each_worker() -> None:
    one, two = (HealthBook(region) for region in table(2, REGION_BYTES))
    one.failed(HERE, START, "error")
    two.pulse(START + 0.1)
    assert not two.vitals(HERE, START + 0.2).outage
    two.failed(HERE, START + 1, "error")
    assert two.known[HERE].outage
    one.pulse(START + 1.2)
    assert one.known[HERE].outage


def test_windows_of_all_workers_are_added_up() -> None:
    books = [HealthBook(region) for region in table(3, REGION_BYTES)]
    for book in books:
        _answers(book, 40, START, first_token=0.5, rate=10.0)
        book.limited(HERE, START, 50)
        book.tool_calls(HERE, START, ok=False)
        book.pulse(START)
    for book in books:
        book.pulse(START + 1)
        found = book.vitals(HERE, START + 3)
        assert (found.requests, found.uptime, found.tool_errors) == (120, 100.0, 3)
        assert found.limited_until == pytest.approx(START + 50)


def test_whoever_takes_over_knows_all_outages_from_the_first_pulse_on() -> None:
    region = table(1, REGION_BYTES)[0]
    names = [f"acme/{number}|acme|acme" for number in range(500)]
    before = HealthBook(region)
    for name in names:
        before.failed(name, START, "unreachable")
    heir = HealthBook(region)
    heir.pulse(START + 1)
    assert all(heir.known[name].outage for name in names)


def test_listings_show_what_is_known_and_nothing_else() -> None:
    book = HealthBook()
    assert book.listed(HERE, START) == {}
    _answers(book, 100, START, first_token=0.2, rate=50.0)
    for number in range(25):
        book.failed(HERE, START - 20 * MINUTE + number, "error")
    _answers(book, 1, START)
    shown = book.listed(HERE, START + 1)
    assert shown["status"] == 0
    assert (shown["uptime_last_5m"], shown["uptime_last_30m"], shown["uptime_last_1d"]) == (100.0, 80.16, 80.16)
    assert shown["latency_last_30m"].keys() == {"p50", "p75", "p90", "p99"}
    assert shown["latency_last_30m"]["p50"] == pytest.approx(200, rel=0.13)
    assert shown["throughput_last_30m"]["p99"] == pytest.approx(50, rel=0.13)
    assert book.listed(HERE, START + 2 * HOUR).keys() == {"status", "uptime_last_1d", "tool_requests", "tool_errors"}


@pytest.mark.parametrize(
    ("events", "status"),
    [("a" * 100 + "f" + "a", 0), ("aaaaaaaaaf" * 10 + "a", -1), ("aaf" * 40 + "aaaaaa", -2), ("al", -3), ("afff", -5)],
)
def test_the_status_says_what_is_wrong(events: str, status: int) -> None:
    book, now = HealthBook(), START
    for event in events:
        now += 0.1
        if event == "a":
            book.answered(HERE, now)
        elif event == "f":
            book.failed(HERE, now, "error")
        else:
            book.limited(HERE, now, 30)
    assert book.listed(HERE, now)["status"] == status


def test_twenty_thousand_endpoints_take_bounded_memory_and_the_busy_one_stays() -> None:
    regions = table(2, REGION_BYTES)
    book, other = HealthBook(regions[0]), HealthBook(regions[1])
    now = START
    for number in range(20_000):
        now += 0.01
        book.failed(f"local/{number}|local|local", now, "unreachable")
        if number % 10 == 0:
            book.answered(HERE, now)
        if number % 1000 == 0:
            book.pulse(now)
            other.pulse(now)
    book.pulse(now)
    other.pulse(now)
    for one in (book, other):
        assert len(one._endpoints) <= SLOTS
        assert len(one.known) <= SLOTS
        assert len(one.ailing) <= SLOTS
        assert one.vitals(HERE, now + 2).requests == 2000
        assert one.outage("local/19999|local|local", now + 2)
        assert sum(len(endpoint.foreign) for endpoint in one._endpoints.values()) <= SLOTS


def test_a_name_that_is_too_long_is_not_remembered() -> None:
    book = HealthBook()
    long = "x" * 600
    book.failed(long, START, "unreachable")
    book.answered(long, START)
    book.limited(long, START, 5)
    book.ignored(long, START)
    assert book.vitals(long, START) == UNKNOWN


def test_a_slot_that_changes_hands_takes_nothing_along(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("turnout.health.shelf._WAYS", 1)
    monkeypatch.setattr("turnout.health.shelf.crc32", lambda _: 7)
    one, two = (HealthBook(region) for region in table(2, REGION_BYTES))
    one.failed("a", START, "unreachable")
    two.pulse(START + 1)
    one.answered("b", START + 2)
    one.pulse(START + 3)
    two.pulse(START + 3)
    for book in (one, two):
        assert book.vitals("a", START + 5) == UNKNOWN
        assert book.vitals("b", START + 5).requests == 1
        assert not book.vitals("b", START + 5).outage
