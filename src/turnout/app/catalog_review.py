"""What a person looks at before and after a sync: changes, what is quarantined, what nobody could name, the sources."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from turnout import config
from turnout.app.catalog import catalog_rows, provenance_of, snapshot_of, synced_rows
from turnout.app.providers import providers_of
from turnout.catalog import events
from turnout.catalog.grouping import merged_rows, unidentified
from turnout.catalog.provenance import ModelProvenance
from turnout.catalog.quarantine import Hold
from turnout.catalog.sync_state import SourceState, StateFolder
from turnout.domain.catalog import Model
from turnout.domain.catalog_event import CatalogEvent

__all__ = ["Review", "provenance", "review"]

_MOST = 100_000


class Review(NamedTuple):
    """The state of the catalog for a person.

    Attributes:
        changes: what the last swap that changed anything has brought, or all since a time; newest swap first.
        held: quarantined changes that wait for a decision.
        unidentified: provider and upstream name of listed models whose maker nobody knows.
        sources: by name, when each was read and what failed.
        synced: unix seconds of the last sync that went well; 0 for never.
    """

    changes: tuple[CatalogEvent, ...]
    held: tuple[Hold, ...]
    unidentified: tuple[tuple[str, str], ...]
    sources: Mapping[str, SourceState]
    synced: float


def review(settings: config.Settings, environment: Mapping[str, str], now: float, since: float | None = None) -> Review:
    """Everything to be looked at; *since* and *now* are in unix seconds. Nobody is asked for anything."""
    data_dir = Path(settings.server.data_dir)
    state = StateFolder(data_dir).load()
    told = events.read(data_dir / events.FILE, _MOST)
    if since is None:
        since = told[0].at if told else 0.0
    providers, _ = providers_of(settings, environment)
    synced = synced_rows(settings, providers, state)
    rows = merged_rows(catalog_rows(settings, providers, synced, state.holds, now))
    return Review(
        changes=tuple(event for event in told if event.at >= since),
        held=tuple(hold for hold in state.holds if not hold.rejected),
        unidentified=tuple(unidentified(row for row in rows if row.provider in providers and row.pricing is not None)),
        sources=state.sources,
        synced=state.synced,
    )


def provenance(
    settings: config.Settings, environment: Mapping[str, str], now: float, name: str
) -> tuple[Model, ModelProvenance] | None:
    """The model called *name* with the origins of its fields; None where there is none."""
    providers, _ = providers_of(settings, environment)
    model = snapshot_of(settings, providers, (), now).find(name)
    found = None if model is None else provenance_of(settings, providers, model.id, now)
    return None if model is None else (model, found or ModelProvenance({}, {}))
