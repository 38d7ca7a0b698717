"""What Converse counts, in buckets that do not overlap."""

from __future__ import annotations

from msgspec import Struct

from turnout.domain.usage import Usage
from turnout.providers.usage import count_of

__all__ = ["WireUsage", "usage_of"]


class WireUsage(Struct, rename="camel"):
    """The provider's ``usage``, of which any part may be missing."""

    input_tokens: object = None
    output_tokens: object = None
    cache_read_input_tokens: object = None
    cache_write_input_tokens: object = None
    cache_details: object = None


def usage_of(wire: WireUsage | None) -> Usage | None:
    """The buckets of *wire*, or None when it counts nothing.

    The provider counts what it read from and wrote to its cache beside the other input, and thoughts as output.
    """
    if wire is None:
        return None
    fresh, output = count_of(wire.input_tokens), count_of(wire.output_tokens)
    if fresh is None and output is None:
        return None
    written = count_of(wire.cache_write_input_tokens) or 0
    long = _written_for_long(wire.cache_details, written) if written and wire.cache_details else 0
    return Usage(
        fresh=fresh or 0,
        cache_read=count_of(wire.cache_read_input_tokens) or 0,
        cache_write=written - long,
        cache_write_1h=long,
        completion=output or 0,
    )


def _written_for_long(details: object, written: int) -> int:
    """How many of the tokens *written* to the cache stay there for an hour."""
    long = 0
    for one in details if isinstance(details, list) else ():
        if isinstance(one, dict) and one.get("ttl") == "1h":
            long += count_of(one.get("inputTokens")) or 0
    return min(long, written)
