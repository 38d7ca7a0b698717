"""Reading one source over the network: conditional, bounded in bytes and seconds, unpacked within these bounds."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from turnout.base.errors import UpstreamError
from turnout.domain.provider import Timeouts
from turnout.net.client import Client, Exchange, Origin

__all__ = ["Answer", "Bounds", "NotReadError", "Validators", "fetch", "request_of"]

_OK: Final = 200
_NOT_MODIFIED: Final = 304
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_LONGEST_VALIDATOR: Final = 256


class NotReadError(Exception):
    """The source could not be read; the message says why, in words for the operator. ``status`` is 0 without answer."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class Bounds(Struct, frozen=True):
    """What one answer may cost: bytes after decompression, seconds in all."""

    size: int = 48 * 2**20
    seconds: float = 60.0
    connect_seconds: float = 10.0
    silence_seconds: float = 20.0


class Validators(Struct, frozen=True):
    """What a source gave along with its last answer, to be asked whether that still holds."""

    etag: str = ""
    last_modified: str = ""


class Answer(Struct, frozen=True):
    """What came: ``body`` None means that the last answer still holds."""

    body: bytes | None
    validators: Validators = Validators()


async def fetch(
    client: Client,
    origin: Origin,
    message: bytes,
    bounds: Bounds,
    progress: Callable[[int, int | None], None] | None = None,
) -> Answer:
    """Send *message*, made by :func:`request_of`, to *origin*; redirects are not followed.

    *progress* is called with the bytes that have come and, where the source says it, how many there will be.

    Raises:
        NotReadError: it is down, too slow, too large, cut off, or answers with another status.
    """
    sink = _Sink(bounds.size, progress)
    timeouts = Timeouts(connect=bounds.connect_seconds, idle=bounds.silence_seconds, total=bounds.seconds)
    try:
        async with asyncio.timeout(bounds.seconds):  # the client's own limit begins once it is connected
            await client.exchange(origin, message, sink, timeouts, bounds.silence_seconds)
    except TimeoutError:
        raise NotReadError(f"it took longer than {bounds.seconds:g} s") from None
    except UpstreamError as error:
        raise NotReadError(_in_words(error)) from None
    return sink.answer()


def request_of(address: str, headers: Mapping[str, str] | None = None, validators: Validators | None = None) -> bytes:
    """A ``GET`` of *address* as bytes; *headers* are added to ours, *validators* make it conditional."""
    parts = urlsplit(address)
    known = validators or Validators()
    path = parts.path or "/"
    fields = {
        "Host": parts.netloc.rpartition("@")[2],
        "Accept": "application/json",
        "Accept-Encoding": "gzip",
        "User-Agent": "turnout",
    }
    if known.etag:
        fields["If-None-Match"] = known.etag
    if known.last_modified:
        fields["If-Modified-Since"] = known.last_modified
    fields |= dict(headers or {})
    lines = [f"GET {path}{'?' + parts.query if parts.query else ''} HTTP/1.1"]
    lines += [f"{name}: {text}" for name, text in fields.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _in_words(error: UpstreamError) -> str:
    """The client speaks of providers and begins with a capital; here it is a source, in mid-sentence."""
    message = error.message.replace("The provider's answer", "its answer").replace("The provider", "it")
    return message[:1].lower() + message[1:]


class _Sink:
    """Collects one answer within its bounds."""

    def __init__(self, most: int, progress: Callable[[int, int | None], None] | None) -> None:
        self._most = most
        self._progress = progress
        self._status = 0
        self._validators = Validators()
        self._inflater: zlib._Decompress | None = None
        self._parts: list[bytes] = []
        self._size = 0
        self._received = 0
        self._expected: int | None = None
        self._exchange: Exchange | None = None

    def begin(self, exchange: Exchange, /) -> None:
        """Start anew."""
        self._exchange = exchange
        self._parts = []
        self._size = self._received = 0
        self._inflater = None

    def head(self, status: int, headers: dict[bytes, bytes]) -> None:
        """Note the status, the validators and how the body is packed."""
        self._status = status
        self._validators = Validators(_validator(headers.get(b"etag")), _validator(headers.get(b"last-modified")))
        packing = headers.get(b"content-encoding", b"identity").strip().lower()
        if packing in {b"gzip", b"x-gzip"}:
            self._inflater = zlib.decompressobj(31)
        elif packing != b"identity":
            raise UpstreamError("The provider's answer is packed in a way that was not asked for")
        length = headers.get(b"content-length", b"")
        self._expected = int(length) if length.isdigit() else None
        if self._status == _OK and self._expected is not None and self._expected > self._most:
            raise self._too_large()

    def piece(self, data: bytes) -> None:
        """Keep more of the body."""
        self._received += len(data)
        if self._exchange is not None:
            self._exchange.renew()
        if self._inflater is not None:
            try:
                data = self._inflater.decompress(data, self._most + 1 - self._size)
            except zlib.error:
                raise UpstreamError("The provider's answer is not the gzip that it says it is") from None
        self._size += len(data)
        if self._size > self._most or self._received > self._most:
            raise self._too_large()
        self._parts.append(data)
        if self._progress is not None:
            self._progress(self._received, self._expected)

    def answer(self) -> Answer:
        if self._status == _NOT_MODIFIED:
            return Answer(None, self._validators)
        if self._status in _REDIRECTS:
            raise NotReadError(f"it answers with status {self._status}, and redirects are not followed")
        if self._status != _OK:
            raise NotReadError(f"it answers with status {self._status}", self._status)
        if self._inflater is not None and not self._inflater.eof:
            raise NotReadError("its answer is cut off")
        return Answer(b"".join(self._parts), self._validators)

    def _too_large(self) -> UpstreamError:
        return UpstreamError(f"The provider's answer is larger than {self._most / 2**20:.4g} MiB")


def _validator(value: bytes | None) -> str:
    """A validator that may be sent back: short and printable, else none."""
    text = (value or b"").decode("latin-1").strip()
    return text if len(text) <= _LONGEST_VALIDATOR and text.isprintable() and text.isascii() else ""
