"""``turnout catalog sync``: read the sources, believe what can be believed, and swap the catalog as a whole."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec
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
from turnout.app.sync_sources import SILENT, Progress, Reader, Reading
from turnout.base.errors import NotFound, Unavailable
from turnout.catalog import events
from turnout.catalog.build import canonical_slugs
from turnout.catalog.difference import differences, retired
from turnout.catalog.grouping import merged_rows
from turnout.catalog.quarantine import Hold, judged, shrunk, source_hold
from turnout.catalog.rows import Row
from turnout.catalog.sources.genai_prices import UnknownShape
from turnout.catalog.sync_rows import GENAI_PRICES, MODELS_DEV, price_rows, provider_slugs
from turnout.catalog.sync_state import Copy, SourceState, State, StateFolder
from turnout.catalog.sync_vet import vetted
from turnout.domain.catalog_event import CatalogEvent
from turnout.domain.provider import Provider
from turnout.net.client import Client
from turnout.net.deadlines import Deadlines
from turnout.net.outbox import Outbox

__all__ = ["SourceReport", "SyncReport", "decide", "sync"]

_NOWHERE = "http://127.0.0.1:0/v1"


class SourceReport(NamedTuple):
    """One source in one line: ``well`` False when it could not be read."""

    source: str
    text: str
    well: bool


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
        providers, _ = providers_of(settings, environment, _NOWHERE)
        slugs = provider_slugs(provider_aliases())
        loop = asyncio.get_running_loop()
        client = Client(Deadlines(loop), Outbox(loop, _nothing))
        readings = await Reader(client, copies, slugs, now, progress).read(settings, providers)
        desk = _Desk(folder, before, copies, slugs, offline_rows(settings, now), now)
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
        providers, _ = providers_of(settings, environment, _NOWHERE)
        _Swap(settings, providers, folder, before, now, offline_rows(settings, now)).commit(after)
        return hold


class _Desk:
    """Where readings become copies, holds and lines for the operator."""

    def __init__(
        self,
        folder: StateFolder,
        before: State,
        copies: Mapping[str, Copy],
        slugs: Mapping[str, str],
        offline: Sequence[Row],
        now: float,
    ) -> None:
        self._folder = folder
        self._before = before
        self._copies = copies
        self._slugs = slugs
        self.offline = offline
        self.now = now
        self.sources: dict[str, SourceState] = {}
        self.reports: list[SourceReport] = []
        self.holds: list[Hold] = []
        self._rows: list[Row] = []

    def take(self, reading: Reading) -> None:
        """Judge one reading as a whole."""
        name = reading.source
        state = self._before.sources.get(name, SourceState())
        copy = self._copies.get(name)
        if name == GENAI_PRICES and reading.body:
            reading = self._priced(reading)
        if reading.failure or (reading.unchanged and copy is None):
            failure = reading.failure or "it says that nothing has changed, but there is no copy of it"
            self._keep(name, replace(state, failure=failure), copy)
            kept = f"; the copy of {_day(state.fetched)} stays" if copy is not None else ""
            self.reports.append(SourceReport(name, f"{failure}{kept}", well=False))
        elif reading.unchanged and copy is not None:
            self._keep(name, replace(state, failure="", fetched=self.now), copy)
            self.holds += [hold for hold in self._before.holds if hold.kind == "source" and hold.source == name]
            self.reports.append(SourceReport(name, f"{_count(_models(copy.rows))}, unchanged", well=True))
        else:
            self._judge(reading, state, copy)

    def _priced(self, reading: Reading) -> Reading:
        try:
            rows = price_rows(reading.body, [*self._rows, *self.offline], self._slugs, self.now, _day(self.now))
        except UnknownShape as error:
            return reading._replace(failure=f"its answer is not what it should be: {error}")
        return reading._replace(rows=rows) if rows else reading._replace(failure="it lists no price that can be used")

    def _judge(self, reading: Reading, state: SourceState, copy: Copy | None) -> None:
        name = reading.source
        earlier = copy.rows if copy is not None else ()
        rows, complaints = vetted(reading.rows, earlier)
        count, known = _models(rows), self._models_before(name, copy)
        if not rows or shrunk(known, count):
            self._hold_back(reading._replace(rows=rows), state, copy, (known, count))
            return
        fresh = Copy(source=name, rows=rows, validators=reading.validators, details=dict(reading.details))
        changed = _digest(rows) != _digest(earlier)
        self._keep(
            name,
            SourceState(
                file=self._folder.keep(fresh),
                models=count,
                fetched=self.now,
                changed=self.now if changed else state.changed,
            ),
            fresh,
        )
        remarks = [f"{what} ({amount} times)" for what, amount in sorted(complaints.items())]
        remarks += [reading.remark] if reading.remark else []
        parts = [f"{_count(count)}, {'read' if changed else 'unchanged'}", *remarks]
        self.reports.append(SourceReport(name, "; ".join(parts), well=True))

    def _hold_back(self, reading: Reading, state: SourceState, copy: Copy | None, counts: tuple[int, int]) -> None:
        """Keep the old copy, and the new one beside it until somebody has decided."""
        name = reading.source
        # Without validators: it is to be read again, in case it has recovered.
        file = self._folder.keep(Copy(source=name, rows=reading.rows, details=dict(reading.details)))
        hold = source_hold(name, (file, _digest(reading.rows)), counts, self._before.holds, self.now)
        self.holds.append(hold)
        self._keep(name, replace(state, fetched=self.now, failure=""), copy)
        verdict = "was turned down" if hold.rejected else f"is quarantined as {hold.id}"
        text = f"its list shrank from {counts[0]:,} to {counts[1]:,} models and {verdict}"
        self.reports.append(SourceReport(name, text, well=True))

    def _models_before(self, name: str, copy: Copy | None) -> int:
        """How long the list was; what is bundled is the first copy of models.dev."""
        if copy is not None:
            return _models(copy.rows)
        return _models([row for row in self.offline if not row.price_list_only]) if name == MODELS_DEV else 0

    def _keep(self, name: str, state: SourceState, copy: Copy | None) -> None:
        self.sources[name] = state
        self._rows += copy.rows if copy is not None else ()


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


def _swapped(swap: _Swap, desk: _Desk) -> SyncReport:
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


def _models(rows: Sequence[Row]) -> int:
    """How many models rows are about; several rows may tell of one."""
    return len(Counter((row.provider, row.upstream_model) for row in rows if row.upstream_model))


def _digest(rows: Sequence[Row]) -> str:
    """A hash over what rows say, but for the day on which they said it."""
    return hashlib.sha256(msgspec.msgpack.encode([replace(row, fetched=None) for row in rows])).hexdigest()


def _count(models: int) -> str:
    return f"{models:,} model{'' if models == 1 else 's'}"


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).date().isoformat()


def _nothing() -> None:
    """No record waits for what is sent here."""
