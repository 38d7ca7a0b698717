"""The binary event stream of AWS: bytes in, whole messages out."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from struct import Struct as Layout
from typing import Final, NamedTuple, final
from zlib import crc32

from turnout.base.limits import MAX_EVENT_BYTES

__all__ = ["BrokenStream", "Frame", "FrameSplitter"]

_PRELUDE: Final = Layout(">III")  # length of the message, length of its headers, checksum of these two
_CHECKSUM: Final = Layout(">I")
_SHORTEST: Final = _PRELUDE.size + _CHECKSUM.size
_TRUE, _FALSE, _BYTES, _STRING = 0, 1, 6, 7
_FIXED: Final = {_TRUE: 0, _FALSE: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Sizes of values, by type, that do not state their own."""
_NO_HEADERS: Final[Mapping[str, str]] = {}


class BrokenStream(ValueError):
    """The bytes are no event stream: a checksum is wrong, or a length cannot be."""


class Frame(NamedTuple):
    """One message. ``headers`` are those that hold text."""

    headers: Mapping[str, str]
    payload: bytes


@final
class FrameSplitter:
    """Cuts a byte stream into messages and keeps what is unfinished. Both checksums of each are checked.

    Source: AWS, "Event stream encoding" (vnd.amazon.eventstream).
    """

    __slots__ = ("_pieces", "_size", "_wanted")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0
        self._wanted = _PRELUDE.size  # bytes without which nothing can be said

    @property
    def unfinished(self) -> bool:
        """Whether a message has begun and not ended."""
        return self._size > 0

    def feed(self, piece: bytes) -> list[Frame]:
        """Every message that *piece* completes, in order.

        Raises:
            BrokenStream: what comes is none.
        """
        self._size += len(piece)
        if self._size < self._wanted:
            self._pieces.append(piece)
            return []
        stream = b"".join([*self._pieces, piece]) if self._pieces else piece
        frames: list[Frame] = []
        start, size = 0, len(stream)
        self._wanted = _PRELUDE.size
        while size - start >= _PRELUDE.size:
            length, head, checksum = _PRELUDE.unpack_from(stream, start)
            if crc32(stream[start : start + 8]) != checksum:
                raise BrokenStream("a message begins with a wrong checksum")
            if not head + _SHORTEST <= length <= MAX_EVENT_BYTES:
                raise BrokenStream("a message has an impossible length")
            end = start + length
            if end > size:
                self._wanted = length
                break
            frames.append(_frame(stream[start:end], head))
            start = end
        self._size = size - start
        self._pieces = [stream[start:]] if start < size else []
        return frames


def _frame(message: bytes, head: int) -> Frame:
    inner = len(message) - _CHECKSUM.size
    if crc32(message[:inner]) != _CHECKSUM.unpack_from(message, inner)[0]:
        raise BrokenStream("a message has a wrong checksum")
    body = _PRELUDE.size + head
    return Frame(_headers(message[_PRELUDE.size : body]) if head else _NO_HEADERS, message[body:inner])


@lru_cache(256)
def _headers(block: bytes) -> Mapping[str, str]:
    """The headers that hold text. Those of a stream come again and again."""
    found: dict[str, str] = {}
    at, end = 0, len(block)
    try:
        while at < end:
            start = at + 1
            at = start + block[at]
            name, kind = block[start:at].decode(), block[at]
            at += 1
            size = _FIXED.get(kind)
            if size is None:
                if kind not in {_BYTES, _STRING}:
                    raise BrokenStream("a header has an unknown type")
                size = int.from_bytes(block[at : at + 2], "big")
                at += 2
                if kind == _STRING:
                    found[name] = block[at : at + size].decode()
            at += size
    except (IndexError, UnicodeDecodeError):
        raise BrokenStream("the headers of a message make no sense") from None
    if at != end:
        raise BrokenStream("the headers of a message end too late")
    return found
