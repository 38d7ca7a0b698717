from __future__ import annotations

from random import Random

from examples import a_candidate
from turnout.domain.health import Spread, Vitals
from turnout.strategies.throughput import by_throughput


def test_the_highest_median_is_first_and_what_is_not_known_last_by_price() -> None:
    candidates = [a_candidate(slug, price) for slug, price in (("a", "1"), ("b", "2"), ("d", "4"), ("c", "3"))]
    vitals = {
        "acme/tiny|a|a": Vitals(throughput=Spread(20, 20, 20, 20)),
        "acme/tiny|b|b": Vitals(throughput=Spread(90, 5, 1, 1)),
    }
    ordered = by_throughput(candidates, vitals, Random())
    assert [one.provider.slug for one in ordered] == ["b", "a", "c", "d"]
