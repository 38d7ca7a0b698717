"""The offline catalog: models.dev's rows with genai-prices' newer prices, as two installed packages carry them."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from turnout.catalog.authors import RESELLERS
from turnout.catalog.rows import Row, completed
from turnout.catalog.sources import genai_prices, models_dev
from turnout.catalog.sources.genai_prices import PriceRule
from turnout.domain.usage import Pricing

__all__ = ["PROVIDER_NAMES", "bundled_rows", "package_versions", "with_prices"]

_log = logging.getLogger(__name__)

PROVIDER_NAMES: Final[Mapping[str, str]] = {
    "amazon-bedrock": "bedrock",
    "aws": "bedrock",
    "azure-cognitive-services": "azure",
    "google-vertex": "vertex",
    "google-vertex-anthropic": "vertex",
    "x-ai": "xai",
    "deep-infra": "deepinfra",
    "stepfun": "stepfun-cn",
    "stepfun-ai": "stepfun",
    "zhipuai": "zhipuai",
}
"""What the two packages call providers of ours. Other spellings come from the table of providers."""

_RELEASED: Final = {"models-dev 1.0.398": "2026-05-21", "genai-prices 0.2.3": "2026-11-10"}
"""Days of release of the versions that were looked at; of others the day is not known."""

_UPSTREAM_PREFIX: Final = {"fireworks": "accounts/fireworks/models/"}
"""Where genai-prices shortens the names that the provider itself wants whole."""


def bundled_rows(at: float, provider_names: Mapping[str, str]) -> tuple[Row, ...]:
    """The rows of both packages at the wall-clock time *at*, providers under our slugs, dearer trust first.

    *provider_names* leads from other catalogs' names of providers to our slugs. A package that is missing or broken
    costs its part and a warning, never the start. Rows name the package and its version as their source.
    """
    names = {**PROVIDER_NAMES, **provider_names}
    models_source, prices_source = package_versions()
    try:
        rows = models_dev.parse(models_dev.packaged(), models_source, _RELEASED.get(models_source))
    except (OSError, msgspec.DecodeError, EOFError) as error:
        _log.warning("the bundled catalog of models cannot be read: %s", error)
        rows = ()
    try:
        prices = genai_prices.rules(genai_prices.packaged(), at, prices_source, _RELEASED.get(prices_source))
    except genai_prices.UnknownShape as error:
        _log.warning("the bundled prices cannot be read: %s", error)
        prices = ()
    renamed = [row if row.provider not in names else replace(row, provider=names[row.provider]) for row in rows]
    return with_prices(
        [_without_gifts(row) for row in renamed],
        [rule._replace(provider=names.get(rule.provider, rule.provider)) for rule in prices],
    )


def with_prices(rows: Sequence[Row], prices: Iterable[PriceRule]) -> tuple[Row, ...]:
    """*rows* with the prices of the first rule that matches each, then rules that matched nothing, as new rows.

    Rules win over the rows' own prices, because their package is the younger one; a price that only the row
    states stays. Deprecated rules add no rows. A service tier that a rule prices is a row of its own.
    """
    by_provider: defaultdict[str, _Rules] = defaultdict(_Rules)
    for rule in prices:
        by_provider[rule.provider].add(rule)
    stated = {(row.provider, row.upstream_model, row.service_tier) for row in rows if row.service_tier is not None}
    priced = []
    for row in rows:
        rules = by_provider.get(row.provider)
        matched = rules.rule_for(row) if rules is not None else None
        if matched is None:
            priced.append(row)
        elif row.service_tier is None:
            priced.append(usual := _priced(row, matched.row))
            priced += [
                _at_tier(usual, tier, pricing, matched.row)
                for tier, pricing in matched.tiers.items()
                if (row.provider, row.upstream_model, tier) not in stated
            ]
        elif row.service_tier in matched.tiers:
            priced.append(_at_tier(row, row.service_tier, matched.tiers[row.service_tier], matched.row))
        else:
            priced.append(row)
    for rules in by_provider.values():
        for rule in rules.unused():
            if not rule.deprecated:
                priced.append(usual := _own_row(rule))
                priced += [_at_tier(usual, tier, pricing, rule.row) for tier, pricing in rule.tiers.items()]
    return tuple(priced)


def package_versions() -> tuple[str, ...]:
    """``name version`` of both packages, for fingerprints."""
    found = []
    for name in (models_dev.PACKAGE, genai_prices.PACKAGE):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} none")
    return tuple(found)


def _without_gifts(row: Row) -> Row:
    """A reseller's price of zero is a gap in the feed, unless the name says that it is free."""
    if row.pricing is None or not row.pricing.free or row.provider not in RESELLERS or "free" in row.upstream_model:
        return row
    return replace(row, pricing=None)


def _priced(row: Row, by_rule: Row) -> Row:
    """*row* with the rule's prices, and with what else only the rule states."""
    won: dict[str, Any] = {"pricing": by_rule.pricing}
    for name in ("description", "context_length"):
        if getattr(row, name) is None and getattr(by_rule, name) is not None:
            won[name] = getattr(by_rule, name)
    origins = {**row.origins, **dict.fromkeys(won, (by_rule.source, by_rule.fetched))}
    if row.pricing is not None and by_rule.pricing is not None:
        won["pricing"] = completed(by_rule.pricing, row.pricing)
    return replace(row, **won, rounded=by_rule.rounded, origins=origins)


def _at_tier(row: Row, tier: str, pricing: Pricing, by_rule: Row) -> Row:
    origins = {**row.origins, "pricing": (by_rule.source, by_rule.fetched)}
    return replace(row, service_tier=tier, pricing=pricing, rounded=by_rule.rounded, origins=origins)


def _own_row(rule: PriceRule) -> Row:
    prefix = _UPSTREAM_PREFIX.get(rule.provider, "")
    return replace(rule.row, provider=rule.provider, upstream_model=prefix + rule.row.upstream_model)


class _Rules:
    """The price rules of one provider in their order, found by whole name without looking at each."""

    def __init__(self) -> None:
        self._rules: list[PriceRule] = []
        self._by_name: dict[str, int] = {}
        self._with_patterns: list[int] = []
        self._used: set[int] = set()

    def add(self, rule: PriceRule) -> None:
        position = len(self._rules)
        self._rules.append(rule)
        for name in rule.names:
            self._by_name.setdefault(name, position)
        if rule.clauses:
            self._with_patterns.append(position)

    def rule_for(self, row: Row) -> PriceRule | None:
        """The first rule that matches the row's name, as it is or without the provider's prefix."""
        name = row.upstream_model.lower()
        short = name.removeprefix(_UPSTREAM_PREFIX.get(row.provider, ""))
        found = min(self._position_of(name), self._position_of(short)) if short != name else self._position_of(name)
        if found == len(self._rules):
            return None
        self._used.add(found)
        return self._rules[found]

    def unused(self) -> list[PriceRule]:
        return [rule for position, rule in enumerate(self._rules) if position not in self._used]

    def _position_of(self, name: str) -> int:
        last = self._by_name.get(name, len(self._rules))
        patterns = (position for position in self._with_patterns if position < last)
        return next((position for position in patterns if self._rules[position].matches(name)), last)
