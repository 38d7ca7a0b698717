"""Where what was read of the sources becomes copies, holds and lines for the operator."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from turnout.app.sync_sources import Reading
from turnout.catalog.quarantine import Hold, size_leaps, size_told, source_hold
from turnout.catalog.rows import Row
from turnout.catalog.sources.genai_prices import UnknownShape
from turnout.catalog.sync_rows import GENAI_PRICES, MODELS_DEV, price_rows
from turnout.catalog.sync_state import Copy, SourceState, State, StateFolder
from turnout.catalog.sync_vet import vetted

__all__ = ["Desk", "SourceReport"]


class SourceReport(NamedTuple):
    """One source in one line: ``well`` False when it could not be read."""

    source: str
    text: str
    well: bool


class Desk:
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
        if not rows or size_leaps(known, count):
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
        self.reports.append(SourceReport(name, f"{size_told(*counts)} and {verdict}", well=True))

    def _models_before(self, name: str, copy: Copy | None) -> int:
        """How long the list was; what is bundled is the first copy of models.dev."""
        if copy is not None:
            return _models(copy.rows)
        return _models([row for row in self.offline if not row.price_list_only]) if name == MODELS_DEV else 0

    def _keep(self, name: str, state: SourceState, copy: Copy | None) -> None:
        self.sources[name] = state
        self._rows += copy.rows if copy is not None else ()


def _models(rows: Sequence[Row]) -> int:
    """How many models rows are about; several rows may tell of one."""
    return len({(row.provider, row.upstream_model) for row in rows if row.upstream_model})


def _digest(rows: Sequence[Row]) -> str:
    """A hash over what rows say, but for the day on which they said it."""
    return hashlib.sha256(msgspec.msgpack.encode([replace(row, fetched=None) for row in rows])).hexdigest()


def _count(models: int) -> str:
    return f"{models:,} model{'' if models == 1 else 's'}"


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).date().isoformat()
