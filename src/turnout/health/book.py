"""What happened at each endpoint lately, written by this worker, read from all of them.

The hot path appends to a list. A pulse, four times a second, counts that into the windows, reads what other workers
have written, and keeps :attr:`HealthBook.known` fresh, so that a plan pays one look into a dictionary per endpoint.
Failures are counted at once, and are seen by this worker's next plan.
"""

from __future__ import annotations

import asyncio
import operator
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import islice
from random import Random
from typing import Any, Final, Literal, final

from msgspec.structs import replace

from turnout.base.clock import SYSTEM_CLOCK, Clock
from turnout.domain.health import UNKNOWN, Vitals
from turnout.health.judgement import limited_until, listing, trouble, vitals
from turnout.health.neighbour import REGION_BYTES, Neighbour
from turnout.health.shelf import Shelf
from turnout.health.slot import (
    ANSWERED,
    FAILED,
    FIVE_MINUTES,
    IGNORED,
    LIMITED,
    RATES,
    STREAMED,
    TIME_ANSWERED,
    TIME_BEFORE,
    TIME_FAILED,
    TIME_LIMITED,
    TIME_TOUCHED,
    TIME_TRIED,
    TIME_UNREACHABLE,
    TOOLS,
    TOOLS_FAILED,
    WHOLE,
    Slot,
)
from turnout.health.spectrum import RATE_BOUNDS, SECONDS_BOUNDS
from turnout.shared.regions import PrivateRegion, Regions

__all__ = ["HealthBook"]

_PULSE_SECONDS: Final = 0.25
_FRESH_SECONDS = 1.0
_OLD_SECONDS = 5.0
_PER_PULSE = 32
"""Endpoints judged anew in one pulse: a millisecond or less."""

_GLANCES = 128
"""Endpoints in an outage that are looked at in one pulse; those looked at longest ago come first."""

_MOST_PENDING = 1024
_TICK = 5.0
_INSTANT = 1e-6
"""Seconds between two events of one endpoint, at least: their order decides whether an outage is over."""

_Event = tuple[str, float, float | None, float | None, float | None]


@final
class _Endpoint:
    """What is at hand of one endpoint: this worker's slot, if it has one, and those of the others."""

    __slots__ = ("chance", "distant", "foreign", "id", "own", "proven", "refreshed")

    def __init__(self, endpoint_id: str) -> None:
        self.id = endpoint_id
        self.own: Slot | None = None
        self.foreign: list[Slot] = []
        self.distant: Sequence[Slot] = ()  # of other machines
        self.refreshed = float("-inf")
        self.proven = 0.0
        self.chance = 0.0

    def slots(self) -> list[Slot]:
        return [*(() if self.own is None else (self.own,)), *self.foreign, *self.distant]


@final
class _Batch:
    """Answers of one endpoint within one tick."""

    __slots__ = ("answered", "at", "bad_tools", "marks", "tools", "until")

    def __init__(self, until: float) -> None:
        self.until = until
        self.at = 0.0
        self.answered = self.tools = self.bad_tools = 0
        self.marks: list[int] = []


