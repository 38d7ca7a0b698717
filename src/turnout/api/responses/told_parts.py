"""A part of an item of the Responses API in the words of a chat."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Raw, Struct

from turnout.base.errors import BadRequest
from turnout.base.jsons import BadJSON, encode, reader
from turnout.domain.completion import NULL

__all__ = [
    "TEXTS",
    "Part",
    "is_text",
    "joined",
    "lone_text",
    "marked",
    "part_of",
    "read_parts",
    "stated",
    "texts_of",
]

TEXTS: Final = frozenset({"input_text", "output_text", "text", "summary_text", "reasoning_text"})
"""Types of parts that are texts."""


class _Text(Struct):
    """As much of a part as most of them have."""

    type: str = ""
    text: Raw = NULL
    cache_control: Raw = NULL


class Part(_Text):
    """A part of any kind."""

    refusal: Raw = NULL
    image_url: Raw = NULL
    detail: Raw = NULL
    file_id: Raw = NULL
    file_url: Raw = NULL
    file_data: Raw = NULL
    filename: Raw = NULL
    input_audio: Raw = NULL
    video_url: Raw = NULL


_parts = reader(list[Part])
_lone = msgspec.json.Decoder(tuple[_Text]).decode


def read_parts(content: Raw, at: str) -> list[Part]:
    """The parts of *content*. Raises BadRequest: they are none."""
    try:
        return _parts(content)
    except BadJSON as error:
        raise BadRequest(f"`{at}`: {error}") from None


def lone_text(content: Raw) -> bytes | None:
    """The text of *content* as JSON, where that is one part and nothing else."""
    try:
        part = _lone(content)[0]
    except msgspec.DecodeError:
        return None
    return bytes(part.text) if is_text(part) else None


def is_text(part: _Text) -> bool:
    """Whether it is a text and nothing else, as most are."""
    return part.type in TEXTS and part.cache_control is NULL and memoryview(part.text)[0] == ord('"')


def part_of(part: Part, at: str) -> bytes | None:
    """A part as a chat has it; None for what no chat has.

    Raises:
        BadRequest: it is not what its type says; the message names the place.
    """
    match part.type:
        case kind if kind in TEXTS:
            return marked(b'{"type":"text","text":%b' % stated(part.text, f"{at}.text"), part)
        case "refusal":
            return b'{"type":"text","text":%b}' % stated(part.refusal, f"{at}.refusal")
        case "input_image" if bytes(part.image_url) != b"null":
            detail = bytes(part.detail).replace(b'"original"', b'"high"')
            more = b',"detail":%b' % detail if detail[:1] == b'"' else b""
            url = stated(part.image_url, f"{at}.image_url")
            return marked(b'{"type":"image_url","image_url":{"url":%b%b}' % (url, more), part)
        case "input_file":
            return marked(b'{"type":"file","file":%b' % _file(part, at), part)
        case "input_audio" if memoryview(part.input_audio)[0] == ord("{"):
            return b'{"type":"input_audio","input_audio":%b}' % bytes(part.input_audio)
        case "input_video":
            return b'{"type":"video_url","video_url":{"url":%b}}' % stated(part.video_url, f"{at}.video_url")
    return None


def stated(raw: Raw, at: str) -> bytes:
    """A text, as JSON. Raises BadRequest: it is none."""
    text = bytes(raw)
    if text[:1] != b'"':
        raise BadRequest(f"`{at}` is missing, or no text")
    return text


def texts_of(raw: Raw, at: str) -> list[bytes]:
    """The texts of a thought, as JSON."""
    if bytes(raw)[:1] == b'"':
        return [bytes(raw)]
    return [stated(one.text, at) for one in read_parts(raw, at)] if bytes(raw) != b"null" else []


def joined(texts: list[bytes]) -> bytes:
    """Several JSON texts as one; null for none."""
    if len(texts) == 1:
        return texts[0]
    return b'"%b"' % b"".join([one[1:-1] for one in texts]) if texts else b"null"


def marked(part: bytes, stated: Part) -> bytes:
    """*part*, which lacks its last brace, with the mark for a cache."""
    return part + (b"}" if stated.cache_control is NULL else b',"cache_control":%b}' % bytes(stated.cache_control))


def _file(part: Part, at: str) -> bytes:
    source = next((one for one in (part.file_data, part.file_url) if bytes(one)[:1] == b'"'), None)
    file = {} if source is None else {"file_data": source}
    if bytes(part.file_id)[:1] == b'"':
        file["file_id"] = part.file_id
    if not file:
        raise BadRequest(f"`{at}`: a file comes as `file_data`, `file_url` or `file_id`")
    if bytes(part.filename)[:1] == b'"':
        file["filename"] = part.filename
    return encode(file)
