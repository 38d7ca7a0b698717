"""The catalog snapshot of this installation: from the file of an earlier start, or merged anew."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

from turnout import config
from turnout.app.providers import FAKE, wants_reasoning_back
from turnout.catalog import snapshot_file
from turnout.catalog.benchmarks import benchmarks_if_valid
from turnout.catalog.build import Merge, adhoc_models, merge
from turnout.catalog.declared import declared
from turnout.catalog.ours import our_facts, our_mark, our_rows
from turnout.catalog.provenance import ModelProvenance, load_provenance, save_provenance
from turnout.catalog.quarantine import Hold
from turnout.catalog.rows import Row
from turnout.catalog.sync_state import State, StateFolder
from turnout.contracts.picker import Picker
from turnout.contracts.provider import Adapter, Embedder
from turnout.domain.catalog import CatalogSnapshot
from turnout.domain.provider import Provider
from turnout.engine.house import Rails
from turnout.engine.plan import Routes
from turnout.engine.rack import Rack
from turnout.net.client import Origin
from turnout.providers.compatible import load_compatible
from turnout.providers.fake.words import MODELS

__all__ = [
    "PROVENANCE_FILE",
    "SNAPSHOT_FILE",
    "catalog_rows",
    "mark_of",
    "merge_of",
    "offline_rows",
    "provenance_of",
    "provider_aliases",
    "rails_of",
    "save_merge",
    "snapshot_of",
    "synced_rows",
    "wanted_sources",
]

SNAPSHOT_FILE = "catalog.snapshot"
PROVENANCE_FILE = "catalog.provenance"
"""Both within the data directory."""


def snapshot_of(
    settings: config.Settings, providers: Mapping[str, Provider], listed: Sequence[Row], now: float
) -> CatalogSnapshot:
    """The snapshot of what *providers* serve at *now* (unix seconds), with what the last sync has found.

    *listed* are rows from providers' own listings. Without any, the snapshot is kept in the data directory, and
    read from there when it was made of the same things.
    """
    data_dir = Path(settings.server.data_dir)
    folder = StateFolder(data_dir)
    state = folder.load()
    mark = mark_of(settings, providers, state, now)
    if not listed and (kept := snapshot_file.load(data_dir / SNAPSHOT_FILE, mark, providers)) is not None:
        return kept
    synced = [*listed, *synced_rows(settings, providers, state)]
    if (latest := folder.load()).mark != state.mark:  # a sync came in between, and has cleared old copies away
        state, mark = latest, mark_of(settings, providers, latest, now)
        synced = [*listed, *synced_rows(settings, providers, state)]
    made = merge_of(settings, providers, state, catalog_rows(settings, providers, synced, state.holds, now), now)
    if not listed and data_dir.is_dir():
        with suppress(OSError):  # a read-only data directory costs time at the next start, nothing else
            save_merge(data_dir, made, mark)
    return made.snapshot


def provenance_of(
    settings: config.Settings, providers: Mapping[str, Provider], model_id: str, now: float
) -> ModelProvenance | None:
    """Who said what of the model *model_id*; None for one that is not listed."""
    data_dir = Path(settings.server.data_dir)
    state = StateFolder(data_dir).load()
    mark = mark_of(settings, providers, state, now)
    if (kept := load_provenance(data_dir / PROVENANCE_FILE, model_id, mark)) is not None:
        return kept
    rows = catalog_rows(settings, providers, synced_rows(settings, providers, state), state.holds, now)
    return merge_of(settings, providers, state, rows, now).provenance().get(model_id)


def mark_of(settings: config.Settings, providers: Mapping[str, Provider], state: State, now: float) -> str:
    """The fingerprint of the snapshot that is built of these."""
    from turnout.catalog.sources.bundled import package_versions  # noqa: PLC0415 - it is a while to import

    day = datetime.fromtimestamp(now, UTC).date().isoformat()
    packages = (our_mark(), *package_versions()) if settings.catalog.bundled else (our_mark(),)
    measured = settings.catalog.benchmarks_file
    if measured is not None and measured.is_file():
        packages += (hashlib.sha256(measured.read_bytes()).hexdigest(),)
    synced = ("sync", state.mark, *wanted_sources(settings)) if state.sources else ()
    return snapshot_file.fingerprint((*packages, *synced), declared(settings), providers, day)


def synced_rows(settings: config.Settings, providers: Mapping[str, Provider], state: State) -> list[Row]:
    """The last good copies of those sources that *settings* want, of providers that can be used."""
    wanted = wanted_sources(settings)
    rows: list[Row] = []
    for source, copy in StateFolder(Path(settings.server.data_dir)).copies(state).items():
        slug = source.removesuffix(" /models")
        provider = providers.get(slug) if slug != source and "providers" in wanted else None
        if source in wanted or (provider is not None and provider.usable):
            rows += copy.rows
    return rows


def offline_rows(settings: config.Settings, at: float) -> Sequence[Row]:
    """What the installed packages know, unless the operator wants none of it."""
    from turnout.catalog.sources.bundled import bundled_rows  # noqa: PLC0415 - only a merge needs it

    return (*bundled_rows(at, provider_aliases()), *our_rows()) if settings.catalog.bundled else ()


def catalog_rows(
    settings: config.Settings,
    providers: Mapping[str, Provider],
    synced: Sequence[Row],
    holds: Sequence[Hold],
    at: float,
    offline: Sequence[Row] | None = None,
) -> list[Row]:
    """All rows that a snapshot is built of, the most trusted first, what is quarantined held back.

    *offline* are those of :func:`offline_rows`, where the caller has them already.
    """
    from turnout.catalog.sources.sample import sample_rows  # noqa: PLC0415 - only a merge needs it
    from turnout.catalog.sync_rows import in_order_of_trust  # noqa: PLC0415 - the same

    rows = in_order_of_trust(synced, offline_rows(settings, at) if offline is None else offline, holds)
    if FAKE in providers:
        rows += sample_rows(FAKE, MODELS)
    return rows


def merge_of(
    settings: config.Settings, providers: Mapping[str, Provider], state: State, rows: Sequence[Row], now: float
) -> Merge:
    """The catalog of *rows* and of what *settings* declare; as old as the last sync that went well."""
    known = our_facts(
        bundled=settings.catalog.bundled,
        canonical=state.slugs,
        retired=state.retired,
        benchmarks=benchmarks_if_valid(settings.catalog.benchmarks_file),
    )
    return merge(
        rows, declared(settings), providers, built=state.synced or now, generation=state.generation, known=known
    )


def save_merge(data_dir: Path, made: Merge, mark: str) -> None:
    """Write the snapshot, and who said what in it, to *data_dir*.

    Raises:
        OSError: it cannot be written.
    """
    save_provenance(made.provenance(), data_dir / PROVENANCE_FILE, mark)
    snapshot_file.save(made.snapshot, data_dir / SNAPSHOT_FILE, mark)


def wanted_sources(settings: config.Settings) -> tuple[str, ...]:
    """The sources that a sync reads.

    Whoever switches the bundled catalog off and names no sources wants what he has declared, and what his own
    providers say they have.
    """
    catalog = settings.catalog
    if not catalog.bundled and "sources" not in catalog.model_fields_set:
        return ("providers",)
    return catalog.sources


def provider_aliases() -> dict[str, str]:
    """What other catalogs call providers of the table, to our slugs."""
    return {alias: slug for slug, row in load_compatible().items() for alias in row.aliases}


def rails_of(
    snapshot: CatalogSnapshot,
    adapters: Mapping[str, Adapter],
    origins: dict[str, Origin],
    embedders: Mapping[str, Embedder] = MappingProxyType({}),
    rack: Rack | None = None,
    pickers: Mapping[str, Picker] = MappingProxyType({}),
) -> Rails:
    """What requests are planned and sent with; *origins* keeps the connections of addresses that stay."""
    here: dict[str, Origin] = {}
    for slug in adapters:
        address = snapshot.providers[slug].base_url
        here[slug] = origins[address] if address in origins else origins.setdefault(address, Origin(address))
    recalling = frozenset(slug for slug in adapters if wants_reasoning_back(snapshot.providers[slug]))
    return Rails(
        Routes(snapshot, adhoc_models(snapshot), pickers),
        dict(adapters),
        here,
        recalling,
        dict(embedders),
        rack or Rack(),
    )
