"""The client's side of one request, whatever server holds the socket."""

from __future__ import annotations

from typing import Protocol

from turnout.base.errors import TurnoutError

__all__ = ["Flow", "Reply"]


class Flow(Protocol):
    """Something upstream that can be told to wait while the client is slow."""

    def pause(self) -> None:
        """Send no more for now."""

    def resume(self) -> None:
        """Go on."""


class Reply(Protocol):
    """Answers one request, once. None of the methods waits; all do nothing once the client has gone."""

    flow: Flow | None
    """What to pause when the client reads too slowly; set by whoever writes."""

    gone: bool
    """The client has left."""

    started: bool
    """The head of a stream has gone out."""

    written: int
    """How often something was written: tells whether the stream has been silent."""

    more: bytes
    """Lines of the head of an answer beside the usual ones, each with its end; set before there is a head."""

    def whole(self, generation_id: str, overhead_ms: float, body: bytes, dropped: str) -> None:
        """A JSON answer in one piece. *dropped* lists parameters that the provider did not get."""

    def start(
        self, generation_id: str, overhead_ms: float, dropped: str, media_type: bytes = b"text/event-stream"
    ) -> None:
        """The head of a stream, mostly of server-sent events."""

    def write(self, data: bytes) -> None:
        """More of a started stream."""

    def finish(self, data: bytes) -> None:
        """The last of a started stream; *data* may be empty."""

    def cut(self) -> None:
        """Break a started stream off, so that nobody takes it for whole: for streams that cannot say so themselves."""

    def refuse(self, error: TurnoutError, generation_id: str | None) -> None:
        """An error in place of an answer; only before :meth:`start`."""
