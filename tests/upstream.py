"""A provider on loopback that does exactly what a test writes: bytes, delays and endings of every kind."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

__all__ = ["Script", "Upstream", "Wire", "reply", "upstream"]


class Wire:
    """One accepted connection, as its script sees it. ``number`` counts connections from zero."""

    def __init__(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.number = number
        self.gone = asyncio.Event()
        self.writer = writer
        self._reader = reader

    async def request(self) -> bytes:
        """The body of the next request. Raises EOFError once the other side has closed."""
        head = await self._reader.readuntil(b"\r\n\r\n")
        size = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        return await self._reader.readexactly(size)

    async def send(self, *parts: bytes, gap: float = 0.0) -> None:
        """Send *parts* one after another, *gap* seconds apart."""
        for part in parts:
            self.writer.write(part)
            await self.writer.drain()
            await asyncio.sleep(gap)

    async def closed(self) -> None:
        """Return when the other side has closed."""
        with suppress(OSError):
            while await self._reader.read(65536):
                pass

    def reset(self) -> None:
        """End with RST."""
        linger_zero = struct.pack("ii", 1, 0)
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_zero)
        self.writer.transport.abort()


Script = Callable[[Wire], Awaitable[None]]


class Upstream:
    """A running server. ``wires`` are all connections so far, ``requests`` the bodies that :func:`answering` read."""

    def __init__(self, script: Script) -> None:
        self.wires: list[Wire] = []
        self.port = 0
        self._script = script
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = Wire(len(self.wires), reader, writer)
        self.wires.append(wire)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._script(wire)
        except (OSError, EOFError, asyncio.CancelledError):
            pass
        finally:
            wire.gone.set()
            self._tasks.discard(task)
            writer.close()

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        for wire in self.wires:
            if not wire.writer.transport.is_closing():
                wire.writer.transport.abort()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def upstream(script: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[Upstream]:
    """Run *script* for each connection."""
    running = Upstream(script)
    server = await asyncio.start_server(running.accept, "127.0.0.1", 0, ssl=tls)
    running.port = server.sockets[0].getsockname()[1]
    try:
        yield running
    finally:
        server.close()
        await running.stop()
        await asyncio.sleep(0)


def reply(body: bytes = b"ok", *, status: str = "200 OK", headers: str = "") -> bytes:
    """An answer with a length."""
    return f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body
