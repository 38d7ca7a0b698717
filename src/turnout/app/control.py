"""What the control plane is given to work with."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, final

from turnout.app.metrics import TallyFiles
from turnout.base.jsons import encode
from turnout.base.slugs import InvalidModelName, parse_model_name
from turnout.contracts.store import Store
from turnout.domain.account import Generation
from turnout.domain.catalog import CatalogSnapshot, Model
from turnout.engine.house import House

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["ControlPlane"]

_FLUSH_WAIT_SECONDS = 0.3
_FLUSH_STEP_SECONDS = 0.02
_COUNTRY_CODE = 2
_log = logging.getLogger(__name__)


@final
class ControlPlane:
    """Builds the control plane's application; its imports cost start-up time that the data plane need not wait for."""

    def __init__(self, house: House, store: Store, tallies: TallyFiles, *, cors: bool, public_metrics: bool) -> None:
        self._house = house
        self._store = store
        self._tallies = tallies
        self._cors = cors
        self._public_metrics = public_metrics
        self.draining = False

    def application(self) -> FastAPI:
        """The application, ready to be asked; takes a few hundred milliseconds."""
        from turnout.api.control import Control, control_plane  # noqa: PLC0415 - see the class

        return control_plane(
            Control(
                store=self._store,
                keys=self._house.keys,
                clock=self._house.clock,
                catalog=self._catalog(),
                metrics=self._metrics,
                ready=self._ready,
                find_generation=self._find_generation,
                report=_report,
                cors=self._cors,
                public_metrics=self._public_metrics,
            )
        )

    def _catalog(self) -> Any:  # noqa: ANN401 - its type is imported late as well
        from turnout.api.control import Catalog  # noqa: PLC0415 - see the class
        from turnout.catalog.render import endpoints_object, model_object, models_reply  # noqa: PLC0415 - see the class

        render = _once_per_snapshot(models_reply)

        def shown(name: str, draw: Callable[[Model, CatalogSnapshot], dict[str, Any]]) -> dict[str, Any] | None:
            snapshot = self._snapshot()
            try:
                model = snapshot.find(parse_model_name(name).base)
            except InvalidModelName:
                return None
            return None if model is None else draw(model, snapshot)

        return Catalog(
            snapshot=self._snapshot,
            models=lambda: render(self._snapshot()),
            model=lambda name: shown(name, model_object),
            endpoints=lambda name: shown(name, endpoints_object),
            providers=lambda: _providers_reply(self._snapshot()),
        )

    def _snapshot(self) -> CatalogSnapshot:
        return self._house.rails.routes.snapshot

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

    async def _find_generation(self, generation_id: str, account_id: str) -> Generation | None:
        """The generation, waited for a little: its journal may not have reached the store yet."""
        waited = 0.0
        while (found := await self._store.generation(generation_id, account_id)) is None:
            if waited >= _FLUSH_WAIT_SECONDS:
                return None
            await asyncio.sleep(_FLUSH_STEP_SECONDS)
            waited += _FLUSH_STEP_SECONDS
        return found


def _once_per_snapshot(render: Callable[[CatalogSnapshot], bytes]) -> Callable[[CatalogSnapshot], bytes]:
    """*render*, remembered for the last snapshot only."""
    last: list[tuple[CatalogSnapshot, bytes]] = []

    def rendered(snapshot: CatalogSnapshot) -> bytes:
        if not last or last[0][0] is not snapshot:
            last[:] = [(snapshot, render(snapshot))]
        return last[0][1]

    return rendered


def _providers_reply(snapshot: CatalogSnapshot) -> bytes:
    return encode(
        {
            "data": [
                {
                    "name": one.name,
                    "slug": one.slug,
                    "privacy_policy_url": one.policy.privacy_policy_url,
                    "terms_of_service_url": one.policy.terms_of_service_url,
                    "status_page_url": one.policy.status_page_url,
                    "datacenters": _countries(one.policy.regions),
                    "headquarters": one.policy.headquarters,
                }
                for one in snapshot.providers.values()
            ]
        }
    )


def _countries(regions: Sequence[str]) -> list[str]:
    """The regions that are countries, by their ISO 3166 code: clients know no others."""
    return [region.upper() for region in regions if len(region) == _COUNTRY_CODE and region != "eu"]


def _report(error: Exception) -> None:
    """Kind and place only: messages may quote what a caller sent."""
    _log.error(
        "a mistake of ours: %s\n%s", type(error).__name__, "".join(traceback.format_tb(error.__traceback__)[-6:])
    )
