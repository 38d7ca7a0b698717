from __future__ import annotations

from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from turnout.base.limits import MAX_TOKENS
from turnout.base.money import MAX_PICO, Pico, dollars, parse_price
from turnout.domain.usage import COUNTS, NO_USAGE, PRICES, PriceOverride, Pricing, Units, Usage, cost, effective

TOKENS = [name for name in COUNTS if name not in {"web_searches", "tools_requested", "tools_executed"}]
UNITS = st.builds(Units, **{name: st.integers(0, MAX_TOKENS) for name in Units.__struct_fields__})
USAGES = st.builds(
    Usage,
    web_searches=st.integers(0, 100),
    units=st.none() | UNITS,
    **{name: st.integers(0, MAX_TOKENS) for name in TOKENS},
)
PRICINGS = st.builds(
    Pricing,
    **{name: st.integers(0, MAX_PICO) for name in ("prompt", "completion", "request")},
    **{
        name: st.none() | st.integers(0, MAX_PICO) for name in PRICES if name not in {"prompt", "completion", "request"}
    },
)


@given(USAGES)
def test_every_bucket_counts_in_exactly_one_total(usage: Usage) -> None:
    assert usage.prompt_tokens + usage.completion_tokens == sum(getattr(usage, name) for name in TOKENS)


@given(USAGES, PRICINGS)
def test_a_cost_is_exact_and_never_negative_and_adds_up(usage: Usage, pricing: Pricing) -> None:
    price = cost(usage, pricing)
    assert all(type(part) is int and part >= 0 for part in (price.prompt, price.completion, price.request))
    assert price.total == price.prompt + price.completion + price.request


@given(USAGES, USAGES, PRICINGS)
def test_what_the_provider_bills_is_what_is_charged(read: Usage, billed: Usage, pricing: Pricing) -> None:
    usage = replace(read, billed=billed)
    assert cost(usage, pricing) == cost(billed, pricing)
    assert (usage.prompt_tokens, usage.completion_tokens) == (read.prompt_tokens, read.completion_tokens)


def test_searches_cost_what_they_cost_beside_the_tokens() -> None:
    pricing = Pricing(prompt=Pico(2), completion=Pico(3), request=Pico(5), web_search=Pico(7))
    price = cost(Usage(fresh=1, completion=1, web_searches=2), pricing)
    assert (price.prompt, price.completion, price.request, price.total) == (2, 3, 19, 24)
    assert cost(Usage(web_searches=2), Pricing()).total == 0


@given(UNITS, PRICINGS)
def test_units_cost_what_they_cost_to_a_part_of_a_pico_dollar(units: Units, pricing: Pricing) -> None:
    seconds = Fraction(units.sound_ms, 1000) * (pricing.audio_second or 0)
    others = units.images * (pricing.output_image or 0) + units.characters * (pricing.character or 0)
    exact = max(1, units.searches) * pricing.request + others + seconds
    assert 0 <= cost(Usage(units=units), pricing).request - exact < 1


@given(USAGES, USAGES, PRICINGS)
def test_more_usage_never_costs_less_and_usage_adds_up(first: Usage, second: Usage, pricing: Pricing) -> None:
    both = Usage(**{name: getattr(first, name) + getattr(second, name) for name in TOKENS})
    apart = cost(first, pricing), cost(second, pricing)
    assert cost(both, pricing).prompt == apart[0].prompt + apart[1].prompt
    assert cost(both, pricing).completion == apart[0].completion + apart[1].completion


@given(USAGES, st.integers(0, 10**9), st.integers(0, 10**9))
def test_prices_that_are_not_stated_fall_back_to_prompt_and_completion(
    usage: Usage, prompt: int, completion: int
) -> None:
    price = cost(usage, Pricing(prompt=Pico(prompt), completion=Pico(completion)))
    assert price.prompt == usage.prompt_tokens * prompt
    assert price.completion == usage.completion_tokens * completion


@pytest.mark.parametrize(
    ("bucket", "price"),
    [
        ("fresh", "prompt"),
        ("cache_read", "input_cache_read"),
        ("cache_write", "input_cache_write"),
        ("cache_write_1h", "input_cache_write_1h"),
        ("audio_prompt", "audio"),
        ("completion", "completion"),
        ("reasoning", "internal_reasoning"),
        ("audio_completion", "audio_output"),
        ("image_completion", "image_output"),
    ],
)
@pytest.mark.parametrize("amount", [0, 7])
def test_each_bucket_has_its_own_price_and_zero_is_a_price(bucket: str, price: str, amount: int) -> None:
    pricing = Pricing(**({"prompt": 1000, "completion": 1000} | {price: amount}))  # type: ignore[arg-type]  # names by parameter
    assert cost(replace(NO_USAGE, **{bucket: 3}), pricing).total == 3 * amount


