"""Caps that hold whatever the configuration says."""

from __future__ import annotations

__all__ = [
    "MAX_EVENT_BYTES",
    "MAX_JSON_DEPTH",
    "MAX_MODELS_IN_REQUEST",
    "MAX_TOKENS",
    "MAX_TOOL_CALLS",
    "MAX_UPSTREAM_ERROR_BYTES",
    "MAX_UPSTREAM_REPLY_BYTES",
]

MAX_JSON_DEPTH = 100
MAX_TOKENS = 10**9
"""A token count above this is malformed, whoever sent it."""
MAX_MODELS_IN_REQUEST = 32
MAX_TOOL_CALLS = 30
"""Calls of tools that the gateway runs for one answer."""
MAX_EVENT_BYTES = 32 * 2**20
"""One server-sent event: images travel in them."""
MAX_UPSTREAM_REPLY_BYTES = 64 * 2**20
MAX_UPSTREAM_ERROR_BYTES = 256 * 2**10
