"""Providers' own lists of models, asked for in the background."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import urlsplit

from turnout.base.errors import UpstreamError
from turnout.base.limits import MAX_UPSTREAM_REPLY_BYTES
from turnout.catalog.rows import Row
from turnout.catalog.sources.listing import UnreadableListing, parse
from turnout.domain.provider import Provider
from turnout.net.client import Client, Exchange, Origin

__all__ = ["listed_rows"]

_OK = 200
_log = logging.getLogger(__name__)


async def listed_rows(client: Client, providers: Iterable[Provider], origins: Mapping[str, Origin]) -> Sequence[Row]:
    """What *providers* say they serve; one that does not answer costs a warning and its own models."""
    asked = [provider for provider in providers if provider.models_path and provider.slug in origins]
    answers = await asyncio.gather(*[_listed(client, provider, origins[provider.slug]) for provider in asked])
    return [row for rows in answers for row in rows]


async def _listed(client: Client, provider: Provider, origin: Origin) -> Sequence[Row]:
    sink = _Listing()
    try:
        await client.exchange(origin, _request(provider), sink, provider.timeouts, provider.timeouts.first_byte)
        return parse(provider.slug, sink.body())
    except (UpstreamError, UnreadableListing) as error:
        _log.warning("the models of provider %s cannot be listed: %s", provider.slug, error)
        return ()


def _request(provider: Provider) -> bytes:
    parts = urlsplit(provider.base_url)
    headers = {
        "Host": parts.netloc.rpartition("@")[2],
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": "turnout",
    }
    if provider.credential is not None:
        headers["Authorization"] = f"Bearer {provider.credential.reveal()}"
    headers |= dict(provider.headers)
    lines = [f"GET {parts.path}{provider.models_path} HTTP/1.1", *(f"{name}: {text}" for name, text in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class _Listing:
    """Collects one answer."""

    def __init__(self) -> None:
        self.status = 0
        self._parts: list[bytes] = []
        self._size = 0

    def begin(self, _exchange: Exchange, /) -> None:
        """Start anew."""
        self._parts = []
        self._size = 0

    def head(self, status: int, _headers: dict[bytes, bytes]) -> None:
        """Note the status."""
        self.status = status

    def piece(self, data: bytes) -> None:
        """Keep more of the body."""
        self._size += len(data)
        if self._size > MAX_UPSTREAM_REPLY_BYTES:
            raise UpstreamError("the list is too long")
        self._parts.append(data)

    def body(self) -> bytes:
        """The list itself. Raises UpstreamError for any status but 200."""
        if self.status != _OK:
            raise UpstreamError(f"status {self.status}")
        return b"".join(self._parts)
