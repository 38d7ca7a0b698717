"""Parts and calls of messages as OpenAI writes them, for languages that have taken these over."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from msgspec import Struct

from turnout.providers.conversation import ToolCall

__all__ = ["CallPart", "ImagePart", "ImageUrl", "TextPart", "calls_of", "lone_text", "under_name"]


class TextPart(Struct, tag_field="type", tag="text"):
    """A text."""

    text: str


class ImageUrl(Struct, omit_defaults=True):
    """Where an image is."""

    url: str
    detail: str | None = None


class ImagePart(Struct, tag_field="type", tag="image_url"):
    """An image by URL."""

    image_url: ImageUrl


class _Function(Struct):
    name: str
    arguments: str


class CallPart(Struct, tag_field="type", tag="function"):
    """A call of a tool."""

    id: str
    function: _Function


def calls_of(calls: Iterable[ToolCall], id_of: Callable[[str], str] = str) -> list[CallPart] | None:
    """Earlier *calls*, with ids as *id_of* has them; None for none."""
    return [CallPart(id_of(call.id), _Function(call.name, call.arguments)) for call in calls] or None


def lone_text(written: list[Any]) -> str | list[Any]:
    """The text of a lone text, else the parts as they are."""
    if not written:
        return ""
    return written[0].text if len(written) == 1 and isinstance(written[0], TextPart) else written


def under_name(content: str | list[Any], name: str) -> str | list[Any]:
    """*content* with its author's name before the first text."""
    if isinstance(content, str):
        return f"{name}: {content}"
    first = next((part for part in content if isinstance(part, TextPart)), None)
    if first is not None:
        first.text = f"{name}: {first.text}"
    return content