def test_an_hour_of_cache_costs_as_much_as_a_short_one_unless_stated() -> None:
    pricing = Pricing(prompt=Pico(1), input_cache_write=Pico(5))
    assert cost(Usage(cache_write_1h=2), pricing).total == 10


def test_a_request_fee_is_due_without_any_tokens() -> None:
    assert cost(NO_USAGE, Pricing(request=Pico(9))).total == 9


def test_free_means_that_nothing_costs_anything() -> None:
    assert Pricing().free
    assert not any(replace(Pricing(), **{name: 1}).free for name in ("prompt", "completion", "request"))


def test_a_million_cheap_tokens_cost_exactly_what_they_should() -> None:
    pricing = Pricing(prompt=parse_price("0.0000001"), completion=parse_price("0.0000004"))
    assert dollars(cost(Usage(fresh=1_000_000, completion=1_000_000), pricing).total) == "0.5"


@given(USAGES, PRICINGS)
def test_records_of_usage_and_prices_survive_being_written(usage: Usage, pricing: Pricing) -> None:
    assert msgspec.json.decode(msgspec.json.encode(usage), type=Usage) == usage
    assert msgspec.json.decode(msgspec.json.encode(pricing), type=Pricing) == pricing
    assert Fraction(cost(usage, pricing).total).denominator == 1


def at(hhmm: int, day: int = 20_000) -> float:
    return day * 86_400.0 + hhmm // 100 * 3600 + hhmm % 100 * 60 + 59


@given(PRICINGS, st.integers(0, MAX_TOKENS), st.floats(0, 4e9))
def test_prices_without_overrides_hold_always_and_as_the_same_object(
    pricing: Pricing, tokens: int, wall: float
) -> None:
    assert effective(pricing, tokens, wall) is pricing


@pytest.mark.parametrize(("tokens", "prompt"), [(0, 1), (200_000, 1), (200_001, 3), (500_000, 3), (500_001, 9)])
def test_a_long_prompt_is_charged_whole_at_the_price_of_the_threshold_that_it_exceeds(tokens: int, prompt: int) -> None:
    pricing = Pricing(
        prompt=Pico(1),
        completion=Pico(2),
        input_cache_read=Pico(7),
        overrides=(
            PriceOverride(prices={"prompt": Pico(3), "completion": Pico(4)}, min_prompt_tokens=200_000),
            PriceOverride(prices={"prompt": Pico(9)}, min_prompt_tokens=500_000),
        ),
    )
    held = effective(pricing, tokens, 0.0)

    assert (held.prompt, held.completion) == (prompt, 2 if tokens <= 200_000 else 4)
    assert held.input_cache_read == 7
    assert held.overrides == ()
    assert cost(Usage(fresh=tokens), held).total == tokens * prompt


@pytest.mark.parametrize(
    ("start", "end", "inside", "outside"),
    [
        (100, 400, (100, 359), (59, 400)),
        (1630, 30, (1630, 2359, 0, 29), (30, 1629)),
        (None, 400, (0, 359), (400, 2359)),
        (2200, None, (2200, 2359), (0, 2159)),
        (500, 500, (), (0, 459, 500, 2359)),
    ],
)
def test_a_window_of_hours_begins_inclusive_ends_exclusive_and_may_wrap_around_midnight(
    start: int | None, end: int | None, inside: tuple[int, ...], outside: tuple[int, ...]
) -> None:
    override = PriceOverride(prices={"prompt": Pico(5)}, utc_start=start, utc_end=end)
    pricing = Pricing(prompt=Pico(1), overrides=(override,))

    assert {effective(pricing, 1, at(hhmm)).prompt for hhmm in inside} <= {5}
    assert {effective(pricing, 1, at(hhmm)).prompt for hhmm in outside} == {1}


def test_a_price_of_tomorrow_holds_from_its_first_second() -> None:
    pricing = Pricing(prompt=Pico(1), overrides=(PriceOverride(prices={"prompt": Pico(2)}, valid_from=100),))

    assert [effective(pricing, 1, wall).prompt for wall in (99.9, 100.0)] == [1, 2]


def test_all_conditions_of_an_override_must_hold_and_the_later_one_wins() -> None:
    pricing = Pricing(
        overrides=(
            PriceOverride(prices={"prompt": Pico(5)}, min_prompt_tokens=10, utc_start=100, utc_end=200),
            PriceOverride(prices={"prompt": Pico(0), "completion": Pico(8)}, min_prompt_tokens=20),
        )
    )

    assert effective(pricing, 15, at(50)).prompt == 0
    assert effective(pricing, 15, at(150)).prompt == 5
    late = effective(pricing, 25, at(150))
    assert (late.prompt, late.completion) == (0, 8)
