"""Gemini's counts, made into disjoint buckets."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Raw, Struct

from turnout.base.jsons import BadJSON, reader
from turnout.base.limits import MAX_TOKENS
from turnout.domain.usage import Usage

__all__ = ["read_gemini_usage", "read_service_tier"]

_TIERS = {
    "standard": "default",
    "on_demand": "default",
    "flex": "flex",
    "on_demand_flex": "flex",
    "priority": "priority",
    "on_demand_priority": "priority",
}


class _ByKind(Struct):
    modality: str | None = None
    tokenCount: object = 0  # noqa: N815 - Google's word


class _WireUsage(Struct, rename="camel"):
    prompt_token_count: object = None
    cached_content_token_count: object = None
    candidates_token_count: object = None
    thoughts_token_count: object = None
    tool_use_prompt_token_count: object = None
    total_token_count: object = None
    prompt_tokens_details: list[_ByKind] | None = None
    cache_tokens_details: list[_ByKind] | None = None
    candidates_tokens_details: list[_ByKind] | None = None
    service_tier: str | None = None
    traffic_type: str | None = None


_read = reader(_WireUsage)


def read_gemini_usage(raw: Raw) -> Usage | None:
    """The buckets of ``usageMetadata``, or None when it is absent or makes no sense.

    Cached tokens are part of the prompt; thoughts and what tools brought into the prompt come on top. Parts never
    exceed their whole.

    Source: Gemini API, "GenerateContentResponse", UsageMetadata.
    """
    try:
        wire = _read(raw)
    except BadJSON:
        return None
    if wire.prompt_token_count is None and wire.total_token_count is None and wire.candidates_token_count is None:
        return None
    prompt = _count(wire.prompt_token_count)
    completion = _count(wire.candidates_token_count)
    reasoning = _count(wire.thoughts_token_count)
    tools = _count(wire.tool_use_prompt_token_count)
    if wire.candidates_token_count is None:
        completion = max(0, _count(wire.total_token_count) - prompt - reasoning - tools)
    cache_read = audio_prompt = audio_completion = image_completion = 0
    if wire.cached_content_token_count is not None:
        cache_read = min(_count(wire.cached_content_token_count), prompt)
    if wire.prompt_tokens_details:
        fresh_audio = _of_kind(wire.prompt_tokens_details, "AUDIO") - _of_kind(wire.cache_tokens_details, "AUDIO")
        audio_prompt = min(max(0, fresh_audio), prompt - cache_read)
    if wire.candidates_tokens_details:
        audio_completion = min(_of_kind(wire.candidates_tokens_details, "AUDIO"), completion)
        image_completion = min(_of_kind(wire.candidates_tokens_details, "IMAGE"), completion - audio_completion)
    return Usage(
        fresh=prompt - cache_read - audio_prompt + tools,
        cache_read=cache_read,
        audio_prompt=audio_prompt,
        completion=completion - audio_completion - image_completion,
        reasoning=reasoning,
        audio_completion=audio_completion,
        image_completion=image_completion,
    )


def read_service_tier(raw: Raw) -> str | None:
    """The tier that served, in our words, or None where the counts do not tell."""
    try:
        wire = _read(raw)
    except BadJSON:
        return None
    word = wire.service_tier or wire.traffic_type
    return _TIERS.get(word.lower()) if word else None


def _of_kind(counts: Sequence[_ByKind] | None, kind: str) -> int:
    return sum(_count(one.tokenCount) for one in counts or () if one.modality == kind)


def _count(value: object) -> int:
    """A token count, 0 for anything that cannot be one."""
    if type(value) is int and 0 < value <= MAX_TOKENS:
        return value
    if type(value) is str and value.isdecimal() and len(value) < 16:
        return _count(int(value))
    return 0
