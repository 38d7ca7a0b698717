"""What a generation used, in buckets that do not overlap, and what that costs."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from turnout.base.money import Pico

__all__ = [
    "COUNTS",
    "NO_USAGE",
    "PRICES",
    "Cost",
    "PriceOverride",
    "Pricing",
    "Units",
    "Usage",
    "added",
    "cost",
    "dearest",
    "effective",
    "unit_cost",
]


class Units(Struct, frozen=True, omit_defaults=True):
    """What is sold by other measures than tokens.

    ``searches`` are those of a reranker: a query over at most a hundred documents; one of them is in the price of the
    request. ``images`` are those that were made, ``sound_ms`` milliseconds of sound that were heard or spoken,
    ``characters`` those of a text that was spoken.
    """

    searches: int = 0
    images: int = 0
    sound_ms: int = 0
    characters: int = 0


class Usage(Struct, frozen=True, omit_defaults=True, gc=False):
    """Counts of one generation. The buckets are disjoint: each token stands in exactly one of them.

    ``web_searches`` are those that the provider made for the model; they are no tokens, and have a price of their own.
    ``tools_requested`` and ``tools_executed`` are calls of tools that the gateway runs; they cost nothing themselves.
    ``estimated`` says that the provider sent no usable counts and ours stand in. ``billed`` is what the provider bills
    where it says so and that differs from what its model read and wrote; it is never billed otherwise itself. ``own``
    is what a provider bills the account directly, in pico-dollars, because a credential of its own was used;
    ``own_limited`` says that the limits of the key count it. ``units`` are there where no conversation was asked for.
    """

    fresh: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
    audio_prompt: int = 0
    completion: int = 0
    reasoning: int = 0
    audio_completion: int = 0
    image_completion: int = 0
    web_searches: int = 0
    tools_requested: int = 0
    tools_executed: int = 0
    estimated: bool = False
    billed: Usage | None = None
    own: Pico = Pico(0)
    own_limited: bool = False
    units: Units | None = None

    @property
    def prompt_tokens(self) -> int:
        """All tokens that went in."""
        return self.fresh + self.cache_read + self.cache_write + self.cache_write_1h + self.audio_prompt

    @property
    def completion_tokens(self) -> int:
        """All tokens that came out, reasoning included."""
        return self.completion + self.reasoning + self.audio_completion + self.image_completion


NO_USAGE = Usage()
_NO_COUNTS = frozenset({"estimated", "billed", "own", "own_limited", "units"})
COUNTS = tuple(name for name in Usage.__struct_fields__ if name not in _NO_COUNTS)
"""The names of the fields that count something."""


def added(usages: Sequence[Usage]) -> Usage:
    """The sum of several counts."""
    if len(usages) == 1:
        return usages[0]
    sums = {name: sum(getattr(usage, name) for usage in usages) for name in COUNTS}
    otherwise = any(usage.billed is not None for usage in usages)
    billed = added([usage.billed or usage for usage in usages]) if otherwise else None
    return Usage(**sums, estimated=any(usage.estimated for usage in usages), billed=billed)


class PriceOverride(Struct, frozen=True, omit_defaults=True):
    """Prices that hold under conditions, all of which must be met; a price left out is inherited.

    ``min_prompt_tokens`` must be exceeded. ``utc_start`` (inclusive) and ``utc_end`` (exclusive) are HHMM and may wrap
    around midnight. ``valid_from`` is in unix seconds, inclusive. Prices are by the field names of :class:`Pricing`.
    """

    prices: dict[str, Pico]
    min_prompt_tokens: int | None = None
    utc_start: int | None = None
    utc_end: int | None = None
    valid_from: int | None = None


class Pricing(Struct, frozen=True, omit_defaults=True):
    """Prices of an endpoint in pico-dollars per unit (token, request, image, search, second, character).

    ``request`` is also the price of each further search of a reranker. ``output_image`` is for an image that was made,
    ``audio_second`` for a second of sound heard or spoken, ``character`` for one that is spoken.

    A price that a provider does not state is None and falls back: cache reads and writes, audio and images in
    to ``prompt``; reasoning, audio and images out to ``completion``; the one-hour cache write to the short one.
    """

    prompt: Pico = Pico(0)
    completion: Pico = Pico(0)
    request: Pico = Pico(0)
    image: Pico | None = None
    image_token: Pico | None = None
    image_output: Pico | None = None
    audio: Pico | None = None
    audio_output: Pico | None = None
    input_audio_cache: Pico | None = None
    web_search: Pico | None = None
    internal_reasoning: Pico | None = None
    input_cache_read: Pico | None = None
    input_cache_write: Pico | None = None
    input_cache_write_1h: Pico | None = None
    output_image: Pico | None = None
    audio_second: Pico | None = None
    character: Pico | None = None
    overrides: tuple[PriceOverride, ...] = ()

    @property
    def free(self) -> bool:
        """Whether neither a prompt, nor an answer, nor the request itself, nor anything that is made costs anything."""
        return not (
            self.prompt or self.completion or self.request or self.output_image or self.audio_second or self.character
        )


PRICES = tuple(name for name in Pricing.__struct_fields__ if name != "overrides")
"""The names of the single prices."""


class Cost(Struct, frozen=True, gc=False):
    """What one generation costs, in pico-dollars; ``total`` is ``prompt + completion + request``.

    ``request`` is for the request itself and for the provider's searches. ``own`` is there where a credential of the
    account's own was used: that is what its provider bills, and no part of ``total``.
    """

    prompt: Pico
    completion: Pico
    request: Pico
    total: Pico
    own: Pico | None = None


def cost(usage: Usage, pricing: Pricing) -> Cost:
    """The exact price of *usage*: the sum of count times price over its disjoint buckets, never negative. Where the
    provider bills other counts, those are charged.

    Source: Models API, "Pricing object"; fallbacks in docs/decisions/0005-usage-and-cost.md.
    """
    if usage.billed is not None:
        usage = usage.billed
    per_prompt, per_completion = pricing.prompt, pricing.completion
    prompt = usage.fresh * per_prompt
    if usage.cache_read:
        prompt += usage.cache_read * _price(pricing.input_cache_read, per_prompt)
    if usage.cache_write or usage.cache_write_1h:
        short = _price(pricing.input_cache_write, per_prompt)
        prompt += usage.cache_write * short + usage.cache_write_1h * _price(pricing.input_cache_write_1h, short)
    if usage.audio_prompt:
        prompt += usage.audio_prompt * _price(pricing.audio, per_prompt)
    completion = usage.completion * per_completion
    if usage.reasoning:
        completion += usage.reasoning * _price(pricing.internal_reasoning, per_completion)
    if usage.audio_completion:
        completion += usage.audio_completion * _price(pricing.audio_output, per_completion)
    if usage.image_completion:
        completion += usage.image_completion * _price(pricing.image_output, per_completion)
    request = pricing.request
    if usage.web_searches and pricing.web_search is not None:
        request = Pico(request + usage.web_searches * pricing.web_search)
    if usage.units is not None:
        request = Pico(request + unit_cost(usage.units, pricing))
    return Cost(Pico(prompt), Pico(completion), request, Pico(prompt + completion + request))


def unit_cost(units: Units, pricing: Pricing) -> int:
    """What *units* cost beside the request itself, in pico-dollars; a part of a pico-dollar counts as a whole one."""
    total = max(0, units.searches - 1) * pricing.request
    total += units.images * (pricing.output_image or 0)
    total += units.characters * (pricing.character or 0)
    return total - (-units.sound_ms * (pricing.audio_second or 0) // 1000)


def effective(pricing: Pricing, prompt_tokens: int, wall: float) -> Pricing:
    """The prices that hold for a prompt of *prompt_tokens* at the wall-clock time *wall* (unix seconds).

    Later overrides win, price by price; what none of them names is inherited. The result has no overrides left;
    *pricing* itself comes back when it has none.

    Source: Models API, "Pricing object", ``overrides``.
    """
    if not pricing.overrides:
        return pricing
    prices: dict[str, Pico] = {}
    for override in pricing.overrides:
        if _holds(override, prompt_tokens, wall):
            prices |= override.prices
    return replace(pricing, overrides=(), **prices)


def _holds(override: PriceOverride, prompt_tokens: int, wall: float) -> bool:
    if override.min_prompt_tokens is not None and prompt_tokens <= override.min_prompt_tokens:
        return False
    if override.valid_from is not None and wall < override.valid_from:
        return False
    if override.utc_start is None and override.utc_end is None:
        return True
    minutes = int(wall // 60) % 1440
    now = minutes // 60 * 100 + minutes % 60
    start = 0 if override.utc_start is None else override.utc_start
    end = 2400 if override.utc_end is None else override.utc_end
    return start <= now < end if start <= end else now >= start or now < end


def _price(stated: Pico | None, otherwise: int) -> int:
    return otherwise if stated is None else stated


def dearest(pricing: Pricing, units: Sequence[str]) -> int:
    """The highest of the prices named *units*, at any time and for any length of the prompt."""
    stated = [getattr(pricing, unit) or 0 for unit in units]
    later = [override.prices.get(unit, 0) for override in pricing.overrides for unit in units]
    return max(0, *stated, *later)
