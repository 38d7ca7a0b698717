"""The rails of a worker: made from the configuration, and made anew when it or a provider's listing changes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import final

from turnout import config
from turnout.app.catalog import rails_of, snapshot_of
from turnout.app.listings import listed_rows
from turnout.app.plugins import rack_of
from turnout.app.providers import FAKE, adapters_for, embedders_for, errands_for, providers_of
from turnout.base.clock import SYSTEM_CLOCK
from turnout.catalog.build import open_providers
from turnout.catalog.rows import Row
from turnout.contracts.picker import Picker
from turnout.contracts.provider import Outside
from turnout.domain.provider import Provider
from turnout.engine.house import Rails
from turnout.net.client import Client, Origin

__all__ = ["Switchman"]

_log = logging.getLogger(__name__)


@final
class Switchman:
    """Lays the rails that requests run on. Connections to addresses that stay are kept."""

    def __init__(
        self,
        environment: Mapping[str, str],
        fake_address: str,
        outside: Outside,
        pickers: Mapping[str, Picker] = MappingProxyType({}),
    ) -> None:
        """*pickers* are the routers that choose among models, by name."""
        self._environment = environment
        self._fake_address = fake_address
        self._outside = outside
        self._pickers = pickers
        self._origins: dict[str, Origin] = {}
        self._unlisted: list[Provider] = []
        self._listed: Sequence[Row] = ()

    def lay(self, settings: config.Settings, listed: Sequence[Row] = ()) -> Rails:
        """Rails for *settings*, with the models that *listed* adds to the catalog's.

        Raises:
            ValueError: a provider's address, credential or header cannot be used.
        """
        providers, warnings = providers_of(settings, self._environment, self._fake_address)
        for warning in warnings:
            _log.warning("%s", warning)
        snapshot = snapshot_of(settings, providers, listed, SYSTEM_CLOCK.wall())
        if not listed:
            self._unlisted = [one for slug, one in open_providers(snapshot).items() if slug != FAKE]
        embedders = embedders_for(providers, self._outside)
        rack = rack_of(settings, snapshot)
        rails = rails_of(
            snapshot, adapters_for(providers, self._outside), self._origins, embedders, rack, self._pickers
        )
        rails.errands.update(errands_for(providers, self._outside))
        return rails

    async def extend(self, settings: config.Settings, rails: Rails, client: Client) -> Rails:
        """*rails* with the models of servers that no catalog knows, asked of themselves."""
        listed = await listed_rows(client, self._unlisted, rails.origins)
        self._listed = listed
        if not listed:
            return rails
        return await asyncio.to_thread(self.lay, settings, listed)

    def follow(self, settings: config.Settings) -> Rails:
        """Rails with the catalog that a sync has left; servers that still no catalog knows keep what they have listed.

        Raises:
            ValueError: as :meth:`lay`.
        """
        rails = self.lay(settings)
        unlisted = {provider.slug for provider in self._unlisted}
        listed = [row for row in self._listed if row.provider in unlisted]
        return self.lay(settings, listed) if listed else rails
