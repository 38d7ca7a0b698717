"""DuckDuckGo's page for browsers without scripts: no key is needed, and it may refuse programs at any time."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Final
from urllib.parse import parse_qs, urlencode, urlsplit

from turnout.base.secrets import Secret
from turnout.contracts.search import Ask, Engine, Reading, SearchQuery, SearchResult
from turnout.plugins.search.domains import with_sites

__all__ = ["ENGINE"]

_TITLE: Final = "result__a"
_SNIPPET: Final = "result__snippet"
_FRAME: Final = ("id", "links")
"""What the page has even where nothing is found; without it, it is no page of results."""


class _Page(HTMLParser):
    """Collects address, title and snippet of each result."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, list[str], list[str]]] = []
        self.framed = False
        self._into: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A result's title or snippet begins."""
        self.framed = self.framed or _FRAME in attrs
        if tag not in {"a", "div", "td"}:
            return
        given = {name: value or "" for name, value in attrs}
        classes = given.get("class", "").split()
        if _TITLE in classes:
            self.found.append((_address(given.get("href", "")), [], []))
            self._into = self.found[-1][1]
        elif _SNIPPET in classes and self.found:
            self._into = self.found[-1][2]

    def handle_endtag(self, tag: str) -> None:
        """It ends."""
        if tag in {"a", "div", "td"}:
            self._into = None

    def handle_data(self, data: str) -> None:
        """Its text."""
        if self._into is not None:
            self._into.append(data)


def _address(link: str) -> str:
    """Where a link leads: they go by way of the engine, advertisements without naming their aim."""
    parts = urlsplit(link)
    if parts.path == "/l/":
        return parse_qs(parts.query).get("uddg", [""])[0]
    return "" if (parts.hostname or "").endswith("duckduckgo.com") else link


def _ask(query: SearchQuery, base: str, _key: Secret | None) -> Ask:
    headers = {"Accept": "text/html", "User-Agent": "Mozilla/5.0 (compatible; turnout)"}
    return Ask(f"{base}/html/?{urlencode({'q': with_sites(query)})}", headers)


def _read(body: bytes) -> Reading:
    page = _Page()
    page.feed(body.decode(errors="replace"))
    page.close()
    if not page.found and not page.framed:
        raise ValueError("no results, but a question whether we are human")
    return Reading([SearchResult(url, "".join(title), "".join(snippet)) for url, title, snippet in page.found if url])


ENGINE: Final = Engine(
    slug="duckduckgo",
    name="DuckDuckGo",
    ask=_ask,
    read=_read,
    url="https://html.duckduckgo.com",
    last_resort=True,
)
