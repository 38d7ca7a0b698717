"""The only way to read a foreign URL: resolve, check, pin, cap."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import final
from urllib.parse import urljoin

from msgspec import Struct

from turnout.base.errors import BadRequest, UpstreamError
from turnout.contracts.provider import Fetched
from turnout.domain.provider import Timeouts
from turnout.net.addresses import Address, Target, is_own, is_public, parse_address, parse_target
from turnout.net.client import Exchange, Origin, Sink

__all__ = ["CANNOT_BE_READ", "Fetcher", "Limits", "resolve"]

CANNOT_BE_READ = "it must be a public http or https address that answers in time with a file that is not too large"
"""The one thing that is ever said of a URL: whoever asks learns nothing of the network that we are in."""

_MOST_REDIRECTS = 3
_MOST_ADDRESSES = 3
_AT_ONCE = 32
_CONNECT_SECONDS = 3.0
_IDLE_SECONDS = 5.0
_OK = 200
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PLAIN = (None, b"", b"identity")

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
Connect = Callable[[Origin, bytes, Sink, Timeouts, float], Awaitable[None]]


class Limits(Struct, frozen=True):
    """What may be read.

    Attributes:
        allow: ``host:port`` of the operator's own that are read unchecked, in lower case.
        ports: those of all other hosts.
        max_bytes: of one file.
        seconds: for one file, redirects and the search for its address included.
    """

    allow: frozenset[str] = frozenset()
    ports: frozenset[int] = frozenset({80, 443})
    max_bytes: int = 20 * 2**20
    seconds: float = 10.0


_USUAL = Limits()
_asking = ThreadPoolExecutor(8, "foreign-names")
"""Asks for foreign names; where answers do not come, the names of providers have threads of their own."""


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of *host* as the system knows them, best first. Raises OSError where there are none."""
    ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    found = await asyncio.get_running_loop().run_in_executor(_asking, ask)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@final
class Fetcher:
    """Reads foreign URLs. ``limits`` may be replaced while it runs."""

    def __init__(self, connect: Connect, limits: Limits = _USUAL, resolve: Resolve = resolve) -> None:
        """*connect* is :meth:`turnout.net.client.Client.exchange`: it sends to the address that an origin is pinned
        to, so that a name which leads elsewhere a moment later changes nothing.
        """
        self.limits = limits
        self._connect = connect
        self._resolve = resolve
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def __call__(self, url: str) -> Fetched:
        """The file at *url*, after at most three redirects.

        Raises:
            BadRequest: it cannot be read; the message is always the same.
        """
        try:
            async with asyncio.timeout(self.limits.seconds), self._places:
                return await self._follow(url)
        except (UpstreamError, OSError, ValueError):  # TimeoutError is an OSError, UnicodeError a ValueError
            raise BadRequest(CANNOT_BE_READ) from None

    async def _follow(self, url: str) -> Fetched:
        for _ in range(_MOST_REDIRECTS + 1):
            answer = await self._get(parse_target(url))
            if answer.status == _OK:
                return Fetched(answer.media_type, b"".join(answer.parts), url)
            if answer.status not in _REDIRECTS or not answer.location:
                raise ValueError("no file")
            url = urljoin(url, answer.location)
        raise ValueError("too many redirects")

    async def _get(self, target: Target) -> _Answer:
        """One hop: the answer of the first address that gives one."""
        addresses = await self._addresses(target)
        message = _message(target)
        limits = self.limits
        timeouts = Timeouts(_CONNECT_SECONDS, _IDLE_SECONDS, _IDLE_SECONDS, _IDLE_SECONDS, limits.seconds)
        for address in addresses[:_MOST_ADDRESSES]:
            answer = _Answer(limits.max_bytes)
            origin = Origin(f"{target.scheme}://{target.authority}", address)
            try:
                await self._connect(origin, message, answer, timeouts, _IDLE_SECONDS)
            except _NoFile:
                return answer
            except UpstreamError:
                if answer.status or address == addresses[:_MOST_ADDRESSES][-1]:
                    raise
            else:
                return answer
            finally:
                origin.close()
        raise ValueError("no address")

    async def _addresses(self, target: Target) -> Sequence[str]:
        """Where *target* may be connected to.

        Raises:
            ValueError: it may not be read, or one of its addresses may not.
            OSError: it has none.
        """
        limits = self.limits
        if target.place in limits.allow:
            return await self._resolve(target.host, target.port)
        if target.port not in limits.ports:
            raise ValueError("not such a port")
        literal = parse_address(target.host)
        found: list[Address] = [literal] if literal is not None else []
        if literal is None:
            found += map(ipaddress.ip_address, await self._resolve(target.host, target.port))
        if not all(is_public(address) and not is_own(address) for address in found):
            raise ValueError("not public")
        return [str(address) for address in found]


class _NoFile(Exception):
    """The head says all."""


def _message(target: Target) -> bytes:
    lines = (
        f"GET {target.path} HTTP/1.1",
        f"Host: {target.authority}",
        "Accept: */*",
        "Accept-Encoding: identity",
        "User-Agent: turnout",
        "Connection: close",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


@final
class _Answer:
    """Collects one answer within its cap."""

    def __init__(self, max_bytes: int) -> None:
        self.status = 0
        self.media_type = self.location = ""
        self.parts: list[bytes] = []
        self._room = self._max_bytes = max_bytes

    def begin(self, _exchange: Exchange, /) -> None:
        """Start anew."""
        self.parts = []
        self._room = self._max_bytes

    def head(self, status: int, headers: dict[bytes, bytes]) -> None:
        """Note what comes; only a file is waited for. Raises ValueError when it is compressed or too large."""
        self.status = status
        self.location = headers.get(b"location", b"").decode(errors="replace")
        if status != _OK:
            raise _NoFile
        self.media_type = headers.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()
        length = headers.get(b"content-length", b"")
        if headers.get(b"content-encoding") not in _PLAIN or (length.isdigit() and int(length) > self._max_bytes):
            raise ValueError("compressed, or too large")

    def piece(self, data: bytes) -> None:
        """Keep *data*. Raises ValueError when the file is too large."""
        self._room -= len(data)
        if self._room < 0:
            raise ValueError("too large")
        self.parts.append(data)
