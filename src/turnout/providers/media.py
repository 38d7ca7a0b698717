"""Foreign files of a request put inline, for providers that do not read them by URL."""

from __future__ import annotations

import asyncio
import re
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterator, Mapping
from mimetypes import guess_type
from posixpath import basename
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

import msgspec
from msgspec import Raw

from turnout.base.errors import BadRequest, PayloadTooLarge
from turnout.base.jsons import encode
from turnout.contracts.provider import Fetched
from turnout.domain.chat import ChatRequest
from turnout.providers.conversation import Audio, File, Image, Part, Video, read_messages

__all__ = ["inline", "sniffed"]

Fetch = Callable[[str], Awaitable[Fetched]]

_MEDIA_KEYS: Final = (b'"image_url"', b'"file"', b'"input_audio"', b'"video_url"', b'"input_video"')
_URL_STARTS: Final = (b'"http', b'"HTTP', b'"Http')
_MEDIA_TYPE: Final = re.compile(r"[a-z0-9!#$&^_.+-]{1,64}/[a-z0-9!#$&^_.+-]{1,127}")
_MOST_FILES = 64
_MOST_BYTES = 48 * 2**20
_AT_ONCE = 8
_UNTOLD: Final = frozenset({"", "application/octet-stream", "binary/octet-stream", "application/x-download"})
_KINDS: Final[Mapping[type[Part], str]] = {Image: "image", Video: "video", Audio: "audio"}
_SOUNDS: Final = {"mpeg": "mp3", "mp4": "m4a", "x-m4a": "m4a", "x-wav": "wav", "wave": "wav", "vnd.wave": "wav"}

_STARTS: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"%PDF-", "application/pdf"),
    (b"\x1aE\xdf\xa3", "video/webm"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"\xff\xf3", "audio/mpeg"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
)
_RIFFS: Final = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_BRANDS: Final = {
    b"avif": "image/avif", b"avis": "image/avif", b"heic": "image/heic", b"heix": "image/heic", b"mif1": "image/heif",
    b"M4A ": "audio/mp4", b"qt  ": "video/quicktime", b"3gp4": "video/3gpp", b"3gp5": "video/3gpp",
}  # fmt: skip


class _Place(NamedTuple):
    """Where a file stands in the messages, and what it stands for."""

    message: int
    part: int
    what: Part

    def __str__(self) -> str:
        return f"messages[{self.message}].content[{self.part}]"


async def inline(request: ChatRequest, needs: Callable[[Part], bool], fetch: Fetch) -> ChatRequest:
    """*request* with the files that stand there by URL, and that *needs* wants inline, as ``data:`` URLs.

    *needs* is asked of parts with an http or https URL only. The same URL is read once. Everything else of the
    messages stays as it is, byte for byte; without such files the request itself comes back.

    Raises:
        BadRequest: a file cannot be read or is not what its part is for; the message names the part.
        PayloadTooLarge: there are too many files, or too much in them.
    """
    messages = bytes(request.fields["messages"])
    if not (any(start in messages for start in _URL_STARTS) and any(key in messages for key in _MEDIA_KEYS)):
        return request  # most requests, after a glance
    wanted: dict[str, list[_Place]] = {}
    for place, url in _by_url(request):
        if needs(place.what):
            wanted.setdefault(url, []).append(place)
    if not wanted:
        return request
    if len(wanted) > _MOST_FILES:
        raise PayloadTooLarge(f"A request may name at most {_MOST_FILES} files by URL")
    files = await _read_all({url: places[0] for url, places in wanted.items()}, fetch)
    changes: dict[int, dict[int, Raw]] = {}
    for url, places in wanted.items():
        for place in places:
            changes.setdefault(place.message, {})[place.part] = _told_inline(place, url, files[url])
    return msgspec.structs.replace(request, fields=request.fields | {"messages": _changed(messages, changes)})


