"""A reader of almost-JSON: what a model meant by it, as far as that can be told."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from json.scanner import make_scanner
from typing import Any, NoReturn, cast, final

__all__ = ["Exhausted", "Lenient", "Truncated", "Unreadable", "scan"]

_MAX_DEPTH = 60
_STEPS, _MOST_STEPS = 2_000, 60_000
"""And one for each character, up to so many: what takes more is no JSON, and would keep the processor busy."""
_GAP = re.compile(r"(?:\s+|//[^\n]*|/\*.*?(?:\*/|\Z)|#(?!\w)[^\n]*|\.\.\.|\u2026)*", re.DOTALL)
_KEY = re.compile(r'"((?:[^"\\\n]|\\.)*)"(?=\s*(?::|=>?))\s*(?::|=>?)')
_LOOSE_KEY = re.compile(
    r"""["'\u201c\u201d\u2018\u2019\u201e`]?([\w$][\w$ .\-]{0,126}?)["'\u201c\u201d\u2018\u2019`]?\s*(?::|=>?)"""
)
_MUTE_KEY = re.compile(
    r"""["'\u201c\u201d]([^"'\u201c\u201d\n]{1,128})["'\u201c\u201d](?=\s*["'\u201c{\[\d\-tfnTFN])"""
)
_NUMBER = re.compile(r"[+-]?(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?=\s*(?:[,\]}]|//|/\*|#|\.\.\.|\u2026|$|\n))")
_WORD = re.compile(r"[^,\]}\n]*")
_WORDS: Mapping[str, object] = {
    "true": True, "false": False, "null": None, "none": None, "undefined": None, "nan": None, "infinity": None,
    "-infinity": None, "nil": None,
}  # fmt: skip
_CLOSING: Mapping[str, str] = {
    '"': '"',
    "'": "'",
    "\u201c": "\u201d",
    "\u201d": "\u201d",
    "\u2018": "\u2019",
    "\u2019": "\u2019",
    "\u201e": "\u201c",
    "`": "`",
}
_ANY_DOUBLE = '"\u201d\u201c'
_QUOTES: Mapping[str, re.Pattern[str]] = {
    marks: re.compile(rf"\\.|[{marks}]", re.DOTALL) for marks in {*_CLOSING.values(), _ANY_DOUBLE}
}
"""Where a string may end; what is escaped is passed over."""
_MEMBER = r"""["'\u201c\u201d\u2018`]?[\w$][\w$ .\-]{0,126}["'\u201c\u201d\u2019`]?\s*(?::|=)"""
_MUTE_MEMBER = r"""\"[\w .\-]{1,64}\"\s*["{\[\d\-tfn]"""
_AFTER_VALUE = re.compile(
    rf"\s*(?:$|[}}\]]|,\s*(?:{_MEMBER}|$|[}}\],]|//|/\*|#|\.\.\.|\u2026|{_MUTE_MEMBER})|//|/\*|#\s|{_MEMBER})"
)
_AFTER_ITEM = re.compile(r"""\s*(?:$|[}\],]|//|/\*|#\s|["'\u201c]|\u2026|\.\.\.)""")
_ESCAPES: Mapping[str, str] = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_LETTER = re.compile(r"\w")


class Unreadable(ValueError):
    """There is nothing there that could be meant as JSON."""


class Exhausted(Unreadable):
    """To read on would take too long."""


@final
class Truncated:
    """Stands for a value that never came."""


_NOTHING = Truncated()


def _refuse(_text: str) -> NoReturn:
    raise ValueError("no number")


_strict = json.JSONDecoder(strict=False, parse_constant=_refuse)
scan = cast("Callable[[str, int], tuple[Any, int]]", make_scanner(_strict))  # type: ignore[arg-type]  # the stubs mistake it
"""Strict reading of one value at a place of a text, but for line breaks within strings: value and end."""


