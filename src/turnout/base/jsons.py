"""Strict JSON: the top level of an object as raw slices, with the checks that parsers leave out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Any, TypeVar

import msgspec
from msgspec import Raw

from turnout.base.limits import MAX_JSON_DEPTH

__all__ = [
    "BadJSON",
    "decode_fields",
    "decode_fields_with",
    "encode",
    "excerpt",
    "json_text",
    "reader",
    "refuse_duplicates",
]

T = TypeVar("T")

encode: Callable[[Any], bytes] = msgspec.json.Encoder().encode
"""Compact JSON of plain values, structs and raw slices."""

json_text: Callable[[str | None], bytes] = lru_cache(4096)(encode)
"""JSON of a short text that comes again and again: model names, finish reasons."""

_decode_fields = msgspec.json.Decoder(dict[str, Raw]).decode
_KEY = re.compile(rb'\s*"([^"\\]*(?:\\.[^"\\]*)*)"\s*:\s*')
_NEXT = re.compile(rb"\s*([,}])")
_NO_BRACKETS = bytes(c for c in range(256) if c not in b"[]{}")
_SHORT = 4096
_LONG = 16_384
_PLACEHOLDER = b"-0.0e-00"
_OPENING = (b"{", b"[")
_STEPS = bytes.maketrans(b"{}[]", b"\x01\xff\x01\xff")
_MAX_FIELDS = 1_000
_MAX_BRACKETS = 500_000
_MAX_QUOTES = 1_000_000


class BadJSON(ValueError):
    """The bytes are not the JSON that was asked for; the message says what and where."""


def decode_fields(body: bytes) -> dict[str, Raw]:
    """The top level of a JSON object as ``{key: raw slice}``; nested values stay bytes.

    The whole body is checked: UTF-8, syntax, and nesting of at most ``MAX_JSON_DEPTH``; the top level also
    for duplicate keys. Raw slices point into *body*. What would keep the event loop busy is refused: thousands of
    fields, hundreds of thousands of values.

    Raises:
        BadJSON: any of these checks fails.
    """
    _check_text(body)
    fields = _fields(body)
    if len(encode(fields)) != len(body):  # else there is no room for a second key
        _refuse_duplicates(body, fields)
    return fields


def decode_fields_with(body: bytes, name: str, read: Callable[[Raw], T]) -> tuple[dict[str, Raw], T | None]:
    """As :func:`decode_fields`, with the field *name* also read; None where it is missing.

    A long value is cut out before the rest is parsed, so that it is parsed once and not twice.

    Raises:
        BadJSON: as there; or *read* raised it.
    """
    if len(body) > _LONG and (cut := _cut_out(body, name, read)) is not None:
        return cut
    fields = decode_fields(body)
    return fields, (read(fields[name]) if name in fields else None)


def _cut_out(body: bytes, name: str, read: Callable[[Raw], T]) -> tuple[dict[str, Raw], T] | None:
    """The fields of *body* and the value of *name*, if that is a list of objects and the last such list.

    Where it is not, nothing is lost but a little time: what is cut wrongly is no JSON. The key as it is searched
    for cannot stand inside a text, where its quotes would be escaped.
    """
    key = b'"%b":' % name.encode()
    start = body.find(key) + len(key)
    end = body.rfind(b"}]") + 2
    if start < len(key) or end < start:
        return None
    _check_text(body)
    rest = body[:start] + _PLACEHOLDER + body[end:]
    try:
        fields = _fields(rest)
        if bytes(fields.get(name, b"")) != _PLACEHOLDER:
            return None
        if len(encode(fields)) != len(rest):
            _refuse_duplicates(rest, fields)
        fields[name] = value = Raw(memoryview(body)[start:end])
        return fields, read(value)
    except BadJSON:
        return None  # the long way finds the right words for it


def _check_text(body: bytes) -> None:
    """Refuse what is not UTF-8, or nested too deeply."""
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError as error:
            raise BadJSON(f"the body is not valid UTF-8 (byte {error.start})") from None
    if _opened(body) > MAX_JSON_DEPTH:
        _refuse_depth(body)


def _fields(body: bytes) -> dict[str, Raw]:
    try:
        fields = _decode_fields(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadJSON(_plain(str(error))) from None
    if len(fields) > _MAX_FIELDS:
        raise BadJSON(f"the body has more than {_MAX_FIELDS} fields")
    return fields


def reader(kind: type[T]) -> Callable[[bytes | Raw], T]:
    """A function that decodes bytes to *kind* and raises :class:`BadJSON` when they do not fit."""
    decode = msgspec.json.Decoder(kind).decode

    def read(raw: bytes | Raw) -> T:
        try:
            return decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BadJSON(_plain(str(error))) from None

    return read


def excerpt(text: str, limit: int = 400) -> str:
    """At most *limit* characters of *text* on one line, control characters replaced by spaces."""
    line = "".join(c if c.isprintable() else " " for c in text[: limit + 1])
    return line if len(line) <= limit else line[: limit - 1] + "…"


def refuse_duplicates(value: bytes) -> None:
    """Refuse a JSON value that holds an object with the same key twice, however deep. It must be valid JSON.

    Raises:
        BadJSON: a key stands twice.
    """
    _read_pairs(value.decode())


def _refuse_equal_keys(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) == len(pairs):
        return
    names = sorted(name for name, _ in pairs)
    twice = next(one for one, other in pairwise(names) if one == other)
    raise BadJSON(f"the key `{twice[:64]}` stands twice")


_read_pairs = json.JSONDecoder(object_pairs_hook=_refuse_equal_keys, parse_int=len, parse_float=len).decode


def _refuse_duplicates(body: bytes, fields: dict[str, Raw]) -> None:
    """Walk over the top level. Parsers keep the last of two equal keys, so a slice that differs from it is a first."""
    position = body.index(b"{") + 1
    names: list[str] = []
    for _ in range(len(fields) + 1):
        key = _KEY.match(body, position)
        if key is None:
            break
        name = msgspec.json.decode(b'"' + key[1] + b'"', type=str)
        value = bytes(fields[name])
        position = key.end() + len(value)
        after = _NEXT.match(body, position)
        if after is None or body[key.end() : position] != value:
            raise BadJSON(f"the key `{name[:64]}` stands twice")
        names.append(name)
        if after[1] == b"}":
            break
        position = after.end()
    if len(names) != len(fields):
        _refuse_equal_keys([(name, None) for name in names])


def _refuse_depth(body: bytes) -> None:
    """Refuse nesting beyond the limit: exact for valid JSON, in time and memory that hostile bodies cannot blow up."""
    unescaped = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    if unescaped.count(b'"') > _MAX_QUOTES:
        raise BadJSON("the body holds too many texts")
    brackets = b"".join(unescaped.split(b'"')[::2]).translate(_STEPS, _NO_BRACKETS)
    if len(brackets) > _MAX_BRACKETS:
        raise BadJSON("the body holds too many lists and objects")
    if max(accumulate(memoryview(brackets).cast("b")), default=0) > MAX_JSON_DEPTH:
        raise BadJSON(f"the body is nested deeper than {MAX_JSON_DEPTH} levels")


def _opened(body: bytes) -> int:
    """How many brackets open in *body*, counted up to one more than the limit; those in texts included."""
    if len(body) <= _SHORT:  # `replace` looks for a byte as `find` does, `count` goes byte by byte
        return len(body) - len(body.replace(b"{", b"").replace(b"[", b""))
    opened = 0
    for bracket in _OPENING:  # over long texts `find` is many times faster than `count`
        position = body.find(bracket)
        while position >= 0 and opened <= MAX_JSON_DEPTH:
            opened += 1
            position = body.find(bracket, position + 1)
    return opened


def _plain(message: str) -> str:
    """A parser's message in the words of a client: the path without its dollar sign."""
    return message.replace("`$.", "`").replace(" - at `$`", "")
