"""A search engine of the web: what it is asked, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

from msgspec import Struct

from turnout.base.errors import UpstreamError
from turnout.base.money import Pico
from turnout.base.secrets import Secret

__all__ = ["Ask", "Engine", "Found", "Reading", "SearchFailed", "SearchQuery", "SearchResult"]

_CHARACTERS = {"low": 500, "medium": 1_500, "high": 4_000}


class SearchFailed(UpstreamError):
    """No engine has answered; the message is for the client."""


class SearchQuery(Struct, frozen=True, kw_only=True):
    """What is looked for.

    Attributes:
        text: a question or words.
        max_results: most results wanted.
        include_domains: only results from these: ``example.com`` means its subdomains too,
            ``*.example.com`` only those, and a path after it only what stands below.
        exclude_domains: none from these.
        context_size: how much of each result is wanted.
        country: two capitals, where the searcher is; anything else means nothing.
        engine: the engine that is tried first; None: as the operator has put them.
    """

    text: str
    max_results: int = 5
    include_domains: tuple[str, ...] = ()
    exclude_domains: tuple[str, ...] = ()
    context_size: Literal["low", "medium", "high"] = "medium"
    country: str | None = None
    engine: str | None = None

    @property
    def characters(self) -> int:
        """How long the text of one result may be."""
        return _CHARACTERS[self.context_size]


class SearchResult(Struct, frozen=True):
    """One place in the web. ``content`` is a snippet or a part of its text, ``published`` as the engine writes it."""

    url: str
    title: str
    content: str
    engine: str = ""
    published: str | None = None


class Found(Struct, frozen=True):
    """What an engine has found, best first. ``cost`` is in pico-dollars."""

    results: tuple[SearchResult, ...]
    engine: str
    cost: Pico = Pico(0)


class Ask(NamedTuple):
    """One HTTP request to an engine: a GET, or a POST where there is a body."""

    url: str
    headers: Mapping[str, str]
    body: bytes | None = None


class Reading(NamedTuple):
    """An engine's answer. ``cost`` is in pico-dollars, where it says what it charges."""

    results: list[SearchResult]
    cost: Pico | None = None


class Engine(Struct, frozen=True, kw_only=True):
    """A search engine, found by standing in ``plugins/search`` as the module's ``ENGINE``; packages add theirs by entry
    points in the group ``turnout.engines``.

    Attributes:
        slug: what ``engine`` and the configuration say.
        name: its display name.
        ask: the request for a query, to its address, with its credential.
        read: what a body of status 200 says; raises ValueError when it makes no sense.
        url: its address, where the operator states none; "": the operator must.
        keyed: it cannot be used without a credential.
        price: of one search, in pico-dollars, where neither the operator nor its answer states one.
        last_resort: it is used unasked only where nothing else is set up.
    """

    slug: str
    name: str
    ask: Callable[[SearchQuery, str, Secret | None], Ask]
    read: Callable[[bytes], Reading]
    url: str = ""
    keyed: bool = False
    price: Pico = Pico(0)
    last_resort: bool = False