@final
class Lenient:
    """Reads one value of *text*. Afterwards ``end`` is where it ended and ``cut`` whether the text ended before it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.end = 0
        self.cut = False
        self._depth = 0
        self._arrays = 0
        self._steps = min(_STEPS + len(text), _MOST_STEPS)

    def value(self, at: int) -> Any:  # noqa: ANN401 - any JSON value
        """The value at *at*.

        Raises:
            Unreadable: none stands there.
        """
        found = self._value(at)
        if isinstance(found, Truncated):
            raise Unreadable
        if isinstance(found, dict):  # closed too early: more members follow
            rest = self._gap(self.end)
            while self.text[rest : rest + 1] == "," and _KEY.match(self.text, self._gap(rest + 1)):
                found |= self._object(rest + 1)
                rest = self._gap(self.end)
        return found

    def members(self, at: int) -> dict[str, Any]:
        """The members of an object whose opening bracket is missing."""
        return self._object(at)

    def _value(self, at: int, *, item: bool = False) -> Any:  # noqa: ANN401 - any JSON value
        text = self.text
        self._step()
        try:
            found, end = scan(text, at)
        except (StopIteration, ValueError, RecursionError):
            pass
        else:
            if not isinstance(found, str | int | float) or (_AFTER_ITEM if item else _AFTER_VALUE).match(text, end):
                self.end = end
                return found
        if at >= len(text):
            self.cut, self.end = True, at
            return _NOTHING
        first = text[at]
        if first in "{[":
            self._depth += 1
            if self._depth > _MAX_DEPTH:
                raise Unreadable
            found = self._object(at + 1) if first == "{" else self._array(at + 1)
            self._depth -= 1
            return found
        if first in _CLOSING:
            return self._string(at, item=item)
        return self._word(at)

    def _object(self, at: int) -> dict[str, Any]:
        text = self.text
        found: dict[str, Any] = {}
        while True:
            at = self._gap(at)
            while text[at : at + 1] == ",":
                at = self._gap(at + 1)
            if at >= len(text):
                self.cut, self.end = True, at
                return found
            if text[at] == "}":
                self.end = at + 1
                return found
            if text[at] == "]":
                if self._arrays:  # its own bracket is missing
                    self.end = at
                    return found
                at += 1
                continue
            at = self._member(at, found)

    def _member(self, at: int, found: dict[str, Any]) -> int:
        """Read a member into *found*; where to go on."""
        text = self.text
        key = _KEY.match(text, at) or _LOOSE_KEY.match(text, at) or _MUTE_KEY.match(text, at)
        if key is None:
            end = _WORD.match(text, at).end()  # type: ignore[union-attr]  # it matches anything
            if end >= len(text):
                self.cut = True
            return max(end, at + 1)
        start = self._gap(key.end())
        if text[start : start + 1] in {",", "}"}:
            found[_unescaped(key[1])] = None
            return start
        value = self._value(start)
        if not isinstance(value, Truncated):
            found[_unescaped(key[1])] = value
        return self.end

    def _array(self, at: int) -> list[Any]:
        text = self.text
        found: list[Any] = []
        self._arrays += 1
        while True:
            at = self._gap(at)
            while text[at : at + 1] == ",":
                at = self._gap(at + 1)
            if at >= len(text):
                self.cut, self.end = True, at
                break
            if text[at] == "]":
                self.end = at + 1
                break
            if text[at] == "}" or (text[at] == '"' and self._depth > 1 and _KEY.match(text, at)):
                self.end = at  # its own bracket is missing: what comes is its parent's
                break
            value = self._value(at, item=True)
            if not isinstance(value, Truncated):
                found.append(value)
            at = max(self.end, at + 1)
        self._arrays -= 1
        return found

    def _string(self, at: int, *, item: bool) -> str:
        """A string whose quotes may be wrong: it ends at the first quote after which the text goes on as it should."""
        text, close = self.text, _CLOSING[self.text[at]]
        closes = _ANY_DOUBLE if close in _ANY_DOUBLE else close
        after = _AFTER_ITEM if item else _AFTER_VALUE
        for quote in _QUOTES[closes].finditer(text, at + 1):
            self._step()
            if quote[0] in closes and after.match(text, quote.end()):
                self.end = quote.end()
                return _unescaped(text[at + 1 : quote.start()])
        return self._open_string(at, item=item)

    def _open_string(self, at: int, *, item: bool) -> str:
        """A string that is never closed: it ends with its line where more follows as it should, else with the text."""
        text = self.text
        line = text.find("\n", at)
        if line >= 0 and (item or _KEY.match(text, self._gap(line))):
            self.end = line
            return _unescaped(text[at + 1 : line].rstrip().rstrip(","))
        self.cut, self.end = True, len(text)
        return _unescaped(text[at + 1 :].rstrip("\\"))

    def _word(self, at: int) -> Any:  # noqa: ANN401 - any JSON value
        text = self.text
        if number := _NUMBER.match(text, at):
            self.end = number.end()
            return _number(number[0])
        word = _WORD.match(text, at)
        assert word is not None  # noqa: S101 - it matches anything
        end = word.end()
        for mark in (" //", " /*", " #"):
            if (comment := text.find(mark, at, end)) >= 0:
                end = comment
        self.end = max(end, at + 1)
        said = text[at:end].strip()
        named = said.lower()
        if named in _WORDS:
            return _WORDS[named]
        if end >= len(text):
            self.cut = True
            whole = next((one for one in ("true", "false", "null") if named and one.startswith(named)), None)
            return _WORDS[whole] if whole else _NOTHING
        return said if _LETTER.search(said) else _NOTHING

    def _step(self) -> None:
        self._steps -= 1
        if self._steps < 0:
            raise Exhausted

    def _gap(self, at: int) -> int:
        """Past blanks, comments and ellipses."""
        self._step()
        return _GAP.match(self.text, at).end()  # type: ignore[union-attr]  # it matches nothing too


def _number(text: str) -> float | int:
    plain = text.replace("_", "").lstrip("+")
    try:
        return int(plain)
    except ValueError:
        return float(plain)


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    joined = _ESCAPE.sub(lambda one: chr(int(one[1], 16)) if one[1] else _ESCAPES.get(one[2], one[2]), text)
    return joined.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
