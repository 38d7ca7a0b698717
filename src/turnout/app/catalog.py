"""The catalog snapshot of this installation: from the file of an earlier start, or merged anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from turnout import config
from turnout.app.providers import FAKE
from turnout.catalog import snapshot_file
from turnout.catalog.build import adhoc_model, build, open_providers
from turnout.catalog.declared import declared
from turnout.catalog.rows import Row
from turnout.contracts.provider import Adapter
from turnout.contracts.strategy import Strategy
from turnout.domain.catalog import CatalogSnapshot, Model
from turnout.domain.provider import Provider
from turnout.engine.house import Rails
from turnout.engine.plan import Routes
from turnout.net.client import Origin
from turnout.providers.compatible import load_compatible
from turnout.providers.fake.words import MODELS
from turnout.strategies.balanced import balanced
from turnout.strategies.price import by_price

__all__ = ["rails_of", "snapshot_of"]

_FILE = "catalog.snapshot"
_STRATEGIES: Mapping[str, Strategy] = {"balanced": balanced, "price": by_price}


def snapshot_of(
    settings: config.Settings, providers: Mapping[str, Provider], listed: Sequence[Row], now: float
) -> CatalogSnapshot:
    """The snapshot of what *providers* serve at *now* (unix seconds).

    *listed* are rows from providers' own listings. Without any, the snapshot is kept in the data directory, and
    read from there when it was made of the same things.
    """
    from turnout.catalog.sources.bundled import bundled_rows, package_versions  # noqa: PLC0415 - only a merge needs it
    from turnout.catalog.sources.sample import sample_rows  # noqa: PLC0415 - the same

    models = declared(settings)
    path = Path(settings.server.data_dir) / _FILE
    day = datetime.fromtimestamp(now, UTC).date().isoformat()
    sources = package_versions() if settings.catalog.bundled else ()
    mark = snapshot_file.fingerprint(sources, models, providers, day)
    if not listed and (kept := snapshot_file.load(path, mark, providers)) is not None:
        return kept
    rows = [*listed]
    if settings.catalog.bundled:
        aliases = {alias: slug for slug, row in load_compatible().items() for alias in row.aliases}
        rows += bundled_rows(now, aliases)
    if FAKE in providers:
        rows += sample_rows(FAKE, MODELS)
    snapshot = build(rows, models, providers, built=now)
    if not listed and path.parent.is_dir():
        with suppress(OSError):  # a read-only data directory costs time at the next start, nothing else
            snapshot_file.save(snapshot, path, mark)
    return snapshot


def rails_of(snapshot: CatalogSnapshot, adapters: Mapping[str, Adapter], origins: dict[str, Origin]) -> Rails:
    """What requests are planned and sent with; *origins* keeps the connections of addresses that stay."""
    unlisted = open_providers(snapshot)

    def adhoc(name: str, _providers: Mapping[str, Provider]) -> Model | None:
        return adhoc_model(name, unlisted)

    here: dict[str, Origin] = {}
    for slug in adapters:
        address = snapshot.providers[slug].base_url
        here[slug] = origins[address] if address in origins else origins.setdefault(address, Origin(address))
    return Rails(Routes(snapshot, adhoc, _STRATEGIES), adapters, here)
