"""Each order is a stable permutation; models without data for it come last in both directions."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalogs import NOW, Figures, figures, snapshots
from turnout.base.errors import BadRequest
from turnout.base.money import Pico
from turnout.catalog.entries import PriceWeights
from turnout.catalog.listing import MEASURED_SECONDS, Listing
from turnout.catalog.query import parse_query
from turnout.catalog.render import default_endpoint
from turnout.catalog.sorts import SORTS, ordered
from turnout.domain.catalog import CatalogSnapshot, Model
from turnout.domain.usage import Pricing

_WEIGHTS = PriceWeights(prompt=3, completion=1, request=2, web_search=5)


def _cost(model: Model, snapshot: CatalogSnapshot, _seen: Figures) -> int | None:
    top = default_endpoint(model, snapshot)
    if top is None or not top.priced:
        return None
    price = top.pricing
    cost = price.prompt * 3 + price.completion + price.request * 2 + (price.web_search or 0) * 5
    return None if cost == 0 and price.image else cost


def _median(name: str, best: Callable[[list[float]], float]) -> Callable[[Model, CatalogSnapshot, Figures], Any]:
    def figure(model: Model, _snapshot: CatalogSnapshot, seen: Figures) -> float | None:
        found = [known[name]["p50"] for end in model.endpoints if name in (known := seen.endpoints.get(end.id, {}))]
        return best(found) if found else None

    return figure


def _index(name: str) -> Callable[[Model, CatalogSnapshot, Figures], Any]:
    return lambda model, _snapshot, _seen: getattr(model.benchmarks, name, None)


def _rating(model: Model, _snapshot: CatalogSnapshot, _seen: Figures) -> float | None:
    return max((score.elo for score in model.benchmarks.design_arena), default=None) if model.benchmarks else None


NAIVE: dict[str, tuple[Callable[[Model, CatalogSnapshot, Figures], Any], int]] = {
    "pricing-low-to-high": (_cost, 1),
    "pricing-high-to-low": (_cost, -1),
    "context-high-to-low": (lambda model, _snapshot, _seen: model.context_length, -1),
    "throughput-high-to-low": (_median("throughput_last_30m", max), -1),
    "latency-low-to-high": (_median("latency_last_30m", min), 1),
    "most-popular": (lambda model, _snapshot, seen: seen.tokens.get(model.id) or None, -1),
    "top-weekly": (lambda model, _snapshot, seen: seen.tokens.get(model.id) or None, -1),
    "newest": (lambda model, _snapshot, _seen: model.created or None, -1),
    "intelligence-high-to-low": (_index("intelligence_index"), -1),
    "coding-high-to-low": (_index("coding_index"), -1),
    "agentic-high-to-low": (_index("agentic_index"), -1),
    "design-arena-elo-high-to-low": (_rating, -1),
}


def test_all_twelve_orders_are_there() -> None:
    assert SORTS.keys() == NAIVE.keys()
    assert len(SORTS) == 12


@pytest.mark.parametrize("name", SORTS)
@settings(max_examples=12)  # of each of many
@given(st.data())
def test_an_order_is_a_stable_permutation_with_missing_data_last(name: str, data: st.DataObject) -> None:
    snapshot = data.draw(snapshots())
    seen = data.draw(figures(snapshot))
    listing = Listing(snapshot, seen, _WEIGHTS, NOW)
    plain = [entry.model.id for entry in listing.chosen(parse_query([("output_modalities", "all")]), NOW)]
    found = listing.chosen(parse_query([("output_modalities", "all"), ("sort", name)]), NOW)
    figure, sign = NAIVE[name]
    values = {}
    for entry in found:
        target = snapshot.find(entry.model.id)
        assert target is not None
        values[entry.model.id] = figure(target, snapshot, seen)
    expected = sorted(
        plain,
        key=lambda model_id: (values[model_id] is None, sign * (values[model_id] or 0), plain.index(model_id)),
    )
    assert [entry.model.id for entry in found] == expected


@given(st.lists(st.none() | st.integers(-3, 3)), st.booleans())
def test_ordering_is_stable_and_puts_the_unknown_last(values: list[int | None], descending: bool) -> None:  # noqa: FBT001 - drawn
    items = list(enumerate(values))
    found = ordered(items, lambda item: item[1], descending=descending)
    known = [item for item in found if item[1] is not None]
    assert sorted(found) == items
    assert found[len(known) :] == [item for item in items if item[1] is None]
    for (place, value), (next_place, next_value) in pairwise(known):
        assert value is not None
        assert next_value is not None
        rising = next_value - value if not descending else value - next_value
        assert rising > 0 or (rising == 0 and place < next_place)


def test_an_unknown_order_is_refused_with_the_known_ones() -> None:
    with pytest.raises(BadRequest, match=r"`sort` must be one of: pricing-low-to-high, .*top-weekly"):
        parse_query([("sort", "cheapest")])


def test_what_costs_something_else_is_not_the_cheapest_for_its_tokens() -> None:
    weights = PriceWeights()
    assert weights.average(Pricing(image_output=Pico(5))) is None
    assert weights.average(Pricing()) == 0
    assert weights.average(Pricing(web_search=Pico(7))) == 70


def test_measured_orders_follow_within_seconds() -> None:
    snapshot = CatalogSnapshot(
        models={name: Model(id=name, canonical_slug=name, name=name) for name in ("a/a", "b/b")}, built=NOW
    )
    tokens = {"a/a": 1}
    listing = Listing(snapshot, Figures({}, tokens), PriceWeights(), NOW)
    query = parse_query([("sort", "top-weekly")])

    def found(wall: float) -> list[str]:
        return [entry.model.id for entry in listing.chosen(query, wall)]

    assert found(NOW) == ["a/a", "b/b"]
    tokens["b/b"] = 5
    assert found(NOW + MEASURED_SECONDS - 1) == ["a/a", "b/b"]
    assert found(NOW + MEASURED_SECONDS) == ["b/b", "a/a"]


def test_routers_stand_where_their_shown_price_puts_them() -> None:
    router = Model(id="turnout/auto", canonical_slug="turnout/auto", name="Auto", router=True)
    other = Model(id="a/unpriced", canonical_slug="a/unpriced", name="Unpriced")
    snapshot = CatalogSnapshot(models={one.id: one for one in (other, router)}, built=NOW)
    listing = Listing(snapshot, Figures({}, {}), PriceWeights(), NOW)

    def found(**asked: str) -> list[str]:
        return [entry.model.id for entry in listing.chosen(parse_query([*asked.items()]), NOW)]

    assert found(sort="pricing-low-to-high") == ["turnout/auto", "a/unpriced"]
    assert found(sort="pricing-high-to-low") == ["turnout/auto", "a/unpriced"]
    assert found(max_price="0") == ["turnout/auto"]
