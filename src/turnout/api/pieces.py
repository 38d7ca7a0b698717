"""What chunks and messages say, read out of the chat dialect for families that say it in other words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Raw, Struct

__all__ = [
    "CallPiece",
    "Citation",
    "Delta",
    "bare_text",
    "fields_in",
    "goes_on",
    "is_object",
    "join",
    "read_delta",
    "speechless",
    "thoughts_in",
    "veiled",
]


class _Function(Struct):
    name: str | None = None
    arguments: str | None = None


class CallPiece(Struct):
    """The start of a tool call, with id and name, or a later piece of its arguments; or the whole call."""

    index: int = 0
    id: str | None = None
    function: _Function | None = None

    @property
    def name(self) -> str:
        """The function's; empty where this piece does not tell it."""
        return (self.function.name or "") if self.function is not None else ""

    @property
    def arguments(self) -> str:
        """JSON as text, or a piece of it."""
        return (self.function.arguments or "") if self.function is not None else ""


class Citation(Struct):
    """A source on the web."""

    url: str = ""
    title: str | None = None
    content: str | None = None
    start_index: int | None = None
    end_index: int | None = None


class _Annotation(Struct):
    type: str = ""
    url_citation: Citation | None = None


class _Address(Struct):
    url: str = ""


class _Image(Struct):
    image_url: _Address | None = None


class Delta(Struct):
    """A delta, or a whole message."""

    content: str | None = None
    reasoning: str | None = None
    reasoning_details: list[dict[str, Any]] | None = None
    tool_calls: list[CallPiece] | None = None
    refusal: str | None = None
    annotations: list[_Annotation] | None = None
    images: list[_Image] | None = None

    @property
    def citations(self) -> list[Citation]:
        """The sources of what is said."""
        return [one.url_citation for one in self.annotations or () if one.url_citation is not None]

    @property
    def pictures(self) -> list[str]:
        """Addresses of pictures that the model drew; mostly ``data:`` URLs."""
        return [one.image_url.url for one in self.images or () if one.image_url is not None]


read_delta: Callable[[bytes], Delta] = msgspec.json.Decoder(Delta).decode
"""A delta from its JSON; raises DecodeError for what no adapter makes."""

_object = msgspec.json.Decoder(dict[str, Raw]).decode
_BARE = b'{"content":"'
_GROWING = ("text", "summary")


def bare_text(delta: bytes) -> bytes | None:
    """The content of *delta* as JSON where it says nothing else, as most do: such ones need not be read."""
    if delta.startswith(_BARE) and delta.endswith(b'"}') and delta.find(b'":', len(_BARE)) < 0:
        return delta[len(_BARE) - 1 : -1]
    return None


def fields_in(text: bytes | str) -> dict[str, Any]:
    """The fields of a JSON object, each as it was written; none where it is no object."""
    try:
        return _object(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {}


def is_object(text: str) -> bool:
    """Whether *text* is a whole JSON object: the arguments of a call that lack nothing."""
    try:
        _object(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False
    return True


def thoughts_in(delta: Delta) -> list[dict[str, Any]]:
    """The details of *delta*; reasoning without any is one of a form that nobody knows."""
    if delta.reasoning_details:
        return delta.reasoning_details
    return (
        [{"type": "reasoning.text", "text": delta.reasoning, "format": "unknown", "index": 0}]
        if delta.reasoning
        else []
    )


def speechless(details: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Thoughts that only their maker can read: all that is left of them for a client that does not want to see any."""
    return [one for one in details if one.get("type") == "reasoning.encrypted"]


def veiled(delta: Delta) -> Delta:
    """*delta* for a client that does not want to see thoughts; it is changed."""
    if delta.reasoning or delta.reasoning_details:
        delta.reasoning, delta.reasoning_details = None, speechless(delta.reasoning_details or [])
    return delta


def goes_on(last: dict[str, Any], piece: dict[str, Any]) -> bool:
    """Whether *piece* of a stream is more of the detail *last*: of one type and index, until it is signed."""
    return (
        piece.get("index") is not None
        and piece["index"] == last.get("index")
        and piece.get("type") == last.get("type")
        and piece.get("id") in {None, last.get("id")}
        and not last.get("signature")
        and any(piece.get(name) is not None for name in (*_GROWING, "signature"))
    )


def join(last: dict[str, Any], piece: dict[str, Any]) -> None:
    """Add *piece* to *last*."""
    grown = {name: f"{last.get(name) or ''}{piece[name] or ''}" for name in _GROWING if name in piece}
    last.update({name: value for name, value in piece.items() if value is not None} | grown)
