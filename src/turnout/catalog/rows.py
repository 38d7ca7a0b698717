"""What one source says of one provider's model, before anything is merged."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cache
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from turnout.base.money import Pico
from turnout.domain.catalog import Benchmarks, ReasoningSupport
from turnout.domain.usage import PRICES, Pricing

__all__ = [
    "BUNDLED",
    "MOST_PER_MILLION",
    "MOST_PER_UNIT",
    "OPERATOR",
    "OURS",
    "PARAMETERS",
    "SAMPLE",
    "SERVICE_TIERS",
    "Row",
    "completed",
    "filled",
    "per_million_to_pico",
    "per_unit_to_pico",
    "trust",
]

SERVICE_TIERS: Final = frozenset({"flex", "priority", "scale"})
"""Last words of a tag that say at which service tier the endpoint is."""

PARAMETERS: Final[tuple[str, ...]] = (
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "top_a",
    "frequency_penalty",
    "presence_penalty",
    "repetition_penalty",
    "max_tokens",
    "max_completion_tokens",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "prediction",
    "seed",
    "response_format",
    "structured_outputs",
    "stop",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "include_reasoning",
    "reasoning",
    "reasoning_effort",
    "web_search_options",
    "verbosity",
)
"""The parameters that catalogs speak of. Source: Models API, "Supported Parameters", and the schema ``Parameter``."""

SAMPLE: Final = "sample"
"""The source of rows that we make up ourselves, for the fake provider."""

OURS: Final = "turnout"
"""The source of what we ship ourselves and no package has."""

OPERATOR: Final = "operator"
"""The source of what the configuration states."""

_TRUST: Final = {OPERATOR: 0, "openrouter": 2, "models.dev": 3, "genai-prices": 4, "litellm": 5}
_LISTING: Final = 1
BUNDLED: Final = 6
"""The trust in what is bundled, and in anything else that has no name."""


MOST_PER_MILLION: Final = 100_000
"""Dollars per million tokens above which a source is wrong: a hundred times the dearest model ever sold."""

MOST_PER_UNIT: Final = 1_000
"""The same for a single request, image or search."""


class Row(Struct, frozen=True, kw_only=True):
    """One provider's model as one source describes it. None means that the source does not say.

    Attributes:
        source: where this comes from; see :func:`trust` for the names that mean something.
        fetched: the day on which the source said so, ``YYYY-MM-DD``.
        provider: the provider's slug as the source spells it.
        upstream_model: the provider's own name for the model. Empty: the source does not know it; the row then adds
            to endpoints of this provider and of ``model`` that others know, and makes none.
        model: the model's id, ``author/slug``, where the source itself says it; else it is derived from the name.
        canonical_slug: its permanent slug, where the source says it.
        tag: what follows the provider's slug in the endpoint's tag (``turbo``, ``eu``), for several offers of one.
        service_tier: ``flex`` or ``priority`` when this is the offer at that tier.
        created: unix seconds of its release.
        context_length: tokens, as are the two limits after it.
        pricing: pico-dollars per unit.
        without: parameters that the model is known not to take.
        supported_parameters: what it takes, where the source has the whole list; wins over ``without``.
        price_list_only: the source lists prices and says nothing of whether the model still exists.
        listed: the provider itself says that it has the model.
        open_weights: whether anybody may download it.
        deprecated: the provider has announced its end, without a date.
        rounded: a price was finer than a pico-dollar and stands here as the nearest whole one.
        origins: source and day of single fields that another source filled in.
    """

    source: str
    provider: str
    upstream_model: str
    fetched: str | None = None
    model: str | None = None
    canonical_slug: str | None = None
    tag: str | None = None
    service_tier: str | None = None
    name: str | None = None
    description: str | None = None
    created: int | None = None
    knowledge_cutoff: str | None = None
    expiration_date: str | None = None
    hugging_face_id: str | None = None
    tokenizer: str | None = None
    instruct_type: str | None = None
    context_length: int | None = None
    max_prompt_tokens: int | None = None
    max_completion_tokens: int | None = None
    input_modalities: tuple[str, ...] | None = None
    output_modalities: tuple[str, ...] | None = None
    supported_voices: tuple[str, ...] | None = None
    reasoning: bool | None = None
    reasoning_support: ReasoningSupport | None = None
    benchmarks: Benchmarks | None = None
    distillable: bool | None = None
    implicit_caching: bool | None = None
    quantization: str | None = None
    without: tuple[str, ...] | None = None
    supported_parameters: tuple[str, ...] | None = None
    pricing: Pricing | None = None
    rounded: bool = False
    price_list_only: bool = False
    listed: bool = False
    open_weights: bool | None = None
    deprecated: bool | None = None
    origins: Mapping[str, tuple[str, str | None]] = {}

    def origin_of(self, fact: str) -> tuple[str, str | None]:
        """Who said the field *fact*, and on which day."""
        return self.origins.get(fact) or (self.source, self.fetched)


@cache
def trust(source: str) -> int:
    """How much a source is trusted, 0 the most: the operator, then ``<provider> /models`` (1), ``openrouter`` (2),
    ``models.dev`` (3), ``genai-prices`` (4), ``litellm`` (5), anything else, such as what is bundled (6).

    OpenRouter's own listing counts as ``openrouter``.
    """  # fmt: skip
    known = _TRUST.get(source.removesuffix(" /models"))
    return known if known is not None else _LISTING if source.endswith(" /models") else BUNDLED


def filled(first: Row, later: Row) -> Row:
    """*first* with what only *later* states. Values are never mixed, but for prices of one and the same price list."""
    won: dict[str, Any] = {}
    for name in _FACTS:
        if getattr(first, name) is None and (value := getattr(later, name)) is not None:
            won[name] = value
    if first.pricing is not None and later.pricing is not None:
        won["pricing"] = completed(first.pricing, later.pricing)
    if not won or (len(won) == 1 and won.get("pricing") is first.pricing):
        return first
    rounded = later.rounded if first.pricing is None else first.rounded
    gaps = {name for name in won if name != "pricing" or first.pricing is None}
    origins = {**first.origins, **{name: later.origin_of(name) for name in gaps}}
    return replace(first, **won, rounded=rounded, origins=origins)


def completed(first: Pricing, later: Pricing) -> Pricing:
    """*first* with the prices that only *later* states, when both are one list: equal for prompt and completion."""
    if (first.prompt, first.completion) != (later.prompt, later.completion) or first == later:
        return first
    gaps: dict[str, Any] = {name: getattr(later, name) for name in PRICES if getattr(first, name) is None}
    return replace(first, overrides=first.overrides or later.overrides, **gaps)


def per_million_to_pico(dollars: Decimal) -> tuple[Pico, bool] | None:
    """Pico-dollars per token of a price in dollars per million tokens, and whether it had to be rounded.

    None for what is no price: negative, not finite, or above ``MOST_PER_MILLION``.
    """
    return per_unit_to_pico(dollars.scaleb(-6)) if dollars.is_finite() and dollars <= MOST_PER_MILLION else None


def per_unit_to_pico(dollars: Decimal) -> tuple[Pico, bool] | None:
    """Pico-dollars of a price in dollars, and whether it had to be rounded. None as above, over ``MOST_PER_UNIT``."""
    if not dollars.is_finite() or not 0 <= dollars <= MOST_PER_UNIT:
        return None
    scaled = dollars.scaleb(12)
    whole = scaled.quantize(Decimal(1), rounding=ROUND_HALF_EVEN)
    return Pico(int(whole)), whole != scaled


_NOT_FACTS: Final = frozenset(
    {
        "source",
        "fetched",
        "provider",
        "upstream_model",
        "service_tier",
        "rounded",
        "price_list_only",
        "listed",
        "origins",
    }
)
_FACTS: Final = tuple(name for name in Row.__struct_fields__ if name not in _NOT_FACTS)
