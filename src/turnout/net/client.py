"""The upstream client: pooled HTTP/1.1 connections with a deadline for every phase."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Protocol, final
from urllib.parse import urlsplit

import httptools

from turnout.base.errors import UpstreamError
from turnout.domain.provider import Timeouts
from turnout.net.deadlines import NEVER, Deadlines
from turnout.net.outbox import Outbox

__all__ = ["Client", "Exchange", "Origin", "Sink"]

_MAX_HEADER_BYTES = 64 * 2**10
_MAX_IDLE_SECONDS = 45.0
_DRAIN_SECONDS = 2.0
_STALE_SECONDS = 1.0
"""A kept connection that closes later than this after a request was not stale: the provider may have worked."""
_UNANSWERED = "The provider closed the connection without an answer"
_KEPT_HEADERS = frozenset(
    {
        b"content-encoding",
        b"content-length",
        b"content-type",
        b"etag",
        b"last-modified",
        b"location",
        b"retry-after",
        b"transfer-encoding",
    }
)
_OK = 200


class Sink(Protocol):
    """Where an answer goes while it arrives. An exception from any method ends the exchange with it."""

    def begin(self, exchange: Exchange, /) -> None:
        """The request is being sent; called again if it had to be sent once more."""
        ...

    def head(self, status: int, headers: dict[bytes, bytes]) -> None:
        """The status and the few headers that matter, names in lower case."""
        ...

    def piece(self, data: bytes) -> None:
        """The next bytes of the body."""
        ...


class Exchange(Protocol):
    """The running exchange, as a sink may steer it."""

    def pause(self) -> None:
        """Read no more for now: the client is slow."""
        ...

    def resume(self) -> None:
        """Read on."""
        ...

    def renew(self) -> None:
        """Something of use has come: the idle deadline starts anew."""
        ...

    def enough(self) -> None:
        """The answer is complete, whatever else the provider may still send."""
        ...


@final
class Origin:
    """Where a provider listens, and the connections to it that are idle."""

    __slots__ = ("address", "host", "idle", "port", "tls")

    def __init__(self, base_url: str, address: str | None = None) -> None:
        """Split *base_url*; only ``http`` and ``https`` are known. *address* is connected to in place of its host,
        whose name is still what a certificate must bear.

        Raises:
            ValueError: it is not such an address.
        """
        parts = urlsplit(base_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"not an http(s) address: {base_url!r}")
        self.tls = parts.scheme == "https"
        self.host = parts.hostname
        self.address = address or self.host
        self.port = parts.port or (443 if self.tls else 80)
        self.idle: deque[_Connection] = deque()

    def close(self) -> None:
        """Close the connections that are idle."""
        while self.idle:
            self.idle.pop().abort()


@final
class Client:
    """Sends requests over pooled connections. Make one per event loop."""

    def __init__(
        self,
        deadlines: Deadlines,
        outbox: Outbox,
        tls_context: Callable[[], ssl.SSLContext] = ssl.create_default_context,
        *,
        keep: Iterable[bytes] = (),
    ) -> None:
        """*keep* are headers of answers, in lower case, that sinks want beside the usual ones."""
        self._kept = _KEPT_HEADERS.union(keep)
        self._loop = asyncio.get_running_loop()
        self._deadlines = deadlines
        self._outbox = outbox
        self._make_tls_context = tls_context
        self._tls_context: ssl.SSLContext | None = None

    async def exchange(self, origin: Origin, message: bytes, sink: Sink, timeouts: Timeouts, first_byte: float) -> None:
        """Send *message*, give everything that comes back to *sink*, and return when the answer is complete.

        *first_byte* is the limit in seconds until the first useful bytes. A pooled connection that turns out to
        be closed before a single byte came is replaced, without the caller noticing.

        Raises:
            UpstreamError: it cannot be reached, a deadline passed, or what came is not HTTP.
        """
        began = self._loop.time()
        ends_at = began + timeouts.total
        stale = False
        while True:
            connection = None if stale else _take_idle(origin)  # all that are kept may be stale, or the request poison
            reused = connection is not None
            if connection is None:
                connection = await self._connect(origin, timeouts.connect)
            try:
                await connection.send(message, sink, timeouts.idle, first_byte, ends_at)
            except _StaleError:
                if not reused or self._loop.time() - began > _STALE_SECONDS:
                    raise UpstreamError(_UNANSWERED, may_be_billed=True) from None
                stale = True
            except BaseException:
                connection.leave(sink)
                raise
            else:
                return

    async def _connect(self, origin: Origin, seconds: float) -> _Connection:
        if origin.tls and self._tls_context is None:
            self._tls_context = self._make_tls_context()
        tls = self._tls_context if origin.tls else None
        try:
            async with asyncio.timeout(seconds):
                _, connection = await self._loop.create_connection(
                    lambda: _Connection(self._loop, origin, self._deadlines, self._outbox, self._kept),
                    origin.address,
                    origin.port,
                    ssl=tls,
                    server_hostname=origin.host if origin.tls else None,
                )
        except TimeoutError:
            raise UpstreamError("The connection to the provider timed out", error_type="timeout") from None
        except OSError as error:
            raise UpstreamError(f"The provider cannot be reached: {_reason(error)}") from None
        return connection


def _reason(error: OSError) -> str:
    """Why, in words that give no address away."""
    if isinstance(error, ssl.SSLError):
        return "TLS failed"
    if isinstance(error, socket.gaierror):
        return "its name cannot be resolved"
    return "the connection was refused" if isinstance(error, ConnectionRefusedError) else "the network failed"


class _StaleError(Exception):
    """The connection was closed before one byte of the answer came."""


def _take_idle(origin: Origin) -> _Connection | None:
    """The connection that was used last, so that the others grow old and are closed."""
    while origin.idle:
        connection = origin.idle.pop()
        if not connection.closed:
            return connection
    return None


@final
class _Connection(asyncio.Protocol):
    """One connection: at most one exchange at a time."""

    __slots__ = (
        "_complete",
        "_deadlines",
        "_done",
        "_ends_at",
        "_first_byte_due",
        "_framed",
        "_got_bytes",
        "_header_bytes",
        "_headers",
        "_headers_seen",
        "_idle",
        "_idle_seconds",
        "_kept",
        "_loop",
        "_origin",
        "_outbox",
        "_parser",
        "_paused",
        "_reusable",
        "_sink",
        "_unfinished_head",
        "closed",
        "deadline",
        "transport",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        origin: Origin,
        deadlines: Deadlines,
        outbox: Outbox,
        kept: frozenset[bytes],
    ) -> None:
        self._loop = loop
        self._kept = kept
        self._outbox = outbox
        self._origin = origin
        self._deadlines = deadlines
        self._parser: Any = httptools.HttpResponseParser(self)  # no types there
        self._sink: Sink | None = None
        self._done: asyncio.Future[None] | None = None
        self._complete = self._got_bytes = self._paused = self._framed = self._reusable = self._headers_seen = False
        self._first_byte_due = True
        self._header_bytes = self._unfinished_head = 0
        self._headers: dict[bytes, bytes] = {}
        self._idle_seconds = 0.0
        self._ends_at = NEVER
        self.deadline = NEVER
        self.closed = False
        self._idle = True  # nothing was asked yet
        self.transport: asyncio.Transport = None  # type: ignore[assignment]  # set before anything else happens

    # -- what the client does --

    def send(
        self, message: bytes, sink: Sink, idle_seconds: float, first_byte: float, ends_at: float
    ) -> asyncio.Future[None]:
        if self.closed:
            raise _StaleError
        self._idle = False
        self._sink = sink
        self._idle_seconds = idle_seconds
        self._ends_at = ends_at
        self.deadline = min(self._loop.time() + first_byte, ends_at)
        self._complete = self._got_bytes = self._framed = self._reusable = self._headers_seen = False
        self._first_byte_due = True
        self._header_bytes = self._unfinished_head = 0
        self._done = done = self._loop.create_future()
        sink.begin(self)
        self._outbox.put(self.transport, message)
        return done

    def leave(self, sink: Sink) -> None:
        """Abort what is being done for *sink*; once that is over, the connection may serve another already."""
        if self._sink is sink:
            self.abort()

    def abort(self) -> None:
        self._sink = self._done = None
        self.closed = True
        self.deadline = NEVER
        self._deadlines.forget(self)
        if not self.transport.is_closing():
            self.transport.abort()

    # -- what a sink does --

    def pause(self) -> None:
        if not self._paused and self._done is not None:  # not once the exchange is over
            self._paused = True
            self.deadline = NEVER  # the client's write deadline counts now, not the provider's
            self.transport.pause_reading()

    def resume(self) -> None:
        if self._paused and not self.closed:
            self._paused = False
            self.renew()
            self.transport.resume_reading()

    def renew(self) -> None:
        self._first_byte_due = False
        if not self._paused:
            now = self._loop.time()
            self.deadline = now + self._idle_seconds if now < self._ends_at - self._idle_seconds else self._ends_at

    def enough(self) -> None:
        """Finish now, and keep the connection only if the message ends soon."""
        if not self._complete:
            self.deadline = self._loop.time() + _DRAIN_SECONDS
        self._finish()

    # -- what the network does --

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # TCP gives a full Transport
        self._deadlines.watch(self)

    def data_received(self, data: bytes) -> None:
        if self._idle:
            self.abort()  # bytes that nobody asked for
            return
        self._got_bytes = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail(UpstreamError("The provider wants another protocol", may_be_billed=True))
        except httptools.HttpParserError as error:
            self._fail(_cause_of(error))
        except Exception as error:  # noqa: BLE001 - a sink's own exception belongs to the request, not to the loop
            self._fail(error)
        if self._complete and not self.closed:
            self._release()
        elif not self._headers_seen:
            self._unfinished_head += len(data)  # the parser tells of a header only once it is whole
            if self._unfinished_head > _MAX_HEADER_BYTES:
                self._fail(_head_too_large())

    def eof_received(self) -> None:
        if self._done is not None and self._headers_seen and not self._framed:
            self._complete = True  # a body without a length ends with the connection
            self._finish()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self.deadline = NEVER
        self._deadlines.forget(self)
        if self._done is None:
            return
        if not self._got_bytes:
            self._fail(_StaleError())
        else:
            reason = "reset" if exc else "closed"
            self._fail(UpstreamError(f"The provider {reason} the connection in mid-answer", may_be_billed=True))

    def expire(self, now: float) -> None:
        if self._done is None:  # idle for long, or the drain after `enough` took too long
            self.abort()
            return
        if now >= self._ends_at:
            message = "The answer took longer than the total limit"
        elif self._first_byte_due:
            message = "The provider sent nothing in time"
        else:
            message = "The provider fell silent in mid-answer"
        self._fail(UpstreamError(message, error_type="timeout", may_be_billed=True))

    # -- what the parser says --

    def on_message_begin(self) -> None:
        if self._complete:
            raise UpstreamError("The provider sent more than its answer")
        self._headers = {}
        self._headers_seen = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > _MAX_HEADER_BYTES:
            raise _head_too_large()
        name = name.lower()
        if name in self._kept:
            self._headers[name] = value

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < _OK:
            return
        self._headers_seen = True
        headers = self._headers
        self._framed = b"content-length" in headers or b"transfer-encoding" in headers
        if self._sink is not None:
            self._sink.head(status, headers)

    def on_body(self, data: bytes) -> None:
        if self._sink is not None:
            self._sink.piece(data)

    def on_message_complete(self) -> None:
        if self._headers_seen:
            self._complete = True
            self._reusable = self._framed and self._parser.should_keep_alive()  # llhttp forgets it with the next byte
            self._finish()

    # -- endings --

    def _finish(self) -> None:
        done, self._done, self._sink = self._done, None, None
        if done is not None and not done.done():
            done.set_result(None)

    def _fail(self, error: Exception) -> None:
        done, self._done, self._sink = self._done, None, None
        self.abort()
        if done is not None and not done.done():
            done.set_exception(error)

    def _release(self) -> None:
        """Back to the pool, or closed if the provider or this exchange spoiled the connection."""
        if not self._reusable or self.transport.is_closing():
            self.abort()
            return
        if self._paused:
            self._paused = False
            self.transport.resume_reading()
        self._complete = False
        self._idle = True
        self.deadline = self._loop.time() + _MAX_IDLE_SECONDS
        self._origin.idle.append(self)


def _cause_of(error: Exception) -> Exception:
    """What a parser's error stands for. The frame that caught it must not keep this: it would keep the answer, too."""
    cause = error.__context__
    if isinstance(cause, Exception) and not isinstance(cause, httptools.HttpParserError):
        return cause  # a sink refused what it was given
    return UpstreamError("The provider's answer is not HTTP", may_be_billed=True)


def _head_too_large() -> UpstreamError:
    return UpstreamError("The provider's answer has too large a head", may_be_billed=True)
