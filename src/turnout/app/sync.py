"""``turnout catalog sync``: read the sources, believe what can be believed, and swap the catalog as a whole."""

from __future__ import annotations

import asyncio
import fcntl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from turnout import config
from turnout.app.catalog import (
    catalog_rows,
    mark_of,
    merge_of,
    offline_rows,
    provider_aliases,
    save_merge,
    snapshot_of,
    synced_rows,
    wanted_sources,
)
from turnout.app.providers import providers_of
from turnout.app.sync_desk import Desk, SourceReport
from turnout.app.sync_sources import SILENT, Progress, Reader
from turnout.base.errors import NotFound, Unavailable
from turnout.catalog import events
from turnout.catalog.build import canonical_slugs
from turnout.catalog.difference import differences, retired
from turnout.catalog.grouping import merged_rows
from turnout.catalog.quarantine import Hold, judged
from turnout.catalog.rows import Row
from turnout.catalog.sync_rows import GENAI_PRICES, provider_slugs
from turnout.catalog.sync_state import SourceState, State, StateFolder
from turnout.domain.catalog_event import CatalogEvent
from turnout.domain.provider import Provider
from turnout.net.client import Client
from turnout.net.deadlines import Deadlines
from turnout.net.outbox import Outbox

__all__ = ["SourceReport", "SyncReport", "decide", "sync"]


class SyncReport(NamedTuple):
    """What a sync has done.

    ``changes`` are those of the catalog, ``held`` the changes that were quarantined by this sync. ``failed``: there
    was something to read, and nothing of it could be read.
    """

    sources: tuple[SourceReport, ...]
    changes: tuple[CatalogEvent, ...]
    held: tuple[Hold, ...]

    @property
    def failed(self) -> bool:
        """Whether every source failed."""
        return bool(self.sources) and not any(source.well for source in self.sources)


async def sync(
    settings: config.Settings, environment: Mapping[str, str], now: float, progress: Progress = SILENT
) -> SyncReport:
    """Read all sources that *settings* name, and make a new catalog of them; *now* is in unix seconds.

    Whatever fails, the last good copy of its source stands in. A kill at any point leaves the old catalog or the new
    one.

    Raises:
        Unavailable: another sync of this data directory is under way.
        OSError: the data directory cannot be written.
    """
    folder = StateFolder(Path(settings.server.data_dir))
    with _alone(folder):
        before = folder.load()
        copies = folder.copies(before)
        providers, _ = providers_of(settings, environment)
        slugs = provider_slugs(provider_aliases())
        loop = asyncio.get_running_loop()
        client = Client(Deadlines(loop), Outbox(loop, _nothing))
        readings = await Reader(client, copies, slugs, now, progress).read(settings, providers)
        desk = Desk(folder, before, copies, slugs, offline_rows(settings, now), now)
        for reading in sorted(readings, key=lambda one: one.source == GENAI_PRICES):  # it prices what others name
            desk.take(reading)
        return _swapped(_Swap(settings, providers, folder, before, now, desk.offline), desk)


def decide(
    settings: config.Settings, environment: Mapping[str, str], now: float, hold_id: str, *, approve: bool
) -> Hold:
    """Let the quarantined change *hold_id* through, or turn it down for good; the hold it was.

    Raises:
        NotFound: nothing of that id is quarantined.
        Unavailable: a sync is under way.
        OSError: the data directory cannot be written.
    """
    folder = StateFolder(Path(settings.server.data_dir))
    with _alone(folder):
        before = folder.load()
        hold = next((one for one in before.holds if one.id == hold_id and not one.rejected), None)
        if hold is None:
            raise NotFound(f"nothing with the id {hold_id} is quarantined")
        others = tuple(one for one in before.holds if one.id != hold_id)
        sources = dict(before.sources)
        if not approve:
            others = (*others, replace(hold, rejected=True))
        elif hold.kind == "source":
            copy = folder.copy(hold.file)
            models = len(copy.rows) if copy is not None else 0
            known = sources.get(hold.source, SourceState())
            sources[hold.source] = replace(known, file=hold.file, models=models, changed=now)
        after = replace(before, holds=others, sources=sources)
        providers, _ = providers_of(settings, environment)
        _Swap(settings, providers, folder, before, now, offline_rows(settings, now)).commit(after)
        return hold


class _Swap(NamedTuple):
    """What it takes to put another state in the place of the one *before*."""

    settings: config.Settings
    providers: Mapping[str, Provider]
    folder: StateFolder
    before: State
    now: float
    offline: Sequence[Row]

    def rows(self, state: State, holds: Sequence[Hold]) -> list[Row]:
        """All rows of *state* with *holds* held back."""
        synced = synced_rows(self.settings, self.providers, state)
        return catalog_rows(self.settings, self.providers, synced, holds, self.now, self.offline)

    def commit(self, after: State) -> list[CatalogEvent]:
        """Make *after* the state that counts: the state first, then the snapshot made of it, then the journal."""
        before, now = self.before, self.now
        old = snapshot_of(self.settings, self.providers, (), now)
        rows = self.rows(after, after.holds)
        made = merge_of(self.settings, self.providers, after, rows, now)
        changes = differences(old, made.snapshot, now)
        after = replace(
            after,
            generation=before.generation + 1 if changes else before.generation,
            retired=retired(old, made.snapshot, before.retired, now),
            slugs=canonical_slugs(made.snapshot),
        )
        made = merge_of(self.settings, self.providers, after, rows, now)
        self.folder.save(after)
        data_dir = Path(self.settings.server.data_dir)
        save_merge(data_dir, made, mark_of(self.settings, self.providers, after, now))
        with suppress(OSError):  # a feed that lacks a line is no reason to fail
            events.append(data_dir / events.FILE, changes)
        return changes


def _swapped(swap: _Swap, desk: Desk) -> SyncReport:
    """Judge prices against what stands, write everything down, and tell."""
    before, now = swap.before, swap.now
    wanted = wanted_sources(swap.settings)
    # A provider that is not asked today keeps its place, for when it is configured again.
    kept = {
        name: one
        for name, one in before.sources.items()
        if name in wanted or (name.endswith(" /models") and "providers" in wanted)
    }
    went_well = any(report.well for report in desk.reports)
    fresh = replace(
        before,
        tried=now,
        synced=now if went_well else before.synced,
        sources={**kept, **desk.sources},
        holds=tuple(desk.holds),
    )
    standing = merged_rows(swap.rows(before, before.holds))
    prices = judged(standing, merged_rows(swap.rows(fresh, ())), before.holds, now)
    fresh = replace(fresh, holds=(*fresh.holds, *prices))
    changes = swap.commit(fresh)
    known = {hold.id for hold in before.holds}
    return SyncReport(tuple(desk.reports), tuple(changes), tuple(hold for hold in fresh.holds if hold.id not in known))


@contextmanager
def _alone(folder: StateFolder) -> Iterator[None]:
    """Hold the lock of the folder; it ends with this process, however that ends."""
    folder.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.path.mkdir(mode=0o700, exist_ok=True)
    with folder.lock_file.open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Unavailable("another sync of this data directory is under way") from None
        yield


def _nothing() -> None:
    """No record waits for what is sent here."""
