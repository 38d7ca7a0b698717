"""genai-prices' rules are read without importing the package."""

import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.base.money import MAX_PICO, Pico
from turnout.catalog.sources import genai_prices
from turnout.catalog.sources.genai_prices import PriceRule, UnknownShape, parse, rules
from turnout.domain.usage import PriceOverride, effective

NOW = datetime(2026, 11, 20, tzinfo=UTC).timestamp()
Json = dict[str, Any]


def price(**units: str) -> Json:
    return {name: Decimal(text) for name, text in units.items()}


def one(prices: object, **fields: object) -> PriceRule:
    model = {"id": "m", "match": {"equals": "m"}, "prices": prices, **fields}
    (rule,) = rules([{"id": "p", "models": [model]}], NOW)
    return rule


def none(prices: object, **fields: object) -> bool:
    model = {"id": "m", "match": {"equals": "m"}, "prices": prices, **fields}
    return rules([{"id": "p", "models": [model]}], NOW) == ()


def test_prices_are_exact_pico_dollars_per_unit() -> None:
    pricing = one(
        price(input_mtok="0.3", output_mtok="2.5", cache_write_1h_mtok="6", web_searches_kcount="10")
    ).row.pricing

    assert pricing is not None
    assert (pricing.prompt, pricing.completion) == (300_000, 2_500_000)
    assert pricing.input_cache_write_1h == 6_000_000
    assert pricing.web_search == 10_000_000_000


def test_the_price_of_long_prompts_is_an_override() -> None:
    tiered = {
        "input_mtok": {"base": 2, "tiers": [{"start": 500_000, "price": 9}, {"start": 200_000, "price": 4}]},
        "output_mtok": {"base": 8, "tiers": [{"start": 200_000, "price": 12}]},
        "cache_read_mtok": 1,
    }
    pricing = one(tiered).row.pricing

    assert pricing is not None
    assert (pricing.prompt, pricing.completion, pricing.input_cache_read) == (2_000_000, 8_000_000, 1_000_000)
    assert pricing.overrides == (
        PriceOverride(prices={"prompt": Pico(4_000_000), "completion": Pico(12_000_000)}, min_prompt_tokens=200_000),
        PriceOverride(prices={"prompt": Pico(9_000_000)}, min_prompt_tokens=500_000),
    )


def test_a_price_that_starts_later_waits_for_its_day() -> None:
    def since(day: date, text: str) -> Json:
        return {"prices": price(input_mtok=text), "constraint": {"start_date": day.isoformat()}}

    first = {"prices": price(input_mtok="1")}
    pricing = one([first, since(date(2026, 11, 20), "2"), since(date(2026, 11, 21), "3")]).row.pricing

    assert pricing is not None
    assert pricing.prompt == 2_000_000
    midnight = datetime(2026, 11, 21, tzinfo=UTC).timestamp()
    assert [effective(pricing, 1, at).prompt for at in (midnight - 1, midnight)] == [2_000_000, 3_000_000]


@pytest.mark.parametrize("zone", ["", "Z", "+00:00"])
def test_a_price_that_depends_on_the_hour_holds_within_its_window(zone: str) -> None:
    peak = {
        "prices": price(input_mtok="3"),
        "constraint": {"start_time": f"16:30:00{zone}", "end_time": f"00:30:00{zone}"},
    }
    pricing = one([{"prices": price(input_mtok="1")}, peak]).row.pricing

    assert pricing is not None
    assert pricing.prompt == 1_000_000
    (override,) = pricing.overrides
    assert (override.utc_start, override.utc_end) == (1630, 30)


def test_a_window_in_another_zone_is_told_in_utc() -> None:
    peak = {"prices": price(input_mtok="3"), "constraint": {"start_time": "08:00:00+08:00", "end_time": "12:00+08:00"}}
    pricing = one([{"prices": price(input_mtok="1")}, peak]).row.pricing

    assert pricing is not None
    assert (pricing.overrides[0].utc_start, pricing.overrides[0].utc_end) == (0, 400)


def test_service_tiers_have_prices_of_their_own_and_batch_has_none_here() -> None:
    variants = [
        {"when": {"service_tier": "flex"}, "prices": price(input_mtok="7"), "constraint": {"start_date": "2027-01-01"}},
        {"when": {"service_tier": "flex"}, "prices": price(input_mtok="0.5")},
        {"when": {"service_tier": "default"}, "prices": {}},
        {"when": {"service_tier": "priority"}, "prices": {}},
        {"when": {"processing": "batch"}, "prices": price(input_mtok="0.1")},
    ]
    tiered = {"input_mtok": {"base": 1, "tiers": [{"start": 100, "price": 2}]}, "output_mtok": 4}
    tiers = one(tiered, price_variants=variants).tiers

    assert list(tiers) == ["flex"]
    assert (tiers["flex"].prompt, tiers["flex"].completion, tiers["flex"].overrides) == (500_000, 4_000_000, ())