@final
class HealthBook:
    """Counts outcomes and tells what they mean. All times are monotonic seconds. For one thread.

    Without *regions* it remembers for this process alone.

    Attributes:
        known: the latest vitals of every endpoint of which something is known. To be read only; what is not in it is
            ``UNKNOWN``. At most some seconds old for one that is well; an outage is seen at once if it began in this
            worker, within a quarter of a second if it began in another.
        ailing: ids of the endpoints in an outage, as keys.
    """

    def __init__(self, regions: Regions | None = None, dice: Random | None = None) -> None:
        self.known: dict[str, Vitals] = {}
        self.ailing: dict[str, None] = {}
        self._regions = regions or PrivateRegion(REGION_BYTES)
        self._dice = dice or Random()  # spreads trials over time; nothing secret depends on it
        self._epoch = self._regions.epoch
        self._events: list[_Event] = []
        self._tool_events: list[tuple[str, float, bool]] = []
        self._endpoints: dict[str, _Endpoint] = {}
        self._stale: dict[str, None] = {}
        self._neighbours: list[Neighbour] = []
        self._next_pulse = float("-inf")
        self._shelf = Shelf(self._regions)
        for endpoint_id, slot in self._shelf.left():
            self._found(endpoint_id).own = slot
            self._stale[endpoint_id] = None

    # What happened: called by the line.

    def answered(
        self,
        endpoint_id: str,
        now: float,
        first_token: float | None = None,
        whole: float | None = None,
        rate: float | None = None,
    ) -> None:
        """An attempt succeeded: a stream, *first_token* seconds after its request, or a *whole* answer.

        *rate* is in tokens per second of the time from the request to the end.
        """
        events = self._events
        events.append((endpoint_id, now, first_token, whole, rate))
        if len(events) >= _MOST_PENDING or endpoint_id in self.ailing:
            self._count_events()
            if endpoint_id in self.ailing:
                self._glance(self._endpoints[endpoint_id], now)

    def tool_calls(self, endpoint_id: str, now: float, *, ok: bool) -> None:
        """An answer ended in tool calls; not *ok*: one of them had no valid JSON, or a name that was not offered."""
        self._tool_events.append((endpoint_id, now, ok))

    def failed(self, endpoint_id: str, now: float, kind: Literal["error", "unreachable"]) -> None:
        """An attempt failed in a way that counts against the endpoint; *kind* says whether it was reached at all."""
        found = self._writable(endpoint_id, now)
        if found is None:
            return
        endpoint, slot, at = found
        slot.count(FAILED, at)
        times = slot.times
        times[TIME_BEFORE] = times[TIME_FAILED]
        times[TIME_FAILED] = at
        if kind == "unreachable":
            times[TIME_UNREACHABLE] = at
        self._announce(endpoint, slot)
        if endpoint_id not in self.ailing:
            self._glance(endpoint, now)

    def limited(self, endpoint_id: str, now: float, retry_after: float | None = None) -> None:
        """The endpoint has asked to be spared, for *retry_after* seconds if it said so."""
        found = self._writable(endpoint_id, now)
        if found is None:
            return
        endpoint, slot, at = found
        slot.count(LIMITED, at)
        if retry_after is not None and slot.times[TIME_LIMITED] < at + retry_after:
            news = slot.times[TIME_LIMITED] < at + retry_after / 2
            slot.times[TIME_LIMITED] = at + retry_after
            if news:
                self._announce(endpoint, slot)
                self._glance(endpoint, now)
        self._change(endpoint, slot)

    def ignored(self, endpoint_id: str, now: float) -> None:
        """An attempt failed in a way that says nothing of the endpoint."""
        found = self._writable(endpoint_id, now)
        if found is not None:
            endpoint, slot, at = found
            slot.count(IGNORED, at)
            self._change(endpoint, slot)

    def tried(self, endpoint_id: str, now: float) -> None:
        """An attempt begins at an endpoint that is in :attr:`ailing`: others wait for what becomes of it."""
        if endpoint_id not in self.ailing:
            return
        found = self._writable(endpoint_id, now)
        if found is not None:
            endpoint, slot, at = found
            slot.times[TIME_TRIED] = at
            self._announce(endpoint, slot)
            self._glance(endpoint, now)

    # What is known: read by plans and listings.

    def vitals(self, endpoint_id: str, now: float) -> Vitals:
        """The endpoint at *now*, with all that is counted; plans read :attr:`known` instead."""
        if now >= self._next_pulse:
            self.pulse(now)
        elif self._events or self._tool_events:
            self._count_events()
        endpoint = self._endpoints.get(endpoint_id)
        if endpoint is None:
            return UNKNOWN
        if endpoint_id in self._stale or endpoint.refreshed + _PULSE_SECONDS <= now:
            self._refresh(endpoint, now)
        return self.known.get(endpoint_id, UNKNOWN)

    def outage(self, endpoint_id: str, now: float) -> bool:
        """Whether the endpoint is better not tried first."""
        now_known = self.known.get(endpoint_id)
        if now_known is None or not now_known.outage:
            return False
        fresh = self.vitals(endpoint_id, now)
        return fresh.outage and not fresh.probing

    def listed(self, endpoint_id: str, now: float) -> Mapping[str, Any]:
        """What listings show, under the names of the Endpoint object, each only where enough is known.

        ``status`` is 0 (well), -1 or -2 (uptime below 95 or 80 %), -3 (rate limited) or -5 (outage). ``tool_requests``
        and ``tool_errors`` count answers with tool calls. Nothing at all is known: an empty mapping.
        """
        if self._events or self._tool_events:
            self._count_events()
        endpoint = self._endpoints.get(endpoint_id)
        return {} if endpoint is None else listing(endpoint.slots(), now + self._epoch)

    # The pulse.

    async def run(self, clock: Clock = SYSTEM_CLOCK) -> None:
        """Keep the book up to date until cancelled."""
        while True:
            self.pulse(clock.monotonic())
            await asyncio.sleep(_PULSE_SECONDS)

    def pulse(self, now: float) -> None:
        """Count what is pending, read what others wrote, and judge anew what may have changed."""
        if self._next_pulse < 0:  # the first: what was taken over counts from the first request on
            for endpoint in list(self._endpoints.values()):
                self._glance(endpoint, now)
        self._next_pulse = now + _PULSE_SECONDS
        self._count_events()
        for place, region in enumerate(self._regions.others()):
            if place == len(self._neighbours):
                self._neighbours.append(Neighbour(region))
            self._read(self._neighbours[place], now)
        for endpoint_id in list(islice(self.ailing, _GLANCES)):
            self._glance(self._endpoints[endpoint_id], now)
        due = [one for one in self._stale if self._endpoints[one].refreshed + _FRESH_SECONDS <= now]
        rolled = (now + self._epoch) // FIVE_MINUTES.seconds * FIVE_MINUTES.seconds - self._epoch
        oldest = [one for one in islice(self.known, _PER_PULSE) if self._endpoints[one].refreshed < rolled]
        for endpoint_id in due[:_PER_PULSE] + oldest[: _PER_PULSE // 4]:
            self._refresh(self._endpoints[endpoint_id], now)

    # What other machines know.

    @property
    def epoch(self) -> float:
        """Seconds to add to monotonic ones for the times of windows."""
        return self._epoch

    def shown(self, since: float, most: int) -> dict[str, bytes]:
        """This worker's slots that were touched *since* (a time of windows), by endpoint id; the latest *most*."""
        own = [
            (one.own.times[TIME_TOUCHED], one.id, one.own) for one in self._endpoints.values() if one.own is not None
        ]
        latest = sorted((one for one in own if one[0] >= since), reverse=True)[:most]
        return {endpoint_id: bytes(slot.memory) for _, endpoint_id, slot in latest}

    def heard(self, slots: Mapping[str, Sequence[Slot]], now: float) -> None:
        """Other machines have written *slots*, by endpoint id, and nothing else."""
        for endpoint_id in [one.id for one in self._endpoints.values() if one.distant and one.id not in slots]:
            self._endpoints[endpoint_id].distant = ()
            self._stale[endpoint_id] = None
            self._forget_if_empty(endpoint_id)
        for endpoint_id, distant in slots.items():
            endpoint = self._found(endpoint_id)
            if len(distant) != len(endpoint.distant) or any(map(operator.is_not, distant, endpoint.distant)):
                endpoint.distant = distant
                self._stale[endpoint_id] = None
                self._glance(endpoint, now)

    def close(self) -> None:
        """Count what is pending, and let go of the file."""
        self._count_events()
        self._regions.close()

    def _refresh(self, endpoint: _Endpoint, now: float) -> None:
        """Judge the endpoint anew. Those of :attr:`known` that were judged last stand last."""
        self._stale.pop(endpoint.id, None)
        self.known.pop(endpoint.id, None)
        endpoint.refreshed = now
        if slots := endpoint.slots():
            self.known[endpoint.id] = vitals(slots, now + self._epoch)
        self._glance(endpoint, now)

    def _glance(self, endpoint: _Endpoint, now: float) -> None:
        """Judge outage, trial and rate limit anew, a few microseconds' work."""
        endpoint_id, slots, at = endpoint.id, endpoint.slots(), now + self._epoch
        self.ailing.pop(endpoint_id, None)
        found = self.known.get(endpoint_id, UNKNOWN)
        outage = probing = False
        until = 0.0
        if slots:
            if (ill := trouble(slots, at)) is not None:
                outage = True
                self.ailing[endpoint_id] = None
                if ill.proven != endpoint.proven:
                    endpoint.proven, endpoint.chance = ill.proven, self._dice.random()
                probing = ill.lasting and at >= ill.due(endpoint.chance)
            if end := limited_until(slots, at):
                until = end - self._epoch
        if (found.outage, found.probing, found.limited_until) != (outage, probing, until):
            found = self.known[endpoint_id] = replace(found, outage=outage, probing=probing, limited_until=until)
        if found == UNKNOWN:
            self.known.pop(endpoint_id, None)

    def _count_events(self) -> None:
        """Add what is pending to the windows."""
        events, self._events = self._events, []
        batches: dict[str, _Batch] = {}
        for endpoint_id, now, first_token, whole, rate in events:
            batch = batches.get(endpoint_id)
            if batch is None or now >= batch.until:
                batch = self._next_batch(batches, endpoint_id, now)
            batch.at = now
            batch.answered += 1
            if first_token is not None:
                batch.marks.append(STREAMED + bisect_left(SECONDS_BOUNDS, first_token))
            elif whole is not None:
                batch.marks.append(WHOLE + bisect_left(SECONDS_BOUNDS, whole))
            if rate is not None:
                batch.marks.append(RATES + bisect_left(RATE_BOUNDS, rate))
        for endpoint_id, batch in batches.items():
            self._write(endpoint_id, batch)
        if self._tool_events:
            self._count_tools()

    def _count_tools(self) -> None:
        events, self._tool_events = self._tool_events, []
        batches: dict[str, _Batch] = {}
        for endpoint_id, now, ok in events:
            batch = batches.get(endpoint_id)
            if batch is None or now >= batch.until:
                batch = self._next_batch(batches, endpoint_id, now)
            batch.at = now
            batch.tools += 1
            batch.bad_tools += not ok
        for endpoint_id, batch in batches.items():
            self._write(endpoint_id, batch)

    def _next_batch(self, batches: dict[str, _Batch], endpoint_id: str, now: float) -> _Batch:
        """A batch for the tick that *now* is in; the one before it is written."""
        if (before := batches.get(endpoint_id)) is not None:
            self._write(endpoint_id, before)
        until = (int((now + self._epoch) / _TICK) + 1) * _TICK - self._epoch
        batch = batches[endpoint_id] = _Batch(until)
        return batch

    def _write(self, endpoint_id: str, batch: _Batch) -> None:
        found = self._slot(endpoint_id, batch.at)
        if found is None:
            return
        endpoint, slot, at = found
        if batch.answered:
            slot.count(ANSWERED, at, batch.answered)
            slot.times[TIME_ANSWERED] = at
        if batch.marks:
            slot.mark(batch.marks, at)
        if batch.tools:
            slot.count(TOOLS, at, batch.tools)
            slot.count(TOOLS_FAILED, at, batch.bad_tools)
        self._change(endpoint, slot)

    def _writable(self, endpoint_id: str, now: float) -> tuple[_Endpoint, Slot, float] | None:
        """As :meth:`_slot`, after everything that happened before."""
        if self._events:
            self._count_events()
        return self._slot(endpoint_id, now)

    def _slot(self, endpoint_id: str, now: float) -> tuple[_Endpoint, Slot, float] | None:
        """The endpoint, this worker's slot for it, and the time of an event in it; None: there can be no slot."""
        endpoint = self._endpoints.get(endpoint_id)
        at = now + self._epoch
        if endpoint is not None and endpoint.own is not None:
            times = endpoint.own.times
            latest = max(times[TIME_ANSWERED], times[TIME_FAILED])
            if at <= latest:
                if latest - at > _OLD_SECONDS:  # written before the calendar was set back
                    times[TIME_ANSWERED] = times[TIME_FAILED] = times[TIME_BEFORE] = times[TIME_UNREACHABLE] = 0.0
                else:
                    at = latest + _INSTANT
            return endpoint, endpoint.own, at
        taken = self._shelf.take(endpoint_id, at)
        if taken is None:
            return None
        slot, evicted = taken
        if evicted:
            self._endpoints[evicted].own = None
            self._forget_if_empty(evicted)
        endpoint = self._found(endpoint_id)
        endpoint.own = slot
        return endpoint, slot, at

    def _found(self, endpoint_id: str) -> _Endpoint:
        endpoint = self._endpoints.get(endpoint_id)
        if endpoint is None:
            endpoint = self._endpoints[endpoint_id] = _Endpoint(endpoint_id)
        return endpoint

    def _forget_if_empty(self, endpoint_id: str) -> None:
        if not self._endpoints[endpoint_id].slots():
            del self._endpoints[endpoint_id]
            self.known.pop(endpoint_id, None)
            self._stale.pop(endpoint_id, None)
            self.ailing.pop(endpoint_id, None)

    def _change(self, endpoint: _Endpoint, slot: Slot) -> None:
        self._shelf.change(slot)
        self._stale[endpoint.id] = None

    def _announce(self, endpoint: _Endpoint, slot: Slot) -> None:
        self._shelf.announce(slot)
        self._stale[endpoint.id] = None

    def _read(self, neighbour: Neighbour, now: float) -> None:
        """Note what another worker has written."""
        for change in neighbour.changes():
            slot, endpoint_id = change.slot, change.endpoint_id
            if change.before != endpoint_id and (before := self._endpoints.get(change.before)) is not None:
                before.foreign = [one for one in before.foreign if one is not slot]
                self._forget_if_empty(change.before)
            if not endpoint_id:
                continue
            endpoint = self._found(endpoint_id)
            if not any(one is slot for one in endpoint.foreign):
                endpoint.foreign.append(slot)
            self._stale[endpoint_id] = None
            if change.alarm:
                self._glance(endpoint, now)
