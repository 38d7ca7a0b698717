"""The paragraphs and slides of Word and PowerPoint turned into text."""

from __future__ import annotations

from typing import Final, final

from turnout.plugins.files.archive import Archive
from turnout.plugins.files.limits import Text

__all__ = ["read_paragraphs", "read_slides"]

_BREAKS: Final = {"tab": "\t", "br": "\n", "cr": "\n"}


def read_paragraphs(archive: Archive, name: str, text: Text) -> None:
    """Add the paragraphs, headings and tables in the member *name* to *text*.

    Raises:
        Unreadable: it is broken, or too large.
    """
    paragraphs = _Paragraphs(text)
    archive.parse(name, paragraphs.start, paragraphs.end, paragraphs.words)


def read_slides(archive: Archive, text: Text) -> int:
    """Add all slides with their notes to *text* and say how many there are. Raises Unreadable: a part is broken."""
    targets = archive.related("ppt/presentation.xml")
    order: list[str] = []

    def start(tag: str, attributes: dict[str, str]) -> None:
        if tag == "sldId" and (target := targets.get(attributes.get("r:id", ""))) is not None:
            order.append(target[1])

    archive.parse("ppt/presentation.xml", start)
    for number, slide in enumerate(order, 1):
        text.add(f"## Slide {number}\n")
        read_paragraphs(archive, slide, text)
        for kind, notes in archive.related(slide).values():
            if kind == "notesSlide":
                text.add("Notes: ")
                read_paragraphs(archive, notes, text)
    return len(order)


@final
class _Paragraphs:
    """Writes paragraphs while they are parsed."""

    def __init__(self, text: Text) -> None:
        self._text = text
        self._line: list[str] = []
        self._prefix = ""
        self._inside = {"t": 0, "tbl": 0, "Fallback": 0}  # the last repeats what stands before it, for old programs

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """A text, a table, a break, or a style begins."""
        if tag in self._inside:
            self._inside[tag] += 1
        elif self._inside["Fallback"]:
            return
        elif tag in _BREAKS:
            self._line.append(_BREAKS[tag])
        elif tag == "pStyle":
            style = attributes.get("w:val", "").lower()
            level = style.removeprefix("heading")
            if style == "title" or (level != style and level in {"1", "2", "3", "4", "5", "6"}):
                self._prefix = "#" * (1 if style == "title" else int(level)) + " "

    def end(self, tag: str) -> None:
        """A paragraph, a cell or a row ends."""
        if tag in self._inside:
            self._inside[tag] -= 1
        elif self._inside["Fallback"]:
            return
        elif tag == "tr" or (tag == "p" and not self._inside["tbl"]):
            self._text.add(self._prefix + "".join(self._line).strip(" |") + "\n")
            self._line, self._prefix = [], ""
        elif tag in {"p", "tc"}:
            self._line.append(" " if tag == "p" else "| ")

    def words(self, piece: str) -> None:
        """A piece of text."""
        if self._inside["t"] and not self._inside["Fallback"]:
            self._line.append(piece)
