"""The website's routes: public pages, files, the shell of the signed-in application."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, final
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from msgspec.structs import replace
from starlette.exceptions import HTTPException

from turnout.accounts.keys import KeyRing
from turnout.accounts.oidc import OpenID
from turnout.base.clock import Clock
from turnout.base.errors import Unauthenticated
from turnout.base.jsons import encode
from turnout.base.stored import Stored
from turnout.catalog.entries import Entry
from turnout.catalog.listing import Listing
from turnout.catalog.provenance import ModelProvenance
from turnout.catalog.query import Query, query_pairs
from turnout.contracts.measured import speed_of
from turnout.contracts.store import Store
from turnout.domain.catalog_event import CatalogEvent
from turnout.web.assets import Assets
from turnout.web.browse import browse, parsed, table_of
from turnout.web.consent import add_consent
from turnout.web.drawing import Drawn, Easel
from turnout.web.gate import secret_of
from turnout.web.headers import answer, secured
from turnout.web.model_page import MOST_COMPARED, compare, model_page, nothing_called
from turnout.web.oidc import add_oidc
from turnout.web.overview import Figures, home, news, provider_page, providers, rankings, status
from turnout.web.sign_in import add_sign_in
from turnout.web.speeds import PERIODS, speeds_told

__all__ = ["APPLICATION_PATHS", "Site", "add_site"]

APPLICATION_PATHS: Final = (
    "/sign-in", "/chat", "/query", "/query/{id}", "/activity", "/logs", "/logs/{id}", "/keys", "/presets",
    "/guardrails", "/setup", "/training", "/training/{id}", "/admin/{page}",
)  # fmt: skip
"""What the signed-in application draws itself: the server answers each with the same shell."""

_Endpoint = Callable[[Request], Awaitable[Response]]
_HOST: Final = re.compile(r"https?://[A-Za-z0-9.:\[\]_-]{1,255}", re.ASCII)
_POPULAR: Final = Query(output_modalities=None, sort="top-weekly")
_NEWEST: Final = Query(output_modalities=None, sort="newest")
_FRESH_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Site:
    """What the website works with.

    Attributes:
        listing: the present listing of the catalog.
        figures: what has been measured of endpoints with traffic; asked on the event loop.
        events: the journal of the catalog's changes, newest first; reads a file, so it is called in a thread.
        provenance: who said what of a model; reads a file too.
        ready: what ``GET /ready`` tells.
        openid: the provider by which people sign in, if they do.
        public: whether the pages of the catalog are for everybody.
    """

    store: Store
    keys: KeyRing
    clock: Clock
    listing: Callable[[], Awaitable[Listing]]
    figures: Callable[[], Figures]
    events: Callable[[], Sequence[CatalogEvent]]
    provenance: Callable[[str], ModelProvenance | None]
    ready: Callable[[], Mapping[str, Any]]
    openid: OpenID | None
    public: bool = True


def add_site(app: FastAPI, site: Site) -> None:
    """Add the website to the application of the control plane. Reads its files: call it in a thread."""
    app.state.private_pages = not site.public
    add_sign_in(app, site.store, site.keys, site.clock)
    easel = Easel(Assets())
    add_consent(app, easel, site.store, site.keys, site.clock)
    add_oidc(app, easel, site.store, site.clock, site.openid)
    pages = _Pages(site, easel)
    routes: dict[str, _Endpoint] = {
        "/": pages.home,
        "/models": pages.models,
        "/models/table.json": pages.table,
        "/models/speeds.json": pages.speeds,
        "/compare": pages.compare,
        "/providers": pages.providers,
        "/providers/{slug}": pages.provider,
        "/rankings": pages.rankings,
        "/new": pages.news,
        "/status": pages.status,
        "/for-providers": pages.for_providers,
        "/models/{author}/{slug:path}": pages.model,
    }
    if not site.public:
        routes = {path: _behind_sign_in(site.keys, endpoint) for path, endpoint in routes.items()}
    routes |= {
        "/assets/{name}": pages.asset,
        "/favicon.ico": pages.icon,
        **dict.fromkeys(APPLICATION_PATHS, pages.shell),
    }
    for path, endpoint in routes.items():
        app.add_api_route(path, endpoint, methods=["GET"], include_in_schema=False, response_model=None)
    _show_what_is_missing(app, pages)


def _behind_sign_in(keys: KeyRing, endpoint: _Endpoint) -> _Endpoint:
    """*endpoint* for those who have signed in; the others are led there."""

    async def guarded(request: Request) -> Response:
        secret = secret_of(request.headers.get("cookie", ""))
        try:
            await keys.find(b"Session " + secret.encode("latin-1", "replace"))
        except Unauthenticated:
            wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            lines = {"Location": f"/sign-in?next={quote(wanted, safe='/')}", "Cache-Control": "no-store"}
            return secured(Response(None, 303, lines))
        reply = await endpoint(request)
        reply.headers["Cache-Control"] = "private, no-cache"
        return reply

    return guarded


def _show_what_is_missing(app: FastAPI, pages: _Pages) -> None:
    """People get a page where there is nothing; programs get the error that they always got."""
    plain: Any = app.exception_handlers[HTTPException]

    async def missing(request: Request, error: Exception) -> Response:
        page = request.method == "GET" and "text/html" in request.headers.get("accept", "")
        below = request.url.path.startswith(("/api/", "/v1/", "/session"))
        if page and not below and isinstance(error, HTTPException) and error.status_code == 404:
            return await pages.missing(request)
        answered: Response = await plain(request, error)
        return answered

    app.add_exception_handler(HTTPException, missing)


@final
class _Pages:
    """The routes' own functions: what needs the event loop is asked here, the rest is drawn in a thread."""

    def __init__(self, site: Site, easel: Easel) -> None:
        self._site = site
        self._easel = easel
        self._table: tuple[object, float, Stored] | None = None

    async def home(self, request: Request) -> Response:
        """What this is, and how to begin."""
        listing = await self._site.listing()
        popular, newest = self._chosen(listing, _POPULAR), self._chosen(listing, _NEWEST)
        base = base_of(request)

        def draw() -> Drawn:
            usable = {slug for slug, one in listing.snapshot.providers.items() if one.usable}
            called = (e.model for e in popular if any(offer.provider in usable for offer in e.model.endpoints))
            example = next((model.id for model in called if "text" in model.output_modalities), "fake/echo")
            return home(listing, popular, newest, base, example)

        return await self._easel.show(request, listing, draw)

    async def models(self, request: Request) -> Response:
        """The catalog: every filter and order of the Models API, under the same names."""
        listing = await self._site.listing()
        pairs = query_pairs(request.scope["query_string"])
        query, problem = parsed(pairs)
        entries = self._chosen(listing, replace(query, offset=None, limit=None))
        return await self._easel.show(request, listing, lambda: browse(listing, entries, pairs, query, problem))

    async def table(self, request: Request) -> Response:
        """The whole catalog in short, for the browser to filter."""
        listing = await self._site.listing()
        now = asyncio.get_running_loop().time()
        kept = self._table
        if kept is None or kept[0] is not listing or kept[1] <= now:
            self._chosen(listing, _POPULAR)  # measured figures are brought up to date here

            def made() -> Stored:
                stored = Stored(table_of(listing, listing.entries), cache=b"public, max-age=10")
                stored.compress()
                return stored

            kept = self._table = (listing, now + _FRESH_SECONDS, await asyncio.to_thread(made))
        return answer(request, kept[2])

    async def model(self, request: Request) -> Response:
        """One model."""
        listing = await self._site.listing()
        name = f"{request.path_params['author']}/{request.path_params['slug']}"
        found = listing.find(name)
        bodies = _bodies(listing, name)
        if found is None or bodies is None:
            return await self._easel.show(request, listing, lambda: nothing_called(name, listing))
        site, base = self._site, base_of(request)

        def draw() -> Drawn:
            return model_page(listing, found[0], bodies, site.events(), site.provenance(found[0].id), base)

        return await self._easel.show(request, listing, draw)

    async def speeds(self, request: Request) -> Response:
        """How the endpoints of the model ``m`` were over a ``period``."""
        listing = await self._site.listing()
        found = listing.find(request.query_params.get("m", ""))
        asked = PERIODS.get(request.query_params.get("period", "24h"))
        if found is None or asked is None:
            raise HTTPException(404)
        span, seconds = asked
        now, names = int(self._site.clock.wall()), [endpoint.id for endpoint in found[0].endpoints]
        kept = await self._site.store.speeds(names, now - span, seconds)
        present = [speed for name, seen in self._site.figures().items() if (speed := speed_of(name, now, seen))]
        told = speeds_told(listing.snapshot, found[0], [*kept, *present], now)
        headers = {"Cache-Control": "public, max-age=10"}
        return secured(Response(encode(told), 200, headers, "application/json"))

    async def compare(self, request: Request) -> Response:
        """Up to four models side by side: ``m=…``, once for each."""
        listing = await self._site.listing()
        pairs = query_pairs(request.scope["query_string"])
        names = list(dict.fromkeys(value for name, value in pairs if name == "m" and value))[:MOST_COMPARED]
        bodies = [pair for name in names if (pair := _bodies(listing, name)) is not None]
        return await self._easel.show(request, listing, lambda: compare(listing, names, bodies))

    async def providers(self, request: Request) -> Response:
        """Who serves the models."""
        listing, figures = await self._site.listing(), self._site.figures()
        return await self._easel.show(request, listing, lambda: providers(listing, figures))

    async def provider(self, request: Request) -> Response:
        """One provider."""
        listing, figures = await self._site.listing(), self._site.figures()
        slug = request.path_params["slug"]

        def draw() -> Drawn:
            return provider_page(listing, slug, figures) or _missing("There is no provider of that name")

        return await self._easel.show(request, listing, draw)

    async def rankings(self, request: Request) -> Response:
        """What is used here, and what quality costs."""
        listing = await self._site.listing()
        popular = self._chosen(listing, _POPULAR)
        return await self._easel.show(request, listing, lambda: rankings(listing, popular))

    async def news(self, request: Request) -> Response:
        """What has changed."""
        listing = await self._site.listing()
        newest, wall = self._chosen(listing, _NEWEST), self._site.clock.wall()
        return await self._easel.show(request, listing, lambda: news(listing, self._site.events(), newest, wall))

    async def status(self, request: Request) -> Response:
        """How this installation is."""
        listing, figures, ready = await self._site.listing(), self._site.figures(), self._site.ready()
        wall = self._site.clock.wall()
        return await self._easel.show(request, listing, lambda: status(listing, ready, figures, wall), 1.0)

    async def for_providers(self, request: Request) -> Response:
        """How to be listed."""
        content = {"base": base_of(request)}
        return await self._easel.show(request, self, lambda: ("for_providers.html", content, 200))

    async def shell(self, request: Request) -> Response:
        """The application of those who are signed in; it looks itself who that is."""
        return await self._easel.show(request, self, lambda: ("app.html", {}, 200))

    async def missing(self, request: Request) -> Response:
        """There is no such page."""
        return await self._easel.show(request, self, lambda: _missing("There is no such page"))

    async def asset(self, request: Request) -> Response:
        """A file of the website."""
        stored = self._easel.assets.find(request.path_params["name"])
        if stored is None:
            raise HTTPException(404)
        return answer(request, stored)

    async def icon(self, request: Request) -> Response:
        """What browsers ask for unasked."""
        stored = self._easel.assets.find("logo.svg")
        assert stored is not None  # noqa: S101 - it comes with the package
        return answer(request, stored)

    def _chosen(self, listing: Listing, query: Query) -> Sequence[Entry]:
        return listing.chosen(query, self._site.clock.wall())


def base_of(request: Request) -> str:
    """The address of this installation as the browser knows it; an invented one where that is no address."""
    base = f"{request.url.scheme}://{request.headers.get('host', '')}"
    return base if _HOST.fullmatch(base) else "http://localhost:8000"


def _bodies(listing: Listing, name: str) -> tuple[bytes, bytes] | None:
    """The Model object of *name* and the reply with its endpoints, figures included; None when there is none."""
    model, endpoints = listing.model_reply(name), listing.endpoints_reply(name, keyed=True)
    return None if model is None or endpoints is None else (model, endpoints)


def _missing(title: str) -> Drawn:
    return "missing.html", {"title": title, "name": "", "near": []}, 404
