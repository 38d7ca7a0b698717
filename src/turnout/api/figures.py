"""The ``usage`` object that closes every answer."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Struct, UnsetType

from turnout.base.jsons import encode
from turnout.base.money import PICO_PER_DOLLAR
from turnout.domain.usage import Cost, Usage

__all__ = ["as_own", "costs", "usage_json"]


class _Prompt(Struct, gc=False):
    cached_tokens: int
    cache_write_tokens: int
    audio_tokens: int
    video_tokens: int = 0


class _Completion(Struct, gc=False):
    reasoning_tokens: int
    audio_tokens: int
    image_tokens: int


class _Costs(Struct, gc=False):
    upstream_inference_cost: float | None
    upstream_inference_prompt_cost: float
    upstream_inference_completions_cost: float


class _ServerTools(Struct, gc=False):
    tool_calls_requested: int | UnsetType = UNSET
    tool_calls_executed: int | UnsetType = UNSET
    web_search_requests: int = 0


class _Usage(Struct, gc=False):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cost: float
    is_byok: bool
    prompt_tokens_details: _Prompt
    cost_details: _Costs
    completion_tokens_details: _Completion
    server_tool_use_details: _ServerTools | UnsetType = UNSET
    server_tool_use: _ServerTools | UnsetType = UNSET


_SHARED, _OWN = b'"is_byok":false', b'"is_byok":true'
_NOT_BILLED, _BILLED = b'"upstream_inference_cost":null', b'"upstream_inference_cost":%a'


def usage_json(usage: Usage, price: Cost) -> bytes:
    """Token counts and costs as JSON; costs are numbers in US dollars.

    Source: OpenRouter, "Usage accounting".
    """
    prompt, completion = usage.prompt_tokens, usage.completion_tokens
    own = None if price.own is None else price.own / PICO_PER_DOLLAR
    told = _Usage(
        prompt,
        completion,
        prompt + completion,
        price.total / PICO_PER_DOLLAR,
        own is not None,
        _Prompt(usage.cache_read, usage.cache_write + usage.cache_write_1h, usage.audio_prompt),
        _Costs(own, price.prompt / PICO_PER_DOLLAR, price.completion / PICO_PER_DOLLAR),
        _Completion(usage.reasoning, usage.audio_completion, usage.image_completion),
    )
    if usage.web_searches or usage.tools_requested:
        _add_server_tools(told, usage)
    return encode(told)


def costs(price: Cost, read: str, written: str) -> dict[str, Any]:
    """What an answer costs, for families with a usage of their own; what goes in and what comes out have these names.

    As there, in US dollars.
    """
    own = None if price.own is None else price.own / PICO_PER_DOLLAR
    return {
        "cost": price.total / PICO_PER_DOLLAR,
        "is_byok": own is not None,
        "cost_details": {
            "upstream_inference_cost": own,
            f"upstream_inference_{read}_cost": price.prompt / PICO_PER_DOLLAR,
            f"upstream_inference_{written}_cost": price.completion / PICO_PER_DOLLAR,
        },
    }


def as_own(text: bytes, own: int) -> bytes:
    """The costs in *text* as those of a credential of the account's own: *own* is what its provider bills it."""
    text = text.replace(_SHARED, _OWN, 1)
    return text.replace(_NOT_BILLED, _BILLED % (own / PICO_PER_DOLLAR), 1)


def _add_server_tools(told: _Usage, usage: Usage) -> None:
    """What was searched and run for the model; clients know the searches under two names."""
    told.server_tool_use = _ServerTools(web_search_requests=usage.web_searches)
    if usage.tools_requested:
        told.server_tool_use_details = _ServerTools(usage.tools_requested, usage.tools_executed, usage.web_searches)
    else:
        told.server_tool_use_details = told.server_tool_use
