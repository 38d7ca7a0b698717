"""The offline catalog: models.dev's rows with genai-prices' newer prices, as two installed packages carry them."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Final

import msgspec

from turnout.catalog.authors import RESELLERS
from turnout.catalog.rows import Row
from turnout.catalog.sources import genai_prices, models_dev
from turnout.catalog.sources.genai_prices import PriceRule

__all__ = ["PROVIDER_NAMES", "bundled_rows", "package_versions", "with_prices"]

_log = logging.getLogger(__name__)

PROVIDER_NAMES: Final[Mapping[str, str]] = {
    "amazon-bedrock": "bedrock",
    "aws": "bedrock",
    "google-vertex": "vertex",
    "x-ai": "xai",
    "deep-infra": "deepinfra",
    "stepfun": "stepfun-cn",
    "stepfun-ai": "stepfun",
    "zhipuai": "zhipuai",
}
"""What the two packages call providers of ours. Other spellings come from the table of providers."""

_UPSTREAM_PREFIX: Final = {"fireworks": "accounts/fireworks/models/"}
"""Where genai-prices shortens the names that the provider itself wants whole."""


def bundled_rows(at: float, provider_names: Mapping[str, str]) -> tuple[Row, ...]:
    """The rows of both packages at the wall-clock time *at*, providers under our slugs, dearer trust first.

    *provider_names* leads from other catalogs' names of providers to our slugs. A package that is missing or broken
    costs its part and a warning, never the start.
    """
    names = {**PROVIDER_NAMES, **provider_names}
    try:
        rows = models_dev.parse(models_dev.packaged())
    except (OSError, msgspec.DecodeError, EOFError) as error:
        _log.warning("the bundled catalog of models cannot be read: %s", error)
        rows = ()
    try:
        prices = genai_prices.rules(genai_prices.packaged(), at)
    except genai_prices.UnknownShape as error:
        _log.warning("the bundled prices cannot be read: %s", error)
        prices = ()
    renamed = (
        row if row.provider not in names else msgspec.structs.replace(row, provider=names[row.provider]) for row in rows
    )
    return with_prices(
        [_without_gifts(row) for row in renamed],
        [rule._replace(provider=names.get(rule.provider, rule.provider)) for rule in prices],
    )


def with_prices(rows: Sequence[Row], prices: Iterable[PriceRule]) -> tuple[Row, ...]:
    """*rows* with the prices of the first rule that matches each, then rules that matched nothing, as new rows.

    Rules win over the rows' own prices, because their package is the younger one; a price that only the row
    states stays. Deprecated rules add no rows.
    """
    by_provider: defaultdict[str, _Rules] = defaultdict(_Rules)
    for rule in prices:
        by_provider[rule.provider].add(rule)
    priced = []
    for row in rows:
        rules = by_provider.get(row.provider)
        matched = rules.rule_for(row) if rules is not None else None
        priced.append(row if matched is None else _priced(row, matched.row))
    for rules in by_provider.values():
        priced += [_own_row(rule) for rule in rules.unused() if not rule.deprecated]
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
    return msgspec.structs.replace(row, pricing=None)


def _priced(row: Row, by_rule: Row) -> Row:
    ours, theirs = row.pricing, by_rule.pricing
    if ours is not None and theirs is not None:
        stated = {name: price for name in ours.__struct_fields__ if (price := getattr(theirs, name)) is not None}
        theirs = msgspec.structs.replace(ours, **stated) if _same_base(row, by_rule) else theirs
    return msgspec.structs.replace(
        row,
        pricing=theirs,
        rounded=by_rule.rounded,
        description=row.description or by_rule.description,
        context_length=row.context_length or by_rule.context_length,
    )


def _same_base(row: Row, by_rule: Row) -> bool:
    """Both packages speak of the same price list: only then one may fill the other's gaps."""
    return (
        row.pricing is not None
        and by_rule.pricing is not None
        and row.pricing.prompt == by_rule.pricing.prompt
        and row.pricing.completion == by_rule.pricing.completion
    )


def _own_row(rule: PriceRule) -> Row:
    prefix = _UPSTREAM_PREFIX.get(rule.provider, "")
    return msgspec.structs.replace(rule.row, provider=rule.provider, upstream_model=prefix + rule.row.upstream_model)


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
