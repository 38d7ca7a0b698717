"""Rows of several sources in the order in which they are trusted, as a build wants them. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from turnout.catalog.authors import RESELLERS
from turnout.catalog.quarantine import Hold, held_rows
from turnout.catalog.rows import OURS, SAMPLE, Row, trust
from turnout.catalog.sources import genai_prices, models_dev
from turnout.catalog.sources.bundled import PROVIDER_NAMES, with_prices

__all__ = ["GENAI_PRICES", "MODELS_DEV", "in_order_of_trust", "models_dev_rows", "price_rows", "provider_slugs"]

MODELS_DEV: Final = "models.dev"
GENAI_PRICES: Final = "genai-prices"

_FEWEST_LISTED: Final = 0.5
"""A provider's list that has a smaller part of what others know of it says nothing of what has ended."""


def provider_slugs(aliases: Mapping[str, str]) -> dict[str, str]:
    """Names that catalogs give to providers of ours, to our slugs; *aliases* are those of the table of providers."""
    return {**PROVIDER_NAMES, **aliases}


def models_dev_rows(body: bytes, slugs: Mapping[str, str], fetched: str) -> tuple[Row, ...]:
    """The live file of models.dev, with providers under our slugs; *fetched* is the day.

    Raises:
        msgspec.DecodeError: it is no object of JSON.
        RecursionError: it is nested too deeply.
    """
    rows = [_under_slug(row, slugs) for row in models_dev.parse(body, MODELS_DEV, fetched)]
    # Several of its providers may be one of ours: the first says what counts.
    first = {(row.provider, row.upstream_model, row.service_tier): row for row in reversed(rows)}
    return tuple(_without_gift(row) for row in reversed(first.values()))


def price_rows(body: bytes, known: Iterable[Row], slugs: Mapping[str, str], at: float, fetched: str) -> tuple[Row, ...]:
    """The live file of genai-prices as rows of the models in *known* that its rules match, and of those it adds.

    Raises:
        UnknownShape: it is no list of JSON.
    """
    found = genai_prices.rules(genai_prices.parse(body), at, GENAI_PRICES, fetched)
    rules = [rule._replace(provider=slugs.get(rule.provider, rule.provider)) for rule in found]
    names = {
        (row.provider, row.upstream_model): None
        for row in known
        if row.upstream_model and row.source != SAMPLE and row.service_tier is None
    }
    bare = [
        Row(source=GENAI_PRICES, fetched=fetched, provider=provider, upstream_model=name, price_list_only=True)
        for provider, name in names
    ]
    return tuple(row for row in with_prices(bare, rules) if row.pricing is not None)


def in_order_of_trust(synced: Sequence[Row], bundled: Sequence[Row], holds: Sequence[Hold]) -> list[Row]:
    """All rows, the most trusted first, with what is quarantined held back.

    *synced* are the rows of the last good copies. Where models.dev itself has been read, what is bundled adds facts and
    prices but no models that it no longer knows. A provider's own list says which of its models there are, as long as
    it has at least half of those that other sources know.
    """
    rows = list(synced)
    if any(row.source == MODELS_DEV for row in rows):
        alive = {_key(row) for row in rows}
        bundled = [row for row in bundled if row.price_list_only or row.source == OURS or _key(row) in alive]
    rows += bundled
    rows.sort(key=lambda row: trust(row.source))  # stable: within a source the order stays
    return held_rows(_existing(rows), holds)


def _existing(rows: Sequence[Row]) -> list[Row]:
    """*rows* without models that their provider's own list does not have."""
    listed: defaultdict[str, set[str]] = defaultdict(set)
    others: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row.upstream_model:
            (listed if row.listed else others)[row.provider].add(row.upstream_model.lower())
    ruling = {
        provider
        for provider, names in listed.items()
        if len(names & others[provider]) >= _FEWEST_LISTED * len(others[provider])
    }
    return [
        row
        for row in rows
        if row.provider not in ruling or not row.upstream_model or row.upstream_model.lower() in listed[row.provider]
    ]


def _key(row: Row) -> tuple[str, str]:
    return row.provider, row.upstream_model.lower()


def _under_slug(row: Row, slugs: Mapping[str, str]) -> Row:
    return replace(row, provider=slugs[row.provider]) if row.provider in slugs else row


def _without_gift(row: Row) -> Row:
    """A reseller's price of zero is a gap in the feed, unless the name says that it is free."""
    gift = row.pricing is not None and row.pricing.free and row.provider in RESELLERS
    return replace(row, pricing=None) if gift and "free" not in row.upstream_model else row
