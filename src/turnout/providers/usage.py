"""The usage object of the OpenAI dialect and its many relatives, made into disjoint buckets."""

from __future__ import annotations

from msgspec import Raw, Struct

from turnout.base.jsons import BadJSON, reader
from turnout.base.limits import MAX_TOKENS
from turnout.domain.usage import Usage

__all__ = ["count_of", "first_count", "read_usage"]


class _WireUsage(Struct, gc=False):
    prompt_tokens: object = None
    completion_tokens: object = None
    total_tokens: object = None
    input_tokens: object = None
    output_tokens: object = None
    prompt_tokens_details: object = None
    completion_tokens_details: object = None
    input_tokens_details: object = None
    output_tokens_details: object = None
    prompt_cache_hit_tokens: object = None  # DeepSeek
    cached_tokens: object = None  # Moonshot, Z.AI
    reasoning_tokens: object = None


_read = reader(_WireUsage)


def read_usage(raw: Raw) -> Usage | None:
    """The buckets of a provider's usage object, or None when it is absent or makes no sense.

    Providers count cached tokens as part of the prompt and reasoning as part of the completion; where the total
    shows that reasoning came on top (xAI), it is added. Parts never exceed their whole.
    """
    try:
        wire = _read(raw)  # null is no such object either
    except BadJSON:
        return None
    prompt, completion = _wholes(wire)
    if prompt is None or completion is None:
        return None
    incoming = _details(wire.prompt_tokens_details, wire.input_tokens_details)
    outgoing = _details(wire.completion_tokens_details, wire.output_tokens_details)
    if not (incoming or outgoing or wire.reasoning_tokens or wire.prompt_cache_hit_tokens or wire.cached_tokens):
        return Usage(fresh=prompt, completion=completion)
    reasoning = count_of(outgoing.get("reasoning_tokens")) or count_of(wire.reasoning_tokens) or 0
    if reasoning and count_of(wire.total_tokens) == prompt + completion + reasoning:
        completion += reasoning
    cached = (
        count_of(incoming.get("cached_tokens"))
        or count_of(wire.prompt_cache_hit_tokens)
        or count_of(wire.cached_tokens)
        or 0
    )
    written = count_of(incoming.get("cache_write_tokens")) or count_of(incoming.get("cache_creation_tokens")) or 0
    audio_in = count_of(incoming.get("audio_tokens")) or 0
    audio_out = count_of(outgoing.get("audio_tokens")) or 0
    images_out = count_of(outgoing.get("image_tokens")) or 0
    cache_read = min(cached, prompt)
    cache_write = min(written, prompt - cache_read)
    audio_prompt = min(audio_in, prompt - cache_read - cache_write)
    reasoning = min(reasoning, completion)
    audio_completion = min(audio_out, completion - reasoning)
    image_completion = min(images_out, completion - reasoning - audio_completion)
    return Usage(
        fresh=prompt - cache_read - cache_write - audio_prompt,
        cache_read=cache_read,
        cache_write=cache_write,
        audio_prompt=audio_prompt,
        completion=completion - reasoning - audio_completion - image_completion,
        reasoning=reasoning,
        audio_completion=audio_completion,
        image_completion=image_completion,
    )


def _wholes(wire: _WireUsage) -> tuple[int | None, int | None]:
    """Tokens in and out; where one is missing, the total tells it."""
    prompt, completion = count_of(wire.prompt_tokens), count_of(wire.completion_tokens)
    if prompt is not None and completion is not None:
        return prompt, completion
    prompt = count_of(wire.input_tokens) if prompt is None else prompt
    completion = count_of(wire.output_tokens) if completion is None else completion
    total = count_of(wire.total_tokens)
    if total is not None and completion is None and prompt is not None and prompt <= total:
        completion = total - prompt
    elif total is not None and prompt is None and completion is not None and completion <= total:
        prompt = total - completion
    return prompt, completion


def _details(own: object, other: object) -> dict[str, object]:
    """The details under the one name or the other."""
    if isinstance(own, dict):
        return own
    return other if isinstance(other, dict) else {}


def count_of(value: object) -> int | None:
    """A token count, or None for anything that cannot be one."""
    if type(value) is int and 0 <= value <= MAX_TOKENS:
        return value
    if type(value) is float and value.is_integer() and 0 <= value <= MAX_TOKENS:
        return int(value)
    return None


def first_count(*found: object) -> int | None:
    """The first of *found* that is a count."""
    return next((count for one in found if (count := count_of(one)) is not None), None)
