from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from turnout.shared.minute import CELLS, take

NOW = 1_790_000_000.0
STEPS = st.lists(
    st.tuples(st.floats(0, 40), st.integers(0, 3), st.integers(-30, 60)),
    max_size=40,
)


@given(steps=STEPS)
def test_no_sixty_seconds_hold_more_than_the_limits_and_what_is_refused_fits_when_it_was_said(
    steps: list[tuple[float, int, int]],
) -> None:
    cells = [0] * CELLS
    limits = (5, 100)
    taken: list[tuple[float, int]] = []
    now = NOW
    for pause, requests, tokens in steps:
        now += pause
        if not requests:
            continue
        amounts = (requests, max(tokens, 0))
        wait = take(cells, 0, amounts, limits, now)
        if wait is None:
            taken.append((now, requests))
            assert sum(count for at, count in taken if at > now - 60) <= 5
        else:
            assert 0 < wait <= 64
            later = list(cells)
            assert take(later, 0, amounts, limits, now + wait) is None


@given(steps=STEPS)
def test_what_is_put_right_never_makes_room_that_was_not_taken(steps: list[tuple[float, int, int]]) -> None:
    cells = [0] * CELLS
    now = NOW
    for pause, requests, tokens in steps:
        now += pause
        take(cells, 0, (requests, tokens if not requests else max(tokens, 0)), (None, None), now)
        assert min(cells) >= 0
        assert cells[1] == sum(cells[3:19])
        assert cells[2] == sum(cells[19:])


def test_a_request_of_more_tokens_than_a_minute_allows_is_let_in_when_nothing_else_was_counted() -> None:
    cells = [0] * CELLS
    assert take(cells, 0, (1, 500), (None, 100), NOW) is None
    assert take(cells, 0, (1, 1), (None, 100), NOW) is not None
    assert take(cells, 0, (0, -450), (None, 100), NOW) is None
    assert take(cells, 0, (1, 1), (None, 100), NOW) is None


def test_a_clock_that_is_set_back_a_little_frees_nothing_and_one_set_back_far_begins_anew() -> None:
    cells = [0] * CELLS
    assert take(cells, 0, (1, 0), (1, None), NOW) is None
    assert take(cells, 0, (1, 0), (1, None), NOW - 30) is not None
    assert take(cells, 0, (1, 0), (1, None), NOW - 3600) is None


def test_a_limit_of_none_at_all_refuses_everything() -> None:
    assert take([0] * CELLS, 0, (1, 0), (0, None), NOW) is not None
