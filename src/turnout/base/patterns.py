"""Regular expressions of other people's making: matched in linear time, also while a text is still coming in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple, final

if TYPE_CHECKING:
    from re2 import _Regexp

__all__ = ["BadPattern", "Pattern", "begun_by", "read_pattern"]

_MOST_CHARACTERS: Final = 1_000
_MOST_MEMORY: Final = 32 * 2**20  # bytes, of one compiled expression; where it does not do, a slower way is taken
_DEEPEST: Final = 50
_COUNTS: Final = re.compile(r"\{(\d{1,4})(,(\d{0,4}))?\}")
_ESCAPE: Final = re.compile(
    r"\\(?:[pP](?:\{\^?\w+\}|\w)|x(?:\{[0-9A-Fa-f]{1,6}\}|[0-9A-Fa-f]{2})|[dDsSwWafnrtv]|[^\w])"
)
_CLASS: Final = re.compile(r"\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\]", re.DOTALL)
_GROUP: Final = re.compile(r"\((?:\?(?:P?<\w{1,32}>|([imsU]*)(?:-[imsU]+)?:))?")
_FLAGS: Final = re.compile(r"\(\?([ims]+)\)")
_ASSERTIONS: Final = ("\\b", "\\B", "\\A", "\\z")


class BadPattern(ValueError):
    """An expression that is not taken; the message says why."""


class _Part(NamedTuple):
    """A piece of an expression: itself, and what matches all beginnings of what it matches, the empty one included.

    ``endless``: it may be nothing but something repeated without a limit.
    """

    full: str
    begun: str
    empty: bool = False
    endless: bool = False


@final
class Pattern:
    """A compiled expression. Places are bytes of UTF-8. ``begun`` matches beginnings of what it matches."""

    __slots__ = ("_find", "begun", "source")

    def __init__(self, source: str, full: str, begun: str) -> None:
        self.source = source
        self.begun = begun
        self._find = _compiled(full)

    def spans(self, text: bytes, begin: int = 0) -> list[tuple[int, int]]:
        """Where it matches from *begin* on: from the left, without overlaps, none of them empty."""
        return [span for found in self._find.finditer(text, begin) if (span := found.span())[0] < span[1]]

    def occurs(self, text: bytes) -> bool:
        """Whether it matches anywhere."""
        return self._find.search(text) is not None


@final
class _Begun:
    """Tells where something may have begun that is not over at the end of a text."""

    __slots__ = ("_find",)

    def __init__(self, patterns: tuple[Pattern, ...]) -> None:
        self._find = _compiled("(?:" + "|".join(one.begun for one in patterns) + r")\z")

    def __call__(self, text: bytes, begin: int) -> int:
        """The first such place from *begin* on; the end of *text* where nothing has begun."""
        found = self._find.search(text, begin)
        return len(text) if found is None else int(found.start())


def begun_by(patterns: tuple[Pattern, ...]) -> _Begun:
    """What tells where a match of one of *patterns* may have begun at the end of a text."""
    return _Begun(patterns)


def read_pattern(source: str, most: int | None = _MOST_CHARACTERS) -> Pattern:
    """The expression that *source* is, in RE2's syntax. *most* characters are taken; None is no limit.

    Raises:
        BadPattern: it is none, is too long, matches nothing at all or everything, repeats without a limit what repeats
            without a limit, or has what cannot be matched in linear time (look-around, references back).
    """
    if not source or (most is not None and len(source) > most):
        raise BadPattern(f"must have 1 to {most} characters")
    _compiled(source)
    reader = _Reader(source)
    flags = _FLAGS.match(source)
    head = "" if flags is None else flags[0]
    reader.place = len(head)
    part = reader.choice(0)
    if reader.place != len(source):
        raise BadPattern(f"is not understood from character {reader.place + 1} on")
    letters = "" if flags is None else flags[1]
    pattern = Pattern(source, f"(?{letters}:{part.full})", f"(?{letters}:{part.begun})")
    if part.empty or pattern.occurs(b""):
        raise BadPattern("matches the empty text, and so everything")
    begun_by((pattern,))
    return pattern


@final
class _Reader:
    """Reads an expression that RE2 has taken, from the left."""

    def __init__(self, source: str) -> None:
        self._source = source
        self.place = 0

    def choice(self, depth: int) -> _Part:
        """Alternatives, up to the end of the group."""
        if depth > _DEEPEST:
            raise BadPattern(f"has groups that are nested more than {_DEEPEST} deep")
        parts = [self._row(depth)]
        while self._source.startswith("|", self.place):
            self.place += 1
            parts.append(self._row(depth))
        if len(parts) == 1:
            return parts[0]
        return _Part(
            "|".join(one.full for one in parts),
            "|".join(one.begun for one in parts),
            any(one.empty for one in parts),
            any(one.endless for one in parts),
        )

    def _row(self, depth: int) -> _Part:
        """One thing after the other."""
        parts: list[_Part] = []
        while self.place < len(self._source) and self._source[self.place] not in "|)":
            parts.append(self._repeated(self._atom(depth)))
        begun = ""
        for part in reversed(parts):
            if part.begun == f"(?:{part.full})?":  # a character
                begun = f"(?:{part.full}{begun})?"
            elif not part.begun:  # an assertion
                begun = f"(?:{part.full}{begun})?" if begun else ""
            else:
                begun = f"(?:{part.begun}|{part.full}{begun})"
        solid = sum(not one.empty for one in parts)
        endless = any(one.endless and solid <= (not one.empty) for one in parts)
        return _Part("".join(one.full for one in parts), begun, solid == 0, endless)

    def _atom(self, depth: int) -> _Part:
        source, place = self._source, self.place
        if group := _GROUP.match(source, place):
            if source.startswith("(?", place) and group.end() == place + 1:
                raise BadPattern("may have flags at its beginning or for a group, (?i:…), and no look-around")
            self.place = group.end()
            inner = self.choice(depth + 1)
            self.place += 1  # the bracket: RE2 has seen it
            flags = group[0][2:-1] if group[1] is not None else ""
            return inner._replace(full=f"(?{flags}:{inner.full})", begun=f"(?{flags}:{inner.begun})")
        if source.startswith(_ASSERTIONS, place) or source[place] in "^$":
            self.place += 1 if source[place] in "^$" else 2
            return _Part(source[place : self.place], "", empty=True)
        for kind in (_CLASS, _ESCAPE):
            if found := kind.match(source, place):
                self.place = found.end()
                return _Part(found[0], f"(?:{found[0]})?")
        if source[place] == "\\":
            raise BadPattern(f"has {source[place : place + 2]}, which is not taken here")
        self.place += 1
        return _Part(source[place], f"(?:{source[place]})?")

    def _repeated(self, part: _Part) -> _Part:
        source, place = self._source, self.place
        if place >= len(source) or source[place] not in "*+?{":
            return part
        counts = _COUNTS.match(source, place)
        if source[place] == "{" and counts is None:  # it means itself
            return part
        least, most = {"*": (0, None), "+": (1, None)}.get(source[place], (0, 1))
        if counts is not None:
            least = int(counts[1])
            most = least if counts[2] is None else int(counts[3]) if counts[3] else None
        self.place = place + 1 if counts is None else counts.end()
        if source.startswith("?", self.place):  # the shortest first
            self.place += 1
        mark = source[place : self.place]
        if most is None and part.endless:
            raise BadPattern("repeats without a limit what repeats without a limit")
        if most == 0:
            return _Part("", "", empty=True)
        before = "*" if most is None else f"{{0,{most - 1}}}"
        begun = part.begun if most == 1 else f"(?:{part.full}){before}(?:{part.begun})"
        return _Part(f"(?:{part.full}){mark}", begun, part.empty or least == 0, part.endless or most is None)


def _compiled(source: str) -> _Regexp:
    import re2  # noqa: PLC0415 - 1 MB that a gateway without guardrails need not hold

    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MOST_MEMORY
    try:
        return re2.compile(source.encode(), options)
    except (re2.error, UnicodeEncodeError) as error:
        why = error.args[0] if error.args else ""
        words = why.decode("utf-8", "replace") if isinstance(why, bytes) else str(why)
        raise BadPattern(f"cannot be matched in linear time, or is no expression: {words[:100]}") from None
