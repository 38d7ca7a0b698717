"""The events of a stream to chunks: what the decoders of all dialects have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Generic, TypeVar

from msgspec import Raw, Struct

from turnout.base.errors import UpstreamError
from turnout.base.jsons import BadJSON, reader
from turnout.domain.completion import Chunk
from turnout.net.sse import EventSplitter, EventTooLarge
from turnout.providers.deltas import text_delta
from turnout.providers.failures import nonsense

__all__ = ["Decoder", "EventDecoder"]

_E = TypeVar("_E")


class _Kind(Struct):
    type: str = ""


_kind = reader(_Kind)


class Decoder(ABC, Generic[_E]):
    """Takes the events of one stream, until one of them ends it, and counts what is told."""

    __slots__ = ("calls", "details", "ended", "failure", "length", "verbatim")

    def __init__(self) -> None:
        self.ended = self.verbatim = False
        self.failure: UpstreamError | None = None
        self.calls = self.details = 0  # tool calls and details so far
        self.length = 0  # of the content so far, in characters

    @abstractmethod
    def take(self, event: _E, chunks: list[Chunk]) -> None:
        """Append to *chunks* what *event* says. Raises UpstreamError for an error in it, or nonsense."""

    def chunks_of(self, events: Iterable[_E]) -> list[Chunk]:
        """What *events* say. An error after the first chunk is kept for the end: what came before it is passed on."""
        chunks: list[Chunk] = []
        for event in events:
            if self.ended:
                break
            try:
                self.take(event, chunks)
            except UpstreamError as error:
                if not chunks:
                    raise
                self.failure, self.ended = error, True
        return chunks

    def say(self, text: str) -> Raw:
        """One more piece of the content."""
        self.length += len(text)
        return text_delta(text)

    def next_call(self) -> int:
        """The index of a new tool call."""
        self.calls += 1
        return self.calls - 1

    def next_detail(self) -> int:
        """The index of a new detail."""
        self.details += 1
        return self.details - 1


class EventDecoder(Decoder[bytes]):
    """Splits a stream of server-sent events."""

    __slots__ = ("_splitter",)

    def __init__(self) -> None:
        super().__init__()
        self._splitter = EventSplitter()

    def feed(self, piece: bytes) -> list[Chunk]:
        """The chunks that *piece* completes. Raises UpstreamError for an error in the stream, or nonsense."""
        try:
            events = self._splitter.feed(piece)
        except EventTooLarge as error:
            raise UpstreamError(str(error), may_be_billed=True) from None
        return self.chunks_of(events)

    def flush(self) -> list[Chunk]:
        """What the end of the stream completes."""
        if self.failure is not None:
            raise self.failure
        return self.chunks_of(self._splitter.flush())

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
