"""Strict JSON: the top level of an object as raw slices, with the checks that parsers leave out."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

import msgspec
from msgspec import Raw

from turnout.base.limits import MAX_JSON_DEPTH

__all__ = ["BadJSON", "decode_fields", "encode", "excerpt", "json_text", "reader", "refuse_duplicates"]

T = TypeVar("T")

encode: Callable[[Any], bytes] = msgspec.json.Encoder().encode
"""Compact JSON of plain values, structs and raw slices."""

json_text: Callable[[str | None], bytes] = lru_cache(4096)(encode)
"""JSON of a short text that comes again and again: model names, finish reasons."""

_decode_fields = msgspec.json.Decoder(dict[str, Raw]).decode
_KEY = re.compile(rb'\s*"((?:[^"\\]|\\.)*)"\s*:\s*')
_NEXT = re.compile(rb"\s*([,}])")
_NO_BRACKETS = bytes(c for c in range(256) if c not in b"[]{}")
_SHORT = 4096
_OPENING = (b"{", b"[")
_CLOSED_PAIRS = (b"[]", b"{}")


class BadJSON(ValueError):
    """The bytes are not the JSON that was asked for; the message says what and where."""


def decode_fields(body: bytes) -> dict[str, Raw]:
    """The top level of a JSON object as ``{key: raw slice}``; nested values stay bytes.

    The whole body is checked: UTF-8, syntax, and nesting of at most ``MAX_JSON_DEPTH``; the top level also
    for duplicate keys. Raw slices point into *body*.

    Raises:
        BadJSON: any of these checks fails.
    """
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError as error:
            raise BadJSON(f"the body is not valid UTF-8 (byte {error.start})") from None
    if _too_deep(body):
        raise BadJSON(f"the body is nested deeper than {MAX_JSON_DEPTH} levels")
    try:
        fields = _decode_fields(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadJSON(_plain(str(error))) from None
    if len(encode(fields)) != len(body):  # else there is no room for a second key
        _refuse_duplicates(body, fields)
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


def refuse_duplicates(body: bytes) -> None:
    """Refuse an object whose top level repeats a key.

    Raises:
        BadJSON: a key stands twice.
    """
    fields = _decode_fields(body)
    if len(encode(fields)) != len(body):  # else there is no room for a second key
        _refuse_duplicates(body, fields)


def _refuse_duplicates(body: bytes, fields: dict[str, Raw]) -> None:
    """Walk over the top level. Parsers keep the last of two equal keys, so a slice that differs from it is a first."""
    position = body.index(b"{") + 1
    seen = 0
    while key := _KEY.match(body, position):
        name = msgspec.json.decode(b'"' + key[1] + b'"', type=str)
        value = bytes(fields[name])
        position = key.end() + len(value)
        if body[key.end() : position] != value:
            raise BadJSON(f"the key `{name[:64]}` stands twice")
        seen += 1
        if seen > len(fields):
            break
        after = _NEXT.match(body, position)
        if after is None or after[1] == b"}":
            break
        position = after.end()
    if seen != len(fields):
        raise BadJSON("a key stands twice")


def _too_deep(body: bytes) -> bool:
    """Whether the nesting exceeds the limit; exact for valid JSON, and at C speed for large bodies."""
    if _opened(body) <= MAX_JSON_DEPTH:
        return False
    unescaped = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    brackets = b"".join(unescaped.split(b'"')[::2]).translate(None, _NO_BRACKETS)
    for _ in range(MAX_JSON_DEPTH):
        if not brackets:
            return False
        for pair in _CLOSED_PAIRS:
            brackets = brackets.replace(pair, b"")
    return bool(brackets)


def _opened(body: bytes) -> int:
    """How many brackets open in *body*, counted up to one more than the limit; those in texts included."""
    if len(body) <= _SHORT:
        return body.count(b"{") + body.count(b"[")
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
