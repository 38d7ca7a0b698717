"""Hard filters: why an endpoint may not serve a request."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fractions import Fraction

from turnout.base.errors import BadRequest
from turnout.base.money import PICO_PER_DOLLAR
from turnout.domain.chat import ChatRequest
from turnout.domain.provider import Policy
from turnout.domain.routing import Candidate, MaxPrice, Preferences

__all__ = ["exclusion", "is_named"]

_QUANTIZATION_FAMILIES = {"fp4": {"fp4", "mxfp4", "nvfp4"}, "fp8": {"fp8", "mxfp8"}}
_NEEDED_PARAMETERS = frozenset({
    "frequency_penalty", "logit_bias", "logprobs", "max_completion_tokens", "max_tokens", "min_p",
    "parallel_tool_calls", "prediction", "presence_penalty", "reasoning", "reasoning_effort", "repetition_penalty",
    "response_format", "seed", "stop", "temperature", "tool_choice", "tools", "top_a", "top_k", "top_logprobs",
    "top_p", "verbosity", "web_search_options",
})  # fmt: skip
_AMOUNT = re.compile(r"\d{1,40}(\.\d{0,40})?([eE][+-]?\d{1,3})?", re.ASCII)
"""Bounded: ten digits of an exponent would keep a processor busy for minutes."""
_BYTES_PER_TOKEN = 4
_TOKENS_PER_MILLION = 10**6


def exclusion(candidate: Candidate, request: ChatRequest) -> str | None:
    """The first reason why *candidate* is not tried, in the words of ``excluded_by``; None when it may be.

    Raises:
        BadRequest: a price cap is no number.
    """
    if not candidate.provider.usable:
        return "no_credential"
    endpoint = candidate.endpoint
    room = endpoint.context_length
    if room is not None and request.prompt_bytes > room * _BYTES_PER_TOKEN * 2:
        return "context_length"  # only what cannot fit by any count; the provider knows the exact one
    limit = request.max_tokens
    if limit is not None and endpoint.max_completion_tokens is not None and limit > endpoint.max_completion_tokens:
        return "max_tokens"
    preferences = request.parameters.provider
    return None if preferences is None else _by_preference(candidate, request, preferences)


def is_named(candidate: Candidate, name: str) -> bool:
    """Whether *name* means this endpoint: by its provider's slug or display name, or by its exact tag."""
    name = name.lower()
    return name in {candidate.provider.slug.lower(), candidate.endpoint.tag.lower(), candidate.provider.name.lower()}


def _by_preference(candidate: Candidate, request: ChatRequest, preferences: Preferences) -> str | None:
    endpoint = candidate.endpoint
    if preferences.only is not None and not _is_any(candidate, preferences.only):
        return "allowed_providers"
    if preferences.ignore is not None and _is_any(candidate, preferences.ignore):
        return "ignored_providers"
    if preferences.allow_fallbacks is False and preferences.order and not _is_any(candidate, preferences.order):
        return "allow_fallbacks"
    if preferences.quantizations is not None and not _has_quantization(
        endpoint.quantization, preferences.quantizations
    ):
        return "quantization"
    policy = endpoint.policy or candidate.provider.policy
    if reason := _by_policy(policy, preferences):
        return reason
    if preferences.max_price is not None and _too_dear(candidate, preferences.max_price):
        return "max_price"
    if preferences.require_parameters and endpoint.supported_parameters is not None:
        needed = request.fields.keys() & _NEEDED_PARAMETERS
        if needed.difference(endpoint.supported_parameters):
            return "require_parameters"
    return None


def _by_policy(policy: Policy, preferences: Preferences) -> str | None:
    if preferences.data_collection == "deny" and policy.data_collection != "deny":
        return "data_policy:training"
    if preferences.zdr and not policy.zdr:
        return "data_policy:zdr"
    return None


def _is_any(candidate: Candidate, names: Iterable[str]) -> bool:
    return any(is_named(candidate, name) for name in names)


def _has_quantization(quantization: str | None, wanted: Iterable[str]) -> bool:
    accepted: set[str] = set()
    for name in wanted:
        accepted |= _QUANTIZATION_FAMILIES.get(name, {name})
    return (quantization or "unknown") in accepted


def _too_dear(candidate: Candidate, cap: MaxPrice) -> bool:
    pricing = candidate.endpoint.pricing
    checks: tuple[tuple[float | str | None, int, int], ...] = (
        (cap.prompt if cap.prompt is not None else cap.input, pricing.prompt, _TOKENS_PER_MILLION),
        (cap.completion if cap.completion is not None else cap.output, pricing.completion, _TOKENS_PER_MILLION),
        (cap.request, pricing.request, 1),
        (cap.image, pricing.image or 0, 1),
        (cap.audio, pricing.audio or 0, _TOKENS_PER_MILLION),
    )
    return any(limit is not None and price * units > _pico(limit) for limit, price, units in checks)


def _pico(dollars: float | str) -> Fraction:
    """A price cap in pico-dollars, exact, from a number or a string."""
    text = str(dollars)
    if not _AMOUNT.fullmatch(text):
        raise BadRequest("`provider.max_price` holds something that is not an amount of dollars")
    return Fraction(text) * PICO_PER_DOLLAR
