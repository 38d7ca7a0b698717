"""Vectors as JSON carries them: a list of numbers, or little-endian float32 in base64."""

from __future__ import annotations

import sys
from array import array
from base64 import b64decode, b64encode
from collections.abc import Callable
from math import isfinite
from string import ascii_letters, digits

import msgspec
from msgspec import Raw

from turnout.base.jsons import BadJSON, encode

__all__ = ["as_base64", "as_numbers", "in_form"]

_SWAPPED = sys.byteorder == "big"
_QUOTE, _BRACKET = b'"['
_FOREIGN = (b'"', b"u", b"s", b"{", b"[")
"""A list of JSON that holds none of these holds numbers: they begin texts and objects, or stand in the three words."""
_ALPHABET = (ascii_letters + digits + "+/").encode()
_LOOK = 256
_DIGITS = (b"0", b"1", b"2", b"3", b"4", b"5", b"6", b"7", b"8", b"9")
_decode_numbers: Callable[[Raw], list[float]] = msgspec.json.Decoder(list[float]).decode
_decode_text: Callable[[Raw], str] = msgspec.json.Decoder(str).decode


def in_form(vector: Raw, *, base64: bool) -> Raw:
    """*vector* as a text, or else as a list: *vector* itself where it is one.

    What goes on as it came is looked at, and not read: that would cost more than everything else.

    Raises:
        BadJSON: it is neither, or holds no numbers.
    """
    text = bytes(vector)
    is_text = text[0] == _QUOTE
    if is_text is not base64:
        return as_base64(vector) if base64 else as_numbers(vector)
    if is_text:
        return vector if _is_packed(text[1:-1]) else as_base64(as_numbers(vector))
    if text[0] != _BRACKET or not any(digit in text for digit in _DIGITS) or any(text.find(c, 1) > 0 for c in _FOREIGN):
        raise BadJSON("no list of numbers")
    return vector


def as_base64(vector: Raw) -> Raw:
    """A list of numbers as a text; each is rounded to the nearest float32.

    Raises:
        BadJSON: it is no list of numbers, holds none, or one that is too large.
    """
    try:
        numbers = array("f", _decode_numbers(vector))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError):
        raise BadJSON("no list of numbers") from None
    if not numbers or not isfinite(sum(numbers)):
        raise BadJSON("no vector of finite numbers")
    if _SWAPPED:
        numbers.byteswap()
    return Raw(b'"%b"' % b64encode(numbers.tobytes()))


def as_numbers(vector: Raw) -> Raw:
    """The text of a vector as a list of numbers, each with the exact value of its float32.

    Raises:
        BadJSON: it is no base64 of whole float32 numbers, holds none, or one that is not finite.
    """
    try:
        packed = b64decode(_decode_text(vector), validate=True)
        numbers = array("f")
        numbers.frombytes(packed)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
        raise BadJSON("no base64 of float32 numbers") from None
    if not numbers or not isfinite(sum(numbers)):
        raise BadJSON("no vector of finite numbers")
    if _SWAPPED:
        numbers.byteswap()
    return Raw(encode(numbers.tolist()))


def _is_packed(text: bytes) -> bool:
    """Whether *text* is as long as base64 of whole float32 numbers, of one at least, and begins as base64 does."""
    padding = 2 if text[-2:] == b"==" else text[-1:] == b"="
    size = len(text) // 4 * 3 - padding
    return (
        len(text) % 4 == 0
        and size > 0
        and size % 4 == 0
        and text.isascii()
        and b"\\" not in text
        and not text[:_LOOK].rstrip(b"=").translate(None, _ALPHABET)
    )
