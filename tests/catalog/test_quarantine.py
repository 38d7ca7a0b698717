from hypothesis import given
from hypothesis import strategies as st

from turnout.base.money import Pico
from turnout.catalog.quarantine import FACTOR, Hold, held_rows, judged, size_leaps, size_told, source_hold, suspicion
from turnout.catalog.rows import Row
from turnout.domain.usage import PriceOverride, Pricing

_PRICES = st.integers(0, 10**15).map(Pico)


def _row(prompt: int, **facts: object) -> Row:
    pricing = Pricing(prompt=Pico(prompt), completion=Pico(7))
    return Row(source="s", provider="acme", upstream_model="m", pricing=pricing, **facts)  # type: ignore[arg-type]


@given(_PRICES, _PRICES)
def test_a_change_is_suspicious_exactly_when_it_is_tenfold_either_way(old: Pico, new: Pico) -> None:
    leaps = old > 0 and (new >= FACTOR * old or new * FACTOR <= old)
    assert bool(suspicion(Pricing(prompt=old), Pricing(prompt=new))) == leaps


@given(_PRICES)
def test_prices_that_only_one_side_states_are_not_suspicious(price: Pico) -> None:
    assert suspicion(Pricing(image=price), Pricing()) == ""
    assert suspicion(Pricing(), Pricing(image=price)) == ""


def test_a_price_under_conditions_is_judged_by_the_one_without() -> None:
    old = Pricing(prompt=Pico(100), overrides=(PriceOverride(prices={"prompt": Pico(5000)}, min_prompt_tokens=9),))
    assert suspicion(old, old) == ""  # it has always been so
    assert suspicion(Pricing(prompt=Pico(100)), old)
    mild = Pricing(prompt=Pico(100), overrides=(PriceOverride(prices={"prompt": Pico(200)}),))
    assert suspicion(Pricing(prompt=Pico(100)), mild) == ""


@given(_PRICES, _PRICES)
def test_what_is_held_keeps_the_old_price_and_all_else_is_untouched(old: Pico, new: Pico) -> None:
    before, after = _row(old), _row(new, context_length=5)
    holds = judged([before], [after], (), 1.0)
    (kept,) = held_rows([after], holds)
    assert kept.context_length == 5
    assert kept.pricing == (before.pricing if holds else after.pricing)
    assert judged([before], [after], holds, 2.0) == holds


def test_a_hold_counts_for_its_own_offer_only() -> None:
    holds = judged([_row(100)], [_row(5)], (), 1.0)
    others = [_row(5, service_tier="flex"), Row(source="s", provider="other", upstream_model="m")]
    assert held_rows(others, holds) == others


@given(st.integers(0, 3000), st.integers(0, 3000))
def test_a_list_of_at_least_four_leaps_when_half_or_less_remain_or_ten_times_as_many_come(
    before: int, after: int
) -> None:
    assert size_leaps(before, after) == (before >= 4 and (after <= before / 2 or after >= 10 * before))


def test_what_has_become_of_a_list_is_told() -> None:
    assert size_told(1200, 3) == "its list shrank from 1,200 to 3 models"
    assert size_told(4, 40) == "its list grew from 4 to 40 models"


def test_the_same_shrunken_list_is_the_same_hold() -> None:
    first = source_hold("s", ("file-1", "digest"), (8, 2), (), 1.0)
    again = source_hold("s", ("file-2", "digest"), (8, 2), (first,), 2.0)
    assert (again.id, again.at, again.file) == (first.id, 1.0, "file-2")
    assert source_hold("s", ("file-3", "other"), (8, 2), (first,), 2.0).id != first.id
    assert isinstance(first, Hold)
