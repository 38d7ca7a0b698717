"""Gemini's answers in our words: whole, and what their parts say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import Raw, Struct

from turnout.base.errors import UpstreamError
from turnout.domain.completion import NULL, Choice, Completion
from turnout.providers.deltas import message_of
from turnout.providers.gemini.failures import gemini_failure_in_stream
from turnout.providers.gemini.sources import logprobs_of
from turnout.providers.gemini.turns import Candidate, Turn
from turnout.providers.gemini.usage import read_gemini_usage, read_service_tier
from turnout.providers.reading import read_again, refuse_broken_text

__all__ = ["blocked_by", "empty", "finish_of", "parsed", "read_answer"]

_FINISH: Final = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "LANGUAGE": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
    "OTHER": "error",
    "IMAGE_OTHER": "error",
    "NO_IMAGE": "error",
    "MALFORMED_FUNCTION_CALL": "error",
    "MALFORMED_RESPONSE": "error",
    "UNEXPECTED_TOOL_CALL": "error",
    "TOO_MANY_TOOL_CALLS": "error",
    "MISSING_THOUGHT_SIGNATURE": "error",
}
"""Source: Gemini API, "GenerateContentResponse", FinishReason; Vertex AI, the same."""
_NO_ERRORS = frozenset({b"null", b"{}", b'""'})


class _Feedback(Struct, rename="camel"):
    block_reason: str | None = None


class _Answer(Struct, rename="camel"):
    candidates: list[Candidate] | None = None
    prompt_feedback: _Feedback | None = None
    usage_metadata: Raw = NULL
    response_id: str | None = None
    error: Raw = NULL


_read: Callable[[bytes], _Answer] = msgspec.json.Decoder(_Answer).decode


def finish_of(native: str | None, *, calls: bool) -> str:
    """Our finish reason for Google's word; an unknown word means "stop"."""
    finish = _FINISH.get(native or "", "stop")
    return "tool_calls" if calls and finish == "stop" else finish


def read_answer(body: bytes) -> Completion:
    """A whole answer. A prompt that was blocked is an empty one that the content filter ended.

    Raises:
        UpstreamError: the body is no answer, is empty, or carries an error.
    """
    wire = parsed(body)
    turns = []
    logprobs = []
    for place, candidate in enumerate(wire.candidates or ()):
        turn = Turn(place if candidate.index is None else candidate.index, wire.response_id)
        turn.take(candidate)
        turns.append(turn)
        logprobs.append(logprobs_of(candidate.logprobs_result))
    choices = [
        Choice(turn.message(), turn.index, finish_of(turn.native, calls=turn.call_count > 0), turn.native, probability)
        for turn, probability in zip(turns, logprobs, strict=True)
    ]
    if not choices:
        if (reason := blocked_by(wire)) is None:
            raise empty()
        choices = [Choice(message_of(""), 0, "content_filter", reason)]
    usage = wire.usage_metadata
    return Completion(
        choices=choices,
        usage=None if usage is NULL else read_gemini_usage(usage),
        upstream_id=wire.response_id or None,
        service_tier=None if usage is NULL else read_service_tier(usage),
    )


def parsed(text: bytes) -> _Answer:
    """*text* as an answer that carries no error.

    Raises:
        UpstreamError: it is none, or carries one.
    """
    refuse_broken_text(text)
    try:
        wire = _read(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        wire = read_again(_read, text)
    if wire.error is not NULL and bytes(wire.error) not in _NO_ERRORS:
        raise gemini_failure_in_stream(wire.error)
    return wire


def empty() -> UpstreamError:
    """What holds neither an answer nor a reason for none."""
    return UpstreamError("The provider's answer is empty", may_be_billed=True)


def blocked_by(wire: _Answer) -> str | None:
    """Why the prompt was refused, where it was."""
    return wire.prompt_feedback.block_reason if wire.prompt_feedback is not None else None
