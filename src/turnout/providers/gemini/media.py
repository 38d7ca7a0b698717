"""Pictures, sound, documents and films as parts of a Gemini request."""

from __future__ import annotations

from mimetypes import guess_type
from typing import Any, Final
from urllib.parse import urlsplit

from turnout.base.errors import BadRequest
from turnout.providers.conversation import Audio, File, Image, Part, Video, read_data_url

__all__ = ["address_of", "is_taken_by_url", "media_part", "video_page"]

_FILES: Final = "https://generativelanguage.googleapis.com/"
_VIDEO_PAGES: Final = frozenset({"youtube.com", "www.youtube.com", "m.youtube.com", "music.youtube.com", "youtu.be"})
_OTHER_NAMES: Final = {"audio/x-wav": "audio/wav", "audio/x-aiff": "audio/aiff", "audio/mp4": "audio/m4a"}
_SOUNDS: Final = {"mp3": "audio/mp3", "mpeg": "audio/mpeg", "m4a": "audio/m4a", "pcm16": "audio/L16;rate=24000"}


def video_page(url: str) -> bool:
    """Whether *url* is a page of the video site that Gemini reads by itself."""
    return urlsplit(url).hostname in _VIDEO_PAGES


def is_taken_by_url(url: str) -> bool:
    """Whether the Gemini API reads *url* itself: its own uploads, Google's storage, and video pages."""
    return url.startswith(("gs://", _FILES)) or video_page(url)


def address_of(part: Part) -> str | None:
    """The URL of a part that has one."""
    match part:
        case Image(url=url) | Video(url=url) | Audio(data=url):
            return url
        case File(url=url):
            return url
    return None


def media_part(part: Image | Audio | File | Video) -> dict[str, Any]:
    """The part of a request: inline where *part* holds its bytes, else by its address.

    Raises:
        BadRequest: the part holds nothing that could be sent.
    """
    if isinstance(part, Audio):
        if part.data[:8].lower().startswith(("http://", "https://")):
            return _by_url(part.data, "audio/mpeg")
        kind = part.format.lower()
        return _inline(_SOUNDS.get(kind, f"audio/{kind}"), part.data)
    if isinstance(part, File):
        return _document(part)
    likely = "image/jpeg" if isinstance(part, Image) else "video/mp4"
    return _by_url(part.url, likely)


def _document(part: File) -> dict[str, Any]:
    likely = _named(part.filename or "") or "application/pdf"
    if part.url is None and part.file_id:
        uri = part.file_id if "://" in part.file_id else f"{_FILES}v1beta/{_upload(part.file_id)}"
        return {"fileData": {"fileUri": uri} | ({"mimeType": likely} if part.filename else {})}
    if not part.url:
        raise BadRequest("a part of type 'file' has neither `file_data` nor `file_id`")
    if "://" not in part.url[:16] and not part.url.startswith("data:"):
        return _inline(likely, part.url)  # bare base64
    return _by_url(part.url, likely)


def _by_url(url: str, likely: str) -> dict[str, Any]:
    if (held := read_data_url(url)) is not None:
        return _inline(held.media_type, held.base64)
    if url.startswith(_FILES):
        return {"fileData": {"fileUri": url}}  # it knows the type of what was uploaded
    if video_page(url):
        return {"fileData": {"fileUri": url, "mimeType": "video/mp4"}}
    return {"fileData": {"fileUri": url, "mimeType": _named(urlsplit(url).path) or likely}}


def _inline(media_type: str, content: str) -> dict[str, Any]:
    return {"inlineData": {"mimeType": media_type, "data": content}}


def _upload(file_id: str) -> str:
    return file_id if file_id.startswith("files/") else f"files/{file_id}"


def _named(name: str) -> str | None:
    """The media type that a file's name tells, in Google's words; the same on every machine."""
    found = guess_type(name)[0]
    return _OTHER_NAMES.get(found, found) if found else None
