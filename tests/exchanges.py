"""Exchanges of the upstream client as tests make them: a recording sink, one request, scripts of a provider."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from turnout.base.errors import UpstreamError
from turnout.domain.provider import Timeouts
from turnout.net.client import Client, Exchange, Origin
from upstream import Script, Upstream, Wire

__all__ = ["LIMITS", "MESSAGE", "Recording", "always", "asked", "once", "refusal"]

MESSAGE = b"POST /v1 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
LIMITS = Timeouts(connect=1.0, first_byte=5.0, whole=5.0, idle=5.0, total=10.0)


class Recording:
    """A sink that keeps everything; *on_piece* may steer the exchange."""

    def __init__(self, on_piece: Callable[[Recording, bytes], None] | None = None) -> None:
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.pieces: list[bytes] = []
        self.begun = 0
        self.exchange: Exchange
        self._on_piece = on_piece

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    def begin(self, exchange: Exchange, /) -> None:
        self.begun += 1
        self.exchange = exchange

    def head(self, status: int, headers: dict[bytes, bytes]) -> None:
        self.status, self.headers = status, headers

    def piece(self, data: bytes) -> None:
        self.pieces.append(data)
        if self._on_piece is not None:
            self._on_piece(self, data)


async def asked(
    client: Client, origin: Origin, sink: Recording | None = None, limits: Timeouts = LIMITS, first_byte: float = 5.0
) -> Recording:
    sink = sink or Recording()
    await client.exchange(origin, MESSAGE, sink, limits, first_byte)
    return sink


async def refusal(
    client: Client, server: Upstream, limits: Timeouts = LIMITS, first_byte: float = 5.0
) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        await asked(client, Origin(server.base_url), limits=limits, first_byte=first_byte)
    return caught.value


def always(*answer: bytes, gap: float = 0.0) -> Script:
    """Give *answer* to every request, in these pieces, over connections that stay open."""

    async def script(wire: Wire) -> None:
        while True:
            await wire.request()
            await wire.send(*answer, gap=gap)

    return script


def once(*answer: bytes, gap: float = 0.0) -> Script:
    """Give *answer* to one request and close."""

    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.send(*answer, gap=gap)

    return script
