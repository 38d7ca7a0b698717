"""Hard filters: why an endpoint may not serve a request."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from fnmatch import fnmatchcase
from fractions import Fraction
from functools import lru_cache

from turnout.base.errors import BadRequest, Forbidden
from turnout.base.money import PICO_PER_DOLLAR
from turnout.domain.chat import ChatRequest
from turnout.domain.guardrail import GROUPS
from turnout.domain.routing import NO_BOUNDS, Bounds, Candidate, MaxPrice, Preferences
from turnout.domain.usage import effective

__all__ = ["Filter", "exclusion", "filters_of", "is_named", "needed_parameters", "prompt_tokens", "text_bytes"]

Filter = Callable[[Candidate], str | None]
"""Why a candidate is not tried, in the words of ``excluded_by``; None when it may be."""

_QUANTIZATION_FAMILIES = {"fp4": {"fp4", "mxfp4", "nvfp4"}, "fp8": {"fp8", "mxfp8"}}
_STEERING = frozenset({
    "frequency_penalty", "logit_bias", "logprobs", "max_completion_tokens", "max_tokens", "min_p",
    "parallel_tool_calls", "prediction", "presence_penalty", "reasoning", "reasoning_effort", "repetition_penalty",
    "response_format", "seed", "stop", "temperature", "tool_choice", "tools", "top_a", "top_k", "top_logprobs",
    "top_p", "verbosity", "web_search_options",
})  # fmt: skip
"""Parameters that change an answer."""
_OTHER_NAMES = {
    "max_completion_tokens": "max_tokens",
    "max_tokens": "max_completion_tokens",
    "reasoning": "reasoning_effort",
    "reasoning_effort": "reasoning",
}
"""The gateway sends these on under whichever name the provider knows."""
_AMOUNT = re.compile(r"\d{1,40}(\.\d{0,40})?([eE][+-]?\d{1,3})?", re.ASCII)
"""Bounded: ten digits of an exponent would keep a processor busy for minutes."""
_INLINE_FILE = re.compile(rb'"(?:data:[^"]*|[A-Za-z0-9+/=]{2048,})"')
_BYTES_PER_TOKEN = 4
_MOST_BYTES_PER_TOKEN = 8
_SHORT_PROMPT = 1024  # bytes: fits everywhere
_TOKENS_PER_MILLION = 10**6


def filters_of(request: ChatRequest, bounds: Bounds = NO_BOUNDS, wall: float = 0.0) -> list[Filter]:
    """The filters that *request* needs, in the order in which they are asked; most requests need none.

    *wall* is unix seconds, for prices that depend on the hour.

    Raises:
        BadRequest: a price cap is no number.
        Forbidden: the request uses a parameter that its key may not use.
    """
    filters: list[Filter] = []
    if bounds is not NO_BOUNDS:
        filters += _bounded(request, bounds)
    preferences = request.parameters.provider
    if preferences is not None:
        filters += _preferred(request, preferences, wall)
    if request.prompt_bytes > _SHORT_PROMPT:
        filters.append(_reads(request))
    if (limit := request.max_tokens) is not None:
        filters.append(_writes(limit))
    return filters


def exclusion(candidate: Candidate, request: ChatRequest, bounds: Bounds = NO_BOUNDS, wall: float = 0.0) -> str | None:
    """The first reason why *candidate* is not tried; None when it may be. Raises as :func:`filters_of`."""
    if not candidate.provider.usable:
        return "no_credential"
    return next((reason for one in filters_of(request, bounds, wall) if (reason := one(candidate))), None)


def is_named(candidate: Candidate, name: str) -> bool:
    """Whether *name* means this endpoint: by its provider's slug or display name, or by its exact tag."""
    return name.lower() in candidate.names


def needed_parameters(request: ChatRequest) -> frozenset[str]:
    """The parameters that an endpoint must support to serve *request* in full; a schema for the answer is one more."""
    needed = _STEERING.intersection(request.fields)
    form = request.parameters.response_format
    if form is not None and form.type == "json_schema":
        return (needed - {"response_format"}) | {"structured_outputs"}
    return needed


