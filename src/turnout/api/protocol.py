"""The data plane inside uvicorn: hot routes are answered by the line, everything else goes to the ASGI application.

Uvicorn keeps sockets, workers, signals, pipelining and graceful shutdown; llhttp validates every request. This
subclass leans on names that uvicorn does not promise (``cycle``, ``flow``, ``pipeline``, ``on_response_complete``):
its minor version is pinned, and the same contract tests run over :mod:`turnout.api.asgi`, the fallback.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, ClassVar

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from turnout.api.hot import HotReply
from turnout.api.kept import KeptReply
from turnout.api.messages.models import ASKED_BY
from turnout.api.plane import DataPlane
from turnout.base.errors import (
    AddressTooLong,
    BadRequest,
    HeadersTooLarge,
    PayloadTooLarge,
    RequestTimeout,
    TurnoutError,
    Unavailable,
)
from turnout.net.deadlines import NEVER

__all__ = ["HotProtocol"]

_SINGLE_HEADERS = (b"authorization", b"content-length", b"host", b"x-api-key")
_UPGRADE_HEADERS = frozenset({b"connection", b"http2-settings", b"upgrade"})
_READING = frozenset({b"GET", b"HEAD"})
_VERSIONS = frozenset({"1.0", "1.1"})
_PLAIN_ENCODINGS = frozenset({b"", b"identity"})
_SHORT_LENGTH = 3  # digits: not worth reading
_BAD_IN_HOST = frozenset(b"/?#@\\ \t")
_OTHER_LIST = ASKED_BY.encode()  # whoever sends this reads models in another shape than the kept one
_LINGER_SECONDS = 2.0
_LEAST_READ = 65_536  # bytes that a reader takes within `write_stall_seconds`
_LEAST_BODY_RATE = 1000.0  # bytes per second, after the first `body_seconds`


class HotProtocol(HttpToolsProtocol):
    """One client connection. ``plane`` is set on a subclass made for each server."""

    plane: ClassVar[DataPlane]

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - uvicorn's own arguments
        super().__init__(*args, **kwargs)
        self.url = b""  # a connection may be refused before anything is asked
        self.deadline = NEVER
        self.timeout_keep_alive_seconds = self.plane.limits.keep_alive_seconds
        self._arriving: HotReply | KeptReply | None = None
        self._current: HotReply | None = None
        self._running: RequestResponseCycle | None = None
        self._received = 0  # bytes since the request began
        self._piece = 0  # bytes that came last
        self._body_bytes = 0
        self._body_began = 0.0
        self._unread = 0  # bytes that the client had not taken at the last look
        self._refused = False
        self._idle = True  # nothing is asked, nothing is answered
        self._arrives = False  # a request is arriving
        self._in_head = False  # and its head is not complete
        self._ahead = False  # it arrives while an earlier one is being answered

    # -- the connection --

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn narrows it
        """Begin to watch the clock."""
        super().connection_made(transport)
        self.deadline = self.loop.time() + self.plane.limits.header_seconds
        self.plane.house.deadlines.watch(self)
        if len(self.connections) > self.plane.limits.connections:
            self._refuse(Unavailable("Too many connections", retry_after=1))
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone, for whatever reason: what it asked for is stopped at once."""
        self.plane.house.deadlines.forget(self)
        if self._current is not None and not self._current.response_complete:
            self._current.leave()
        if self._running is not None and not self._running.response_complete:  # uvicorn tells only the last one asked
            self._running.disconnected = True
            self._running.message_event.set()
        super().connection_lost(exc)

    @property
    def busy(self) -> bool:
        """Whether a request is arriving or being answered, or an answer is still being read."""
        return not self._idle or self.transport.get_write_buffer_size() > 0

    def shutdown(self) -> None:
        """The gateway is about to stop. Whoever is idle may ask once more, and reads that this is the end."""
        cycle: object = self.cycle  # None before the first request, whatever uvicorn's annotation says
        if cycle is not None:
            self.cycle.keep_alive = False

    def hang_up(self) -> None:
        """Close; after a refusal only when the client has stopped sending: else it might never read the refusal."""
        if self._refused and not self.transport.is_closing():
            self.transport.write_eof()
            self._idle = True
            self.deadline = self.loop.time() + _LINGER_SECONDS
        else:
            self.transport.close()

    def expire(self, _now: float) -> None:
        """A deadline has passed: an idle connection is closed, a slow request refused, a stalled reader dropped."""
        self.deadline = NEVER
        if self.flow.write_paused:
            self._hurry_reader()
        elif self._idle:
            self.transport.close()
        else:
            self._refuse(RequestTimeout("The request took too long to arrive"))

    def pause_writing(self) -> None:
        """The client reads too slowly: stop the provider, and give the client a while."""
        super().pause_writing()
        self._unread = self.transport.get_write_buffer_size()
        self.deadline = self.loop.time() + self.plane.limits.write_stall_seconds
        if self._current is not None and self._current.flow is not None:
            self._current.flow.pause()

    def resume_writing(self) -> None:
        """The client reads again."""
        super().resume_writing()
        if self._idle:
            self.deadline = self.loop.time() + self.timeout_keep_alive_seconds
        elif self._arrives and not self._ahead:
            self.deadline = self.loop.time() + self.plane.limits.body_seconds
        else:
            self.deadline = NEVER
        if self._current is not None and self._current.flow is not None:
            self._current.flow.resume()

    def _await_reader(self) -> None:
        """All that may be awaited of the client now is that it reads what was answered before."""
        stalled = self.flow.write_paused
        self.deadline = self.loop.time() + self.plane.limits.write_stall_seconds if stalled else NEVER

    def _hurry_reader(self) -> None:
        """Drop a reader that has taken next to nothing since the last look. A slow one may take its time."""
        left = self.transport.get_write_buffer_size()
        if self._unread - left < _LEAST_READ:
            self.transport.abort()
        else:
            self._unread = left
            self.deadline = self.loop.time() + self.plane.limits.write_stall_seconds

    # -- the parser --

    def data_received(self, data: bytes) -> None:
        """Parse what the client sends; after a refusal, only let it finish."""
        if self._refused:
            return
        self._piece = len(data)
        self._received += self._piece
        if self._arrives:
            self._await_more()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._without_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._refuse(BadRequest("This is not a valid HTTP request"))
        if self._arrives:
            self._refuse_excess()

    def on_message_begin(self) -> None:
        """A request begins; uvicorn's scope is only made for requests that need it."""
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._body_bytes = 0
        self._arrives = self._in_head = True
        self._ahead = not self._idle
        self._received = 0 if self._ahead else self._piece
        if self._idle:
            self._idle = False
            self.deadline = self.loop.time() + self.plane.limits.header_seconds

    def on_url(self, url: bytes) -> None:
        """Collect the target."""
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header."""
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Choose the way: the line for a hot route, the ASGI application for the rest."""
        if self._refused or self.parser.should_upgrade():
            return  # an upgrade is not taken: the same request comes again without it
        self._in_head = False
        headers = dict(self.headers)
        version = self.parser.get_http_version()
        if problem := self._problem(headers, version):
            self._refuse(problem)
            return
        expects = headers.get(b"expect")
        self.expect_100_continue = expects is not None and expects.lower() == b"100-continue"
        self._body_began = now = self.loop.time()
        if not self._ahead:
            self.deadline = now + self.plane.limits.body_seconds
        hot = self._hot(headers, version)
        if hot is not None:
            self._arriving = hot
            self._current = hot if isinstance(hot, HotReply) else None
            self.cycle = hot  # type: ignore[assignment]  # it plays the part
            if self.expect_100_continue:
                self.plane.house.outbox.put(self.transport, b"HTTP/1.1 100 Continue\r\n\r\n")
        else:
            url, pairs, expecting = self.url, self.headers, self.expect_100_continue
            super().on_message_begin()
            self.url, self.expect_100_continue = url, expecting
            self.headers.extend(pairs)
            super().on_headers_complete()
            if self.plane.draining:
                self.cycle.keep_alive = False
        self.headers = _UNHEEDED  # what follows the body is nothing to go by

    def _hot(self, headers: Mapping[bytes, bytes], version: str) -> HotReply | KeptReply | None:
        """What answers the request here; None leaves it to the ASGI application."""
        if not self._is_free() or self.flow.write_paused:  # it waits until the client has read
            return None
        method = self.parser.get_method()
        plane, surface, stored = self.plane, None, None
        if method == b"POST":
            surface = plane.surfaces.get(self.url) or plane.surface_behind(self.url)
        elif method in _READING and _OTHER_LIST not in headers:
            stored = plane.kept(self.url)
        if surface is None and stored is None:
            return None
        keep_alive = version != "1.0" and self.parser.should_keep_alive() and not self.plane.draining
        if surface is not None:
            reply = HotReply(self, surface, headers)
            reply.keep_alive, reply.chunked = keep_alive, version != "1.0"
            return reply
        assert stored is not None  # noqa: S101 - for the type checker
        return KeptReply(self, stored, headers, keep_alive=keep_alive, head_only=method == b"HEAD")

    def on_body(self, body: bytes) -> None:
        """Collect the body, up to the cap."""
        if self._refused:
            return
        self._body_bytes += len(body)
        if self._body_bytes > self.plane.limits.body_bytes:
            self._refuse(self._too_large())
        elif self._arriving is None:
            super().on_body(body)
        else:
            self._arriving.parts.append(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        if self._refused or self._in_head:  # the head of an upgrade is never done with
            return
        self._arrives = False
        if not self._ahead:
            self._await_reader()
        hot, self._arriving = self._arriving, None
        if hot is None:
            super().on_message_complete()
        else:
            hot.run(self.plane.house.clock.monotonic())

    def on_response_complete(self) -> None:
        """Wait for the next request, without a timer of its own."""
        self.server_state.total_requests += 1
        if self._refused or self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._await_reader()
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
        elif self._arrives and self._ahead:
            self._ahead = False
            self.deadline = self.loop.time() + self.plane.limits.header_seconds
        else:
            self._idle = True
            self.deadline = self.loop.time() + self.timeout_keep_alive_seconds

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:  # noqa: ANN401 - an ASGI application
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _await_more(self) -> None:
        """More has come: give the body until the next pause that is too long, and on the whole until it is too slow."""
        if not self._ahead and not self._in_head:
            slowest = self._body_began + self._body_bytes / _LEAST_BODY_RATE
            self.deadline = min(self.loop.time(), slowest) + self.plane.limits.body_seconds

    def _refuse_excess(self) -> None:
        """Refuse a head that outgrows its cap before it is complete, and endless framing or trailers of a body."""
        limits = self.plane.limits
        if self._in_head:
            if self._received > limits.header_bytes:
                self._refuse(self._head_too_large())
        elif self._received - self._body_bytes > limits.header_bytes + limits.body_bytes:
            self._refuse(self._too_large())

    def _without_upgrade(self, rest: bytes) -> None:
        """Parse the request once more without its wish for another protocol, which also hides its body."""
        method = self.parser.get_method()
        if method == b"CONNECT":
            self._refuse(BadRequest("This is not a proxy"))
            return
        lines = [b"%b %b HTTP/%b" % (method, self.url, self.parser.get_http_version().encode())]
        lines += [b"%b: %b" % header for header in self.headers if header[0] not in _UPGRADE_HEADERS]
        self.parser = httptools.HttpRequestParser(self)
        self._idle = not self._ahead
        self.data_received(b"\r\n".join(lines) + b"\r\n\r\n" + rest)

    # -- refusals --

    def _is_free(self) -> bool:
        cycle: object = self.cycle  # None before the first request, whatever uvicorn's annotation says
        return cycle is None or self.cycle.response_complete

    def _problem(self, headers: Mapping[bytes, bytes], version: str) -> TurnoutError | None:
        """Why a request with this head is refused whatever its body holds; *headers* has the last of each name."""
        limits = self.plane.limits
        if len(headers) != len(self.headers):
            names = [name for name, _ in self.headers]
            for name in _SINGLE_HEADERS:
                if names.count(name) > 1:
                    return BadRequest(f"The request has more than one {name.decode().title()} header")
        if len(self.headers) > limits.header_count or (
            (self._ahead or self._received > limits.header_bytes)
            and _size(self.url, self.headers) > limits.header_bytes
        ):
            return self._head_too_large()
        encoding = headers.get(b"content-encoding")
        if encoding is not None and encoding.strip().lower() not in _PLAIN_ENCODINGS:
            return BadRequest("Compressed request bodies are not accepted")
        length = headers.get(b"content-length", b"")
        if len(length) > _SHORT_LENGTH and length.isdigit() and int(length) > limits.body_bytes:
            return self._too_large()
        if version not in _VERSIONS:
            return BadRequest("Only HTTP/1.1 and HTTP/1.0 are spoken here")
        host = headers.get(b"host")
        if not host or not _is_host(host):
            if host is None and version == "1.0":
                return None
            return BadRequest("The request needs exactly one valid Host header")
        return None

    def _head_too_large(self) -> BadRequest:
        if len(self.url) > self.plane.limits.header_bytes:
            return AddressTooLong("The address of the request is too long")
        return HeadersTooLarge("The request has too many or too large headers")

    def _too_large(self) -> PayloadTooLarge:
        return PayloadTooLarge(f"The body is larger than {self.plane.limits.body_bytes} bytes")

    def _refuse(self, error: TurnoutError) -> None:
        """Answer with *error*, once, and close; an answer that is under way is not disturbed by more than the end."""
        if self._refused:
            return
        self._refused = True
        self._arriving = None
        cycle = self.cycle
        if not self._is_free():
            if self.pipeline or not self._still_arrives(cycle):
                self.plane.house.outbox.flush()
                self.transport.close()
                return
            cycle.disconnected = True
            cycle.message_event.set()
        plane = self.plane
        surface = plane.surfaces.get(self.url) or plane.surface_behind(self.url) or next(iter(plane.surfaces.values()))
        reply = HotReply(self, surface, {})
        self.cycle = reply  # type: ignore[assignment]  # it plays the part
        reply.refuse(error, None)

    def _still_arrives(self, cycle: RequestResponseCycle | HotReply | KeptReply) -> bool:
        """Whether *cycle* is the request that is just arriving, and nothing has been said about it yet."""
        if isinstance(cycle, HotReply | KeptReply):
            return cycle.task is None
        return cycle.more_body and not cycle.response_started


class _Unheeded(list[tuple[bytes, bytes]]):
    """Takes trailers and keeps none."""

    def append(self, header: tuple[bytes, bytes]) -> None:
        """Let go of *header*."""


_UNHEEDED = _Unheeded()


@lru_cache(1024)
def _is_host(name: bytes) -> bool:
    return _BAD_IN_HOST.isdisjoint(name)


def _size(url: bytes, headers: list[tuple[bytes, bytes]]) -> int:
    return len(url) + sum(len(name) + len(value) for name, value in headers)
