"""Thought signatures and server-side tool use as ``reasoning_details``, and back to the very parts they came with."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from turnout.base.jsons import BadJSON, encode, reader
from turnout.providers.deltas import EncryptedDetail, TextDetail
from turnout.providers.details import Told, read_details

__all__ = [
    "FORMAT",
    "SERVER_PARTS",
    "Memory",
    "ServerPart",
    "Span",
    "Thought",
    "call_signature",
    "image_signature",
    "recall",
    "server_part",
    "spread",
    "text_signature",
    "thought",
]

FORMAT: Final = "google-gemini-v1"

SERVER_PARTS: Final = ("executableCode", "codeExecutionResult", "toolCall", "toolResponse")
"""Parts of an answer that tell of tools which Google runs; they go back as they came, and are no calls for clients."""

_PLACE = re.compile(r"(text|image|executableCode|codeExecutionResult|toolCall|toolResponse)_(\d{1,9})(?:_(\d{1,9}))?")
_OURS = frozenset({FORMAT, None})
_RESULTS = frozenset({"codeExecutionResult", "toolResponse"})


class _Tool(Struct, rename="camel"):
    tool_type: str = "tool"
    id: str | None = None


class Thought(Struct):
    """A piece of earlier thinking. ``signature`` is Google's own."""

    text: str
    signature: str | None = None
    index: int | None = None


class Span(Struct, frozen=True):
    """A signature of the text from *start* to *end*, in characters; *end* None: of all of it."""

    signature: str
    start: int = 0
    end: int | None = None


class ServerPart(Struct, frozen=True):
    """A part about a server-side tool, as it came, and before which character of the text."""

    start: int
    part: dict[str, Any]


class Memory(Struct):
    """What the ``reasoning_details`` of one message hold for Gemini.

    ``calls`` are signatures by the id of a tool call, ``loose`` those of no part that is named, in their order.
    """

    thoughts: list[Thought]
    spans: list[Span]
    server: list[ServerPart]
    calls: dict[str, str]
    images: dict[int, str]
    loose: list[str]


_read_told = reader(_Tool)


def thought(text: str, index: int, signature: str | None = None) -> TextDetail:
    """Thinking in the open."""
    return TextDetail(text, FORMAT, index, signature)


def text_signature(signature: str, index: int, start: int, end: int) -> TextDetail:
    """The signature of the answer's text from *start* to *end*."""
    return TextDetail(None, FORMAT, index, signature, f"text_{start}_{end}")


def call_signature(signature: str, index: int, call_id: str) -> EncryptedDetail:
    """The signature of a function call."""
    return EncryptedDetail(signature, FORMAT, index, call_id)


def image_signature(signature: str, index: int, number: int) -> EncryptedDetail:
    """The signature of the image with that number."""
    return EncryptedDetail(signature, FORMAT, index, f"image_{number}")


def server_part(kind: str, content: Raw, signature: str | None, index: int, start: int) -> Raw:
    """A part about a server-side tool; *start* is how much text came before it."""
    text = msgspec.json.format(bytes(content), indent=-1).decode()
    try:
        told = _read_told(text.encode())
    except BadJSON:
        told = _Tool()
    detail: dict[str, Any] = {
        "type": "reasoning.server_tool_call",
        "tool_name": told.tool_type if kind.startswith("tool") else "code_execution",
        "arguments": "" if kind in _RESULTS else text,
        "result": text if kind in _RESULTS else "",
        "format": FORMAT,
        "index": index,
        "id": f"{kind}_{start}",
    }
    if told.id is not None:
        detail["tool_call_id"] = told.id
    if signature is not None:
        detail["signature"] = signature
    return Raw(encode(detail))


def recall(details: Iterable[Raw], reasoning: str | None) -> Memory:
    """What earlier *details* are worth to Gemini. Signatures of other providers are left out, readable thoughts stay.

    *reasoning* stands in where there are no details.
    """
    memory = Memory([], [], [], {}, {}, [])
    seen = False
    for detail in read_details(details):
        seen = True
        _recall_one(memory, detail)
    if not seen and reasoning:
        memory.thoughts.append(Thought(reasoning))
    return memory


def spread(text: str, spans: Sequence[Span], server: Sequence[ServerPart]) -> list[dict[str, Any]]:
    """*text* as parts: cut where a signature or a server-side tool stood, in their order."""
    parts: list[dict[str, Any]] = []
    length = len(text)
    marks: list[Span | ServerPart] = [*server, *spans]
    done = 0
    for mark in sorted(marks, key=lambda one: min(one.start, length)):  # a tool before what was said of it
        start = min(mark.start, length)
        if start > done:
            parts.append({"text": text[done:start]})
            done = start
        if isinstance(mark, ServerPart):
            parts.append(mark.part)
            continue
        end = length if mark.end is None else max(min(mark.end, length), done)
        parts.append({"text": text[done:end], "thoughtSignature": mark.signature})
        done = end
    if done < length:
        parts.append({"text": text[done:]})
    return parts


def _recall_one(memory: Memory, detail: Told) -> None:
    ours = detail.format in _OURS
    place = _PLACE.fullmatch(detail.id or "") if ours else None
    if detail.type == "reasoning.server_tool_call":
        if ours and place is not None and place[1] in SERVER_PARTS:
            _recall_server_part(memory, detail, place[1], int(place[2]))
    elif detail.type == "reasoning.encrypted":
        if ours and detail.data:
            _sign(memory, detail.data, detail.id, place)
    elif text := detail.text or detail.summary:
        _think(memory.thoughts, text, detail.signature if ours else None, detail.index)
    elif ours and detail.signature:
        _sign(memory, detail.signature, detail.id, place)


def _sign(memory: Memory, signature: str, name: str | None, place: re.Match[str] | None) -> None:
    if place is None:
        if name:
            memory.calls[name] = signature
        else:
            memory.loose.append(signature)
    elif place[1] == "image":
        memory.images[int(place[2])] = signature
    elif place[1] == "text":
        memory.spans.append(Span(signature, int(place[2]), int(place[3]) if place[3] else None))


def _think(thoughts: list[Thought], text: str, signature: str | None, index: int | None) -> None:
    """One more piece; the pieces of a stream that belong together have one index."""
    last = thoughts[-1] if thoughts else None
    if last is not None and index is not None and last.index == index and last.signature is None:
        last.text += text
        last.signature = signature
    else:
        thoughts.append(Thought(text, signature, index))


def _recall_server_part(memory: Memory, detail: Told, kind: str, start: int) -> None:
    text = detail.result if kind in _RESULTS else detail.arguments
    try:
        _read_told((text or "").encode())
    except BadJSON:
        return
    part: dict[str, Any] = {kind: Raw((text or "").encode())}
    if detail.signature:
        part["thoughtSignature"] = detail.signature
    memory.server.append(ServerPart(start, part))