def prompt_tokens(request: ChatRequest) -> int:
    """Tokens that a model must read at once by our own count: four bytes to a token, inline files left out."""
    return -(-_bytes_at_once(request) // _BYTES_PER_TOKEN)


def _bytes_at_once(request: ChatRequest) -> int:
    size = text_bytes(request)
    return size if request.at_once is None else min(size, request.at_once)


def text_bytes(request: ChatRequest) -> int:
    """Bytes of the messages, files that travel inline left out."""
    size = request.prompt_bytes
    if size <= _SHORT_PROMPT:
        return size
    messages = bytes(request.fields["messages"])
    if b'"data:' not in messages and b"base64" not in messages and b'_data"' not in messages:
        return size
    return size - sum(len(file) for file in _INLINE_FILE.findall(messages))


def _reads(request: ChatRequest) -> Filter:
    """Only what cannot fit by any count is out; the provider knows the exact one."""
    least = _bytes_at_once(request) // _MOST_BYTES_PER_TOKEN
    if request.squeezed:  # half of what is needed will do
        least += (request.max_tokens or 0) // 2

    def reads(candidate: Candidate) -> str | None:
        return "context_length" if candidate.room is not None and candidate.room < least else None

    return reads


def _writes(limit: int) -> Filter:
    def writes(candidate: Candidate) -> str | None:
        most = candidate.endpoint.max_completion_tokens
        return "max_tokens" if most is not None and limit > most else None

    return writes


# -- what the request prefers --


def _preferred(request: ChatRequest, preferences: Preferences, wall: float) -> list[Filter]:
    filters: list[Filter] = []
    if preferences.only is not None:
        filters.append(_named(preferences.only, "allowed_providers"))
    if preferences.ignore:
        filters.append(_not_named(preferences.ignore))
    if preferences.allow_fallbacks is False and preferences.order:
        filters.append(_named(preferences.order, "allow_fallbacks"))
    if preferences.require_parameters and (needed := needed_parameters(request)):
        filters.append(_supports(needed))
    if preferences.data_collection == "deny":
        filters.append(_collects_nothing)
    if preferences.zdr:
        filters.append(_retains_nothing)
    if preferences.enforce_distillable_text:
        filters.append(_is_distillable)
    if preferences.quantizations is not None:
        filters.append(_quantized(preferences.quantizations))
    if preferences.max_price is not None:
        filters.append(_affordable(preferences.max_price, request, wall))
    return filters


def _named(names: Iterable[str], reason: str) -> Filter:
    wanted = {name.lower() for name in names}

    def named(candidate: Candidate) -> str | None:
        return reason if wanted.isdisjoint(candidate.names) else None

    return named


def _not_named(names: Iterable[str]) -> Filter:
    unwanted = {name.lower() for name in names}

    def not_named(candidate: Candidate) -> str | None:
        return None if unwanted.isdisjoint(candidate.names) else "ignored_providers"

    return not_named


def _supports(needed: frozenset[str]) -> Filter:
    def supports(candidate: Candidate) -> str | None:
        supported = candidate.parameters
        if supported is None or needed <= supported:
            return None
        missing = needed - supported
        return None if all(_OTHER_NAMES.get(name) in supported for name in missing) else "require_parameters"

    return supports


def _collects_nothing(candidate: Candidate) -> str | None:
    policy = candidate.endpoint.policy or candidate.provider.policy
    return None if policy.data_collection == "deny" else "data_policy:training"


def _retains_nothing(candidate: Candidate) -> str | None:
    policy = candidate.endpoint.policy or candidate.provider.policy
    return None if policy.zdr else "data_policy:zdr"


def _is_distillable(candidate: Candidate) -> str | None:
    return None if candidate.model.distillable else "enforce_distillable_text"


def _quantized(wanted: Iterable[str]) -> Filter:
    accepted: set[str] = set()
    for name in wanted:
        accepted |= _QUANTIZATION_FAMILIES.get(name, {name})

    def quantized(candidate: Candidate) -> str | None:
        return None if (candidate.endpoint.quantization or "unknown") in accepted else "quantization"

    return quantized


def _affordable(cap: MaxPrice, request: ChatRequest, wall: float) -> Filter:
    """Prices under *cap*; an endpoint that states none is not: nobody can promise it."""
    input_too, output_too = cap.prompt is None, cap.completion is None
    prompt = _most(cap.input if input_too else cap.prompt, "input" if input_too else "prompt", _TOKENS_PER_MILLION)
    completion = _most(
        cap.output if output_too else cap.completion, "output" if output_too else "completion", _TOKENS_PER_MILLION
    )
    others = [
        (name, most)
        for name, limit, units in (
            ("request", cap.request, 1),
            ("image", cap.image, 1),
            ("audio", cap.audio, _TOKENS_PER_MILLION),
        )
        if (most := _most(limit, name, units)) is not None
    ]
    if prompt is None and completion is None and not others:
        return _no_objection
    tokens = -(-request.prompt_bytes // _BYTES_PER_TOKEN)

    def affordable(candidate: Candidate) -> str | None:
        endpoint = candidate.endpoint
        pricing = endpoint.pricing
        if pricing.overrides:
            pricing = effective(pricing, tokens, wall)
        if (
            not endpoint.priced
            or (prompt is not None and pricing.prompt > prompt)
            or (completion is not None and pricing.completion > completion)
            or (others and any((getattr(pricing, name) or 0) > most for name, most in others))
        ):
            return "max_price"
        return None

    return affordable


def _no_objection(_candidate: Candidate) -> None:
    return None


@lru_cache(1024)
def _most(limit: float | str | None, name: str, units: int) -> int | None:
    """The highest price of one unit under a cap in dollars for so many, in pico-dollars; from a number or a text."""
    if limit is None:
        return None
    text = str(limit)
    if not _AMOUNT.fullmatch(text):
        raise BadRequest(f"`provider.max_price.{name}` is not an amount of dollars")
    return int(Fraction(text) * PICO_PER_DOLLAR / units)


# -- what the caller is allowed --


def _bounded(request: ChatRequest, bounds: Bounds) -> list[Filter]:
    if bounds.parameters is not None and (forbidden := (request.fields.keys() & _STEERING) - bounds.parameters):
        raise Forbidden(f"This key may not use `{min(forbidden)}`")
    filters: list[Filter] = []
    if bounds.models is not None or bounds.ignored_models:
        filters.append(_of_models(bounds.models, bounds.ignored_models))
    if bounds.providers is not None:
        filters.append(_named(bounds.providers, "allowed_providers"))
    if bounds.ignored_providers:
        filters.append(_not_named(bounds.ignored_providers))
    if bounds.deny_collection:
        filters.append(_collects_nothing)
    if bounds.zdr:
        filters.append(_retains_nothing)
    if bounds.regions is not None:
        filters.append(_within(bounds.regions))
    return filters + _of_guardrails(request, bounds)


def _of_guardrails(request: ChatRequest, bounds: Bounds) -> list[Filter]:
    filters: list[Filter] = []
    if bounds.deny_free_training or bounds.deny_paid_training:
        filters.append(_trains_not(free=bounds.deny_free_training, paid=bounds.deny_paid_training))
    if bounds.zdr_groups:
        filters.append(_retains_nothing_of(bounds.zdr_groups))
    for one in bounds.also:
        filters += _bounded(request, one)
    return filters


def _trains_not(*, free: bool, paid: bool) -> Filter:
    def trains_not(candidate: Candidate) -> str | None:
        costs = candidate.most_per_prompt or candidate.most_per_completion or candidate.endpoint.pricing.request
        return _collects_nothing(candidate) if (paid if costs else free) else None

    return trains_not


def _retains_nothing_of(groups: frozenset[str]) -> Filter:
    def retains_nothing_of(candidate: Candidate) -> str | None:
        author = candidate.model.id.partition("/")[0].removeprefix("~").replace("x-ai", "xai")
        return _retains_nothing(candidate) if (author if author in GROUPS else "other") in groups else None

    return retains_nothing_of


def _of_models(allowed: Collection[str] | None, ignored: Collection[str]) -> Filter:
    def of_models(candidate: Candidate) -> str | None:
        names = {candidate.model.id, candidate.model.canonical_slug}
        if allowed is not None and not _one_fits(names, allowed):
            return "allowed_models"
        return "allowed_models" if _one_fits(names, ignored) else None

    return of_models


def _one_fits(names: Collection[str], patterns: Collection[str]) -> bool:
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)


def _within(regions: frozenset[str]) -> Filter:
    def within(candidate: Candidate) -> str | None:
        policy = candidate.endpoint.policy or candidate.provider.policy
        return "data_region" if regions.isdisjoint(policy.regions) else None

    return within
