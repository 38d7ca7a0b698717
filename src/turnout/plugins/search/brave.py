"""Brave Search, an index of the web of its own."""

from __future__ import annotations

import re
from html import unescape
from typing import Final
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from turnout.base.money import parse_price
from turnout.base.secrets import Secret
from turnout.contracts.search import Ask, Engine, Reading, SearchQuery, SearchResult
from turnout.plugins.search.domains import with_sites

__all__ = ["ENGINE"]

_MOST_RESULTS = 20
_TAG = re.compile(r"</?[a-z]+>")


class _Result(Struct):
    url: str
    title: str = ""
    description: str | None = None
    extra_snippets: list[str] | None = None
    page_age: str | None = None


class _Web(Struct):
    results: list[_Result] = []


class _Answer(Struct):
    web: _Web | None = None


_decode = msgspec.json.Decoder(_Answer).decode


def _ask(query: SearchQuery, base: str, key: Secret | None) -> Ask:
    """Source: Brave Search API, "Web search"."""
    asked = {
        "q": with_sites(query),
        "count": str(min(query.max_results, _MOST_RESULTS)),
        "text_decorations": "false",
        "extra_snippets": "true",
        "result_filter": "web",
    }
    if query.country is not None:
        asked["country"] = query.country
    headers = {"Accept": "application/json", "X-Subscription-Token": "" if key is None else key.reveal()}
    return Ask(f"{base}/web/search?{urlencode(asked)}", headers)


def _read(body: bytes) -> Reading:
    answer = _decode(body)
    return Reading(
        [
            SearchResult(
                one.url,
                _text(one.title),
                _text(" … ".join([one.description or "", *(one.extra_snippets or ())])),
                published=one.page_age,
            )
            for one in (answer.web.results if answer.web is not None else ())
        ]
    )


def _text(markup: str) -> str:
    return unescape(_TAG.sub("", markup))


ENGINE: Final = Engine(
    slug="brave",
    name="Brave Search",
    ask=_ask,
    read=_read,
    url="https://api.search.brave.com/res/v1",
    keyed=True,
    price=parse_price("0.005"),
)
