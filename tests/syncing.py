"""Syncs in this process, with clocks of a test's choosing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from turnout import config
from turnout.app.catalog import snapshot_of
from turnout.app.providers import known_slugs, providers_of
from turnout.app.sync import SyncReport, sync
from turnout.catalog.sync_state import State, StateFolder
from turnout.domain.catalog import CatalogSnapshot

__all__ = ["DAY", "NOON", "Installation"]

NOON = 1_795_176_000.0
"""A noon in UTC, in unix seconds."""
DAY = 86_400.0


class Installation:
    """A data directory with a configuration: *toml* without the table ``[server]``."""

    def __init__(self, directory: Path, toml: str, environment: Mapping[str, str] | None = None) -> None:
        self.data_dir = directory / "data"
        self.config = directory / "turnout.toml"
        self.config.write_text(f'server.data_dir = "{self.data_dir}"\n{toml}')
        self.environment = dict(environment or {})

    @property
    def settings(self) -> config.Settings:
        return config.load(self.config, self.environment, {}, known_slugs()).settings

    def sync(self, now: float = NOON) -> SyncReport:
        return asyncio.run(sync(self.settings, self.environment, now))

    def catalog(self, now: float = NOON) -> CatalogSnapshot:
        """What a server that starts at *now* serves."""
        providers, _ = providers_of(self.settings, self.environment)
        return snapshot_of(self.settings, providers, (), now)

    def state(self) -> State:
        return StateFolder(self.data_dir).load()

    def prompt_price(self, model_id: str, provider: str, now: float = NOON) -> int:
        """Pico-dollars per token."""
        found = self.catalog(now).find(model_id)
        assert found is not None
        return next(e.pricing.prompt for e in found.endpoints if e.provider == provider and e.service_tier is None)
