"""Reads the JSON of providers, sloppy as it may be."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TypeVar

import msgspec

from turnout.base.jsons import encode
from turnout.providers.failures import nonsense

__all__ = ["read_again", "refuse_broken_text"]

_T = TypeVar("_T")


def refuse_broken_text(text: bytes) -> None:
    """The parser does not look into the slices that go on as they are, and clients stumble over what is no UTF-8.

    Raises:
        UpstreamError: it is none.
    """
    if not text.isascii():
        try:
            text.decode()
        except UnicodeDecodeError:
            raise nonsense() from None


def read_again(read: Callable[[bytes], _T], text: bytes) -> _T:
    """*text* read once more with null for NaN and Infinity, which sloppy servers write into JSON.

    Raises:
        UpstreamError: there is none in it, or it makes no sense even so.
    """
    if b"NaN" not in text and b"Infinity" not in text:
        raise nonsense() from None
    try:
        return read(encode(json.loads(text, parse_constant=lambda _: None)))
    except (ValueError, OverflowError, RecursionError, msgspec.MsgspecError):
        raise nonsense() from None
