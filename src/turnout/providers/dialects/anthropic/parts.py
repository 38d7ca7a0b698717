"""The parts of a message as blocks of the Messages API."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from msgspec import Raw, Struct

from turnout.base.errors import BadRequest
from turnout.domain.completion import NULL
from turnout.providers.conversation import File, Foreign, Image, Inline, Part, Text, Video, read_data_url
from turnout.providers.failures import unsaid

__all__ = ["OWN_BLOCKS", "TextBlock", "blocks_of", "must_be_inline"]

OWN_BLOCKS: Final = frozenset({
    "container_upload", "document", "image", "search_result", "tool_addition", "tool_reference", "tool_removal",
})  # fmt: skip
"""Blocks of the provider's own that a client may put among its parts."""

_TEXTS: Final = ("text/", "application/json", "application/xml", "application/yaml", "application/x-yaml")
_PDF: Final = "application/pdf"
_OTHER_FILES: Final = (
    ".csv", ".gif", ".html", ".jpeg", ".jpg", ".json", ".log", ".md", ".png", ".txt", ".webp", ".xml", ".yaml", ".yml",
)  # fmt: skip
"""Ends of names of files that are no PDF, which alone is read by URL."""


class TextBlock(Struct, tag_field="type", tag="text", omit_defaults=True):
    """A text, with its ``cache_control``."""

    text: str
    cache_control: Raw | None = None


class _Source(Struct, tag_field="type", tag="base64"):
    media_type: str
    data: str


class _TextSource(Struct, tag_field="type", tag="text"):
    media_type: str
    data: str


class _UrlSource(Struct, tag_field="type", tag="url"):
    url: str


class _FileSource(Struct, tag_field="type", tag="file"):
    file_id: str


class _Image(Struct, tag_field="type", tag="image", omit_defaults=True):
    source: _Source | _UrlSource
    cache_control: Raw | None = None


class _Document(Struct, tag_field="type", tag="document", omit_defaults=True):
    source: _Source | _TextSource | _UrlSource | _FileSource
    title: str | None = None
    cache_control: Raw | None = None


def blocks_of(parts: Sequence[Part]) -> list[Any]:
    """The blocks of *parts*. Texts of nothing but white space are refused, and left out.

    Raises:
        BadRequest: a file without content.
        UpstreamError: a part of a kind that the provider does not take.
    """
    return [_block(part) for part in parts if not (type(part) is Text and (not part.text or part.text.isspace()))]


def must_be_inline(part: Part) -> bool:
    """Whether the provider would not read a file that stands there by URL: it wants https, and documents in PDF."""
    url = (part.url if isinstance(part, Image | File) else None) or ""
    if url[:8].lower() != "https://":
        return True
    return isinstance(part, File) and urlsplit(url).path.lower().endswith(_OTHER_FILES)


def _block(part: Part) -> Any:  # noqa: ANN401 - any block
    if type(part) is Text:
        return TextBlock(part.text, part.cache if part.cache is not NULL else None)
    if isinstance(part, Foreign):
        return part.raw
    if isinstance(part, Image):
        cache = part.cache if part.cache is not NULL else None
        held = read_data_url(part.url)
        return _Image(_held_image(held) if held is not None else _UrlSource(part.url), cache)
    if isinstance(part, File):
        return _document(part)
    kind = "videos" if isinstance(part, Video) else "sound"
    raise unsaid(f"{kind} in messages")


def _held_image(held: Inline) -> _Source:
    return _Source("image/jpeg" if held.media_type == "image/jpg" else held.media_type, held.base64)


def _document(file: File) -> _Document | _Image:
    cache = file.cache if file.cache is not NULL else None
    if file.file_id:
        return _Document(_FileSource(file.file_id), None, cache)
    held = read_data_url(file.url or "")
    if held is None and file.url and file.url.startswith(("http://", "https://")):
        return _Document(_UrlSource(file.url), file.filename, cache)
    if not file.url:
        raise BadRequest("a file has neither content, nor an address, nor an id")
    media_type, encoded = (_PDF, file.url) if held is None else held
    if media_type.startswith("image/"):
        return _Image(_held_image(Inline(media_type, encoded)), cache)
    if media_type.startswith(_TEXTS):
        return _Document(_TextSource("text/plain", _plain(encoded)), file.filename, cache)
    return _Document(_Source(media_type, encoded), file.filename, cache)


def _plain(encoded: str) -> str:
    try:
        return b64decode(encoded).decode()
    except ValueError:
        raise BadRequest("a file of text is no base64 of UTF-8") from None
