"""litellm's price file: days on which models end, and prices at service tiers; used only where the operator asks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec import Struct

from turnout.catalog.rows import Row, per_unit_to_pico
from turnout.catalog.sources.listing import MAX_MODELS, UnreadableListing
from turnout.domain.usage import Pricing

__all__ = ["NAME", "parse"]

NAME: Final = "litellm"

_LONGEST_NAME: Final = 200
_LARGEST_CONTEXT: Final = 10**9
_SLUGS: Final[Mapping[str, str]] = {
    "gemini": "google",
    "vertex_ai": "vertex",
    "bedrock_converse": "bedrock",
    "azure_ai": "azure",
    "fireworks_ai": "fireworks",
    "together_ai": "together",
    "cohere_chat": "cohere",
}
_OUTPUTS: Final[Mapping[str, tuple[str, ...]]] = {
    "chat": ("text",),
    "completion": ("text",),
    "responses": ("text",),
    "embedding": ("embeddings",),
    "image_generation": ("image",),
    "rerank": ("rerank",),
    "audio_transcription": ("transcription",),
    "audio_speech": ("speech",),
    "video_generation": ("video",),
}
_ENOUGH: Final = frozenset({"prompt", "request", "output_image", "audio_second", "character"})
"""Prices of which one must be there."""
_TIERS: Final = ("flex", "priority")


class _Entry(Struct, frozen=True):
    """What is read of one entry; prices are in dollars per token."""

    litellm_provider: str
    mode: str = ""
    max_input_tokens: int | float | None = None
    max_output_tokens: int | float | None = None
    deprecation_date: str | None = None
    supports_reasoning: bool | None = None
    input_cost_per_token: Decimal | None = None
    output_cost_per_token: Decimal | None = None
    cache_read_input_token_cost: Decimal | None = None
    cache_creation_input_token_cost: Decimal | None = None
    cache_creation_input_token_cost_above_1hr: Decimal | None = None
    input_cost_per_audio_token: Decimal | None = None
    output_cost_per_reasoning_token: Decimal | None = None
    input_cost_per_query: Decimal | None = None
    input_cost_per_second: Decimal | None = None
    input_cost_per_character: Decimal | None = None
    output_cost_per_image: Decimal | None = None
    input_cost_per_token_flex: Decimal | None = None
    output_cost_per_token_flex: Decimal | None = None
    cache_read_input_token_cost_flex: Decimal | None = None
    input_cost_per_token_priority: Decimal | None = None
    output_cost_per_token_priority: Decimal | None = None
    cache_read_input_token_cost_priority: Decimal | None = None


_UNITS: Final = {
    "prompt": "input_cost_per_token",
    "completion": "output_cost_per_token",
    "input_cache_read": "cache_read_input_token_cost",
    "input_cache_write": "cache_creation_input_token_cost",
    "input_cache_write_1h": "cache_creation_input_token_cost_above_1hr",
    "audio": "input_cost_per_audio_token",
    "internal_reasoning": "output_cost_per_reasoning_token",
}
_WHOLE_UNITS: Final[Mapping[str, Mapping[str, str]]] = {
    "rerank": {"request": "input_cost_per_query"},
    "audio_transcription": {"audio_second": "input_cost_per_second"},
    "audio_speech": {"character": "input_cost_per_character"},
    "image_generation": {"output_image": "output_cost_per_image"},
}
"""By mode what is sold otherwise than by the token."""
_TIER_UNITS: Final = ("prompt", "completion", "input_cache_read")
_document = msgspec.json.Decoder(dict[str, msgspec.Raw])
_entry = msgspec.json.Decoder(_Entry, strict=True)


def parse(body: bytes, provider_names: Mapping[str, str], fetched: str) -> tuple[Row, ...]:
    """One row for each entry, and one more for each service tier with prices; what has no known shape is left out.

    *provider_names* leads from other catalogs' names of providers to our slugs; *fetched* is the day.

    Raises:
        UnreadableListing: *body* is not an object of JSON.
    """
    try:
        document = _document.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableListing(f"not JSON: {error}") from None
    rows: list[Row] = []
    for name, raw in list(document.items())[:MAX_MODELS]:
        try:
            entry = _entry.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ArithmeticError):
            continue
        rows += _rows(name, entry, provider_names, fetched)
    return tuple(rows)


def _rows(name: str, entry: _Entry, provider_names: Mapping[str, str], fetched: str) -> Iterable[Row]:
    stated = entry.litellm_provider.lower()
    upstream = name.removeprefix(f"{entry.litellm_provider}/")
    if not upstream or len(upstream) > _LONGEST_NAME or not upstream.isprintable() or not entry.mode:
        return
    slug = stated.replace("_", "-")
    facts: dict[str, Any] = {
        "source": NAME,
        "fetched": fetched,
        "provider": _SLUGS.get(stated) or provider_names.get(slug, slug),
        "upstream_model": upstream,
        "context_length": _tokens(entry.max_input_tokens),
        "max_completion_tokens": _tokens(entry.max_output_tokens),
        "expiration_date": _day(entry.deprecation_date),
        "output_modalities": _OUTPUTS.get(entry.mode),
        "reasoning": entry.supports_reasoning,
        "price_list_only": True,
    }
    by_token = entry.output_cost_per_token and entry.mode == "image_generation"  # the same price, told twice
    units = _UNITS if by_token else {**_UNITS, **_WHOLE_UNITS.get(entry.mode, {})}
    pricing, rounded = _pricing(entry, units, "")
    yield Row(**facts, pricing=pricing, rounded=rounded)
    for tier in _TIERS:
        at_tier, tier_rounded = _pricing(entry, {unit: _UNITS[unit] for unit in _TIER_UNITS}, f"_{tier}")
        if at_tier is not None:
            yield Row(**facts, service_tier=tier, pricing=at_tier, rounded=tier_rounded)


def _pricing(entry: _Entry, units: Mapping[str, str], suffix: str) -> tuple[Pricing | None, bool]:
    prices: dict[str, Any] = {}
    rounded = False
    for unit, field in units.items():
        dollars: Decimal | None = getattr(entry, field + suffix)
        if dollars is None:
            continue
        price = per_unit_to_pico(dollars)
        if price is None:
            return None, False
        prices[unit] = price[0]
        rounded = rounded or price[1]
    if prices.keys().isdisjoint(_ENOUGH):
        return None, False
    return Pricing(**prices), rounded


def _tokens(value: float | None) -> int | None:
    return int(value) if value is not None and 0 < value <= _LARGEST_CONTEXT else None


def _day(text: str | None) -> str | None:
    try:
        return None if text is None else date.fromisoformat(text).isoformat()
    except ValueError:
        return None
