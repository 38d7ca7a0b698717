"""A whole answer of Cohere's chat API in the words of the gateway."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Raw, Struct

from turnout.base.errors import UpstreamError
from turnout.base.jsons import BadJSON, encode, reader
from turnout.domain.completion import NULL, Choice, Completion, normal_finish_reason
from turnout.domain.usage import Usage
from turnout.providers.deltas import Detail, TextDetail, ToolCallMade, UrlCitation, message_of
from turnout.providers.dialects.cohere.turns import FORMAT, PLAN
from turnout.providers.failures import failure_in_stream, nonsense
from turnout.providers.usage import count_of

__all__ = [
    "Citation",
    "Content",
    "Message",
    "WireUsage",
    "broken_off",
    "citation_of",
    "finish_of",
    "read_answer",
    "usage_of",
]

_FINISHES: Final = {
    "error_toxic": "content_filter",
    "error_limit": "length",
    "timeout": "error",
    "user_cancel": "error",
}
_Index = Annotated[int, Meta(ge=0, le=2**53)]


class Content(Struct):
    """A part of a message, or a piece of one."""

    type: str = ""
    text: str | None = None
    thinking: str | None = None


class _Function(Struct):
    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class Call(Struct):
    """A call of the client's tool."""

    id: str | None = None
    function: _Function | None = None


class _Source(Struct):
    document: dict[str, Any] | None = None
    tool_output: dict[str, Any] | None = None


class Citation(Struct):
    """A place in the text, and what it rests on."""

    start: _Index | None = None
    end: _Index | None = None
    sources: list[_Source] | None = None


class Message(Struct):
    """What the model says."""

    content: list[Content] | str | None = None
    tool_calls: list[Call] | None = None
    tool_plan: str | None = None
    citations: list[Citation] | None = None


class _WireCounts(Struct):
    input_tokens: object = None
    output_tokens: object = None


class WireUsage(Struct):
    """The provider's ``usage``: what it bills, and what its model really read and wrote."""

    billed_units: _WireCounts | None = None
    tokens: _WireCounts | None = None
    cached_tokens: object = None


class _Whole(Struct):
    id: str | None = None
    message: Message | str | None = None  # a text where it is an error's
    finish_reason: str | None = None
    usage: WireUsage | None = None
    logprobs: Raw = NULL
    error: Raw = NULL


_whole = reader(_Whole)


def read_answer(body: bytes) -> Completion:
    """A whole answer.

    Raises:
        UpstreamError: the body is no answer, or carries an error.
    """
    try:
        if not body.isascii():
            body.decode()  # the parser does not look into the slices that go on as they are
        wire = _whole(body)
        if bytes(wire.error) not in {b"null", b'""'}:
            raise failure_in_stream(msgspec.json.decode(wire.error))
    except (BadJSON, UnicodeDecodeError):
        raise nonsense() from None
    if isinstance(wire.message, str):
        raise failure_in_stream({"message": wire.message})
    if wire.message is None:
        raise nonsense()
    message = wire.message
    calls = _calls(message)
    texts, thoughts = _contents(message)
    if not calls and not texts and (failure := broken_off(wire.finish_reason)) is not None:
        raise failure
    found = (citation_of(one) for one in message.citations or ())
    details: list[Detail] = [TextDetail(text, FORMAT, index) for index, text in enumerate(thoughts)]
    if message.tool_plan:
        details.append(TextDetail(message.tool_plan, FORMAT, len(details), None, PLAN))
    told = message_of(
        "".join(texts),
        reasoning="".join([*thoughts, message.tool_plan or ""]),
        details=details,
        tool_calls=calls,
        citations=[one for one in found if one is not None],
    )
    finish = finish_of(wire.finish_reason) or ("tool_calls" if calls else "stop")
    return Completion(
        choices=[Choice(told, 0, finish, wire.finish_reason)], usage=usage_of(wire.usage), upstream_id=wire.id or None
    )


def finish_of(native: str | None) -> str | None:
    """Our word for why it stopped."""
    return _FINISHES.get((native or "").lower()) or normal_finish_reason(native or None)


def broken_off(native: str | None) -> UpstreamError | None:
    """The failure that a finish reason tells of, where nothing has been said."""
    if finish_of(native) != "error":
        return None
    return UpstreamError(
        "The provider's generation failed", provider_code=native, upstream_status=200, may_be_billed=True
    )


def citation_of(wire: Citation) -> UrlCitation | None:
    """A source with an address, if one of those named has one."""
    for source in wire.sources or ():
        held = source.document or source.tool_output or {}
        url = held.get("url")
        if isinstance(url, str) and url:
            title, text = held.get("title"), held.get("snippet") or held.get("text")
            return UrlCitation(
                url,
                title if isinstance(title, str) else "",
                text if isinstance(text, str) else None,
                wire.start,
                wire.end,
            )
    return None


def usage_of(wire: WireUsage | None) -> Usage | None:
    """The buckets of *wire*: what the model read and wrote, and what of that is billed.

    The model reads more than it bills: the provider's own instructions and the templates around tools.
    """
    if wire is None:
        return None
    counted, billed = _counts(wire.tokens), _counts(wire.billed_units)
    if counted is None:
        counted, billed = billed, None
    if counted is None:
        return None
    prompt, completion = counted
    cached = min(count_of(wire.cached_tokens) or 0, prompt)
    charged = Usage(fresh=billed[0], completion=billed[1]) if billed is not None and billed != counted else None
    return Usage(fresh=prompt - cached, cache_read=cached, completion=completion, billed=charged)


def _counts(wire: _WireCounts | None) -> tuple[int, int] | None:
    """Tokens in and out, or None where neither is stated."""
    if wire is None:
        return None
    prompt, completion = count_of(wire.input_tokens), count_of(wire.output_tokens)
    return None if prompt is None and completion is None else (prompt or 0, completion or 0)


def _contents(message: Message) -> tuple[list[str], list[str]]:
    """The texts and the thoughts."""
    if isinstance(message.content, str):
        return [message.content], []
    parts = message.content or ()
    return [part.text for part in parts if part.text], [part.thinking for part in parts if part.thinking]


def _calls(message: Message) -> list[ToolCallMade]:
    return [
        ToolCallMade(call.id or "", call.function.name or "", _arguments(call.function.arguments))
        for call in message.tool_calls or ()
        if call.function is not None
    ]


def _arguments(stated: str | dict[str, Any] | None) -> str:
    return stated or "{}" if isinstance(stated, str | None) else encode(stated).decode()
