"""genai-prices' rules are read without importing the package."""

import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from turnout.catalog.sources import genai_prices
from turnout.catalog.sources.genai_prices import PriceRule, _Call, rules

NOW = datetime(2026, 11, 20, tzinfo=UTC).timestamp()


def call(name: str, **fields: object) -> _Call:
    return _Call(name, fields)


def price(**units: str) -> _Call:
    return call("ModelPrice", **{name: Decimal(text) for name, text in units.items()})


def one(prices: object, **fields: object) -> PriceRule:
    model = {"id": "m", "match": call("ClauseEquals", equals="m"), "prices": prices, **fields}
    (rule,) = rules([call("Provider", id="p", models=[call("ModelInfo", **model)])], NOW)
    return rule


def test_prices_are_exact_pico_dollars_per_unit() -> None:
    pricing = one(
        price(input_mtok="0.3", output_mtok="2.5", cache_write_1h_mtok="6", web_searches_kcount="10")
    ).row.pricing

    assert pricing is not None
    assert (pricing.prompt, pricing.completion) == (300_000, 2_500_000)
    assert pricing.input_cache_write_1h == 6_000_000
    assert pricing.web_search == 10_000_000_000


def test_a_tiered_price_stands_for_short_prompts() -> None:
    tiered = call("ModelPrice", input_mtok=call("TieredPrices", base=Decimal(2), tiers=[]), output_mtok=Decimal(8))
    pricing = one(tiered).row.pricing

    assert pricing is not None
    assert pricing.prompt == 2_000_000


def test_a_price_that_starts_later_is_not_taken_yet() -> None:
    def since(day: date, text: str) -> _Call:
        constraint = call("StartDateConstraint", start_date=day)
        return call("ConditionalPrice", prices=price(input_mtok=text), constraint=constraint)

    first = call("ConditionalPrice", prices=price(input_mtok="1"))
    pricing = one([first, since(date(2026, 11, 20), "2"), since(date(2026, 11, 21), "3")]).row.pricing

    assert pricing is not None
    assert pricing.prompt == 2_000_000


def test_a_price_that_depends_on_the_hour_is_the_dearer_one() -> None:
    peak = call("ConditionalPrice", prices=price(input_mtok="3"), constraint=call("TimeOfDateConstraint"))
    pricing = one([call("ConditionalPrice", prices=price(input_mtok="1")), peak]).row.pricing

    assert pricing is not None
    assert pricing.prompt == 3_000_000


@pytest.mark.parametrize(
    ("clause", "matching", "other"),
    [
        (call("ClauseStartsWith", starts_with="gpt-5"), "gpt-5-mini", "gpt-4"),
        (call("ClauseEndsWith", ends_with="-pro"), "o1-pro", "o1"),
        (call("ClauseContains", contains="haiku"), "claude-3-haiku", "claude"),
        (call("ClauseRegex", regex=r"^a-\d{2}$"), "a-12", "a-123"),
        (
            call("ClauseAnd", and_=[call("ClauseContains", contains="a"), call("ClauseContains", contains="b")]),
            "ab",
            "a",
        ),
        (call("ClauseOr", or_=[call("ClauseEquals", equals="X"), call("ClauseContains", contains="y")]), "x", "z"),
    ],
)
def test_clauses_match_as_the_package_has_them(clause: _Call, matching: str, other: str) -> None:
    rule = one(price(input_mtok="1"), match=clause)

    assert rule.matches(matching)
    assert not rule.matches(other)


def test_a_model_of_unknown_shape_costs_only_itself() -> None:
    broken = call("ModelInfo", id="b")
    fine = call("ModelInfo", id="m", match=call("ClauseEquals", equals="m"), prices=price(input_mtok="1"))

    assert [rule.row.upstream_model for rule in rules([call("Provider", id="p", models=[broken, fine])], NOW)] == ["m"]


@pytest.mark.parametrize("name", ["ft:gpt-4o", "davinci-002", "gpt-realtime-2", "claude-2", "regional.zai.glm-5.3"])
def test_names_that_nobody_can_call_are_left_out(name: str) -> None:
    model = call("ModelInfo", id=name, match=call("ClauseEquals", equals=name), prices=price(input_mtok="1"))

    assert rules([call("Provider", id="p", models=[model])], NOW) == ()


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

    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)  # noqa: S603 - our own program
