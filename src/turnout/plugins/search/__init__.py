"""Searching the web: the engines of this folder and of installed packages, tried in turn until one answers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Annotated, final
from urllib.parse import urlsplit

from msgspec import Meta, Struct, field
from msgspec.structs import replace

from turnout.base.errors import UpstreamError
from turnout.base.money import Pico, parse_price
from turnout.base.secrets import Secret
from turnout.contracts.extension import Folder
from turnout.contracts.plugin import Job, Purchase
from turnout.contracts.provider import Outside
from turnout.contracts.search import Engine, Found, Reading, SearchFailed, SearchQuery, SearchResult
from turnout.plugins.search.domains import is_wanted

__all__ = ["SEARCH", "SearchSettings", "Searcher", "dearest_search", "engine_names", "find_engine"]

SEARCH = "web_search"
"""What an attempt row says was bought."""

_OK = 200
_TITLE = 200  # characters
_MOST_URL = 2_048
_COUNTRY = re.compile(r"[A-Z]{2}")
_ODD = re.compile(r"[\s\x00-\x1f\x7f\u200b-\u200f\u202a-\u202e]+")

_FOLDER = Folder(
    package=__name__, kind=Engine, word="search engine", attribute="ENGINE", group="turnout.engines",
    name_of=lambda one: one.slug, parts=True,
)  # fmt: skip


@cache
def engine_names() -> frozenset[str]:
    """The engines of this folder, and those that installed packages announce."""
    return frozenset(_FOLDER.shipped()) | frozenset(_FOLDER.announced())


@cache
def find_engine(slug: str) -> Engine | None:
    """The engine of that name; None where there is none. Raises ValueError when a package does not give its own."""
    return _FOLDER.shipped().get(slug) or _FOLDER.installed(slug)


class SearchSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """``[plugins.web.settings]``: by whom is searched.

    Attributes:
        engines: in which order they are tried; empty: those that are set up, those without a price first.
        urls: their addresses, where they are not the usual ones; SearXNG has no usual one.
        prices: of one search, in dollars.
        seconds: how long one engine may take before the next is asked.
    """

    engines: tuple[str, ...] = ()
    urls: dict[str, str] = field(default_factory=dict)
    prices: dict[str, str] = field(default_factory=dict)
    seconds: Annotated[float, Meta(gt=0, le=60)] = 8.0

    def __post_init__(self) -> None:
        for slug in (*self.engines, *self.urls, *self.prices):
            if find_engine(slug) is None:
                raise ValueError(f"there is no search engine {slug!r}; there are {', '.join(sorted(engine_names()))}")
        for slug, url in self.urls.items():
            if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
                raise ValueError(f"the address of {slug} is none")
        for price in self.prices.values():
            parse_price(price)

    def price(self, engine: Engine) -> Pico:
        """What one search with *engine* costs, in pico-dollars."""
        stated = self.prices.get(engine.slug)
        return engine.price if stated is None else parse_price(stated)


def dearest_search(settings: SearchSettings) -> Pico:
    """What one search costs at most, in pico-dollars, whichever engine answers."""
    engines = [find_engine(slug) for slug in settings.engines or _FOLDER.shipped()]
    return max((settings.price(one) for one in engines if one is not None), default=Pico(0))


@final
class Searcher:
    """The engines that this installation has set up. It keeps nothing between searches."""

    def __init__(
        self, settings: SearchSettings, credentials: Mapping[str, Secret], outside: Outside, now: Callable[[], float]
    ) -> None:
        """*credentials* are by the engines' names, *now* gives monotonic seconds."""
        self._settings = settings
        self._credentials = credentials
        self._outside = outside
        self._now = now

    @classmethod
    def of(cls, job: Job) -> Searcher:
        """What the settings of *job*, which are SearchSettings, have set up."""
        return cls(job.settings, job.credentials, job.outside, job.now)

    def engines(self, first: str | None = None) -> list[Engine]:
        """Those that are tried, in their order; *first* before the others, if it is set up."""
        named = self._settings.engines or _FOLDER.shipped()  # a package's own must be named: it is run then
        usable = [one for slug in named if (one := find_engine(slug)) is not None and self._usable(one)]
        if not self._settings.engines:
            usable.sort(key=self._settings.price)
            usable = [one for one in usable if not one.last_resort] or usable
        return sorted(usable, key=lambda one: one.slug != first)

    @property
    def most(self) -> int:
        """What one search costs at most, in pico-dollars, whichever of them answers."""
        return max(map(self._settings.price, self.engines()), default=0)

    async def search(self, query: SearchQuery, buy: Callable[[Purchase], None]) -> Found:
        """What the first engine that finds something has found; each one that was asked is told to *buy*.

        Raises:
            SearchFailed: none has answered.
        """
        if query.country is not None and not _COUNTRY.fullmatch(query.country):
            query = replace(query, country=None)
        nothing: Found | None = None
        failures: list[str] = []
        for engine in self.engines(query.engine):
            try:
                found = await self._ask(engine, query, buy)
            except UpstreamError as error:
                failures.append(f"{engine.slug}: {error.message}")
                continue
            if found.results:
                return found
            nothing = nothing or found
        if nothing is not None:
            return nothing
        raise SearchFailed(f"No search engine has answered ({'; '.join(failures) or 'none is set up'})")

    def _usable(self, engine: Engine) -> bool:
        keyed = not engine.keyed or engine.slug in self._credentials
        return keyed and bool(engine.url or engine.slug in self._settings.urls)

    async def _ask(self, engine: Engine, query: SearchQuery, buy: Callable[[Purchase], None]) -> Found:
        """Raises UpstreamError: it has not answered, or not in time."""
        settings = self._settings
        base = settings.urls.get(engine.slug, engine.url).rstrip("/")
        ask = engine.ask(query, base, self._credentials.get(engine.slug))
        began, status, cost, ok = self._now(), None, Pico(0), False
        try:
            async with asyncio.timeout(settings.seconds):
                if ask.body is None:
                    status, body = await self._outside.get(ask.url, ask.headers)
                else:
                    status, body = await self._outside.post(ask.url, ask.headers, ask.body)
            if status != _OK:
                raise UpstreamError(f"it answered with status {status}")
            reading = _read(engine, body)
            price = settings.price(engine)
            cost = price if reading.cost is None or engine.slug in settings.prices else reading.cost
            ok = True
        except TimeoutError:
            raise UpstreamError(f"it took longer than {settings.seconds:g} s") from None
        finally:  # also when the client has left meanwhile
            buy(
                Purchase(
                    service=engine.slug, name=engine.name, cost=cost, what=SEARCH, began=began, ended=self._now(),
                    status=status, ok=ok, searches=int(ok),
                )
            )  # fmt: skip
        return Found(tuple(_fitting(reading, query, engine.slug)), engine.slug, cost)


def _read(engine: Engine, body: bytes) -> Reading:
    try:
        return engine.read(body)
    except (ValueError, RecursionError):  # what msgspec raises is a ValueError
        raise UpstreamError("its answer makes no sense") from None


def _fitting(reading: Reading, query: SearchQuery, engine: str) -> Iterator[SearchResult]:
    """The results that are wanted, each address once, in plain text of bounded length."""
    met: set[str] = set()
    for one in reading.results:
        url = one.url.strip()
        if url in met or len(url) > _MOST_URL or not url.isprintable() or " " in url or not is_wanted(url, query):
            continue
        met.add(url)
        title = _plain(one.title)[:_TITLE]
        yield SearchResult(url, title, _plain(one.content)[: query.characters], engine, one.published)
        if len(met) == query.max_results:
            return


def _plain(text: str) -> str:
    return _ODD.sub(" ", text).strip()
