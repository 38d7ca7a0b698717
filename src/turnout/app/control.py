"""What the control plane is given to work with."""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from turnout import config
from turnout.api.auto import Teaching
from turnout.api.desk import CatalogDesk, Sources
from turnout.app.administration import Administrator, Grounds, Premises
from turnout.app.credentials import tester, vault_of
from turnout.app.measured import MeasuredHere
from turnout.app.metrics import TallyFiles
from turnout.app.outside import NOTHING_OUTSIDE
from turnout.catalog import events
from turnout.catalog.entries import PriceWeights
from turnout.catalog.listing import Listing
from turnout.catalog.provenance import ModelProvenance
from turnout.contracts.store import Store
from turnout.domain.account import Generation, Key
from turnout.domain.catalog import CatalogSnapshot, Model
from turnout.domain.chat import ChatParameters, ChatRequest
from turnout.engine.auto_router import AutoRouter, names_auto
from turnout.engine.auto_signs import Signs
from turnout.engine.explain import explain
from turnout.engine.filters import filters_of
from turnout.engine.house import House
from turnout.engine.own import admitted_by_own
from turnout.engine.presets import names_preset, with_preset
from turnout.query.front import Voting

if TYPE_CHECKING:
    from fastapi import FastAPI

    from turnout.web.site import Site

__all__ = ["ControlPlane"]

_FLUSH_WAIT_SECONDS = 0.3
_FLUSH_STEP_SECONDS = 0.02
_NOTHING_SAID = ChatRequest(ChatParameters(), {}, 0)
_log = logging.getLogger(__name__)


