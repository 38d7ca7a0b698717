"""The output items of the Responses API, as they come over the wire, and what each tells the client."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Raw, Struct

from turnout.base.errors import UpstreamError
from turnout.base.jsons import BadJSON, encode, reader
from turnout.domain.completion import NULL
from turnout.domain.usage import Usage
from turnout.providers.deltas import ServerToolDetail, UrlCitation
from turnout.providers.dialects.openai_responses.thoughts import FORMAT, MARK
from turnout.providers.failures import decoded, failure_in_stream
from turnout.providers.usage import read_usage

__all__ = [
    "CALLS",
    "Item",
    "Part",
    "Response",
    "arguments_of",
    "citation_of",
    "custom_arguments",
    "deed_of",
    "drawing_of",
    "failure_of",
    "finish_of",
    "mark_of",
    "native_of",
    "read_item",
    "read_kind",
    "usage_of",
]

CALLS: Final = frozenset({"function_call", "custom_tool_call"})
_CLIENTS_FAULTS: Final = ("invalid_", "image_", "unsupported_image", "empty_image", "failed_to_download")
"""How codes of errors begin that the request is to blame for."""
_FINISHES: Final = {"max_output_tokens": "length", "content_filter": "content_filter"}
_SEARCH: Final = "web_search_call"
_ARGUMENTS: Final = ("arguments", "action", "queries", "code", "commands", "operation")
_Index = Annotated[int, Meta(ge=0, le=2**53)]


class Annotation(Struct):
    """A source; one without an address is a file of the client's."""

    type: str = ""
    url: str | None = None
    title: str | None = None
    start_index: _Index | None = None
    end_index: _Index | None = None


class Part(Struct):
    """A part of a message, of a summary or of a thought."""

    type: str = ""
    text: str | None = None
    refusal: str | None = None
    annotations: list[Annotation] | None = None
    logprobs: Raw = NULL


class Item(Struct):
    """An output item that is a message, a thought, a call or a picture."""

    type: str = ""
    id: str | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: Raw = NULL
    input: str | None = None
    content: list[Part] | None = None
    summary: list[Part] | None = None
    encrypted_content: str | None = None
    phase: str | None = None
    result: Raw = NULL
    output_format: str | None = None


class _Kind(Struct):
    type: str = ""


class _Named(Struct):
    type: str = ""
    id: str | None = None
    call_id: str | None = None
    name: str | None = None
    server_label: str | None = None


class _Incomplete(Struct):
    reason: str | None = None


class Response(Struct):
    """The whole answer, or what an event tells of it."""

    id: str | None = None
    status: str | None = None
    output: list[Raw] | None = None
    error: Raw = NULL
    incomplete_details: _Incomplete | None = None
    usage: Raw = NULL
    service_tier: str | None = None
    tool_usage: Raw = NULL


class _Action(Struct):
    type: str | None = None


class _Searched(Struct):
    type: str = ""
    action: _Action | None = None


class _Requests(Struct):
    num_requests: _Index | None = None


class _ToolUsage(Struct):
    web_search: _Requests | None = None


read_item = reader(Item)
_kind = reader(_Kind)
_named = reader(_Named)
_fields = reader(dict[str, Raw])
_searched = reader(_Searched)
_tool_usage = reader(_ToolUsage)
_text = reader(str)


def read_kind(raw: Raw | bytes) -> str:
    """The ``type`` of an object. Raises BadJSON."""
    return _kind(raw).type


def arguments_of(item: Item) -> str:
    """The arguments of a call as text. Raises BadJSON."""
    if item.type == "custom_tool_call":
        return custom_arguments(item.input or "")
    raw = bytes(item.arguments)
    if raw == b"null":
        return "{}"
    return (_text(raw) or "{}") if raw[:1] == b'"' else raw.decode()


def custom_arguments(text: str) -> str:
    """The plain text for a tool as the object that a chat has for arguments."""
    return encode({"input": text}).decode()


def citation_of(wire: Annotation, start: int) -> UrlCitation | None:
    """A source with an address, cited in a text that begins after *start* characters of the content."""
    if wire.type != "url_citation" or not wire.url:
        return None
    begin = None if wire.start_index is None else start + wire.start_index
    end = None if wire.end_index is None else start + wire.end_index
    return UrlCitation(wire.url, wire.title or "", None, begin, end)


def deed_of(raw: Raw, index: int, position: int) -> ServerToolDetail:
    """What a tool of the provider's own did: the item as it is, to be sent back in the next turn. Raises BadJSON."""
    named, fields = _named(raw), _fields(raw)
    asked = next((name for name in _ARGUMENTS if bytes(fields.get(name, NULL)) != b"null"), None)
    arguments = "{}"
    if asked is not None:
        value = bytes(fields[asked])
        if asked == "arguments":
            arguments = _text(value) if value[:1] == b'"' else value.decode()
        else:
            arguments = value.decode() if asked == "action" else (b'{"%b":%b}' % (asked.encode(), value)).decode()
    if named.type == "image_generation_call":
        raw = Raw(encode({name: value for name, value in fields.items() if name != "result"}))  # it stands in `images`
    return ServerToolDetail(
        named.name or named.type.removesuffix("_call"),
        arguments or "{}",
        bytes(raw).decode(),
        named.id or named.call_id or "",
        FORMAT,
        index,
        named.server_label,
        position or None,
    )


def mark_of(phase: str | None, item_id: str | None, index: int, position: int) -> ServerToolDetail:
    """How the text that follows is meant."""
    told = encode({"type": "message", "id": item_id, "phase": phase}).decode()
    return ServerToolDetail(MARK, "{}", told, item_id or "", FORMAT, index, None, position or None)


def drawing_of(item: Item) -> str | None:
    """The picture that the model drew, as a ``data:`` URL. Raises BadJSON."""
    held = _text(item.result) if bytes(item.result)[:1] == b'"' else ""
    return f"data:image/{item.output_format or 'png'};base64,{held}" if held else None


def native_of(response: Response) -> str | None:
    """The provider's own word for why it stopped."""
    reason = response.incomplete_details.reason if response.incomplete_details is not None else None
    return reason or response.status


def finish_of(response: Response, *, called: bool) -> str:
    """Our word for why it stopped."""
    if response.status == "incomplete":
        return _FINISHES.get(native_of(response) or "", "length")
    return "tool_calls" if called else "stop"


def usage_of(response: Response, searched: Sequence[Raw]) -> Usage | None:
    """The buckets, with the searches that the provider made: as it counts them, else those among the items."""
    usage = None if bytes(response.usage) == b"null" else read_usage(response.usage)
    if usage is None:
        return None
    searches = sum(map(_is_search, searched))
    try:
        counted = _tool_usage(response.tool_usage).web_search
    except BadJSON:
        counted = None
    if counted is not None and counted.num_requests is not None:
        searches = counted.num_requests
    return msgspec.structs.replace(usage, web_searches=searches) if searches else usage


def failure_of(error: Raw) -> UpstreamError:
    """The error that stands in place of an answer."""
    told = decoded(error)
    if isinstance(told, dict) and str(told.get("code")).startswith(_CLIENTS_FAULTS):
        told = told | {"status": 400}
    return failure_in_stream(told)


def _is_search(raw: Raw) -> bool:
    """Whether an item is a search that counts: opening a page is none."""
    try:
        item = _searched(raw)
    except BadJSON:
        return False
    return item.type == _SEARCH and (item.action is None or item.action.type in {None, "search"})
