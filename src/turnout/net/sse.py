"""Server-sent events: bytes in, the data of whole events out."""

from __future__ import annotations

import re
from typing import final

from turnout.base.limits import MAX_EVENT_BYTES

__all__ = ["EventSplitter", "EventTooLarge"]

_LINE_END = re.compile(rb"\r\n|\r|\n")
_BOM = b"\xef\xbb\xbf"


class EventTooLarge(ValueError):
    """One event exceeds ``MAX_EVENT_BYTES``."""


@final
class EventSplitter:
    """Cuts a byte stream into events and keeps what is unfinished.

    Lines end in LF, CRLF or CR and nowhere else (U+2028 is text). Comments and the fields ``event``, ``id`` and
    ``retry`` are skipped; several ``data`` lines of one event are joined by a newline.

    Source: the HTML standard, "Server-sent events", parsing an event stream.
    """

    __slots__ = ("_data", "_pending", "_started")

    def __init__(self) -> None:
        self._pending = b""
        self._data: list[bytes] = []
        self._started = False

    def feed(self, piece: bytes) -> list[bytes]:
        """The data of every event that *piece* completes, in order.

        Raises:
            EventTooLarge: an unfinished event has outgrown the cap.
        """
        if self._started and not self._pending and not self._data and piece[-2:] == b"\n\n" and b"\r" not in piece:
            if piece[:6] == b"data: " and piece.find(b"\n") == len(piece) - 2:
                return [piece[6:-2]]  # by far the most common: one event, one line
            return self._lines(piece[:-1].split(b"\n"))
        return self._feed_slowly(piece)

    def flush(self) -> list[bytes]:
        """What the end of the stream completes: providers leave out the last blank line."""
        rest, self._pending = self._pending, b""
        return self._lines([*_LINE_END.split(rest), b""])

    def _feed_slowly(self, piece: bytes) -> list[bytes]:
        pending = self._pending + piece
        if not self._started:
            if len(pending) < len(_BOM) and _BOM.startswith(pending):
                self._pending = pending
                return []
            self._started = True
            pending = pending.removeprefix(_BOM)
        # A CR at the very end may be the first half of a CRLF: leave it for the next piece.
        held_back = b"\r" if pending.endswith(b"\r") else b""
        lines = _LINE_END.split(pending.removesuffix(b"\r")) if held_back else _LINE_END.split(pending)
        self._pending = lines.pop() + held_back
        if len(self._pending) + sum(map(len, self._data)) > MAX_EVENT_BYTES:
            raise EventTooLarge(f"an event is larger than {MAX_EVENT_BYTES} bytes")
        return self._lines(lines)

    def _lines(self, lines: list[bytes]) -> list[bytes]:
        events: list[bytes] = []
        for line in lines:
            if not line:
                if self._data:
                    events.append(self._data[0] if len(self._data) == 1 else b"\n".join(self._data))
                    self._data = []
            elif line.startswith(b"data:"):
                self._data.append(line[6:] if line[5:6] == b" " else line[5:])
            elif line == b"data":
                self._data.append(b"")
        return events
