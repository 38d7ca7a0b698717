"""A provider's language: one request out, an answer, a stream or a failure in."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from turnout.base.errors import UpstreamError
from turnout.domain.catalog import Endpoint
from turnout.domain.chat import ChatRequest
from turnout.domain.completion import Chunk, Completion

__all__ = ["Adapter", "ChunkDecoder", "Outgoing"]


class Outgoing(Struct, frozen=True):
    """One upstream request: the head up to and including ``Content-Length: ``, and the body.

    ``dropped`` names the parameters that the client sent and this provider does not get.
    """

    head: bytes
    body: bytes
    dropped: tuple[str, ...] = ()


class ChunkDecoder(Protocol):
    """Turns the bytes of one upstream stream into chunks. One instance per stream."""

    ended: bool
    """The provider has said that the stream is over."""

    def feed(self, piece: bytes) -> list[Chunk]:
        """The chunks that *piece* completes; bytes of unfinished events are kept.

        Raises:
            UpstreamError: the stream carries an error, or is not what it should be.
        """
        ...

    def flush(self) -> list[Chunk]:
        """What the end of the stream completes: the last event may lack its blank line."""
        ...


class Adapter(Protocol):
    """One configured provider spoken to in its dialect. All methods are pure but for their decoder's state."""

    def outgoing(self, request: ChatRequest, endpoint: Endpoint) -> Outgoing:
        """The provider's own form of *request*. Client headers are never forwarded."""
        ...

    def completion(self, body: bytes) -> Completion:
        """A whole answer from the body of a 200.

        Raises:
            UpstreamError: the body is broken, or carries an error.
        """
        ...

    def decoder(self) -> ChunkDecoder:
        """A fresh decoder for one stream."""
        ...

    def failure(self, status: int, retry_after: str | None, body: bytes) -> UpstreamError:
        """What a status other than 200 means."""
        ...
