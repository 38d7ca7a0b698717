"""The files in the messages of a request: where they stand, what is known of them already, what takes their place."""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping, Sequence
from posixpath import basename
from typing import Final
from urllib.parse import unquote, unquote_to_bytes, urlsplit

import msgspec
from msgspec import Raw, Struct

from turnout.base.errors import BadRequest
from turnout.base.jsons import BadJSON, encode, excerpt, reader
from turnout.domain.completion import NULL

__all__ = ["FilePart", "annotation", "decoded", "enclosed", "files_in", "known_files", "replaced"]

_MOST_FILES = 64
_PIECE = 2**20  # a multiple of four
_SHOWN = 100  # characters of a name
_OFFICE: Final = "application/vnd.openxmlformats-officedocument."
_ARCHIVES: Final = re.compile(r"\.(?:docx|pptx|xlsx|epub)$", re.IGNORECASE)


class FilePart(Struct, frozen=True):
    """A file of a request.

    Attributes:
        message, part: where it stands.
        name: what it is called.
        source: its ``data:`` or http URL, or its bytes in base64.
        cache: its ``cache_control`` object, or null.
    """

    message: int
    part: int
    name: str
    source: str
    cache: Raw = NULL

    def __str__(self) -> str:
        return f"The file at `messages[{self.message}].content[{self.part}]` ({excerpt(self.name, _SHOWN)})"

    @property
    def by_url(self) -> bool:
        """Whether it has to be fetched."""
        return self.source[:8].lower().startswith(("http://", "https://"))

    @property
    def media_type(self) -> str:
        """What its ``data:`` URL says that it is, parameters included, in lower case."""
        return self.source[5:256].partition(",")[0].lower() if self.source[:5].lower() == "data:" else ""

    @property
    def is_archive(self) -> bool:
        """Whether it says to be an office document or a book: few models that read files read those."""
        told = self.media_type.partition(";")[0]
        if told and told != "application/octet-stream":
            return told.startswith(_OFFICE) or told == "application/epub+zip"
        path = urlsplit(self.source).path if self.by_url else ""
        return _ARCHIVES.search(self.name) is not None or _ARCHIVES.search(path) is not None


class _Message(Struct):
    role: str = ""
    content: Raw = NULL
    annotations: Raw = NULL


class _Kind(Struct):
    type: str = ""


class _WireFile(Struct):
    filename: str | None = None
    file_data: str | None = None
    url: str | None = None


class _WirePart(Struct):
    file: _WireFile
    cache_control: Raw = NULL


class _Known(Struct):
    hash: str
    content: list[dict[str, Raw]]


class _WireAnnotation(Struct):
    type: str = ""
    file: _Known | None = None


_messages = reader(list[_Message])
_parts = reader(list[Raw])
_kind = reader(_Kind)
_file_part = reader(_WirePart)
_annotation = reader(_WireAnnotation)


def files_in(messages: Raw) -> list[FilePart]:
    """The files in *messages* that are there by URL or in themselves. Those by the id of an upload are left out.

    Raises:
        BadRequest: a part is not what its type says, or there are too many.
    """
    found: list[FilePart] = []
    for number, message in enumerate(_messages(messages)):
        content = bytes(message.content)
        if content[:1] != b"[" or b'"file"' not in content:
            continue
        for at, raw in enumerate(_parts(content)):
            try:
                if _kind(raw).type != "file":
                    continue
                part = _file_part(raw)
            except BadJSON as error:
                raise BadRequest(f"`messages[{number}].content[{at}]`: {error}") from None
            file = part.file
            if source := file.file_data or file.url:
                name = file.filename or _name_of(source)
                found.append(FilePart(number, at, name, source, part.cache_control))
    if len(found) > _MOST_FILES:
        raise BadRequest(f"A request may hold at most {_MOST_FILES} files")
    return found


def known_files(messages: Raw) -> dict[str, list[dict[str, Raw]]]:
    """What earlier answers tell of files in their annotations: parts by the hash of the file."""
    known: dict[str, list[dict[str, Raw]]] = {}
    for message in _messages(messages):
        annotations = bytes(message.annotations)
        if message.role != "assistant" or annotations[:1] != b"[":
            continue
        for raw in _parts(annotations):
            try:
                found = _annotation(raw)
            except BadJSON:
                continue  # of another kind, or not from here
            if found.type == "file" and found.file is not None and found.file.content:
                known[found.file.hash] = [part for part in found.file.content if _is_plain(part)]
    return known


def replaced(messages: Raw, changes: Mapping[tuple[int, int], Sequence[Mapping[str, object]]]) -> Raw:
    """*messages* with other parts where *changes* has them, by message and part; and without annotations of files."""
    every = _parts(messages)
    for number in range(len(every)):
        of_message = {at: parts for (place, at), parts in changes.items() if place == number}
        if not of_message and b'"annotations"' not in bytes(every[number]):
            continue
        fields = msgspec.json.decode(every[number], type=dict[str, Raw])
        if of_message:
            content: list[object] = []
            for at, part in enumerate(_parts(fields["content"])):
                content += of_message.get(at, (part,))
            fields["content"] = Raw(encode(content))
        if bytes(fields.get("annotations", NULL))[:1] == b"[":
            left = [raw for raw in _parts(fields["annotations"]) if _type_of(raw) != "file"]
            del fields["annotations"]
            if left:
                fields["annotations"] = Raw(encode(left))
        every[number] = Raw(encode(fields))
    return Raw(encode(every))


def enclosed(name: str, parts: Sequence[Mapping[str, object]]) -> list[Mapping[str, object]]:
    """*parts* between two lines that name the file."""
    plain = name.translate({ord(letter): "_" for letter in '<>"&\r\n\t'})
    return [_text(f'<file name="{plain}">'), *parts, _text("</file>")]


def annotation(name: str, digest: str, parts: Sequence[Mapping[str, object]]) -> Raw:
    """What an answer tells of a file, to be sent back. Source: OpenRouter, "PDF inputs"."""
    return Raw(encode({"type": "file", "file": {"hash": digest, "name": name, "content": parts}}))


def decoded(part: FilePart) -> bytes:
    """The bytes of a file that is there in itself.

    Raises:
        BadRequest: it is not base64.
    """
    head, comma, body = part.source.partition(",") if part.media_type else ("base64", ",", part.source)
    if comma and "base64" not in head.lower():
        return unquote_to_bytes(body)
    try:
        plain = body.encode("ascii")
        if b"\n" in plain or b" " in plain:
            plain = plain.translate(None, b" \t\r\n")
        pieces = range(0, len(plain), _PIECE)  # between them other threads may go on
        return b"".join(binascii.a2b_base64(plain[start : start + _PIECE]) for start in pieces)
    except (binascii.Error, UnicodeEncodeError):
        raise BadRequest(f"{part} is neither a URL nor base64") from None


def _text(words: str) -> Mapping[str, object]:
    return {"type": "text", "text": words}


def _name_of(source: str) -> str:
    path = "" if source[:5].lower() == "data:" else urlsplit(source[:2048]).path
    return unquote(basename(path)) if source[:4].lower() == "http" and basename(path) else "file"


def _is_plain(part: Mapping[str, Raw]) -> bool:
    return bytes(part.get("type", NULL)) in {b'"text"', b'"image_url"'}


def _type_of(raw: Raw) -> str:
    try:
        return _kind(raw).type
    except BadJSON:
        return ""