def sniffed(content: bytes) -> str | None:
    """The media type that the first bytes of *content* tell; None where they tell nothing."""
    for start, media_type in _STARTS:
        if content.startswith(start):
            return media_type
    if content[:4] == b"RIFF":
        return _RIFFS.get(content[8:12])
    if content[4:8] == b"ftyp":
        return _BRANDS.get(content[8:12], "video/mp4")
    return None


def _by_url(request: ChatRequest) -> Iterator[tuple[_Place, str]]:
    for number, message in enumerate(read_messages(request)):
        for at, part in enumerate(message.parts):
            match part:
                case Image(url=url) | File(url=str(url)) | Video(url=url) | Audio(data=url):
                    if url[:8].lower().startswith(("http://", "https://")):
                        yield _Place(number, at, part), url


async def _read_all(places: Mapping[str, _Place], fetch: Fetch) -> dict[str, Fetched]:
    """The files at the URLs that are the keys, several at once."""
    turns = asyncio.Semaphore(_AT_ONCE)
    files: dict[str, Fetched] = {}
    room = _MOST_BYTES

    async def read(url: str, place: _Place) -> None:
        nonlocal room
        async with turns:
            try:
                files[url] = found = await fetch(url)
            except BadRequest as error:
                raise BadRequest(f"The file at `{place}` cannot be read: {error.message}") from None
        room -= len(found.data)
        if room < 0:
            raise PayloadTooLarge(f"The files that the request names hold more than {_MOST_BYTES >> 20} MiB together")

    try:
        async with asyncio.TaskGroup() as group:
            for url, place in places.items():
                group.create_task(read(url, place))
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return files


def _told_inline(place: _Place, url: str, file: Fetched) -> Raw:
    """The part with the file in it."""
    part = place.what
    media_type = _media_type(place, url, file)
    content = b64encode(file.data).decode()
    data_url = f"data:{media_type};base64,{content}"
    match part:
        case Image():
            fields: dict[str, object] = {
                "type": "image_url",
                "image_url": _without_none(url=data_url, detail=part.detail),
            }
        case Video():
            fields = {"type": "video_url", "video_url": {"url": data_url}}
        case Audio():
            sound = media_type.partition("/")[2]
            fields = {"type": "input_audio", "input_audio": {"data": content, "format": _SOUNDS.get(sound, sound)}}
        case _:
            name = getattr(part, "filename", None) or unquote(basename(urlsplit(url).path)) or "file"
            fields = {"type": "file", "file": {"filename": name, "file_data": data_url}}
    cache = getattr(part, "cache", None)
    if cache is not None and bytes(cache) != b"null":
        fields["cache_control"] = cache
    return Raw(encode(fields))


def _media_type(place: _Place, url: str, file: Fetched) -> str:
    """What the file is: what its first bytes tell, else what its server says, else what its name tells.

    Raises:
        BadRequest: it is not what the part is for.
    """
    kind = _KINDS.get(type(place.what))
    told = sniffed(file.data)
    said = "" if file.media_type in _UNTOLD or not _MEDIA_TYPE.fullmatch(file.media_type) else file.media_type
    named = guess_type(getattr(place.what, "filename", None) or urlsplit(url).path)[0]
    found = next((one for one in (told, said, named) if one and (kind is None or one.startswith(f"{kind}/"))), None)
    if found is not None:
        return found
    if kind is not None:
        raise BadRequest(f"The file at `{place}` is no {kind}")
    return "application/octet-stream"


def _without_none(**fields: str | None) -> dict[str, str]:
    return {name: value for name, value in fields.items() if value is not None}


def _changed(messages: bytes, changes: Mapping[int, Mapping[int, Raw]]) -> Raw:
    """*messages* with other parts where *changes* has them, by message and place."""
    every = msgspec.json.decode(messages, type=list[Raw])
    for number, parts in changes.items():
        fields = msgspec.json.decode(every[number], type=dict[str, Raw])
        content = msgspec.json.decode(fields["content"], type=list[Raw])
        for at, part in parts.items():
            content[at] = part
        fields["content"] = Raw(encode(content))
        every[number] = Raw(encode(fields))
    return Raw(encode(every))
