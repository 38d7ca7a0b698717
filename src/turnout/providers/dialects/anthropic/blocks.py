"""The parts of an answer of the Messages API, as they come over the wire."""

from __future__ import annotations

from typing import Final

from msgspec import Raw, Struct

from turnout.base.jsons import reader
from turnout.domain.completion import NULL, normal_finish_reason
from turnout.providers.deltas import ServerToolDetail, UrlCitation
from turnout.providers.details import CLAUDE

__all__ = [
    "KNOWN",
    "RESULT",
    "SERVER_CALLS",
    "Block",
    "Citation",
    "StopDetails",
    "citation_of",
    "finish_of",
    "read_block",
    "read_kind",
    "refusal_of",
    "server_detail",
]

SERVER_CALLS: Final = frozenset({"server_tool_use", "mcp_tool_use"})
KNOWN: Final = frozenset({"text", "thinking", "redacted_thinking", "tool_use"}) | SERVER_CALLS
"""Blocks that say something to the client."""
RESULT: Final = "_tool_result"
"""How the kinds of what the provider's own tools found end."""


class Citation(Struct):
    """A place in a source."""

    type: str = ""
    url: str | None = None
    source: str | None = None
    title: str | None = None
    cited_text: str | None = None


class Block(Struct):
    """A block of content, of whichever kind."""

    type: str = ""
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    id: str | None = None
    name: str | None = None
    server_name: str | None = None
    tool_use_id: str | None = None
    input: Raw = NULL
    citations: list[Citation] | None = None


class StopDetails(Struct):
    """Why the model refused."""

    explanation: str | None = None


class _Kind(Struct):
    type: str = ""


read_block = reader(Block)
_kind = reader(_Kind)


def read_kind(raw: bytes | Raw) -> str:
    """The ``type`` of an object. Raises BadJSON."""
    return _kind(raw).type


def finish_of(native: str | None, *, called: bool, answered: bool) -> str | None:
    """Our word for why it stopped; an answer given through a tool is an answer."""
    finish = normal_finish_reason(native or None)
    return "stop" if finish == "tool_calls" and answered and not called else finish


def refusal_of(native: str | None, details: StopDetails | None) -> str | None:
    """The provider's words for a refusal."""
    return details.explanation if native == "refusal" and details is not None else None


def citation_of(wire: Citation, start: int, end: int) -> UrlCitation | None:
    """A source with an address, cited by the content from *start* to *end*; a place in the client's file has none."""
    url = wire.url or wire.source
    return UrlCitation(url, wire.title or "", wire.cited_text, start, end) if url else None


def server_detail(
    asked: Block, arguments: str, result: Raw | None, *, index: int, position: int | None
) -> ServerToolDetail:
    """What a tool of the provider's own was asked, and what it found, to be sent back in the next turn.

    One of the two may have stood in an earlier turn, or be still to come.
    """
    found = "" if result is None else bytes(result).decode()
    return ServerToolDetail(
        asked.name or "",
        arguments if asked.name else "",
        found,
        asked.id or "",
        CLAUDE,
        index,
        asked.server_name,
        position,
    )
