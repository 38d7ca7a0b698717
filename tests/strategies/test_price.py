from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples import a_candidate, an_endpoint, prices
from turnout.domain.routing import UNPRICED, Candidate, blended_price
from turnout.strategies.price import by_price


def test_a_prompt_weighs_three_times_as_much_as_an_answer() -> None:
    assert blended_price(prices("0.000001", "0.000005")) == 8 * 10**6
    assert a_candidate(prompt="0.000001", completion="0.000005").price == 8 * 10**6


@pytest.mark.parametrize(("request_price", "blended"), [("0.001", 2 * 10**6), ("0.000000000001", 1)])
def test_a_price_per_request_is_not_free(request_price: str, blended: int) -> None:
    assert blended_price(prices(request=request_price)) == blended


def test_an_endpoint_that_states_no_price_comes_last() -> None:
    unpriced = a_candidate("none", "0", priced=False)
    assert unpriced.price == UNPRICED
    ordered = by_price([unpriced, a_candidate("dear", "9000"), a_candidate("free", "0")], {}, Random())
    assert [one.provider.slug for one in ordered] == ["free", "dear", "none"]
    assert an_endpoint().priced


PRICED = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), min_size=1, max_size=6).map(
    lambda rows: [
        a_candidate(f"p{n}", f"{prompt / 10**6:.6f}", f"{completion / 10**6:.6f}")
        for n, (prompt, completion) in enumerate(rows)
    ]
)


@given(PRICED, st.integers())
def test_by_price_is_ascending_and_does_not_depend_on_dice_or_order(candidates: list[Candidate], seed: int) -> None:
    ordered = by_price(candidates, {}, Random(seed))
    assert [one.price for one in ordered] == sorted(one.price for one in candidates)
    assert ordered == by_price(candidates[::-1], {}, Random(seed + 1))
