"""Tavily, a search engine for language models."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Struct

from turnout.base.jsons import encode
from turnout.base.money import parse_price
from turnout.base.secrets import Secret
from turnout.contracts.search import Ask, Engine, Reading, SearchQuery, SearchResult
from turnout.plugins.search.domains import hosts

__all__ = ["ENGINE"]

_MOST_RESULTS = 20


class _Result(Struct):
    url: str
    title: str | None = None
    content: str | None = None
    published_date: str | None = None


class _Answer(Struct):
    results: list[_Result]


_decode = msgspec.json.Decoder(_Answer).decode


def _ask(query: SearchQuery, base: str, key: Secret | None) -> Ask:
    """Source: Tavily, "Search"."""
    body: dict[str, Any] = {
        "query": query.text,
        "search_depth": "basic",
        "topic": "general",
        "max_results": min(query.max_results, _MOST_RESULTS),
    }
    if included := hosts(query.include_domains):
        body["include_domains"] = included
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {'' if key is None else key.reveal()}"}
    return Ask(f"{base}/search", headers, encode(body))


def _read(body: bytes) -> Reading:
    return Reading(
        [
            SearchResult(one.url, one.title or "", one.content or "", published=one.published_date)
            for one in _decode(body).results
        ]
    )


ENGINE: Final = Engine(
    slug="tavily",
    name="Tavily",
    ask=_ask,
    read=_read,
    url="https://api.tavily.com",
    keyed=True,
    price=parse_price("0.008"),
)
