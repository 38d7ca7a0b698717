from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from random import Random

import pytest

from examples import a_candidate
from turnout.domain.health import Spread, Vitals
from turnout.strategies.exacto import balanced_exacto, by_exacto, grades

SLUGS = "abcdef"
CANDIDATES = [a_candidate(slug, str(price)) for price, slug in enumerate(SLUGS, 1)]


def _measured(errors: int = 2, speed: float = 50.0, requests: int = 500, tools: int = 300) -> Vitals:
    return Vitals(
        requests=requests, tool_requests=tools, tool_errors=errors, throughput=Spread(speed, speed, speed, speed)
    )


def _vitals(**by_slug: Vitals) -> dict[str, Vitals]:
    return {f"acme/tiny|{slug}|{slug}": found for slug, found in by_slug.items()}


GOOD = {slug: _measured(errors=n, speed=50 + n) for n, slug in enumerate(SLUGS)}


def _order(vitals: Mapping[str, Vitals]) -> str:
    return "".join(one.provider.slug for one in by_exacto(CANDIDATES, vitals, Random(1)))


@pytest.mark.parametrize("poor", [_measured(errors=90), _measured(speed=5)], ids=["clumsy", "slow"])
def test_one_that_stands_out_as_poor_comes_last_however_cheap(poor: Vitals) -> None:
    assert _order(_vitals(**GOOD | {"a": poor})) == "bcdefa"


@pytest.mark.parametrize("unknown", [_measured(requests=99), _measured(tools=199), Vitals()])
def test_too_little_is_known_of_one_it_comes_between_the_good_and_the_poor(unknown: Vitals) -> None:
    assert _order(_vitals(**GOOD | {"a": unknown, "b": _measured(errors=150)})) == "cdefab"


def test_those_that_are_alike_go_by_price() -> None:
    assert _order(_vitals(**GOOD)) == SLUGS
    assert _order({}) == SLUGS


def test_a_hairs_breadth_is_no_difference_where_all_others_are_alike() -> None:
    alike = {slug: _measured(errors=0) for slug in SLUGS}
    assert _order(_vitals(**alike | {"a": _measured(errors=1, speed=49.5)})) == SLUGS


def test_among_three_endpoints_none_stands_out() -> None:
    found = grades(CANDIDATES[:3], _vitals(**GOOD | {"a": _measured(errors=250)}))
    assert len(found) == 1


def test_requests_that_only_send_tools_are_balanced_among_the_good() -> None:
    vitals, dice = _vitals(**GOOD | {"a": _measured(errors=90)}), Random(2)
    orders = [[one.provider.slug for one in balanced_exacto(CANDIDATES, vitals, dice)] for _ in range(2_000)]
    firsts = Counter(order[0] for order in orders)
    assert "a" not in firsts
    assert firsts["b"] > firsts["c"] > firsts["f"] > 0
    assert {order[-1] for order in orders} == {"a"}