@pytest.mark.parametrize(
    "prices",
    [
        {"input_mtok": -1},
        {"input_mtok": "NaN"},
        {"input_mtok": float("inf")},
        {"input_mtok": 10**30},
        {"input_mtok": {"base": 1, "tiers": [{"start": 5, "price": -3}]}},
        {"output_mtok": 1},
        {"input_mtok": []},
        [],
        [{"prices": {"input_mtok": 1}}, {"constraint": {"start_time": "noon"}, "prices": {"input_mtok": 2}}],
        [{"prices": {"input_mtok": 1}}, {"constraint": {"start_date": "2027-13-01"}, "prices": {"input_mtok": 2}}],
        None,
    ],
)
def test_what_is_no_price_costs_the_model_its_place(prices: object) -> None:
    assert none(prices)


@given(st.recursive(st.none() | st.text(max_size=5) | st.integers() | st.floats(), lambda inner: (
    st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["id", "models", "prices", "match", "constraint", "start_date", "input_mtok", "base", "tiers", "or", "equals"]
    ), inner, max_size=4)
)))  # fmt: skip
def test_nothing_that_is_json_breaks_the_reader(document: object) -> None:
    for rule in rules([{"id": "p", "models": [document, {"id": "m", "match": document, "prices": document}]}], NOW):
        assert rule.row.pricing is not None
        assert 0 <= rule.row.pricing.prompt <= MAX_PICO
        rule.matches("m")


@pytest.mark.parametrize("body", [b"", b"{}", b"nonsense", b'{"data": []}', b"[" * 5000])
def test_a_document_that_is_no_list_is_refused(body: bytes) -> None:
    with pytest.raises(UnknownShape):
        parse(body)


def test_the_live_file_loads_as_the_package_does() -> None:
    providers = genai_prices.packaged()
    document = msgspec.json.Encoder(decimal_format="number").encode(providers)

    assert rules(parse(document), NOW) == rules(providers, NOW)


@pytest.mark.parametrize(
    ("clause", "matching", "other"),
    [
        ({"starts_with": "gpt-5"}, "gpt-5-mini", "gpt-4"),
        ({"ends_with": "-pro"}, "o1-pro", "o1"),
        ({"contains": "haiku"}, "claude-3-haiku", "claude"),
        ({"regex": r"^a-\d{2}$"}, "a-12", "a-123"),
        ({"and": [{"contains": "a"}, {"contains": "b"}]}, "ab", "a"),
        ({"or": [{"equals": "X"}, {"contains": "y"}]}, "x", "z"),
    ],
)
def test_clauses_match_as_the_package_has_them(clause: Json, matching: str, other: str) -> None:
    rule = one(price(input_mtok="1"), match=clause)

    assert rule.matches(matching)
    assert not rule.matches(other)


@pytest.mark.parametrize("pattern", ["(", "(a+)+$", "x" * 501, "((a*)*)*b"])
def test_a_pattern_that_is_broken_or_slow_matches_nothing(pattern: str) -> None:
    assert not one(price(input_mtok="1"), match={"regex": pattern}).matches("a" * 40)


def test_a_model_of_unknown_shape_costs_only_itself() -> None:
    fine = {"id": "m", "match": {"equals": "m"}, "prices": price(input_mtok="1")}
    found = rules([{"id": "p", "models": [{"id": "b"}, fine]}, {"id": 7}, {"id": "q", "models": "none"}], NOW)

    assert [rule.row.upstream_model for rule in found] == ["m"]


@pytest.mark.parametrize("name", ["ft:gpt-4o", "davinci-002", "gpt-realtime-2", "claude-2", "regional.zai.glm-5.3"])
def test_names_that_nobody_can_call_are_left_out(name: str) -> None:
    model = {"id": name, "match": {"equals": name}, "prices": price(input_mtok="1")}

    assert rules([{"id": "p", "models": [model]}], NOW) == ()


def test_the_installed_package_agrees_with_its_own_prices() -> None:
    found = {(rule.provider, rule.row.upstream_model): rule.row for rule in rules(genai_prices.packaged(), NOW)}
    pricing = found["anthropic", "claude-3-5-haiku-latest"].pricing

    assert len(found) > 1500
    assert pricing is not None
    assert (pricing.prompt, pricing.completion, pricing.input_cache_write_1h) == (800_000, 4_000_000, 1_600_000)


def test_reading_the_prices_imports_neither_the_package_nor_its_http_client() -> None:
    program = (
        "import sys\n"
        "from turnout.catalog.sources import genai_prices\n"
        "assert genai_prices.packaged()\n"
        "assert not {'genai_prices', 'httpx2', 'pydantic'} & set(sys.modules)\n"
    )

    subprocess.run([sys.executable, "-c", program], check=True, timeout=200)  # noqa: S603 - our own program
