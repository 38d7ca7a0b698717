"""What adapters may reach besides their arguments: the clock, foreign files, and addresses that give access tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import final
from urllib.parse import urlsplit

from turnout import config
from turnout.base.clock import SYSTEM_CLOCK
from turnout.base.errors import BadRequest, UpstreamError
from turnout.base.limits import MAX_UPSTREAM_REPLY_BYTES
from turnout.contracts.provider import Fetched, Outside
from turnout.domain.provider import Timeouts
from turnout.net.client import Client, Exchange, Origin
from turnout.net.fetch import Fetcher, Limits

__all__ = ["NOTHING_OUTSIDE", "Poster", "fetch_limits", "outside_of"]

_MOST_BYTES = 2 * 2**20
_POST_TIMEOUTS = Timeouts(connect=5.0, first_byte=15.0, whole=15.0, idle=15.0, total=30.0)
_ORDER_TIMEOUTS = Timeouts(connect=5.0, first_byte=300.0, whole=300.0, idle=60.0, total=600.0)


async def _fetch(_url: str) -> Fetched:
    raise BadRequest("Files by URL cannot be read here")


async def _post(_url: str, _headers: Mapping[str, str], _body: bytes) -> tuple[int, bytes]:
    raise UpstreamError("no access token can be had here")


NOTHING_OUTSIDE = Outside(SYSTEM_CLOCK.wall, _fetch, _post)
"""For processes that call no provider."""


def outside_of(client: Client, fetcher: Fetcher) -> Outside:
    """What the adapters of a worker may reach, by *client* and *fetcher*."""
    poster = Poster(client)
    patient = Poster(client, _ORDER_TIMEOUTS, MAX_UPSTREAM_REPLY_BYTES)
    return Outside(SYSTEM_CLOCK.wall, fetcher, poster, poster.get, patient)


def fetch_limits(settings: config.Settings) -> Limits:
    """What *settings* let be read."""
    stated = settings.fetch
    return Limits(frozenset(stated.allow), frozenset(stated.ports), stated.max_bytes, stated.seconds)


@final
class Poster:
    """Calls addresses of the operator's, which are few."""

    def __init__(self, client: Client, timeouts: Timeouts = _POST_TIMEOUTS, most: int = _MOST_BYTES) -> None:
        """*most* are the bytes that an answer may have."""
        self._client = client
        self._timeouts = timeouts
        self._most = most
        self._origins: dict[tuple[str, str], Origin] = {}

    async def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        """Status and body of the answer to a POST.

        Raises:
            UpstreamError: there is none, or *url* is no address.
        """
        return await self._exchange(url, _message("POST", url, headers, body))

    async def get(self, url: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """The same of a GET."""
        return await self._exchange(url, _message("GET", url, headers))

    async def _exchange(self, url: str, message: bytes) -> tuple[int, bytes]:
        parts = urlsplit(url)
        place = (parts.scheme, parts.netloc)
        try:
            origin = self._origins.get(place) or Origin(url)
        except ValueError:
            raise UpstreamError("This is no address") from None
        self._origins[place] = origin
        answer = _Answer(self._most)
        await self._client.exchange(origin, message, answer, self._timeouts, self._timeouts.whole)
        return answer.status, b"".join(answer.parts)


def _message(method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> bytes:
    """Raises UpstreamError for control characters and letters that a head cannot hold."""
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    usual = {"Host": parts.netloc.rpartition("@")[2], "Accept-Encoding": "identity", "User-Agent": "turnout"}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {text}" for name, text in (usual | dict(headers)).items())]
    head = "\r\n".join(lines if body is None else [*lines, f"Content-Length: {len(body)}"])
    if not all(line.isprintable() for line in lines) or not head.isascii():
        raise UpstreamError("The address, or what it is sent, holds strange letters")
    return head.encode("ascii") + b"\r\n\r\n" + (body or b"")


@final
class _Answer:
    """Collects one answer of at most so many bytes."""

    def __init__(self, most: int) -> None:
        self.status = 0
        self._most = most
        self.parts: list[bytes] = []
        self._size = 0

    def begin(self, _exchange: Exchange, /) -> None:
        """Start anew."""
        self.parts = []
        self._size = 0

    def head(self, status: int, _headers: dict[bytes, bytes]) -> None:
        """Note the status."""
        self.status = status

    def piece(self, data: bytes) -> None:
        """Keep *data*. Raises UpstreamError when there is too much of it."""
        self._size += len(data)
        if self._size > self._most:
            raise UpstreamError("The answer is too large")
        self.parts.append(data)
