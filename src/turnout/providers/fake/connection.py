"""One client connection of the fake provider: parses requests, plays the steps of their answers."""

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

import httptools
from msgspec import Struct

from turnout.providers.fake.journal import Exchange
from turnout.providers.fake.steps import Done, Reset, Send, Silence, Step, Wait, refusal

__all__ = ["Answerer", "Connection", "Request"]

_LARGEST_BODY: Final = 64 << 20
_MOST_WAITING: Final = 64
_BREATH: Final = 64
"""Writes after which other connections get their turn."""
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


class Request(Struct, frozen=True):
    """A request whose body has arrived whole; *bearer* is the token of its ``Authorization`` header."""

    method: str
    path: str
    bearer: bytes | None
    body: bytes
    keep_alive: bool


Answerer: TypeAlias = Callable[[Request], tuple[Exchange | None, Iterator[Step]]]
"""Gives the exchange in the journal (None for look-ups, which it leaves out) and the steps of the answer."""


class Connection(asyncio.Protocol):
    """One connection: requests wait their turn, one is answered at a time."""

    def __init__(self, connections: "set[Connection]", answerer: Answerer) -> None:
        """Join *connections* while connected; *answerer* says what to do with each request."""
        self._connections = connections
        self._answerer = answerer
        self._waiting: deque[Request] = deque()
        self._task: asyncio.Task[None] | None = None
        self._exchange: Exchange | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._begin()

    # The transport's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # narrows the type: TCP servers make no other
        self._transport = transport
        self._parser = httptools.HttpRequestParser(self)
        self._connections.add(self)
        connection: socket.socket = transport.get_extra_info("socket")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        """Parse *data*; whole requests queue up."""
        if self._transport.is_closing():
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._transport.close()
        except httptools.HttpParserError:
            self._transport.write(refusal(400, "This is no HTTP request.", close=True).wire)
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # the transport passes it
        """The client left, or we closed: whatever is under way ends at once."""
        self._connections.discard(self)
        if self._exchange is not None:
            self._exchange.left()
        self._writable.set()
        self._waiting.clear()
        if self._task is not None:
            self._task.cancel()

    def pause_writing(self) -> None:
        """The client reads more slowly than we write."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """The client caught up."""
        self._writable.set()

    async def stop(self) -> None:
        """End the connection because the server ends."""
        if self._exchange is not None:
            self._exchange.end("shutdown")
        self._transport.abort()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
        await asyncio.sleep(0)  # the transport closes its socket in its next turn

    # The parser's side

    def _begin(self) -> None:
        self._url = b""
        self._bearer: bytes | None = None
        self._body: list[bytes] = []
        self._size = 0
        self._expects = False

    def on_message_begin(self) -> None:
        """A request begins."""
        self._begin()

    def on_url(self, url: bytes) -> None:
        """A piece of the path."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A whole header line."""
        lowered = name.lower()
        if lowered == b"authorization" and value[:7].lower() == b"bearer ":
            self._bearer = value[7:].strip()
        elif lowered == b"expect" and value.lower() == b"100-continue":
            self._expects = True

    def on_headers_complete(self) -> None:
        """The body follows, if the client need not be told to go on."""
        if self._expects:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, part: bytes) -> None:
        """A piece of the body."""
        self._size += len(part)
        if self._size <= _LARGEST_BODY:
            self._body.append(part)
        elif not self._transport.is_closing():
            self._transport.write(refusal(413, "The body is too large.", close=True).wire)
            self._transport.close()

    def on_message_complete(self) -> None:
        """The request is whole and waits for its turn."""
        if self._transport.is_closing():
            return
        request = Request(
            method=self._parser.get_method().decode("latin-1"),
            path=self._url.decode("latin-1"),
            bearer=self._bearer,
            body=b"".join(self._body),
            keep_alive=self._parser.should_keep_alive(),
        )
        self._waiting.append(request)
        if len(self._waiting) >= _MOST_WAITING:
            self._transport.pause_reading()
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._serve())

    # The answering side

    async def _serve(self) -> None:
        while self._waiting and not self._transport.is_closing():
            request = self._waiting.popleft()
            if len(self._waiting) == _MOST_WAITING - 1:
                self._transport.resume_reading()
            try:
                self._exchange, steps = self._answerer(request)
                await self._play(steps)
            except Exception as error:  # noqa: BLE001  # the border: a bug must look like a broken provider, not hang
                if self._exchange is not None:
                    self._exchange.planned = "broken"
                self._transport.write(refusal(500, f"The fake provider broke: {error!r}", close=True).wire)
                self._transport.close()
            if not request.keep_alive:
                self._transport.close()
        self._task = None

    async def _play(self, steps: Iterator[Step]) -> None:
        writes = 0
        for step in steps:
            if isinstance(step, Send):
                if self._exchange is not None:
                    self._exchange.sent(step.body)
                self._transport.write(step.wire)
                writes += 1
                if not self._writable.is_set():
                    await self._writable.wait()
                elif writes % _BREATH == 0 or self._transport.is_closing():
                    await asyncio.sleep(0)
            elif isinstance(step, Wait):
                await asyncio.sleep(step.milliseconds / 1000)
            elif isinstance(step, Silence):
                if self._exchange is not None:
                    self._exchange.planned = step.outcome
                await asyncio.get_running_loop().create_future()
            elif isinstance(step, Reset):
                self._reset()
            else:
                self._finish(step, step.outcome)

    def _finish(self, done: Done, outcome: str) -> None:
        """Write the last bytes; the journal knows of the end before the client can."""
        if self._exchange is not None:
            self._exchange.sent(done.body)
            self._exchange.end(outcome)
        self._transport.write(done.wire)
        if done.close:
            self._transport.close()

    def _reset(self) -> None:
        if self._exchange is not None:
            self._exchange.end("reset")
        connection: socket.socket = self._transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._transport.abort()