@final
class ControlPlane:
    """Builds the control plane's application; its imports cost start-up time that the data plane need not wait for."""

    def __init__(
        self,
        house: House,
        store: Store,
        tallies: TallyFiles,
        settings: config.Settings,
        voting: Voting,
        grounds: Grounds,
    ) -> None:
        self._house = house
        self._store = store
        self._tallies = tallies
        self._settings = settings
        self._cors = settings.server.cors
        self._public_metrics = settings.metrics.public
        self._voting = voting
        self._grounds = grounds
        self._vault = vault_of(settings)
        self.draining = False
        journal = Path(settings.server.data_dir) / events.FILE
        weights = settings.catalog.price_weights
        self.measured = MeasuredHere(house.health.listed, house.clock, lambda: house.health.known)
        sources = Sources(
            snapshot=self._snapshot,
            measured=self.measured,
            events=lambda: events.read(journal),
            permitted=self._permitted,
            weights=PriceWeights(**weights.model_dump()),
            clock=house.clock,
            cors=self._cors,
        )
        self.desk = CatalogDesk(sources, house.loop)

    def application(self) -> FastAPI:
        """The application, ready to be asked; takes a few hundred milliseconds."""
        from turnout.api.control import Control, control_plane  # noqa: PLC0415 - see the class
        from turnout.web.site import add_site  # noqa: PLC0415 - see the class

        app = control_plane(
            Control(
                store=self._store,
                keys=self._house.keys,
                clock=self._house.clock,
                desk=self.desk,
                metrics=self._metrics,
                ready=self._ready,
                find_generation=self._find_generation,
                explain=self._explain,
                check_plugins=self._check_plugins,
                voting=self._voting,
                vault=self._vault,
                test_credential=tester(lambda: self._snapshot().providers, self._house.outside or NOTHING_OUTSIDE),
                administration=self._administrator(),
                auto=self._teaching(),
                report=_report,
                cors=self._cors,
                public_metrics=self._public_metrics,
            )
        )
        add_site(app, self._site())
        return app

    def _teaching(self) -> Teaching:
        """What is told of the auto router, and told to it."""
        house = self._house

        def figures() -> Mapping[str, Any] | None:
            path = self._settings.auto.figures
            try:
                found = None if path is None else json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                _log.warning("the figures of the auto router cannot be read: %s", error)
                return None
            return found if isinstance(found, dict) else None

        return Teaching(house.auto or AutoRouter(), house.signs or Signs(), figures)

    def _administrator(self) -> Administrator:
        """What admins see and do."""
        house = self._house
        return Administrator(
            Premises(
                grounds=self._grounds,
                store=self._store,
                vault=self._vault,
                clock=house.clock,
                outside=house.outside or NOTHING_OUTSIDE,
                snapshot=self._snapshot,
                measured=lambda: self.measured.endpoints,
                changed=house.keys.look,
            )
        )

    def _site(self) -> Site:
        """What the website works with."""
        from turnout.accounts.oidc import OpenID  # noqa: PLC0415 - see the class
        from turnout.app.catalog import provenance_of  # noqa: PLC0415 - see the class
        from turnout.web.site import Site  # noqa: PLC0415 - see the class

        house, events_of = self._house, self.desk.sources.events

        async def listing() -> Listing:
            return (await self.desk.shelf()).listing

        def figures() -> Mapping[str, Mapping[str, Any]]:
            return self.measured.endpoints

        def provenance(model_id: str) -> ModelProvenance | None:
            return provenance_of(self._settings, self._snapshot().providers, model_id, house.clock.wall())

        stated, outside = self._settings.auth.oidc, house.outside or NOTHING_OUTSIDE
        openid = None if stated is None else OpenID(stated, outside.get, outside.post, house.clock)
        public = self._settings.auth.public_pages
        return Site(
            self._store, house.keys, house.clock, listing, figures, events_of, provenance, self._ready, openid, public
        )

    def _snapshot(self) -> CatalogSnapshot:
        return self._house.rails.routes.snapshot

    def _permitted(self, key: Key) -> Callable[[Model], bool]:
        """Which models a key may use: those with an endpoint that can be called and that its bounds leave."""
        routes, outlook = self._house.rails.routes, self._house.outlook(key)
        filters = filters_of(_NOTHING_SAID, outlook.bounds)

        def permitted(model: Model) -> bool:
            if model.router or not model.endpoints:
                return model.router
            track = routes.find(model.id)
            candidates = (*track.usable, *admitted_by_own(track.unusable, outlook.own, []))
            return any(not any(out(one) for out in filters) for one in candidates)

        return permitted

    def _metrics(self) -> bytes:
        from turnout.observe.exposition import exposition  # noqa: PLC0415 - see the class

        return exposition(self._tallies.total())

    def _ready(self) -> dict[str, object]:
        snapshot = self._snapshot()
        return {
            "ready": not self.draining,
            "catalog": {
                "generation": snapshot.generation,
                "age_seconds": max(0, round(self._house.clock.wall() - snapshot.built)),
                "models": len(snapshot.models),
            },
        }

    async def _explain(self, request: ChatRequest, key: Key) -> dict[str, object]:
        if names_preset(request) and self._house.presets is not None:
            request = await with_preset(request, self._house.presets, key.account_id)
        if self._house.auto is not None and names_auto(request):
            opened = self._house.rails.routes.opened_by(self._house.outlook(key).own)
            await self._house.auto.ready(key.account_id, opened)
        return explain(request, self._house.rails.routes, self._house.outlook(key))

    def _check_plugins(self, entries: Sequence[str]) -> None:
        self._house.rails.rack.check(entries)

    async def _find_generation(self, generation_id: str, account_id: str) -> Generation | None:
        """The generation, waited for a little: its journal may not have reached the store yet."""
        waited = 0.0
        while (found := await self._store.generation(generation_id, account_id)) is None:
            if waited >= _FLUSH_WAIT_SECONDS:
                return None
            await asyncio.sleep(_FLUSH_STEP_SECONDS)
            waited += _FLUSH_STEP_SECONDS
        return found


def _report(error: Exception) -> None:
    """Kind and place only: messages may quote what a caller sent."""
    _log.error(
        "a mistake of ours: %s\n%s", type(error).__name__, "".join(traceback.format_tb(error.__traceback__)[-6:])
    )
