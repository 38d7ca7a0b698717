"""Canonical JSON, to the last digit, and the 22 characters by which it is known."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from itertools import starmap
from math import floor
from typing import Final

from xxhash import xxh3_128_intdigest

__all__ = ["ID_LENGTH", "canonical_json", "content_id", "float_text", "is_id", "through_decimal"]

ID_LENGTH: Final = 22

_BASE62: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHARACTERS: Final = frozenset(_BASE62)
_LAST_PLAIN: Final = 16  # digits before the point
_FIRST_PLAIN: Final = -4  # zeros after the point
_DECIMAL_PLACES: Final = 28
_WHOLE_FROM: Final = 2.0**52  # a double this large has no fraction

_text = json.JSONEncoder(ensure_ascii=False).encode


def content_id(text: str) -> str:
    """The 22-character base62 of the XXH3-128 of *text* as UTF-8, most significant digit first."""
    number = xxh3_128_intdigest(text.encode("utf-8", "surrogatepass"))
    digits = []
    for _ in range(ID_LENGTH):
        number, digit = divmod(number, 62)
        digits.append(_BASE62[digit])
    return "".join(reversed(digits))


def is_id(text: str) -> bool:
    """Whether *text* has the form of a :func:`content_id`."""
    return len(text) == ID_LENGTH and _CHARACTERS.issuperset(text)


def canonical_json(value: object) -> str:
    """*value* as JSON without white space, keys in their order, non-ASCII left as it is, floats as :func:`float_text`.

    Raises:
        TypeError: it holds what JSON cannot.
        RecursionError: it is nested too deeply.
    """
    match value:
        case str():
            return _text(value)
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return float_text(value)
        case None:
            return "null"
        case Mapping():
            return "{" + ",".join(starmap(_member, value.items())) + "}"
        case list() | tuple():
            return "[" + ",".join(map(canonical_json, value)) + "]"
    raise TypeError(f"no JSON: {type(value).__name__}")


def float_text(value: float) -> str:
    """The shortest digits that read back as *value*, always with a point or an exponent.

    Plain from 0.00001 to below 1e16, else with an exponent that has no sign and no zeros in front: ``1e-6``, ``1e16``.
    """
    sign, digits, exponent = _digits_of(value)
    point = len(digits) + exponent  # where it stands, counted from the first digit
    if exponent >= 0 and point <= _LAST_PLAIN:
        return f"{sign}{digits}{'0' * exponent}.0"
    if 0 < point <= _LAST_PLAIN:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if _FIRST_PLAIN <= point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{fraction}e{point - 1}"


def through_decimal(weight: float) -> float:
    """*weight* as it comes back from a decimal number of 28 places: off by the last digit at times.

    Published ids were made that way, so weights take this way before they are hashed.
    """
    whole = Decimal(repr(weight))
    places = -int(whole.as_tuple().exponent)
    if places > _DECIMAL_PLACES:
        whole = whole.quantize(Decimal(1).scaleb(-_DECIMAL_PLACES), ROUND_HALF_UP)
        places = _DECIMAL_PLACES
    if places <= 0:
        return float(whole)
    power = 10**places
    before, after = divmod(int(whole.scaleb(places)), power)
    if not after:
        return float(before)
    scale = float(power)
    return _rounded((before + after / scale) * scale) / scale


def _member(key: str, value: object) -> str:
    return f"{_text(key)}:{canonical_json(value)}"


def _digits_of(value: float) -> tuple[str, str, int]:
    """Sign, significant digits and the power of ten of the last one."""
    mantissa, _, power = repr(value).lstrip("-").partition("e")
    before, _, after = mantissa.partition(".")
    exponent = int(power or 0) - len(after)
    digits = (before + after).lstrip("0")
    shortened = digits.rstrip("0")
    exponent += len(digits) - len(shortened)
    if not shortened:
        return "", "0", 0
    return "-" if value < 0 else "", shortened, exponent


def _rounded(value: float) -> float:
    """To the nearest whole number, halves away from zero; *value* is positive."""
    if value >= _WHOLE_FROM:
        return value
    below = floor(value)
    return float(below + 1 if value - below >= 0.5 else below)
