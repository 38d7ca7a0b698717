"""One hot request in flight: the client's side of the line in uvicorn's place."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, ClassVar, Protocol, final

from turnout.api.plane import DataPlane, authorization_in
from turnout.base.errors import TurnoutError
from turnout.contracts.reply import Flow
from turnout.contracts.surface import Surface
from turnout.engine.house import Call

__all__ = ["Connection", "HotReply", "NoEvent"]

_WHOLE = b"%b%b%b%bcontent-length: %d\r\n\r\n%b"
_STATUS_LINES = {status.value: b"HTTP/1.1 %d %b\r\n" % (status, status.phrase.encode()) for status in HTTPStatus}


class Connection(Protocol):
    """What a hot request needs of the connection that it came by."""

    plane: ClassVar[DataPlane]
    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    tasks: set[asyncio.Task[None]]
    server_state: Any

    def hang_up(self) -> None:
        """Close, once the client has read what was written."""
        ...

    def on_response_complete(self) -> None:
        """The answer is written: the next request may come."""
        ...


class NoEvent:
    """Stands where uvicorn would wake its own request cycle."""

    def set(self) -> None:
        """Nobody waits."""


@final
class HotReply:
    """One hot request in flight: the client's side of the line, and uvicorn's request cycle in its eyes."""

    __slots__ = (
        "_connection",
        "_head",
        "_plane",
        "_transport",
        "chunked",
        "disconnected",
        "flow",
        "gone",
        "headers",
        "keep_alive",
        "more",
        "parts",
        "response_complete",
        "started",
        "surface",
        "task",
        "written",
    )
    message_event: ClassVar[NoEvent] = NoEvent()

    def __init__(self, connection: Connection, surface: Surface, headers: Mapping[bytes, bytes]) -> None:
        """*headers* are those of the request. Unless told otherwise, this is the connection's last answer."""
        self.flow: Flow | None = None
        self.gone = self.started = self.disconnected = self.response_complete = False
        self.written = 0
        self.more = b""
        self.keep_alive = False
        self.chunked = True
        self.surface = surface
        self.headers = headers
        self.parts: list[bytes] = []
        self.task: asyncio.Task[None] | None = None
        self._head = b""
        self._connection = connection
        self._plane = connection.plane
        self._transport = connection.transport

    def run(self, arrived: float) -> None:
        """The request is complete: send it down the line, in the one task that it gets."""
        body = self.parts[0] if len(self.parts) == 1 else b"".join(self.parts)
        self.parts = []
        call = Call(self.surface, authorization_in(self.headers), body, self, arrived, self.headers)
        connection = self._connection
        self.task = asyncio.Task(self._serve(call), loop=connection.loop, name=self.surface.name)
        connection.tasks.add(self.task)

    async def _serve(self, call: Call) -> None:
        try:
            await self._plane.line(call)
        finally:
            self._connection.tasks.discard(self.task)

    def whole(self, generation_id: str, overhead_ms: float, body: bytes, dropped: str) -> None:
        """Send a JSON answer."""
        lines = self._plane.heads.answer(generation_id, overhead_ms, dropped, b"application/json", self.more)
        self._send_whole(200, lines, body)

    def refuse(self, error: TurnoutError, generation_id: str | None) -> None:
        """Send an error."""
        self._send_whole(*self._plane.refusal(self.surface, error, generation_id))

    def start(
        self, generation_id: str, overhead_ms: float, dropped: str, media_type: bytes = b"text/event-stream"
    ) -> None:
        """Keep the head; it leaves together with the first bytes of the stream."""
        self.started = True
        lines = self._plane.heads.answer(generation_id, overhead_ms, dropped, media_type, self.more)
        framing = b"transfer-encoding: chunked\r\n" if self.chunked else b"connection: close\r\n"
        date = self._plane.date_line(self._connection.server_state.default_headers)
        self._head = b"HTTP/1.1 200 OK\r\n%bcache-control: no-cache\r\n%b%b\r\n" % (lines, framing, date)

    def write(self, data: bytes) -> None:
        """Send more of the stream."""
        self.written += 1
        if self.gone or not data:
            return
        if self.chunked:
            data = b"%x\r\n%b\r\n" % (len(data), data)
        if self._head:
            data, self._head = self._head + data, b""
        self._plane.house.outbox.put(self._transport, data)

    def finish(self, data: bytes) -> None:
        """Send the last of the stream."""
        if self.gone:
            return
        head, self._head = self._head, b""
        if self.chunked:
            last = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
            data = b"%b%b0\r\n\r\n" % (head, last)
        else:
            self.keep_alive = False
            data = head + data
        self._plane.house.outbox.put(self._transport, data)
        self._end()

    def cut(self) -> None:
        """Send what was written, and close without an end."""
        if not self.gone:
            self.gone = self.disconnected = True
            self._plane.house.outbox.flush()
            self._connection.hang_up()

    def leave(self) -> None:
        """The client has gone: stop the line where it stands."""
        self.gone = self.disconnected = True
        self.flow = None
        if self.task is not None:
            self.task.cancel()

    def _send_whole(self, status: int, lines: bytes, body: bytes) -> None:
        if self.gone or self.response_complete:
            return
        date = self._plane.date_line(self._connection.server_state.default_headers)
        close = b"" if self.keep_alive else b"connection: close\r\n"
        first = _STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status
        self._plane.house.outbox.put(self._transport, _WHOLE % (first, lines, date, close, len(body), body))
        self._end()

    def _end(self) -> None:
        self.response_complete = True
        self.flow = None
        if not self.keep_alive:
            self._plane.house.outbox.flush()
            self._connection.hang_up()
        self._connection.on_response_complete()
