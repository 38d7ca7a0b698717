"""Server-sent events: bytes in, the data of whole events out."""

from __future__ import annotations

import re
from typing import final

from turnout.base.limits import MAX_EVENT_BYTES

__all__ = ["EventSplitter", "EventTooLarge"]

_LINE_END = re.compile(rb"\r\n|\r|\n")
_BOM = b"\xef\xbb\xbf"
_CR, _LF = b"\r\n"
"""As numbers: a byte is found many times faster than a text of one byte."""


class EventTooLarge(ValueError):
    """One event exceeds ``MAX_EVENT_BYTES``."""


@final
class EventSplitter:
    """Cuts a byte stream into events and keeps what is unfinished.

    Lines end in LF, CRLF or CR and nowhere else (U+2028 is text). Comments and the fields ``event``, ``id`` and
    ``retry`` are skipped; several ``data`` lines of one event are joined by a newline.

    Source: the HTML standard, "Server-sent events", parsing an event stream.
    """

    __slots__ = ("_after_cr", "_data", "_idle", "_pending", "_size", "_start")

    def __init__(self) -> None:
        self._idle = False  # nothing is unfinished
        self._start: bytes | None = b""  # what may become a byte order mark
        self._after_cr = False  # a line feed would belong to the line before
        self._pending: list[bytes] = []
        self._data: list[bytes] = []
        self._size = 0  # of the unfinished event

    def feed(self, piece: bytes) -> list[bytes]:
        """The data of every event that *piece* completes, in order.

        Raises:
            EventTooLarge: an unfinished event has outgrown the cap.
        """
        end = len(piece) - 2
        if self._idle and end >= 0 and piece[end] == piece[-1] == _LF and _CR not in piece:
            if piece[:6] == b"data: " and piece.find(b"\n") == end:
                return [piece[6:end]]  # by far the most common: one event, one line
            return self._lines(piece[:-1].split(b"\n"))
        return self._feed_slowly(piece)

    def flush(self) -> list[bytes]:
        """What the end of the stream completes: providers leave out the last blank line."""
        rest, self._pending = b"".join(self._pending), []
        return self._lines([rest, b""])

    def _feed_slowly(self, piece: bytes) -> list[bytes]:
        if self._start is not None:
            piece = self._start + piece
            if len(piece) < len(_BOM) and _BOM.startswith(piece):
                self._start = piece
                return []
            self._start = None
            piece = piece.removeprefix(_BOM)
        if not piece:
            return []
        if self._after_cr and piece[:1] == b"\n":
            piece = piece[1:]
        self._after_cr = piece[-1:] == b"\r" if piece else False
        lines = _LINE_END.split(piece)
        rest = lines.pop()
        events: list[bytes] = []
        if lines:
            self._size -= sum(map(len, self._pending))
            lines[0] = b"".join([*self._pending, lines[0]])
            self._pending = []
            events = self._lines(lines)
        if rest:
            self._pending.append(rest)  # searched once: a long event must not be read anew for each of its pieces
            self._size += len(rest)
        if self._size > MAX_EVENT_BYTES:
            raise EventTooLarge(f"an event is larger than {MAX_EVENT_BYTES} bytes")
        self._idle = not (self._pending or self._data or self._after_cr)
        return events

    def _lines(self, lines: list[bytes]) -> list[bytes]:
        events: list[bytes] = []
        for line in lines:
            if not line:
                if self._data:
                    events.append(self._data[0] if len(self._data) == 1 else b"\n".join(self._data))
                    self._data = []
                    self._size = 0
            elif line.startswith(b"data:"):
                self._data.append(line[6:] if line[5:6] == b" " else line[5:])
                self._size += len(line)
            elif line == b"data":
                self._data.append(b"")
                self._size += len(line)
        return events
