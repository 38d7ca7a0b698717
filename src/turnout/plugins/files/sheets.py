"""The workbooks of Excel turned into lines of comma-separated values."""

from __future__ import annotations

import csv
import re
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Final, final

from turnout.plugins.files.archive import Archive
from turnout.plugins.files.limits import Text, Unreadable

__all__ = ["read_workbook"]

_BOOK: Final = "xl/workbook.xml"
_MOST_STRINGS = 2_000_000
_MOST_COLUMNS = 16_384
_DATES: Final = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
"""The built-in formats of dates and times. Source: ECMA-376, part 1, 18.8.30."""
_QUOTED: Final = re.compile(r'"[^"]*"|\[[^\]]*\]|\\.')
_EPOCHS: Final = (datetime(1899, 12, 30, tzinfo=UTC), datetime(1904, 1, 1, tzinfo=UTC))
_TRUTH: Final = {"1": "TRUE", "0": "FALSE"}


def read_workbook(archive: Archive, text: Text) -> int:
    """Add all sheets to *text* and say how many there are.

    Raises:
        Unreadable: a part is broken, or too large.
    """
    targets = archive.related(_BOOK)
    sheets: list[tuple[str, str]] = []
    epoch = _EPOCHS[0]

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal epoch
        if tag == "workbookPr" and attributes.get("date1904") in {"1", "true"}:
            epoch = _EPOCHS[1]
        elif tag == "sheet" and (target := targets.get(attributes.get("r:id", ""))) is not None:
            sheets.append((attributes.get("name", ""), target[1]))

    archive.parse(_BOOK, start)
    parts = dict(targets.values())
    strings = _strings(archive, parts.get("sharedStrings", ""))
    dates = _date_styles(archive, parts.get("styles", ""))
    for name, target in sheets:
        sheet = _Sheet(strings, dates, epoch, text)
        text.add(f"## {name}\n")
        archive.parse(target, sheet.start, sheet.end, sheet.words)
    return len(sheets)


def _strings(archive: Archive, name: str) -> list[str]:
    found: list[str] = []
    parts: list[str] = []
    inside = {"t": 0, "rPh": 0}  # the latter says how to pronounce it

    def start(tag: str, _attributes: dict[str, str]) -> None:
        if tag in inside:
            inside[tag] += 1

    def end(tag: str) -> None:
        if tag in inside:
            inside[tag] -= 1
        elif tag == "si":
            found.append("".join(parts))
            parts.clear()
            if len(found) > _MOST_STRINGS:
                raise Unreadable("it holds too many texts")

    def words(piece: str) -> None:
        if inside["t"] and not inside["rPh"]:
            parts.append(piece)

    archive.parse(name, start, end, words)
    return found


def _date_styles(archive: Archive, name: str) -> list[bool]:
    """Of each style of cells whether it shows a date or time."""
    formats: dict[str, bool] = {}
    found: list[bool] = []
    in_cells = False

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal in_cells
        if tag == "numFmt":
            plain = _QUOTED.sub("", attributes.get("formatCode", "")).lower()
            formats[attributes.get("numFmtId", "")] = any(letter in plain for letter in "ydhs")
        elif tag == "cellXfs":
            in_cells = True
        elif tag == "xf" and in_cells:
            number = attributes.get("numFmtId", "0")
            found.append(formats.get(number, number.isdecimal() and len(number) < 6 and int(number) in _DATES))

    def end(tag: str) -> None:
        nonlocal in_cells
        in_cells = in_cells and tag != "cellXfs"

    archive.parse(name, start, end)
    return found


@final
class _Sheet:
    """Writes one sheet while it is parsed."""

    def __init__(self, strings: list[str], dates: list[bool], epoch: datetime, text: Text) -> None:
        self._strings = strings
        self._dates = dates
        self._epoch = epoch
        self._text = text
        self._row: list[str] = []
        self._value: list[str] = []
        self._inside = False
        self._column = 0
        self._kind = self._style = ""

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """A row, a cell, or its value begins."""
        if tag == "row":
            self._row = []
        elif tag == "c":
            self._column = _column(attributes.get("r", ""), len(self._row))
            self._kind, self._style = attributes.get("t", "n"), attributes.get("s", "")
            self._value = []
        elif tag in {"v", "t"}:
            self._inside = True

    def end(self, tag: str) -> None:
        """The same ends."""
        if tag in {"v", "t"}:
            self._inside = False
        elif tag == "c":
            value = self._shown("".join(self._value))
            if value and self._column < _MOST_COLUMNS:
                self._row += [""] * (self._column - len(self._row))
                self._row.append(value)
        elif tag == "row" and self._row:
            line = StringIO()
            csv.writer(line, lineterminator="\n").writerow(self._row)
            self._text.add(line.getvalue())

    def words(self, piece: str) -> None:
        """A part of a value."""
        if self._inside:
            self._value.append(piece)

    def _shown(self, value: str) -> str:
        try:
            if self._kind == "s":
                return self._strings[int(value)]
            if self._kind == "b":
                return _TRUTH.get(value, value)
            if self._kind == "n" and value and self._style and self._dates[int(self._style)]:
                return _date(self._epoch, float(value))
        except (ValueError, IndexError, OverflowError):
            pass
        return value


def _column(reference: str, otherwise: int) -> int:
    """The place of the column in a reference such as ``AB12``, from 0."""
    letters = reference.rstrip("0123456789")
    if not (letters.isascii() and letters.isalpha() and len(letters) <= 3):
        return otherwise
    place = 0
    for letter in letters.upper():
        place = place * 26 + ord(letter) - ord("A") + 1
    return max(place - 1, otherwise)


def _date(epoch: datetime, days: float) -> str:
    moment = epoch + timedelta(days=days)
    moment = (moment + timedelta(milliseconds=500)).replace(microsecond=0, tzinfo=None)
    if 0 <= days < 1:
        return moment.time().isoformat()
    return moment.date().isoformat() if days == int(days) else moment.isoformat(" ")
