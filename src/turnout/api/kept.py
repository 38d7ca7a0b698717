"""A request that is answered from kept bytes: no task, no look at anything but the request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final, final

from turnout.api.hot import Connection, NoEvent
from turnout.base.stored import Stored, is_known
from turnout.contracts.reply import Flow

__all__ = ["KeptReply"]

_UNCHANGED: Final = b"HTTP/1.1 304 Not Modified\r\n%b%b%b\r\n"
_JOINED: Final = 256 * 2**10  # bytes; larger bodies are not copied behind their head: the second write is cheaper
_CLOSE: Final = b"connection: close\r\n"


@final
class KeptReply:
    """One such request in flight: uvicorn's request cycle in its eyes, as :class:`~turnout.api.hot.HotReply` is."""

    __slots__ = (
        "_connection",
        "_head_only",
        "_headers",
        "_stored",
        "disconnected",
        "flow",
        "keep_alive",
        "parts",
        "response_complete",
        "task",
    )
    message_event: ClassVar[NoEvent] = NoEvent()

    def __init__(
        self,
        connection: Connection,
        stored: Stored,
        headers: Mapping[bytes, bytes],
        *,
        keep_alive: bool,
        head_only: bool,
    ) -> None:
        self.flow: Flow | None = None
        self.task = None
        self.disconnected = self.response_complete = False
        self.keep_alive = keep_alive
        self.parts: list[bytes] = []
        self._connection = connection
        self._stored = stored
        self._headers = headers
        self._head_only = head_only

    def run(self, _arrived: float) -> None:
        """The request is complete: answer it."""
        connection = self._connection
        plane = connection.plane
        variant = self._stored.choose(self._headers.get(b"accept-encoding"))
        date = plane.date_line(connection.server_state.default_headers)
        known = self._headers.get(b"if-none-match")
        outbox = plane.house.outbox
        if known is not None and is_known(variant.etag, known):
            outbox.put(connection.transport, _UNCHANGED % (variant.lines, date, b"" if self.keep_alive else _CLOSE))
        elif self.keep_alive and not self._head_only and len(variant.body) <= _JOINED:
            outbox.put(connection.transport, variant.whole(date))
        else:
            outbox.put(connection.transport, variant.head(date if self.keep_alive else date + _CLOSE))
            if not self._head_only:
                outbox.put(connection.transport, variant.body)
        self.response_complete = True
        if not self.keep_alive:
            outbox.flush()
            connection.hang_up()
        connection.on_response_complete()

    def leave(self) -> None:
        """The client has gone before its request was complete."""
        self.disconnected = True
