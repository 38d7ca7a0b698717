from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples import a_candidate
from turnout.domain.routing import Candidate
from turnout.strategies.balanced import balanced

DRAWS = 4_000


def _shares(candidates: Sequence[Candidate]) -> dict[str, float]:
    dice = Random(7)
    firsts = Counter(balanced(candidates, {}, dice)[0].provider.slug for _ in range(DRAWS))
    return {slug: count / DRAWS for slug, count in firsts.items()}


def test_the_first_is_drawn_by_the_inverse_square_of_its_price() -> None:
    shares = _shares([a_candidate("one", "1"), a_candidate("two", "2"), a_candidate("three", "3")])
    assert shares == pytest.approx({"one": 36 / 49, "two": 9 / 49, "three": 4 / 49}, abs=0.02)


def test_endpoints_of_one_price_are_drawn_evenly() -> None:
    shares = _shares([a_candidate("one"), a_candidate("two")])
    assert shares == pytest.approx({"one": 0.5, "two": 0.5}, abs=0.03)


def test_free_endpoints_come_first_and_are_drawn_evenly() -> None:
    candidates = [a_candidate("cheap", "0.000000000001"), a_candidate("free", "0"), a_candidate("gratis", "0")]
    assert _shares(candidates) == pytest.approx({"free": 0.5, "gratis": 0.5}, abs=0.03)
    assert balanced(candidates, {}, Random(1))[2].provider.slug == "cheap"


def test_endpoints_that_state_no_price_are_no_gifts() -> None:
    candidates = [a_candidate("none", "0", priced=False), a_candidate("dear", "1000")]
    assert _shares(candidates) == {"dear": 1.0}


def test_among_endpoints_that_all_state_no_price_the_first_is_drawn_evenly() -> None:
    shares = _shares([a_candidate("one", priced=False), a_candidate("two", priced=False)])
    assert shares == pytest.approx({"one": 0.5, "two": 0.5}, abs=0.03)


def test_after_the_first_the_rest_goes_by_price() -> None:
    candidates = [a_candidate(str(price), str(price)) for price in (5, 3, 1, 4, 2)]
    for seed in range(50):
        rest = [one.provider.slug for one in balanced(candidates, {}, Random(seed))[1:]]
        assert rest == sorted(rest)


PRICED = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6), st.booleans()), min_size=1, max_size=6).map(
    lambda rows: [
        a_candidate(f"p{n}", f"{prompt / 10**6:.6f}", f"{completion / 10**6:.6f}", priced=priced)
        for n, (prompt, completion, priced) in enumerate(rows)
    ]
)


@given(PRICED, st.integers())
def test_every_candidate_is_kept_once_whatever_the_dice_and_their_order(candidates: list[Candidate], seed: int) -> None:
    ordered = balanced(candidates, {}, Random(seed))
    assert sorted(map(id, ordered)) == sorted(map(id, candidates))
    assert ordered == balanced(candidates[::-1], {}, Random(seed))
