"""What one source says of one provider's model, before anything is merged."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from msgspec import Struct

from turnout.base.money import MAX_PICO, Pico
from turnout.domain.usage import Pricing

__all__ = ["PARAMETERS", "SAMPLE", "Row", "per_million_to_pico", "per_unit_to_pico"]

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


class Row(Struct, frozen=True, kw_only=True):
    """One provider's model as one source describes it. None means that the source does not say.

    Attributes:
        source: where this comes from, for people.
        provider: the provider's slug as the source spells it.
        upstream_model: the provider's own name for the model.
        created: unix seconds of its release.
        context_length: tokens, as are the two limits after it.
        pricing: pico-dollars per unit.
        without: parameters that the model is known not to take.
        supported_parameters: what it takes, where the source has the whole list; wins over ``without``.
        price_list_only: the source lists prices and says nothing of whether the model still exists.
        listed: the provider itself says that it has the model.
        rounded: a price was finer than a pico-dollar and stands here as the nearest whole one.
    """

    source: str
    provider: str
    upstream_model: str
    name: str | None = None
    description: str | None = None
    created: int | None = None
    knowledge_cutoff: str | None = None
    expiration_date: str | None = None
    context_length: int | None = None
    max_prompt_tokens: int | None = None
    max_completion_tokens: int | None = None
    input_modalities: tuple[str, ...] | None = None
    output_modalities: tuple[str, ...] | None = None
    reasoning: bool | None = None
    quantization: str | None = None
    without: tuple[str, ...] | None = None
    supported_parameters: tuple[str, ...] | None = None
    pricing: Pricing | None = None
    rounded: bool = False
    price_list_only: bool = False
    listed: bool = False


def per_million_to_pico(dollars: Decimal) -> tuple[Pico, bool] | None:
    """Pico-dollars per token of a price in dollars per million tokens, and whether it had to be rounded.

    None for what is no price: negative, not finite, or too large to store.
    """
    return per_unit_to_pico(dollars.scaleb(-6)) if dollars.is_finite() else None


def per_unit_to_pico(dollars: Decimal) -> tuple[Pico, bool] | None:
    """Pico-dollars of a price in dollars, and whether it had to be rounded. None as above."""
    if not dollars.is_finite() or dollars < 0 or dollars.adjusted() > 12:
        return None
    scaled = dollars.scaleb(12)
    whole = scaled.quantize(Decimal(1), rounding=ROUND_HALF_EVEN)
    if whole > MAX_PICO:
        return None
    return Pico(int(whole)), whole != scaled
