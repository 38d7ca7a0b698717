"""Form bodies of several parts: ``multipart/form-data``, read strictly and written. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

__all__ = ["MOST_PARTS", "BadForm", "FormPart", "read_form", "write_form"]

MOST_PARTS: Final = 64
_LONGEST_HEAD: Final = 4096  # bytes, of one part
_LONGEST_BOUNDARY: Final = 70  # characters, by RFC 2046
_BOUNDARY: Final = re.compile(rb"[0-9A-Za-z'()+_,./:=? -]*[0-9A-Za-z'()+_,./:=?-]")
_PARAMETER: Final = re.compile(r';\s*([a-z0-9*_-]{1,32})=("(?:[^"\\]|\\.)*"|[^;"\s]*)\s*', re.IGNORECASE)
_AS_IT_IS: Final = frozenset({"", "7bit", "8bit", "binary"})
_OURS: Final = b"turnout-form-part"


class BadForm(ValueError):
    """The body is no form, or one that nobody needs; the message is for the client."""


class FormPart(NamedTuple):
    """One field. ``file`` is the name of a file, None where it is a plain field; ``media_type`` may be empty."""

    name: str
    content: bytes
    file: str | None = None
    media_type: str = ""


def read_form(body: bytes) -> list[FormPart]:
    """The parts of *body*, whose first line tells the boundary, as clients write it.

    Raises:
        BadForm: it is not what RFC 7578 describes, is cut off, or has too many parts.
    """
    end = body.find(b"\r\n", 0, _LONGEST_BOUNDARY + 4)
    boundary = body[2:end]
    if not body.startswith(b"--") or end < 0 or not _BOUNDARY.fullmatch(boundary):
        raise BadForm("The form does not begin with its boundary")
    mark = b"\r\n--" + boundary
    parts: list[FormPart] = []
    at = end + 2
    while True:
        if len(parts) == MOST_PARTS:
            raise BadForm(f"The form has more than {MOST_PARTS} parts")
        start = body.find(b"\r\n\r\n", at, at + _LONGEST_HEAD)
        stop = body.find(mark, start + 4)
        if start < 0 or stop < 0:
            raise BadForm("The form is cut off, or a part of it has no head")
        parts.append(_part(body[at:start], body[start + 4 : stop]))
        at = stop + len(mark) + 2
        following = body[at - 2 : at]
        if following == b"--":
            if body[at:].strip(b"\r\n"):
                raise BadForm("Something follows the end of the form")
            return parts
        if following != b"\r\n":
            raise BadForm("The form's boundary stands inside a part")


def write_form(parts: Sequence[FormPart]) -> tuple[bytes, bytes]:
    """The media type that a form of *parts* has, and its body."""
    boundary = _OURS
    while any(boundary in part.content for part in parts):
        boundary += b"x"
    pieces: list[bytes] = []
    for part in parts:
        head = f'Content-Disposition: form-data; name="{_quoted(part.name)}"'
        if part.file is not None:
            head += f'; filename="{_quoted(part.file)}"'
        if part.media_type.isprintable() and part.media_type:  # a line end would be a head of the client's own
            head += f"\r\nContent-Type: {part.media_type}"
        pieces += [b"--", boundary, b"\r\n", head.encode(), b"\r\n\r\n", part.content, b"\r\n"]
    pieces += [b"--", boundary, b"--\r\n"]
    return b"multipart/form-data; boundary=" + boundary, b"".join(pieces)


def _part(head: bytes, content: bytes) -> FormPart:
    headers: dict[str, str] = {}
    try:
        lines = head.decode().split("\r\n")
    except UnicodeDecodeError:
        raise BadForm("The head of a part is no UTF-8") from None
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not line.isprintable() or name.lower() in headers:
            raise BadForm("The head of a part makes no sense")
        headers[name.lower()] = value.strip()
    if headers.get("content-transfer-encoding", "").lower() not in _AS_IT_IS:
        raise BadForm("A part is encoded: it should stand there as it is")
    said = _parameters(headers.get("content-disposition", ""))
    if not said.get("name"):
        raise BadForm("A part has no name")
    return FormPart(said["name"], content, said.get("filename"), headers.get("content-type", "").partition(";")[0])


def _parameters(disposition: str) -> dict[str, str]:
    """What a ``Content-Disposition`` says beside its kind."""
    kind, semicolon, _ = disposition.partition(";")
    if kind.strip().lower() != "form-data":
        raise BadForm("A part is no part of a form")
    said: dict[str, str] = {}
    at = len(kind)
    while semicolon and at < len(disposition):
        found = _PARAMETER.match(disposition, at)
        if found is None or found[1].lower() in said:
            raise BadForm("The head of a part makes no sense")
        value = found[2]
        said[found[1].lower()] = re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
        at = found.end()
    return said


def _quoted(text: str) -> str:
    """*text* between quotes, as browsers write it."""
    for plain, escaped in (("\r", "%0D"), ("\n", "%0A"), ('"', "%22")):
        text = text.replace(plain, escaped)
    return text
