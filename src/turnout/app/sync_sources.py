"""Reading the sources of the catalog: which there are, where they are, and what became of each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import NamedTuple, final

import msgspec

from turnout import config
from turnout.app.catalog import wanted_sources
from turnout.app.listings import listing_address, listing_headers, lists_models
from turnout.catalog.identity import is_model_id
from turnout.catalog.rows import Row
from turnout.catalog.sources import listing, litellm, openrouter
from turnout.catalog.sources.genai_prices import UnknownShape
from turnout.catalog.sources.listing import UnreadableListing
from turnout.catalog.sync_fetch import Answer, Bounds, NotReadError, Validators, fetch, request_of
from turnout.catalog.sync_rows import GENAI_PRICES, MODELS_DEV, models_dev_rows
from turnout.catalog.sync_state import Copy
from turnout.domain.provider import Provider
from turnout.net.client import Client, Origin

__all__ = ["SILENT", "Progress", "Reader", "Reading"]

_FILE_BOUNDS = Bounds()
_LIST_BOUNDS = Bounds(size=16 * 2**20, seconds=30.0)
_DETAIL_BOUNDS = Bounds(size=2 * 2**20, seconds=20.0)
_DETAILS_AT_ONCE = 8
_DETAILS_SECONDS = 180.0
_MOST_DETAILS = 2_000
_FAILURES_THAT_END_IT = 20
_NOT_FOUND = 404

Progress = Callable[[str, int, int | None], None]
"""Called with the source, how far it has come, and how far it goes, if that is known: bytes, or single requests."""


def SILENT(_source: str, _done: int, _of: int | None) -> None:  # noqa: N802 - a constant that can be called
    """Shows nothing."""


class Reading(NamedTuple):
    """What became of one source: ``failure`` says why it could not be read; ``unchanged`` that its copy holds."""

    source: str
    rows: tuple[Row, ...] = ()
    body: bytes = b""
    validators: Validators = Validators()
    details: Mapping[str, str] = {}
    unchanged: bool = False
    failure: str = ""
    remark: str = ""


@final
class Reader:
    """Reads sources over one client. ``now`` is wall-clock time in unix seconds."""

    def __init__(
        self, client: Client, copies: Mapping[str, Copy], slugs: Mapping[str, str], now: float, progress: Progress
    ) -> None:
        self._client = client
        self._copies = copies
        self._slugs = slugs
        self._progress = progress
        self._day = datetime.fromtimestamp(now, UTC).date().isoformat()

    async def read(self, settings: config.Settings, providers: Mapping[str, Provider]) -> list[Reading]:
        """All sources that *settings* want, at the same time; the order is that of the settings."""
        addresses = settings.catalog.addresses
        jobs: list[Awaitable[Reading]] = []
        for name in wanted_sources(settings):
            match name:
                case "providers":
                    jobs += [self._listing(one) for one in providers.values() if lists_models(one)]
                case openrouter.NAME:
                    jobs.append(self._openrouter(addresses.openrouter))
                case litellm.NAME:
                    jobs.append(self._file(name, addresses.litellm, lambda b: litellm.parse(b, self._slugs, self._day)))
                case _ if name == MODELS_DEV:
                    jobs.append(
                        self._file(name, addresses.models_dev, lambda b: models_dev_rows(b, self._slugs, self._day))
                    )
                case _:
                    jobs.append(self._file(GENAI_PRICES, addresses.genai_prices, None))
        return list(await asyncio.gather(*jobs))

    async def _listing(self, provider: Provider) -> Reading:
        def parse(body: bytes) -> tuple[Row, ...]:
            rows = listing.parse(provider.slug, body)
            return tuple(msgspec.structs.replace(row, fetched=self._day) for row in rows)

        return await self._one(
            f"{provider.slug} /models", listing_address(provider), listing_headers(provider), _LIST_BOUNDS, parse
        )

    async def _file(self, name: str, address: str, parse: Callable[[bytes], tuple[Row, ...]] | None) -> Reading:
        return await self._one(name, address, {}, _FILE_BOUNDS, parse)

    async def _one(
        self,
        name: str,
        address: str,
        headers: Mapping[str, str],
        bounds: Bounds,
        parse: Callable[[bytes], tuple[Row, ...]] | None,
    ) -> Reading:
        try:
            answer = await self._get(name, address, headers, bounds)
            if answer.body is None:
                return Reading(name, unchanged=True, validators=answer.validators)
            rows = () if parse is None else parse(answer.body)
            if parse is not None and not rows:
                return Reading(name, failure="it lists no model that can be used")
            return Reading(name, rows, answer.body, answer.validators)
        except NotReadError as error:
            return Reading(name, failure=str(error))
        except _UNREADABLE as error:
            return Reading(name, failure=f"its answer is not what it should be: {_short(error)}")

    async def _get(self, name: str, address: str, headers: Mapping[str, str], bounds: Bounds) -> Answer:
        copy = self._copies.get(name)
        known = copy.validators if copy is not None and copy.is_of_this_program else None
        origin = Origin(address)
        try:
            return await fetch(
                self._client,
                origin,
                request_of(address, headers, known),
                bounds,
                lambda done, of: self._progress(name, done, of),
            )
        finally:
            origin.close()

    async def _openrouter(self, address: str) -> Reading:
        """The list of models, then who serves those that are new or have changed since."""
        listed = await self._one(
            openrouter.NAME, f"{address}/models", {}, _LIST_BOUNDS, lambda b: openrouter.parse_models(b, self._day)
        )
        if listed.failure or listed.unchanged:
            return listed
        digests = openrouter.entry_digests(listed.body)
        models = [row.upstream_model for row in listed.rows]
        copy = self._copies.get(openrouter.NAME)
        known = copy.details if copy is not None and copy.is_of_this_program else {}
        # A name becomes part of an address: only what is one for certain.
        changed = (model for model in models if known.get(model) != digests.get(model) and is_model_id(model))
        asked = list(islice(changed, _MOST_DETAILS))
        read = await self._details(address, asked)
        earlier = _details_of(copy)
        rows = [*listed.rows]
        for model in models:
            rows += read.get(model, earlier.get(model.lower(), ()))
        done = {model: digests[model] for model in models if model in read or known.get(model) == digests.get(model)}
        missing = len(asked) - len(read)
        remark = f"endpoints could not be read ({missing} times)" if missing else ""
        # A list that is complete may be asked for conditionally; else what is missing would never be asked for again.
        validators = Validators() if missing else listed.validators
        return listed._replace(rows=tuple(rows), details=done, validators=validators, remark=remark)

    async def _details(self, address: str, models: Sequence[str]) -> dict[str, tuple[Row, ...]]:
        """The endpoints of *models*, as far as they can be read in time."""
        origin = Origin(address)
        waiting = list(reversed(models))
        found: dict[str, tuple[Row, ...]] = {}
        failures = 0

        async def worker() -> None:
            nonlocal failures
            while waiting and failures < _FAILURES_THAT_END_IT:
                model = waiting.pop()
                try:
                    message = request_of(f"{address}/models/{model}/endpoints")
                    answer = await fetch(self._client, origin, message, _DETAIL_BOUNDS)
                    found[model] = openrouter.parse_endpoints(model, answer.body or b"", self._slugs, self._day)
                except NotReadError as error:
                    if error.status == _NOT_FOUND:  # some models are listed that nobody serves
                        found[model] = ()
                    else:
                        failures += 1
                except _UNREADABLE:
                    failures += 1
                self._progress(f"{openrouter.NAME} endpoints", len(found), len(models))

        try:
            async with asyncio.timeout(_DETAILS_SECONDS):
                await asyncio.gather(*[worker() for _ in range(min(_DETAILS_AT_ONCE, len(models)))])
        except TimeoutError:
            pass
        finally:
            origin.close()
        return found


_UNREADABLE = (UnreadableListing, UnknownShape, msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def _details_of(copy: Copy | None) -> dict[str, tuple[Row, ...]]:
    """The rows of endpoints in *copy*, by model."""
    found: dict[str, tuple[Row, ...]] = {}
    for row in copy.rows if copy is not None else ():
        if not row.upstream_model and row.model is not None:
            found[row.model] = (*found.get(row.model, ()), row)
    return found


def _short(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 160 else f"{text[:159]}…"
