"""Finds what a guardrail looks for in texts, whole ones and such as come in pieces, and takes it out of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NamedTuple, final

from turnout.base.errors import Forbidden
from turnout.base.jsons import encode
from turnout.base.patterns import Pattern, begun_by, read_pattern
from turnout.domain.guardrail import LABELS, Action, Screening
from turnout.plugins.guardrails.detectors import Check, detector

__all__ = ["Blocked", "Findings", "Rule", "Screen", "Stretch", "screen_of"]

MOST_HELD: Final = 2_048
"""Bytes of a stream that are held back at most: a match that is longer than that is found in whole texts alone."""
_CONTEXT: Final = 16  # bytes before what is searched, for checks and word borders
_REDACTED: Final = "[REDACTED]"
_SCANNER: Final = "regex-prompt-injection"
_ESCAPE: Final = re.compile(rb"\\(?:u([0-9a-fA-F]{4})|([^u]))", re.DOTALL)
_CUT_ESCAPE: Final = re.compile(rb"\\(?:u[0-9a-fA-F]{0,3})?\Z")
_BREAKS: Final = frozenset(b"nrtfb")


class Blocked(Forbidden):
    """A guardrail does not let it pass. What was found is named, not quoted."""

    def __init__(self, names: Iterable[str], where: str, guardrail_ids: tuple[str, ...]) -> None:
        patterns = list(dict.fromkeys(names))
        super().__init__(
            f"A guardrail has blocked the {where}: {', '.join(patterns)}",
            metadata={"patterns": patterns, "guardrail_ids": list(guardrail_ids)},
        )


class Rule(NamedTuple):
    """What is looked for, and what happens then. ``name`` stands in reports."""

    name: str
    action: Action
    label: str
    pattern: Pattern
    check: Check | None


Findings = dict[Action, dict[str, int]]
"""How often what was found, by what was done about it."""


@final
class Screen:
    """The rules of one set of guardrails. ``answers`` are those that hold for what models say."""

    def __init__(self, screening: Screening) -> None:
        own = [
            Rule(one.label or one.pattern, one.action, one.label or _REDACTED, read_pattern(one.pattern), None)
            for one in screening.filters
        ]
        built = [Rule(one.slug, one.action, LABELS[one.slug], *detector(one.slug)) for one in screening.builtins]
        self.guardrail_ids = screening.guardrail_ids
        self.requests = tuple(own + built)
        self.answers = tuple(own + [one for one in built if one.name != _SCANNER])
        spares = any(one.scan_scope == "user_only" for one in screening.builtins)
        self.others = self.answers if spares else self.requests
        """Those for messages that are not the user's."""
        self.hides = any(one.action != "flag" for one in self.answers)
        self.begun = begun_by(tuple(one.pattern for one in self.answers)) if self.answers else None


@lru_cache(256)
def screen_of(screening: Screening) -> Screen:
    """The screen of *screening*, compiled once."""
    return Screen(screening)


@final
class Stretch:
    """One text on its way through a screen, in one piece or in many. ``arguments``: it is JSON, whose escapes stand for
    what they mean, and where a number gives way to a text. ``altered``: something was taken out of it.
    """

    def __init__(self, screen: Screen, rules: tuple[Rule, ...], findings: Findings, *, arguments: bool = False) -> None:
        self._screen = screen
        self._rules = rules
        self._findings = findings
        self._arguments = arguments
        self._raw = self._read = b""
        self._done = 0
        self.altered = False
        self._quoted = False
        self._tail = b""

    @property
    def holds(self) -> bool:
        """Whether something is held back."""
        return len(self._raw) > self._done or bool(self._tail)

    def take(self, piece: str, where: str, *, last: bool = False) -> str:
        """What may go on, of *piece* and of what was held back; all of it if it is the *last*.

        Raises:
            Blocked: something was found that may not pass.
        """
        self._append(piece, last=last)
        read, begun = self._read, self._screen.begun
        cut = len(read) if last or begun is None else begun(read, self._done)
        forced = last or len(read) - cut > MOST_HELD
        if forced:
            cut = len(read)
        if cut == self._done:
            return ""
        found = [
            (start, end, rule)
            for rule in self._rules
            for start, end in rule.pattern.spans(read, self._done)
            if start < cut
        ]
        if not forced:
            cut = _before(cut, found)
        hits = [
            (start, end, rule)
            for start, end, rule in found
            if end <= cut and (rule.check is None or rule.check(read, start, end))
        ]
        return self._released(cut, hits, where)

    def _append(self, piece: str, *, last: bool) -> None:
        added = piece.encode("utf-8", "replace")
        if not self._arguments:
            self._raw += added
            self._read = self._raw
            return
        added = self._tail + added
        read = _ESCAPE.sub(_meaning, added)
        self._tail = b""
        if not last and (cut := _CUT_ESCAPE.search(read)):
            added, self._tail, read = added[: cut.start()], added[cut.start() :], read[: cut.start()]
        self._raw += added
        self._read += read

    def _released(self, cut: int, hits: list[tuple[int, int, Rule]], where: str) -> str:
        """The text up to *cut*, without what was hit in it."""
        for _, _, rule in hits:
            counts = self._findings.setdefault(rule.action, {})
            counts[rule.name] = counts.get(rule.name, 0) + 1
        if blocking := [rule.name for _, _, rule in hits if rule.action == "block"]:
            raise Blocked(blocking, where, self._screen.guardrail_ids)
        pieces: list[bytes] = []
        place = self._done
        for start, end, rule in sorted((one for one in hits if one[2].action == "redact"), key=_by_place):
            if start >= place:
                pieces += [self._between(place, start), self._label(rule)]
            self.altered = True
            if end > place:
                self._skip(max(start, place), end)
                place = end
        pieces.append(self._between(place, cut))
        keep = max(0, cut - _CONTEXT)
        self._raw, self._read, self._done = self._raw[keep:], self._read[keep:], cut - keep
        if not self._arguments:
            self._read = self._raw
        return b"".join(pieces).decode("utf-8", "replace")

    def _between(self, start: int, end: int) -> bytes:
        self._skip(start, end)
        return self._raw[start:end]

    def _skip(self, start: int, end: int) -> None:
        if self._arguments and self._read.count(b'"', start, end) % 2:
            self._quoted = not self._quoted

    def _label(self, rule: Rule) -> bytes:
        if not self._arguments:
            return rule.label.encode()
        label = encode(rule.label)
        return label[1:-1] if self._quoted else label


def _before(cut: int, found: Iterable[tuple[int, int, Rule]]) -> int:
    """*cut*, or the place before it that no match of *found* spans."""
    spans = sorted(((start, end) for start, end, _ in found), reverse=True)
    moved = True
    while moved:
        moved = False
        for start, end in spans:
            if start < cut < end:
                cut, moved = start, True
    return cut


def _by_place(hit: tuple[int, int, Rule]) -> tuple[int, int]:
    return hit[0], -hit[1]


def _meaning(escape: re.Match[bytes]) -> bytes:
    """What an escape of JSON means to those who search, in as many bytes as it has."""
    if escape[1] is not None:
        character = chr(int(escape[1], 16))
        kind = b"X" if character.isupper() else b"x" if character.isalnum() else b" "
        return kind + (b"x" if character.isalnum() else b" ") * 5
    return b"\n\n" if escape[2][0] in _BREAKS else b"//" if escape[2] == b"/" else b"  "
