"""What a Claude counts, in buckets that do not overlap."""

from __future__ import annotations

from msgspec import Struct

from turnout.domain.usage import Usage
from turnout.providers.usage import count_of

__all__ = ["WireUsage", "later", "usage_of"]


class _WireCreation(Struct):
    ephemeral_5m_input_tokens: object = None
    ephemeral_1h_input_tokens: object = None


class _WireDetails(Struct):
    thinking_tokens: object = None


class _WireServerTools(Struct):
    web_search_requests: object = None


class WireUsage(Struct):
    """The provider's ``usage``, of which any part may be missing."""

    input_tokens: object = None
    output_tokens: object = None
    cache_read_input_tokens: object = None
    cache_creation_input_tokens: object = None
    cache_creation: _WireCreation | None = None
    output_tokens_details: _WireDetails | None = None
    server_tool_use: _WireServerTools | None = None
    service_tier: str | None = None


def later(first: WireUsage | None, last: WireUsage | None) -> WireUsage | None:
    """The counts of a stream: those at its end are of the whole, and what they leave out stands at its beginning.

    An end that counts nothing at all as input says nothing of it.
    """
    if first is None or last is None:
        return last or first
    silent = not (
        count_of(last.input_tokens)
        or count_of(last.cache_read_input_tokens)
        or count_of(last.cache_creation_input_tokens)
    )
    prompt = first if silent else last
    return WireUsage(
        input_tokens=_either(prompt.input_tokens, first.input_tokens),
        output_tokens=_either(last.output_tokens, first.output_tokens),
        cache_read_input_tokens=_either(prompt.cache_read_input_tokens, first.cache_read_input_tokens),
        cache_creation_input_tokens=_either(prompt.cache_creation_input_tokens, first.cache_creation_input_tokens),
        cache_creation=last.cache_creation or first.cache_creation,
        output_tokens_details=last.output_tokens_details or first.output_tokens_details,
        server_tool_use=last.server_tool_use or first.server_tool_use,
        service_tier=last.service_tier or first.service_tier,
    )


def usage_of(wire: WireUsage | None) -> Usage | None:
    """The buckets of *wire*, or None when it counts nothing.

    The provider counts what it read from and wrote to its cache beside the other input, and thoughts as output.
    """
    if wire is None or (count_of(wire.input_tokens) is None and count_of(wire.output_tokens) is None):
        return None
    output = count_of(wire.output_tokens) or 0
    thoughts = count_of(wire.output_tokens_details.thinking_tokens) if wire.output_tokens_details is not None else None
    thoughts = min(thoughts or 0, output)
    written, long = _written(wire)
    searches = count_of(wire.server_tool_use.web_search_requests) if wire.server_tool_use is not None else None
    return Usage(
        fresh=count_of(wire.input_tokens) or 0,
        cache_read=count_of(wire.cache_read_input_tokens) or 0,
        cache_write=written - long,
        cache_write_1h=long,
        completion=output - thoughts,
        reasoning=thoughts,
        web_searches=searches or 0,
    )


def _written(wire: WireUsage) -> tuple[int, int]:
    """Tokens written to the cache, and how many of them for an hour."""
    stated = count_of(wire.cache_creation_input_tokens)
    if wire.cache_creation is None:
        return stated or 0, 0
    long = count_of(wire.cache_creation.ephemeral_1h_input_tokens) or 0
    short = count_of(wire.cache_creation.ephemeral_5m_input_tokens) or 0
    written = stated if stated is not None else short + long
    return written, min(long, written)


def _either(value: object, otherwise: object) -> object:
    return otherwise if count_of(value) is None else value
