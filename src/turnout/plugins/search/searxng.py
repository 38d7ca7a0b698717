"""SearXNG, a metasearch engine that people host themselves; its JSON format must be switched on there."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from turnout.base.secrets import Secret
from turnout.contracts.search import Ask, Engine, Reading, SearchQuery, SearchResult
from turnout.plugins.search.domains import with_sites

__all__ = ["ENGINE"]


class _Result(Struct):
    url: str | None = None
    title: str | None = None
    content: str | None = None
    publishedDate: str | None = None  # noqa: N815 - as the engine writes it


class _Answer(Struct):
    results: list[_Result]


_decode = msgspec.json.Decoder(_Answer).decode


def _ask(query: SearchQuery, base: str, key: Secret | None) -> Ask:
    """Source: SearXNG, "Search API"."""
    address = base if base.endswith("/search") else f"{base}/search"
    headers = {"Accept": "application/json"}
    if key is not None:
        headers["Authorization"] = f"Bearer {key.reveal()}"
    return Ask(f"{address}?{urlencode({'q': with_sites(query), 'format': 'json'})}", headers)


def _read(body: bytes) -> Reading:
    return Reading(
        [
            SearchResult(one.url or "", one.title or "", one.content or "", published=one.publishedDate)
            for one in _decode(body).results
        ]
    )


ENGINE: Final = Engine(slug="searxng", name="SearXNG", ask=_ask, read=_read)
