"""Reference peer: the least a Python gateway can do, hand-written HTTP on uvloop with a key check and JSON in and out.

Usage: py_raw.py PORT KEY. It trusts its clients and its upstream, has no timeouts and no error handling: it shows the
floor under any Python gateway and is not a model for one.
"""

from __future__ import annotations

import asyncio
import ctypes
import sys
from typing import Any

import msgspec
import uvloop

UPSTREAM = ("127.0.0.1", 9100)
HEAD_END = b"\r\n\r\n"
STREAM_END = b"0\r\n\r\n"
UPSTREAM_HEAD = (
    b"POST /v1/chat/completions HTTP/1.1\r\nhost: upstream\r\nauthorization: Bearer sk-mock\r\n"
    b"content-type: application/json\r\ncontent-length: %d\r\n\r\n"
)

_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode
_idle_upstreams: list[Upstream] = []


def header(head: bytes, name: bytes) -> bytes:
    """Value of the header called *name* (lower case, with its colon) in the lower-cased *head*, or nothing."""
    start = head.find(name)
    if start < 0:
        return b""
    end = head.find(b"\r\n", start)
    return head[start + len(name) : end if end > 0 else len(head)].strip()


class Upstream(asyncio.Protocol):
    """A pooled connection to the mock: copies each read to its client as it comes, and notices the answer's end."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport: Any = transport
        self.client: Client | None = None

    def ask(self, client: Client, message: bytes) -> None:
        """Send *message*; the answer goes to *client*."""
        self.client = client
        self.head = b""
        self.left: int | None = None  # bytes of the body still to come; None: unknown
        self.tail: bytes | None = None  # the last bytes of a chunked body
        self.transport.write(message)

    def data_received(self, piece: bytes) -> None:
        """Relay *piece*."""
        if self.client is None:
            return
        self.client.transport.write(piece)
        if self.left is None and self.tail is None:
            self.head += piece
            head, found, piece = self.head.partition(HEAD_END)
            if not found:
                return
            length = header(head.lower(), b"content-length:")
            if length:
                self.left = int(length)
            else:
                self.tail = b""
        if self.left is not None:
            self.left -= len(piece)
            ended = self.left <= 0
        else:
            self.tail = ((self.tail or b"") + piece)[-len(STREAM_END) :]
            ended = self.tail == STREAM_END
        if ended:
            client, self.client = self.client, None
            _idle_upstreams.append(self)
            client.answered()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the name is given by asyncio
        """Leave the pool; a client in the middle of an answer is cut."""
        if self in _idle_upstreams:
            _idle_upstreams.remove(self)
        if self.client:
            self.client.transport.abort()


class Client(asyncio.Protocol):
    """A client's connection: one request at a time, the next ones wait in the buffer."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport: Any = transport
        self.buffer = b""
        self.busy = False

    def data_received(self, piece: bytes) -> None:
        """Collect *piece* and go on when the request is whole."""
        self.buffer += piece
        if not self.busy:
            self.next_request()

    def answered(self) -> None:
        """The answer is through: take the next request."""
        self.busy = False
        if self.buffer:
            self.next_request()

    def next_request(self) -> None:
        """Check the key, decode and encode the body, and hand it to an upstream connection."""
        head, found, rest = self.buffer.partition(HEAD_END)
        if not found:
            return
        head = head.lower()
        length = int(header(head, b"content-length:") or 0)
        if len(rest) < length:
            return
        self.buffer = rest[length:]
        if header(head, b"authorization: bearer ") != KEY:
            self.transport.write(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 2\r\n\r\n{}")
            return
        body = _encode(_decode(rest[:length]))  # the messages stay as they are, checked but not turned into objects
        message = UPSTREAM_HEAD % len(body) + body
        self.busy = True
        if _idle_upstreams:
            _idle_upstreams.pop().ask(self, message)
        else:
            task = asyncio.ensure_future(self.ask_new(message))
            _openings.add(task)
            task.add_done_callback(_openings.discard)

    async def ask_new(self, message: bytes) -> None:
        """Send *message* over a new upstream connection."""
        _, upstream = await asyncio.get_running_loop().create_connection(Upstream, *UPSTREAM)
        upstream.ask(self, message)


_openings: set[asyncio.Future[None]] = set()


def keep_freed_memory() -> None:
    """Let glibc keep what is freed instead of giving it back to the kernel after each large body.

    Without it every buffer of a 90 KiB prompt is faulted in anew, page by page: 60 faults and 110 us per request.
    """
    m_trim_threshold, m_mmap_threshold = -1, -3  # <malloc.h>
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(m_trim_threshold, 16 << 20)
        libc.mallopt(m_mmap_threshold, 4 << 20)


async def main(port: int) -> None:
    """Serve on loopback until killed."""
    server = await asyncio.get_running_loop().create_server(Client, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    keep_freed_memory()
    KEY = sys.argv[2].lower().encode()
    uvloop.run(main(int(sys.argv[1])))
