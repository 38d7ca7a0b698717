from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from examples import a_candidate
from turnout.domain.routing import Candidate
from turnout.strategies.price import blended_price, by_price


def test_a_prompt_weighs_three_times_as_much_as_an_answer() -> None:
    assert blended_price(a_candidate(prompt="0.000001", completion="0.000005")) == 8 * 10**6


def test_endpoints_without_an_outage_come_before_cheaper_ones_with_one() -> None:
    candidates = [a_candidate("cheap", "1"), a_candidate("dear", "2"), a_candidate("dearer", "3")]
    ordered = by_price(candidates, lambda one: one.provider.slug == "cheap", Random())
    assert [one.provider.slug for one in ordered] == ["dear", "dearer", "cheap"]


PRICED = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6), st.booleans()), min_size=1, max_size=6).map(
    lambda rows: [
        (a_candidate(f"p{n}", f"{prompt / 10**6:.6f}", f"{completion / 10**6:.6f}"), ill)
        for n, (prompt, completion, ill) in enumerate(rows)
    ]
)


@given(PRICED, st.integers())
def test_by_price_is_ascending_and_does_not_depend_on_dice_or_order(
    rows: list[tuple[Candidate, bool]], seed: int
) -> None:
    candidates = [candidate for candidate, _ in rows]
    ordered = by_price(candidates, lambda _: False, Random(seed))
    assert [blended_price(one) for one in ordered] == sorted(blended_price(one) for one in candidates)
    assert ordered == by_price(candidates[::-1], lambda _: False, Random(seed + 1))
