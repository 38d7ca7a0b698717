"""The catalog API: listings, single models, endpoints, providers, benchmarks, feeds."""

from __future__ import annotations

import asyncio
import re
from typing import Any, Final, final

import msgspec
from fastapi import FastAPI, Request, Response

from turnout.api.desk import CatalogDesk
from turnout.api.listing_parameters import BENCHMARK_PARAMETERS, LISTING_PARAMETERS, PAGE_PARAMETERS
from turnout.api.messages.models import ASKED_BY, model_for_messages, models_for_messages
from turnout.api.office import MOUNTS, Caller, Routes
from turnout.api.shelf import BY_LANGUAGE, PUBLIC, Shelf
from turnout.base.errors import BadRequest, NotFound, Unauthenticated
from turnout.base.stored import Stored
from turnout.catalog.grouped import flat_reply, grouped_reply
from turnout.catalog.listing import MEASURED_SECONDS
from turnout.catalog.offers import benchmarks_reply, image_endpoints_reply, parse_benchmark_query, zdr_reply
from turnout.catalog.query import Query, parse_query, query_pairs

__all__ = ["add_models"]

_KEPT_SECONDS: Final = 60.0
_BRIEFLY: Final = b"public, max-age=10"
_PRIVATELY: Final = b"private, max-age=10"
_BY_KEY: Final = b"accept-encoding, authorization"
_RSS: Final = b"application/rss+xml; charset=utf-8"
_ATOM: Final = b"application/atom+xml; charset=utf-8"
_HOST: Final = re.compile(r"https?://[A-Za-z0-9.:\[\]_-]{1,255}(/[\w./-]*)?", re.ASCII)
_FORMATS: Final = frozenset({"", "grouped", "flat"})
_NOTHING: Final = "There is no model of that name"
_OPEN: Final[dict[str, Any]] = {"security": []}
"""Of routes that want no key."""


def add_models(app: FastAPI, desk: CatalogDesk, caller: Caller) -> None:
    """Add the routes of the catalog under each mount. *caller* finds the key of a request, or raises."""
    counter = _Counter(desk, caller)
    for mount in MOUNTS:
        hidden = mount != MOUNTS[0]
        _add_shown(Routes(app, mount, "catalog", hidden=hidden), counter)
        unlisted = Routes(app, mount, "catalog", hidden=True)
        unlisted.add("GET", "/models.rss", counter.rss, _OPEN)
        unlisted.add("GET", "/models.atom", counter.atom, _OPEN)
        unlisted.add("GET", "/models/{author}/{slug:path}", counter.retrieve, _OPEN)
    whole = Routes(app, "", "catalog", hidden=False)
    whole.add("GET", "/models.rss", counter.rss, _OPEN)
    whole.add("GET", "/models.atom", counter.atom, _OPEN)
    form = {"in": "query", "name": "format", "required": False, "schema": {"type": "string", "enum": ["flat"]}}
    whole.add("GET", "/api/ai/models", counter.grouped, {"parameters": [form]})


def _add_shown(routes: Routes, counter: _Counter) -> None:
    listing = {"parameters": LISTING_PARAMETERS}
    routes.add("GET", "/models", counter.models, listing | _OPEN)
    routes.add("GET", "/models/count", counter.count, listing | _OPEN)
    routes.add("GET", "/models/user", counter.of_user, listing)
    routes.add("GET", "/embeddings/models", counter.embeddings, {"parameters": PAGE_PARAMETERS} | _OPEN)
    routes.add("GET", "/images/models", counter.images, _OPEN)
    # A name may have more than one slash: what a server of the operator's calls its models.
    routes.add("GET", "/model/{author}/{slug:path}", counter.model, _OPEN)
    routes.add("GET", "/models/{author}/{slug:path}/endpoints", counter.endpoints, _OPEN)
    routes.add("GET", "/images/models/{author}/{slug:path}/endpoints", counter.image_endpoints, _OPEN)
    routes.add("GET", "/providers", counter.providers, _OPEN)
    routes.add("GET", "/endpoints/zdr", counter.zdr, _OPEN)
    routes.add("GET", "/benchmarks", counter.benchmarks, {"parameters": BENCHMARK_PARAMETERS} | _OPEN)


