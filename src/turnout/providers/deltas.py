"""Deltas and messages in the chat dialect, built as JSON bytes: the words in which every other dialect is told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Raw, Struct

from turnout.base.jsons import encode, json_text

__all__ = [
    "EMPTY_DELTA",
    "Detail",
    "EncryptedDetail",
    "ServerToolDetail",
    "SummaryDetail",
    "TextDetail",
    "ToolCallMade",
    "UrlCitation",
    "annotations_delta",
    "annotations_of",
    "images_delta",
    "images_of",
    "message_of",
    "reasoning_delta",
    "text_delta",
    "tool_call_delta",
]

EMPTY_DELTA: Final = Raw(b'{"content":""}')
"""A delta that says nothing, such as the one beside a finish reason."""


class TextDetail(Struct, frozen=True, omit_defaults=True, tag_field="type", tag="reasoning.text"):
    """Thoughts in the open. ``format`` names the provider's form, such as ``anthropic-claude-v1``.

    ``position``, here and in other details: how many characters of the content come before; None: no content does.
    """

    text: str | None
    format: str
    index: int
    signature: str | None = None
    id: str | None = None
    position: int | None = None


class SummaryDetail(Struct, frozen=True, omit_defaults=True, tag_field="type", tag="reasoning.summary"):
    """Thoughts as the provider sums them up."""

    summary: str
    format: str
    index: int
    id: str | None = None


class EncryptedDetail(Struct, frozen=True, omit_defaults=True, tag_field="type", tag="reasoning.encrypted"):
    """Thoughts that only the provider can read."""

    data: str
    format: str
    index: int
    id: str | None = None
    position: int | None = None


class ServerToolDetail(Struct, frozen=True, omit_defaults=True, tag_field="type", tag="reasoning.server_tool_call"):
    """What a tool of the provider's own did; ``arguments`` and ``result`` are JSON as text."""

    tool_name: str
    arguments: str
    result: str
    tool_call_id: str
    format: str
    index: int
    server_name: str | None = None
    position: int | None = None


Detail = TextDetail | SummaryDetail | EncryptedDetail | ServerToolDetail | Raw
"""One entry of ``reasoning_details``; Raw: a JSON object as it is."""


class ToolCallMade(Struct, frozen=True):
    """A call that the model makes; ``arguments`` is JSON as text."""

    id: str
    name: str
    arguments: str = "{}"


class UrlCitation(Struct, frozen=True, omit_defaults=True):
    """A source on the web. The indexes count characters of the message's content, the end one exclusive."""

    url: str
    title: str = ""
    content: str | None = None
    start_index: int | None = None
    end_index: int | None = None


def text_delta(text: str) -> Raw:
    """A piece of the answer."""
    return Raw(b'{"content":%b}' % encode(text))


def reasoning_delta(text: str | None, details: Sequence[Detail] = ()) -> Raw:
    """A piece of thought: what can be read of it, and the same or what cannot be read as details.

    A provider without details of its own gives the text alone; the details are made of it.
    """
    if not details:
        return Raw(b'{"reasoning":%b,"reasoning_details":%b}' % (encode(text or ""), _plain_details(text or "")))
    if not text:
        return Raw(b'{"reasoning_details":%b}' % encode(details))
    return Raw(b'{"reasoning":%b,"reasoning_details":%b}' % (encode(text), encode(details)))


def tool_call_delta(index: int, call_id: str | None = None, name: str | None = None, arguments: str = "") -> Raw:
    """The start of a tool call, with its id and name, or a later piece of its arguments, without."""
    if name is None:
        return Raw(b'{"tool_calls":[{"index":%d,"function":{"arguments":%b}}]}' % (index, encode(arguments)))
    return Raw(
        b'{"tool_calls":[{"index":%d,"id":%b,"type":"function","function":{"name":%b,"arguments":%b}}]}'
        % (index, encode(call_id or ""), json_text(name), encode(arguments))
    )


def images_delta(urls: Iterable[str]) -> Raw:
    """Pictures that the model drew, by URL; a ``data:`` URL holds one."""
    return Raw(b'{"images":%b}' % images_of(urls))


def annotations_delta(citations: Iterable[UrlCitation]) -> Raw:
    """Sources of what was said."""
    return Raw(b'{"annotations":%b}' % annotations_of(citations))


def images_of(urls: Iterable[str]) -> Raw:
    """The value of ``images``."""
    return Raw(encode([{"type": "image_url", "image_url": {"url": url}} for url in urls]))


def annotations_of(citations: Iterable[UrlCitation]) -> Raw:
    """The value of ``annotations``."""
    return Raw(encode([{"type": "url_citation", "url_citation": one} for one in citations]))


def message_of(  # noqa: PLR0913 - each is one thing that a message may hold, all but the first by keyword
    text: str | None,
    *,
    reasoning: str | None = None,
    details: Sequence[Detail] = (),
    tool_calls: Sequence[ToolCallMade] = (),
    images: Sequence[str] = (),
    citations: Sequence[UrlCitation] = (),
    refusal: str | None = None,
) -> dict[str, Raw]:
    """A whole message, by key, for :class:`~turnout.domain.completion.Choice`. Empty things are left out.

    A text that is None, or empty beside tool calls, is null.
    """
    message = {"content": Raw(encode(text)) if text or (text is not None and not tool_calls) else Raw(b"null")}
    if refusal is not None:
        message["refusal"] = Raw(encode(refusal))
    if reasoning:
        message["reasoning"] = Raw(encode(reasoning))
        message["reasoning_details"] = Raw(encode(details) if details else _plain_details(reasoning))
    elif details:
        message["reasoning_details"] = Raw(encode(details))
    if tool_calls:
        calls = [
            b'{"id":%b,"type":"function","function":{"name":%b,"arguments":%b}}'
            % (encode(call.id), json_text(call.name), encode(call.arguments))
            for call in tool_calls
        ]
        message["tool_calls"] = Raw(b"[%b]" % b",".join(calls))
    if images:
        message["images"] = images_of(images)
    if citations:
        message["annotations"] = annotations_of(citations)
    return message


def _plain_details(text: str) -> bytes:
    return b'[{"type":"reasoning.text","text":%b,"format":"unknown","index":0}]' % encode(text)
