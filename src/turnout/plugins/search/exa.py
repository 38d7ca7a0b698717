"""Exa, a search engine for language models."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Struct

from turnout.base.jsons import encode
from turnout.base.money import Pico, parse_price
from turnout.base.secrets import Secret
from turnout.contracts.search import Ask, Engine, Reading, SearchQuery, SearchResult
from turnout.plugins.search.domains import hosts

__all__ = ["ENGINE"]


class _Result(Struct, rename="camel"):
    url: str
    title: str | None = None
    text: str | None = None
    highlights: list[str] | None = None
    summary: str | None = None
    published_date: str | None = None


class _Cost(Struct):
    total: float


class _Answer(Struct, rename="camel"):
    results: list[_Result]
    cost_dollars: _Cost | None = None


_decode = msgspec.json.Decoder(_Answer).decode


def _ask(query: SearchQuery, base: str, key: Secret | None) -> Ask:
    """Source: Exa, "Search"."""
    body: dict[str, Any] = {
        "query": query.text,
        "type": "auto",
        "numResults": query.max_results,
        "contents": {"text": {"maxCharacters": query.characters}},
    }
    if included := hosts(query.include_domains):
        body["includeDomains"] = included
    if query.country is not None:
        body["userLocation"] = query.country
    headers = {"Content-Type": "application/json", "x-api-key": "" if key is None else key.reveal()}
    return Ask(f"{base}/search", headers, encode(body))


def _read(body: bytes) -> Reading:
    answer = _decode(body)
    results = [
        SearchResult(
            one.url,
            one.title or "",
            one.text or " … ".join(one.highlights or ()) or one.summary or "",
            published=one.published_date,
        )
        for one in answer.results
    ]
    cost = answer.cost_dollars
    return Reading(results, None if cost is None else _pico(cost.total))


def _pico(dollars: float) -> Pico:
    """Raises ValueError when it is no price."""
    return parse_price(f"{dollars:.9f}")


ENGINE: Final = Engine(
    slug="exa", name="Exa", ask=_ask, read=_read, url="https://api.exa.ai", keyed=True, price=parse_price("0.012")
)
