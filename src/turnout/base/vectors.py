"""Vectors as JSON carries them: a list of numbers, or little-endian float32 in base64."""

from __future__ import annotations

import sys
from array import array
from base64 import b64decode, b64encode
from collections.abc import Callable
from math import isfinite

import msgspec
from msgspec import Raw

from turnout.base.jsons import BadJSON, encode

__all__ = ["as_base64", "as_numbers", "in_base64"]

_SWAPPED = sys.byteorder == "big"
_QUOTE = ord('"')
_decode_numbers: Callable[[Raw], list[float]] = msgspec.json.Decoder(list[float]).decode
_decode_text: Callable[[Raw], str] = msgspec.json.Decoder(str).decode


def in_base64(vector: Raw) -> bool:
    """Whether *vector* is a text; else it is a list, or nothing that would do."""
    return memoryview(vector)[0] == _QUOTE


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
