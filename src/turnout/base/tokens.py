"""How many tokens a text is: an estimate that is rather too high, or the exact count where that is installed."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

__all__ = ["Count", "at_most", "exact"]

Count = Callable[[bytes], int]
"""Tokens of a text in UTF-8; JSON's escapes may stand in it, and count as they stand."""

_UPPER = bytes(range(ord("A"), ord("Z") + 1))
_LOWER = bytes(range(ord("a"), ord("z") + 1)) + b" "
_DIGITS = b"0123456789"
_FOREIGN = bytes(range(128, 256))
_LOWER_PERCENT, _SOLID_PERCENT, _UPPER_PERCENT, _DIGIT_PERCENT, _SIGN_PERCENT, _FOREIGN_PERCENT = 27, 60, 80, 65, 70, 45
"""Of a token that a byte of each kind makes; measured with o200k over prose, code and data in nine scripts."""
_LONGEST_WORD = 24
"""Where blanks are rarer than that, it is no prose."""


def at_most(text: bytes) -> int:
    """Tokens of *text*, rather too many than too few, whatever its language; a few passes in C, no vocabulary."""
    size = len(text)
    per_lower = _LOWER_PERCENT if text.count(b" ") * _LONGEST_WORD >= size else _SOLID_PERCENT
    others = text.translate(None, _LOWER)
    rest = len(others)
    percent = (size - rest) * per_lower
    if rest:
        foreign = 0 if others.isascii() else rest - len(others.translate(None, _FOREIGN))
        upper = rest - len(others.translate(None, _UPPER))
        digits = rest - len(others.translate(None, _DIGITS))
        signs = rest - foreign - upper - digits
        percent += upper * _UPPER_PERCENT + digits * _DIGIT_PERCENT + signs * _SIGN_PERCENT + foreign * _FOREIGN_PERCENT
    return -(-percent // 100)


@cache
def exact() -> Count:
    """The count of OpenAI's newest vocabulary, which others come close to. It is loaded now: half a second, 150 MB.

    Raises:
        ImportError: the extra ``tokens`` is not installed.
    """
    from bpe_openai import get_encoding  # noqa: PLC0415 - an option, and heavy

    encode = get_encoding("o200k_base").encode_ordinary
    return lambda text: len(encode(text.decode("utf-8", "replace")))
