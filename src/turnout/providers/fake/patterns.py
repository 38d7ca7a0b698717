"""A short text that matches a regular expression, for most expressions that schemas hold."""

import re
from itertools import chain
from typing import Final

__all__ = ["text_matching"]

_LONGEST_PATTERN: Final = 500
_MOST_REPEATS: Final = 1000
_LONGEST_TEXT: Final = 10_000
_CLASSES: Final = {"d": "0", "w": "a", "s": " ", "D": "a", "W": "-", "S": "a", "n": "\n", "t": "\t", "r": "\r"}
_EMPTY_ESCAPES: Final = "bBAZz"
_COMMON: Final = ("", "a", "A", "0", "text", "2026-01-31", "12:00", "#000000", "+10000000", "a@example.org")


def text_matching(pattern: str, least: int = 0, most: int = 1 << 20) -> str | None:
    """A text of *least* to *most* characters in which *pattern* is found, or None when none was found.

    Understands literals, classes, groups, alternatives (the first is taken), repetition and anchors.
    """
    if len(pattern) > _LONGEST_PATTERN:
        return None
    try:
        compiled = re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        return None
    made = (_made(pattern, more) for more in range(min(least, _MOST_REPEATS) + 1))
    for text in chain(made, _COMMON):
        if text is None:
            break
        for fitted in (text, text.ljust(least, "a")):
            if least <= len(fitted) <= most and compiled.search(fitted):
                return fitted
    return None


def _made(pattern: str, more: int) -> str | None:
    """Text by reading *pattern* once; open repetitions are repeated *more* times than they must."""
    reader = _Reader(pattern, more)
    try:
        text = reader.alternatives()
    except (IndexError, ValueError, RecursionError):
        return None
    return text if reader.position == len(pattern) else None


class _Reader:
    def __init__(self, pattern: str, more: int) -> None:
        self._pattern = pattern
        self._more = more
        self.position = 0

    def alternatives(self) -> str:
        first = self._sequence()
        while self._peek() == "|":
            self.position += 1
            self._sequence()
        return first

    def _sequence(self) -> str:
        texts = []
        while self._peek() not in {"", "|", ")"}:
            texts.append(self._repeated(self._atom()))
        return "".join(texts)

    def _repeated(self, atom: str) -> str:
        rest = self._pattern[self.position :]
        bounds = re.match(r"\{(\d*)(,?)(\d*)\}", rest)
        if bounds and (bounds[1] or bounds[3]):
            self.position += bounds.end()
            fewest = int(bounds[1] or 0)
            highest = int(bounds[3]) if bounds[3] else (fewest + self._more if bounds[2] else fewest)
        elif rest[:1] in {"*", "+", "?"}:
            self.position += 1
            fewest = 1 if rest[0] == "+" else 0
            highest = 1 if rest[0] == "?" else fewest + self._more
        else:
            return atom
        if self._peek() in {"?", "+"}:  # lazy or possessive: the same texts
            self.position += 1
        times = min(fewest + self._more, highest, _MOST_REPEATS)
        if len(atom) * times > _LONGEST_TEXT:
            raise ValueError("repetitions of repetitions")
        return atom * times

    def _atom(self) -> str:
        sign = self._take()
        if sign in {"^", "$"}:
            return ""
        if sign == ".":
            return "a"
        if sign == "[":
            return self._class()
        if sign == "(":
            return self._group()
        return self._escape() if sign == "\\" else sign

    def _group(self) -> str:
        dropped = False
        if self._peek() == "?":
            opening = re.match(r"\?(?::|P?<\w+>|=|!|<=|<!)", self._pattern[self.position :])
            if opening is None:
                raise ValueError("a kind of group that is not understood")
            self.position += opening.end()
            dropped = opening[0] in {"?=", "?!", "?<=", "?<!"}
        text = self.alternatives()
        if self._take() != ")":
            raise ValueError("a group without end")
        return "" if dropped else text

    def _escape(self) -> str:
        sign = self._take()
        if sign in _EMPTY_ESCAPES:
            return ""
        if sign in "xu":
            digits = self._pattern[self.position : self.position + (2 if sign == "x" else 4)]
            self.position += len(digits)
            return chr(int(digits, 16))
        return _CLASSES.get(sign, sign)

    def _class(self) -> str:
        negated = self._peek() == "^"
        start = self.position
        self.position += negated
        first = self._take()
        chosen = self._escape() if first == "\\" else first
        while self._peek() != "]":
            if self._take() == "\\":
                self._take()
        self.position += 1
        if not negated:
            return chosen
        members = re.compile(self._pattern[start - 1 : self.position])
        return next(sign for sign in "a0A-_ .xyz\n" if members.fullmatch(sign))

    def _peek(self) -> str:
        return self._pattern[self.position : self.position + 1]

    def _take(self) -> str:
        self.position += 1
        return self._pattern[self.position - 1]
