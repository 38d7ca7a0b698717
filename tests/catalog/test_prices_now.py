"""When prices change by the clock alone."""

import math
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from turnout.base.money import Pico
from turnout.catalog.prices_now import next_change
from turnout.domain.catalog import CatalogSnapshot, Endpoint, Model
from turnout.domain.usage import PriceOverride, Pricing, effective

_MIDNIGHT = 1_794_960_000.0
_clock = st.builds(lambda hours, minutes: hours * 100 + minutes, st.integers(0, 23), st.integers(0, 59))


def _snapshot(*overrides: PriceOverride) -> CatalogSnapshot:
    pricing = Pricing(prompt=Pico(1), overrides=overrides)
    endpoint = Endpoint(model_id="a/b", provider="p", tag="p", upstream_model="m", pricing=pricing)
    return CatalogSnapshot(models={"a/b": Model(id="a/b", canonical_slug="a/b", name="B", endpoints=(endpoint,))})


def test_prices_without_conditions_of_time_never_change() -> None:
    long = PriceOverride(prices={}, min_prompt_tokens=200_000)
    assert next_change(_snapshot(), _MIDNIGHT) == math.inf
    assert next_change(_snapshot(long), _MIDNIGHT) == math.inf


def test_a_price_that_is_announced_changes_then_and_no_more() -> None:
    announced = PriceOverride(prices={}, valid_from=int(_MIDNIGHT) + 500)
    assert next_change(_snapshot(announced), _MIDNIGHT) == _MIDNIGHT + 500
    assert next_change(_snapshot(announced), _MIDNIGHT + 500) == math.inf


@given(_clock, _clock, st.integers(0, 86_399))
def test_between_two_changes_the_price_stays(start: int, end: int, second: int) -> None:
    override = PriceOverride(prices={"prompt": Pico(5)}, utc_start=start, utc_end=end)
    snapshot = _snapshot(override)
    pricing = snapshot.models["a/b"].endpoints[0].pricing
    wall = _MIDNIGHT + second
    change = next_change(snapshot, wall)
    assert wall < change <= wall + 86_400
    moments = [wall, (wall + change) / 2, change - 0.001]
    prices = [effective(pricing, 0, moment).prompt for moment in moments]
    assert all(one == two for one, two in pairwise(prices))
