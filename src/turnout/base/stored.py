"""A reply kept as bytes: plain and compressed, with its ETag, ready to be sent over and over."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Final, final

__all__ = ["ENCODINGS", "JSON", "Stored", "Variant", "accepted", "is_known"]

JSON: Final = b"application/json"

_SMALL: Final = 1_024  # bytes; below that a head is most of an answer
_LONGEST: Final = 512  # bytes of an Accept-Encoding that is read; no client has a longer one
_LEVEL: Final = 9
_REFUSED: Final = 0.0


@final
class Variant:
    """One encoding of a reply. ``lines`` are its headers as they go over the wire, without date and length."""

    __slots__ = ("_date", "_whole", "body", "etag", "lines")

    def __init__(self, etag: bytes, lines: bytes, body: bytes) -> None:
        self.etag = etag
        self.lines = lines
        self.body = body
        self._date: bytes | None = None
        self._whole = b""

    def whole(self, date: bytes) -> bytes:
        """The whole answer with the line *date*, put together once for as long as that is the same object.

        One piece of memory leaves in one write; putting it together each time would cost as much as sending it.
        """
        if date is not self._date:
            self._whole = b"".join((self.head(date), self.body))
            self._date = date
        return self._whole

    def head(self, more: bytes) -> bytes:
        """The head of the whole answer; *more* are further lines."""
        return b"HTTP/1.1 200 OK\r\n%b%bcontent-length: %d\r\n\r\n" % (self.lines, more, len(self.body))


@final
class Stored:
    """One reply in all its encodings.

    Attributes:
        until: the second of the event loop's clock after which it is made anew.
        compressing: somebody has been told to compress it.
        size: bytes of all variants.
    """

    __slots__ = ("_common", "_mark", "compressing", "until", "variants")

    def __init__(
        self,
        body: bytes,
        *,
        kind: bytes = JSON,
        cache: bytes,
        vary: bytes = b"accept-encoding",
        cors: bool = False,
        until: float = float("inf"),
    ) -> None:
        """*cache* and *vary* are the values of ``Cache-Control`` and ``Vary``."""
        origin = b"access-control-allow-origin: *\r\naccess-control-expose-headers: etag\r\n" if cors else b""
        self._common = b"content-type: %b\r\ncache-control: %b\r\nvary: %b\r\n%b" % (kind, cache, vary, origin)
        self._mark = blake2b(body, digest_size=12).hexdigest().encode()
        self.until = until
        self.compressing = False
        self.variants: dict[bytes, Variant] = {}
        self._add(b"", body)

    @property
    def size(self) -> int:
        """Bytes of all variants."""
        return sum(len(variant.body) for variant in self.variants.values())

    @property
    def body(self) -> bytes:
        """The reply, not compressed."""
        return self.variants[b""].body

    @property
    def compressible(self) -> bool:
        """Whether compressing is still to be done, and worth it."""
        return len(self.variants) == 1 and len(self.body) >= _SMALL

    def compress(self) -> None:
        """Make the compressed variants: some milliseconds for each megabyte, most of them without Python's lock."""
        body = self.body
        for name, compressed in _compressors().items():
            self._add(name, compressed(body))

    def choose(self, accept_encoding: bytes | None) -> Variant:
        """The variant for a client that sends this ``Accept-Encoding``."""
        if accept_encoding:
            for name in accepted(accept_encoding):
                variant = self.variants.get(name)
                if variant is not None:
                    return variant
        return self.variants[b""]

    def reply(self, headers: Mapping[str, str], status: int = 200) -> tuple[bytes | None, int, dict[str, str]]:
        """Body, status and headers for a client that sent *headers*: 304 without a body when it has it already."""
        accept, known = headers.get("accept-encoding"), headers.get("if-none-match")
        variant = self.choose(None if accept is None else accept.encode("latin-1"))
        cut = (line.partition(b": ") for line in variant.lines.split(b"\r\n") if line)
        lines = {name.decode(): value.decode() for name, _, value in cut}
        if status == 200 and known is not None and is_known(variant.etag, known.encode("latin-1")):
            return None, 304, lines
        return variant.body, status, lines

    def _add(self, encoding: bytes, body: bytes) -> None:
        etag = b'"%b%b"' % (self._mark, b"-" + encoding if encoding else b"")
        coding = b"content-encoding: %b\r\n" % encoding if encoding else b""
        self.variants[encoding] = Variant(etag, b"%b%betag: %b\r\n" % (self._common, coding, etag), body)


def is_known(etag: bytes, if_none_match: bytes) -> bool:
    """Whether a client that sends this ``If-None-Match`` has the variant of that *etag* already."""
    if if_none_match == etag:
        return True
    known = [part.strip().removeprefix(b"W/") for part in if_none_match.split(b",")]
    return etag in known or known == [b"*"]


@lru_cache(maxsize=1024)
def accepted(accept_encoding: bytes) -> tuple[bytes, ...]:
    """The encodings that an ``Accept-Encoding`` allows, best first: by its weights, then the smallest result."""
    weights: dict[bytes, float] = {}
    for part in accept_encoding[:_LONGEST].lower().split(b","):
        name, _, parameter = part.partition(b";")
        weights[name.strip()] = _weight(parameter)
    others = weights.get(b"*", _REFUSED)
    found = [(weights.get(name, others), -rank, name) for rank, name in enumerate(ENCODINGS)]
    plain = weights.get(b"identity", _REFUSED)
    return tuple(name for weight, _, name in sorted(found, reverse=True) if weight > _REFUSED and weight >= plain)


ENCODINGS: Final = (b"br", b"zstd", b"gzip")
"""What replies are kept in, the smallest result first."""


def _weight(parameter: bytes) -> float:
    name, _, value = parameter.strip().partition(b"=")
    if name.strip() != b"q":
        return 1.0
    try:
        return min(max(float(value), 0.0), 1.0)
    except ValueError:
        return _REFUSED


@lru_cache(maxsize=1)
def _compressors() -> Mapping[bytes, Callable[[bytes], bytes]]:
    """By name of the encoding; imported when something is to be compressed, and left out where they are missing."""
    found: dict[bytes, Callable[[bytes], bytes]] = {b"gzip": _gzip}
    try:
        import brotli  # noqa: PLC0415 - see above
    except ImportError:
        pass
    else:
        found[b"br"] = lambda body: bytes(brotli.compress(body, quality=_LEVEL, lgwin=_window(body)))
    try:
        import zstandard  # noqa: PLC0415 - see above
    except ImportError:
        pass
    else:
        found[b"zstd"] = lambda body: bytes(zstandard.ZstdCompressor(level=_LEVEL).compress(body))
    return found


def _window(body: bytes) -> int:
    """The smallest window of brotli that holds *body*: the usual one costs 30 MB and 4 ms however short it is."""
    return min(max(len(body).bit_length(), 16), 22)


def _gzip(body: bytes) -> bytes:
    maker = zlib.compressobj(_LEVEL, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    return maker.compress(body) + maker.flush()
