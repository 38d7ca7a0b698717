"""How much may be read of a file, and what was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self, final

__all__ = ["Found", "Limits", "Text", "Unreadable"]


class Unreadable(Exception):
    """A file that cannot be read; the message says why, after "it cannot be read: "."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may hold at most: ``pages``, and ``characters`` of text. Without ``words`` the pages of a PDF are
    counted and not read.
    """

    pages: int = 2_000
    characters: int = 4_000_000
    words: bool = True


@dataclass(frozen=True, slots=True)
class Found:
    """The text of a file. ``pages`` are its pages, slides, sheets or chapters; 0 where it has none. Only the text of a
    PDF may be empty: it is scanned.
    """

    kind: str
    text: str
    pages: int = 0


@final
class Text:
    """Collects text within its limit."""

    def __init__(self, limits: Limits) -> None:
        self._parts: list[str] = []
        self._room = self._most = limits.characters

    def add(self, piece: str) -> Self:
        """Keep *piece*. Raises Unreadable when there is too much."""
        self._room -= len(piece)
        if self._room < 0:
            raise Unreadable(f"it holds more than {self._most} characters of text")
        self._parts.append(piece)
        return self

    def joined(self) -> str:
        """All of it. Raises Unreadable when that is nothing."""
        text = "".join(self._parts).strip()
        if not text:
            raise Unreadable("there is no text in it")
        return text.encode("utf-8", "replace").decode()  # halves of pairs are no text
