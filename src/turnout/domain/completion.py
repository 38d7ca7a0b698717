"""An answer in the middle of the line: whole, or as the chunks of a stream."""

from __future__ import annotations

from msgspec import Raw, Struct

from turnout.domain.usage import Usage

__all__ = ["FINISH_REASONS", "NULL", "Choice", "Chunk", "ChunkChoice", "Completion", "normal_finish_reason"]

NULL = Raw(b"null")
"""JSON's null, where a raw value may be absent."""

FINISH_REASONS = frozenset({"stop", "length", "tool_calls", "content_filter", "error"})

_NORMAL = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "complete": "stop",
    "completed": "stop",
    "max_tokens": "length",
    "model_length": "length",
    "max_output_tokens": "length",
    "model_context_window_exceeded": "length",
    "insufficient_system_resource": "error",
    "network_error": "error",
    "malformed_function_call": "error",
    "unexpected_tool_call": "error",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
    "tool_call": "tool_calls",
    "sensitive": "content_filter",
    "safety": "content_filter",
    "recitation": "content_filter",
    "prohibited_content": "content_filter",
    "blocklist": "content_filter",
    "spii": "content_filter",
    "refusal": "content_filter",
}


def normal_finish_reason(native: str | None) -> str | None:
    """One of ``FINISH_REASONS`` for whatever word a provider uses; an unknown word means "stop"; None stays None."""
    if native is None or native in FINISH_REASONS:
        return native
    word = native.lower()
    return word if word in FINISH_REASONS else _NORMAL.get(word, "stop")


class ChunkChoice(Struct, gc=False):
    """One choice's part of a chunk. ``delta`` is a JSON object in the chat dialect, ``logprobs`` one or null."""

    delta: Raw = Raw(b"{}")
    index: int = 0
    finish_reason: str | None = None
    native_finish_reason: str | None = None
    logprobs: Raw = NULL


class Chunk(Struct, gc=False):
    """One event of a stream, as a dialect decoded it. ``choices`` may be empty: then it only carries usage.

    ``verbatim`` is the event's data as the provider sent it, where the client speaks the provider's language. A chunk
    that was ``added`` is a plugin's: it is no part of what the provider wrote. ``echo`` is what a provider was sent,
    for a client that wants to see it.
    """

    choices: list[ChunkChoice]
    usage: Usage | None = None
    upstream_id: str | None = None
    service_tier: str | None = None
    system_fingerprint: str | None = None
    verbatim: bytes | None = None
    added: bool = False
    echo: bytes | None = None


class Choice(Struct, gc=False):
    """One choice of a whole answer. ``message`` holds JSON values by key, in the chat dialect."""

    message: dict[str, Raw]
    index: int = 0
    finish_reason: str | None = None
    native_finish_reason: str | None = None
    logprobs: Raw = NULL


class Completion(Struct, gc=False):
    """A whole answer; ``verbatim`` is its body, where the client speaks the provider's language."""

    choices: list[Choice]
    usage: Usage | None = None
    upstream_id: str | None = None
    service_tier: str | None = None
    system_fingerprint: str | None = None
    verbatim: bytes | None = None