@final
class _Counter:
    """The routes' own functions: a request in, a reply out."""

    def __init__(self, desk: CatalogDesk, caller: Caller) -> None:
        self._desk = desk
        self._caller = caller
        self._grouped: tuple[object, dict[str, Stored]] = (None, {})

    # -- listings --

    async def models(self, request: Request) -> Response:
        """Every listed model with its price, context, modalities and parameters; filtered, sorted, in pages on demand.

        Without `output_modalities` only models that write text. `use_rss=true` answers with a feed of them.
        With the header `anthropic-version` the list is Anthropic's, in pages by `limit`, `after_id` and `before_id`.
        """
        if ASKED_BY in request.headers:
            listing = (await self._desk.shelf()).listing
            models = [entry.model for entry in listing.chosen(Query(), self._wall())]
            body = models_for_messages(models, query_pairs(request.scope["query_string"]))
            return _answer(request, self._stored(body, cache=PUBLIC, vary=BY_LANGUAGE))
        return await self._listing(request)

    async def count(self, request: Request) -> Response:
        """How many models `/models` lists for the same parameters."""
        shelf = await self._desk.shelf()
        if (kept := self._kept(request)) is None:
            query = parse_query(query_pairs(request.scope["query_string"]))
            kept = self._keep(request, shelf, query, shelf.listing.count_reply(query, self._wall()))
        return _answer(request, kept)

    async def of_user(self, request: Request) -> Response:
        """The models that the calling key may use, with the parameters of `/models`."""
        key = await self._caller(request)
        shelf = await self._desk.shelf()
        pairs = query_pairs(request.scope["query_string"])
        permitted = self._desk.sources.permitted(key)
        body = shelf.listing.models_reply(parse_query(pairs), self._wall(), pairs, request.url.path, permitted)
        return _answer(request, self._stored(body, cache=_PRIVATELY, vary=_BY_KEY))

    async def embeddings(self, request: Request) -> Response:
        """The models that make embeddings."""
        return await self._listing(request, frozenset({"embeddings"}))

    async def images(self, request: Request) -> Response:
        """The models that make images."""
        shelf = await self._desk.shelf()
        path = f"{MOUNTS[0]}/images/models".encode()
        stored = shelf.find(path, 0.0)
        assert stored is not None  # noqa: S101 - it is made with the shelf
        return _answer(request, stored)

    async def _listing(self, request: Request, outputs: frozenset[str] | None = None) -> Response:
        shelf = await self._desk.shelf()
        if (kept := self._kept(request)) is not None:
            return _answer(request, kept)
        pairs = query_pairs(request.scope["query_string"])
        query = parse_query(pairs)
        if outputs is not None:
            query = msgspec.structs.replace(query, output_modalities=outputs)
        if query.rss:
            return await self._feed(request, query, "rss")
        body = shelf.listing.models_reply(query, self._wall(), pairs, request.url.path)
        return _answer(request, self._keep(request, shelf, query, body))

    # -- one model --

    async def model(self, request: Request) -> Response:
        """One model. Aliases, dated slugs and `~latest` names resolve; a known suffix answers the model's own facts."""
        shelf = await self._desk.shelf()
        if (kept := self._kept(request)) is None:
            if (body := shelf.listing.model_reply(_name(request))) is None:
                raise NotFound(_NOTHING)
            kept = self._keep(request, shelf, Query(), b'{"data":%b}' % body)
        return _answer(request, kept)

    async def retrieve(self, request: Request) -> Response:
        """One model as OpenAI's clients look it up, not wrapped, or as Anthropic's do."""
        listing = (await self._desk.shelf()).listing
        if ASKED_BY in request.headers and (found := listing.find(_name(request))) is not None:
            shown = model_for_messages(found[0], _name(request))
            return _answer(request, self._stored(shown, cache=PUBLIC, vary=BY_LANGUAGE))
        body = listing.model_reply(_name(request))
        if body is None:
            raise NotFound(_NOTHING)
        shape = msgspec.json.decode(body) | {"object": "model", "owned_by": request.path_params["author"]}
        return _answer(request, self._stored(msgspec.json.encode(shape), cache=PUBLIC, vary=BY_LANGUAGE))

    async def endpoints(self, request: Request) -> Response:
        """One model with every endpoint that serves it; percentiles of latency and throughput want a key."""
        keyed = await self._is_keyed(request)
        body = (await self._desk.shelf()).listing.endpoints_reply(_name(request), keyed=keyed)
        if body is None:
            raise NotFound(_NOTHING)
        return _answer(request, self._stored(body, cache=_PRIVATELY if keyed else _BRIEFLY, vary=_BY_KEY))

    async def image_endpoints(self, request: Request) -> Response:
        """One image model with every endpoint that serves it and what an image costs there."""
        listing = (await self._desk.shelf()).listing
        found = listing.find(_name(request))
        body = None if found is None else image_endpoints_reply(found[0], listing.snapshot, listing.wall)
        if body is None:
            raise NotFound("There is no model of that name that makes images")
        return _answer(request, self._stored(body, cache=PUBLIC))

    # -- the rest --

    async def providers(self, request: Request) -> Response:
        """Every provider with its policies."""
        stored = (await self._desk.shelf()).find(f"{MOUNTS[0]}/providers".encode(), 0.0)
        assert stored is not None  # noqa: S101 - it is made with the shelf
        return _answer(request, stored)

    async def zdr(self, request: Request) -> Response:
        """The endpoints whose provider retains no data; percentiles of latency and throughput want a key."""
        keyed = await self._is_keyed(request)
        listing = (await self._desk.shelf()).listing
        body = zdr_reply(listing.snapshot, self._desk.sources.measured, listing.wall, keyed=keyed)
        return _answer(request, self._stored(body, cache=_PRIVATELY if keyed else _BRIEFLY, vary=_BY_KEY))

    async def benchmarks(self, request: Request) -> Response:
        """What third parties have measured of the listed models."""
        query = parse_benchmark_query(query_pairs(request.scope["query_string"]))
        listing = (await self._desk.shelf()).listing
        return _answer(request, self._stored(benchmarks_reply(listing.snapshot, query), cache=PUBLIC))

    async def grouped(self, request: Request) -> Response:
        """Models of text and of images, grouped by provider; `format=flat` lists each offer by itself."""
        await self._caller(request)
        wanted = request.query_params.get("format", "")
        if wanted not in _FORMATS:
            raise BadRequest("`format` must be flat, or left out")
        listing = (await self._desk.shelf()).listing
        if self._grouped[0] is not listing:
            self._grouped = listing, {}
        made = self._grouped[1]
        draw = flat_reply if wanted == "flat" else grouped_reply
        if wanted not in made:
            made[wanted] = await asyncio.to_thread(
                lambda: self._compressed(draw(listing.snapshot, listing.wall), cache=_PRIVATELY, vary=_BY_KEY)
            )
        return _answer(request, made[wanted])

    async def rss(self, request: Request) -> Response:
        """An RSS feed of models that are new, that changed their price, or that are gone."""
        return await self._feed(request, parse_query(query_pairs(request.scope["query_string"])), "rss")

    async def atom(self, request: Request) -> Response:
        """The same feed as Atom."""
        return await self._feed(request, parse_query(query_pairs(request.scope["query_string"])), "atom")

    async def _feed(self, request: Request, query: Query, form: str) -> Response:
        listing = (await self._desk.shelf()).listing
        wall = self._wall()
        given = "output_modalities" in request.query_params or "use_rss" in request.query_params
        if not given:  # a feed by its own name tells of every model
            query = msgspec.structs.replace(query, output_modalities=None)
        entries = [entry.model for entry in listing.chosen(query, wall) if not entry.model.id.startswith("~")]
        base = str(request.base_url).rstrip("/")
        if not _HOST.fullmatch(base):
            raise BadRequest("The Host header is no address")
        address = str(request.url)

        def draw() -> Stored:
            from turnout.catalog.feeds import atom, feed_items, rss  # noqa: PLC0415 - few ask; it needs all of XML

            events = self._desk.sources.events()
            items = feed_items(entries, events, base, chat_links=query.chat_links, gone=not query.narrow)
            body = rss(items, base, address) if form == "rss" else atom(items, base, address, wall)
            return self._compressed(body, cache=PUBLIC, kind=_RSS if form == "rss" else _ATOM)

        return _answer(request, await asyncio.to_thread(draw))

    # -- what they share --

    def _wall(self) -> float:
        return self._desk.sources.clock.wall()

    def _kept(self, request: Request) -> Stored | None:
        return self._desk.find(_target(request))

    def _keep(self, request: Request, shelf: Shelf, query: Query, body: bytes) -> Stored:
        """Remember a reply for a minute, so that the next one who asks the same is answered without being looked at."""
        seconds = MEASURED_SECONDS if query.measured else _KEPT_SECONDS
        until = asyncio.get_running_loop().time() + seconds
        stored = self._stored(body, cache=PUBLIC, vary=BY_LANGUAGE, until=until)
        shelf.keep(_target(request), stored)
        return stored

    def _stored(self, body: bytes, **fields: Any) -> Stored:  # noqa: ANN401 - the fields of Stored
        return Stored(body, cors=self._desk.sources.cors, **fields)

    def _compressed(self, body: bytes, **fields: Any) -> Stored:  # noqa: ANN401 - the fields of Stored
        stored = self._stored(body, **fields)
        if stored.compressible:
            stored.compress()
        return stored

    async def _is_keyed(self, request: Request) -> bool:
        """Whether the caller has a key; who has none, or a wrong one, sees what everybody may see."""
        if "authorization" not in request.headers:
            return False
        try:
            await self._caller(request)
        except Unauthenticated:
            return False
        return True


def _answer(request: Request, stored: Stored) -> Response:
    return Response(*stored.reply(request.headers))


def _target(request: Request) -> bytes:
    path: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    query: bytes = request.scope["query_string"]
    return path + b"?" + query if query else path


def _name(request: Request) -> str:
    return f"{request.path_params['author']}/{request.path_params['slug']}"
