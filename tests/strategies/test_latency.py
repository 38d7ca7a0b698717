from __future__ import annotations

from random import Random

from examples import a_candidate
from turnout.domain.health import Spread, Vitals
from turnout.strategies.latency import by_latency


def test_the_lowest_median_is_first_and_what_is_not_known_last_by_price() -> None:
    candidates = [a_candidate(slug, price) for slug, price in (("a", "1"), ("b", "2"), ("d", "4"), ("c", "3"))]
    vitals = {
        "acme/tiny|a|a": Vitals(latency=Spread(0.9, 1, 1, 1)),
        "acme/tiny|b|b": Vitals(latency=Spread(0.3, 5, 9, 9)),
    }
    ordered = by_latency(candidates, vitals, Random())
    assert [one.provider.slug for one in ordered] == ["b", "a", "c", "d"]
