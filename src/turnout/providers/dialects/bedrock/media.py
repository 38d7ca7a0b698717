"""Images, documents and videos as Converse takes them: by format, not by media type."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Mapping
from typing import Any, Final, final

from turnout.providers.conversation import Audio, File, Image, Inline, Video, read_data_url
from turnout.providers.failures import unsaid

__all__ = ["Papers", "audio_block", "image_block", "media_type_of", "video_block"]

_IMAGES: Final = {"image/png": "png", "image/jpeg": "jpeg", "image/jpg": "jpeg", "image/gif": "gif",
                  "image/webp": "webp"}  # fmt: skip
_DOCUMENTS: Final = {
    "application/pdf": "pdf", "text/csv": "csv", "application/msword": "doc", "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx", "text/html": "html",
    "text/plain": "txt", "text/markdown": "md", "text/x-markdown": "md", "application/json": "txt",
    "application/xml": "txt", "application/yaml": "txt", "application/x-yaml": "txt",
}  # fmt: skip
_VIDEOS: Final = {
    "video/x-matroska": "mkv", "video/quicktime": "mov", "video/mp4": "mp4", "video/webm": "webm", "video/x-flv": "flv",
    "video/mpeg": "mpeg", "video/x-ms-wmv": "wmv", "video/3gpp": "three_gp",
}  # fmt: skip
_MEDIA_TYPES: Final = {name: media_type for media_type, name in reversed((_IMAGES | _VIDEOS).items())}
_BY_END: Final = frozenset({"pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md"})
_OTHER_ENDS: Final = {"htm": "html", "markdown": "md", "log": "txt", "json": "txt", "xml": "txt", "yaml": "txt"}
_UNFIT: Final = re.compile(r"[^A-Za-z0-9()\[\] -]+")
_SPACES: Final = re.compile(r"\s+")
_LONGEST_NAME: Final = 180
_UNTOLD: Final = frozenset({"application/octet-stream", ""})


def image_block(image: Image) -> dict[str, Any]:
    """Raises BadRequest for a broken ``data:`` URL, UpstreamError for what is not inline or of a wrong format."""
    held = _held(image.url, "an image")
    return {"image": {"format": _format(held, _IMAGES, "images"), "source": {"bytes": held.base64}}}


def video_block(video: Video) -> dict[str, Any]:
    """Raises BadRequest for a broken ``data:`` URL, UpstreamError for what is not inline or of a wrong format."""
    held = _held(video.url, "a video")
    return {"video": {"format": _format(held, _VIDEOS, "videos"), "source": {"bytes": held.base64}}}


def audio_block(audio: Audio) -> dict[str, Any]:
    """Sound, by the format that the client states."""
    return {"audio": {"format": audio.format, "source": {"bytes": audio.data}}}


def media_type_of(kind: str, name: str) -> str:
    """The media type of a *kind* (``image``, ``video``) under the provider's *name* of it."""
    return _MEDIA_TYPES.get(name, f"{kind}/{name}")


@final
class Papers:
    """The documents of one conversation: no two have one name, and names hold what the provider allows."""

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._count = 0

    def block(self, file: File) -> dict[str, Any]:
        """A file as the block that it is: a document, unless it is an image or a video.

        Raises:
            BadRequest: its ``data:`` URL is broken.
            UpstreamError: it has no content, or a format that is not taken.
        """
        if not file.url:
            raise unsaid("files that are not in the request")
        held = read_data_url(file.url)
        if held is None:
            if "://" in file.url[:16]:
                raise unsaid("files that are not in the request")
            held = Inline("", file.url)
        if held.media_type.startswith("image/"):
            return {"image": {"format": _format(held, _IMAGES, "images"), "source": {"bytes": held.base64}}}
        if held.media_type.startswith("video/"):
            return {"video": {"format": _format(held, _VIDEOS, "videos"), "source": {"bytes": held.base64}}}
        stem, _, end = (file.filename or "").rpartition(".")
        found = _document_format(held, end.lower())
        known = end.lower() in _BY_END or end.lower() in _OTHER_ENDS
        name = self._name(stem if stem and known else file.filename or "")
        return {"document": {"name": name, "format": found, "source": {"bytes": held.base64}}}

    def _name(self, stated: str) -> str:
        """*stated* without what the provider refuses, numbered where it has come before."""
        self._count += 1
        fit = _SPACES.sub(" ", _UNFIT.sub("-", stated)).strip(" -")[:_LONGEST_NAME] or f"Document {self._count}"
        name, number = fit, 1
        while name in self._names:
            number += 1
            name = f"{fit} ({number})"
        self._names.add(name)
        return name


def _document_format(held: Inline, end: str) -> str:
    found = _DOCUMENTS.get(held.media_type)
    if found == "txt" or (found is None and (held.media_type in _UNTOLD or held.media_type.startswith("text/"))):
        told = end if end in _BY_END else _OTHER_ENDS.get(end)  # the name may tell more
        found = told or found or ("txt" if held.media_type.startswith("text/") else _sniffed(held.base64))
    if found is None:
        raise unsaid(f"files of type {held.media_type[:80]}")
    return found


def _sniffed(base64: str) -> str | None:
    try:
        return "pdf" if b64decode(base64[:8]).startswith(b"%PDF") else None
    except ValueError:
        return None


def _held(url: str, what: str) -> Inline:
    held = read_data_url(url)
    if held is None:
        raise unsaid(f"{what} that is not in the request")
    return held


def _format(held: Inline, formats: Mapping[str, str], what: str) -> str:
    found = formats.get(held.media_type)
    if found is None:
        raise unsaid(f"{what} of type {held.media_type[:80]}")
    return found
