"""The bytes of a stream of events to chunks: what all dialects that stream by server-sent events have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod

from msgspec import Struct

from turnout.base.errors import UpstreamError
from turnout.base.jsons import BadJSON, reader
from turnout.domain.completion import Chunk
from turnout.net.sse import EventSplitter, EventTooLarge
from turnout.providers.failures import nonsense

__all__ = ["EventDecoder"]


class _Kind(Struct):
    type: str = ""


_kind = reader(_Kind)


class EventDecoder(ABC):
    """Splits a stream and hands on its events, until one of them ends it."""

    __slots__ = ("_failure", "_splitter", "ended", "verbatim")

    def __init__(self) -> None:
        self.ended = self.verbatim = False
        self._splitter = EventSplitter()
        self._failure: UpstreamError | None = None

    @abstractmethod
    def take(self, event: bytes, chunks: list[Chunk]) -> None:
        """Append to *chunks* what *event* says. Raises UpstreamError for an error in it, or nonsense."""

    def feed(self, piece: bytes) -> list[Chunk]:
        """The chunks that *piece* completes. Raises UpstreamError for an error in the stream, or nonsense."""
        try:
            events = self._splitter.feed(piece)
        except EventTooLarge as error:
            raise UpstreamError(str(error), may_be_billed=True) from None
        return self._chunks(events)

    def flush(self) -> list[Chunk]:
        """What the end of the stream completes."""
        if self._failure is not None:
            raise self._failure
        return self._chunks(self._splitter.flush())

    def _chunks(self, events: list[bytes]) -> list[Chunk]:
        chunks: list[Chunk] = []
        for event in events:
            if self.ended:
                break
            try:
                self.take(event, chunks)
            except UpstreamError as error:
                if not chunks:
                    raise
                self._failure, self.ended = error, True  # what came before it, even in one piece, is passed on
        return chunks

    def overlook(self, event: bytes, speaking: frozenset[str]) -> None:
        """An event that is not as it should be: the end mark of another dialect, or one that can be done without.

        Raises:
            UpstreamError: it is one of those without which the answer would not be whole.
        """
        if event.strip() == b"[DONE]":
            self.ended = True
            return
        try:
            kind = _kind(event).type
        except BadJSON:
            raise nonsense() from None
        if kind in speaking:
            raise nonsense()
