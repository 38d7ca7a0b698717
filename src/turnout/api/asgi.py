"""The data plane as plain ASGI, for requests that come pipelined and for servers other than ours."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, final

from turnout.api.plane import DataPlane, authorization_in
from turnout.base.errors import PayloadTooLarge, TurnoutError
from turnout.contracts.reply import Flow
from turnout.contracts.surface import Surface
from turnout.engine.house import Call

__all__ = ["AsgiApplication", "hot_over_asgi"]

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
AsgiApplication = Callable[[_Message, _Receive, _Send], Awaitable[None]]

_MAX_WAITING = 64


def hot_over_asgi(plane: DataPlane, rest: AsgiApplication) -> AsgiApplication:
    """An ASGI application that serves the hot routes by the line and hands everything else to *rest*."""

    async def application(scope: _Message, receive: _Receive, send: _Send) -> None:
        surface = plane.surfaces.get(scope["path"].encode()) if scope["type"] == "http" else None
        if surface is None or scope["method"] != "POST":
            await rest(scope, receive, send)
        else:
            await _serve(plane, surface, scope, receive, send)

    return application


async def _serve(plane: DataPlane, surface: Surface, scope: _Message, receive: _Receive, send: _Send) -> None:
    reply = _AsgiReply(plane, surface)
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message.get("body", b"")
        if len(body) > plane.limits.body_bytes:
            reply.refuse(PayloadTooLarge(f"The body is larger than {plane.limits.body_bytes} bytes"), None)
            await reply.pump(send)
            return
        if not message.get("more_body"):
            break
    headers = dict(scope["headers"])
    arrived = plane.house.clock.monotonic()
    call = Call(surface, authorization_in(headers), bytes(body), reply, arrived, headers)
    line = asyncio.ensure_future(plane.line(call))
    watcher = asyncio.ensure_future(_watch(receive, reply, line))
    try:
        await reply.pump(send)
        await asyncio.wait({line})  # not its outcome: a line that was stopped is no mistake of the application
    except asyncio.CancelledError:  # the gateway stops: what the line has to say about it still goes out
        line.cancel()
        await asyncio.wait({line})
        reply.close()
        await reply.pump(send)
        raise
    finally:
        watcher.cancel()
        if not line.done():
            reply.gone = True
            line.cancel()


async def _watch(receive: _Receive, reply: _AsgiReply, line: asyncio.Future[None]) -> None:
    """Stop the line when the client leaves."""
    while (await receive())["type"] != "http.disconnect":
        pass
    reply.gone = True
    line.cancel()
    reply.close()


@final
class _AsgiReply:
    """The client's side of the line where writing must be awaited: messages wait in a queue for :meth:`pump`."""

    def __init__(self, plane: DataPlane, surface: Surface) -> None:
        self.flow: Flow | None = None
        self.gone = self.started = False
        self.written = 0
        self.more = b""
        self._plane = plane
        self._heads = plane.heads
        self._surface = surface
        self._outbox = plane.house.outbox
        self._waiting: deque[_Message] = deque()
        self._wake = asyncio.Event()
        self._closed = False
        self._paused = False

    async def pump(self, send: _Send) -> None:
        """Send what the line writes, until it has written everything."""
        while True:
            while self._waiting:
                await send(self._waiting.popleft())
            if self._paused and self.flow is not None:
                self._paused = False
                self.flow.resume()
            if self._closed:
                return
            self._wake.clear()
            await self._wake.wait()

    def close(self) -> None:
        """Nothing more will be written."""
        self._closed = True
        self._wake.set()

    def whole(self, generation_id: str, overhead_ms: float, body: bytes, dropped: str) -> None:
        """Send a JSON answer."""
        self._whole(200, self._heads.answer(generation_id, overhead_ms, dropped, b"application/json", self.more), body)

    def refuse(self, error: TurnoutError, generation_id: str | None) -> None:
        """Send an error."""
        self._whole(*self._plane.refusal(self._surface, error, generation_id))

    def start(
        self, generation_id: str, overhead_ms: float, dropped: str, media_type: bytes = b"text/event-stream"
    ) -> None:
        """Send the head of a stream."""
        self.started = True
        lines = self._heads.answer(generation_id, overhead_ms, dropped, media_type, self.more)
        headers = _pairs(lines + b"cache-control: no-cache\r\n")
        self._put({"type": "http.response.start", "status": 200, "headers": headers})

    def write(self, data: bytes) -> None:
        """Send more of the stream."""
        self.written += 1
        if data:
            self._put({"type": "http.response.body", "body": data, "more_body": True})

    def finish(self, data: bytes) -> None:
        """Send the last of the stream."""
        self._outbox.flush()  # its record comes first
        self._put({"type": "http.response.body", "body": data, "more_body": False})
        self.close()

    def cut(self) -> None:
        """Leave the answer without an end: the server closes the connection."""
        self._outbox.flush()
        self.close()

    def _whole(self, status: int, lines: bytes, body: bytes) -> None:
        self._outbox.flush()  # its record comes first
        headers = [*_pairs(lines), (b"content-length", b"%d" % len(body))]
        self._put({"type": "http.response.start", "status": status, "headers": headers})
        self._put({"type": "http.response.body", "body": body, "more_body": False})
        self.close()

    def _put(self, message: _Message) -> None:
        if self.gone:
            return
        self._waiting.append(message)
        self._wake.set()
        if len(self._waiting) > _MAX_WAITING and self.flow is not None and not self._paused:
            self._paused = True
            self.flow.pause()


def _pairs(lines: bytes) -> list[tuple[bytes, bytes]]:
    """Header lines as ASGI wants them."""
    cut = [line.partition(b": ") for line in lines.split(b"\r\n") if line]
    return [(name, value) for name, _, value in cut]
