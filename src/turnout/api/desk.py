"""Where the catalog's replies are handed out: the shelf of the present snapshot, and how the next one gets there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Final, final

from turnout.api.shelf import Shelf, shelf_of
from turnout.base.clock import Clock
from turnout.base.stored import Stored
from turnout.catalog.entries import PriceWeights
from turnout.catalog.listing import Listing
from turnout.contracts.measured import Measured
from turnout.domain.account import Key
from turnout.domain.catalog import CatalogSnapshot, Model
from turnout.domain.catalog_event import CatalogEvent

__all__ = ["CatalogDesk", "Sources"]

_LONGEST_WAIT: Final = 86_400.0  # seconds


@dataclass(frozen=True, slots=True)
class Sources:
    """What the catalog's replies are made of.

    Attributes:
        snapshot: the present one.
        measured: what this installation knows of its endpoints.
        events: the journal of the catalog's changes, newest first; reads a file, so it is called in a thread.
        permitted: which models a key may use, as ``GET /models/user`` asks.
        weights: what the sorts by price count.
    """

    snapshot: Callable[[], CatalogSnapshot]
    measured: Measured
    events: Callable[[], Sequence[CatalogEvent]]
    permitted: Callable[[Key], Callable[[Model], bool]]
    weights: PriceWeights
    clock: Clock
    cors: bool


@final
class CatalogDesk:
    """Hands out replies about the present snapshot.

    Whoever swaps the snapshot calls :meth:`prepare` in a thread first and :meth:`put` after it: then every reply is
    there at once. If not, the first one who asks waits until it is made, in a thread too.
    """

    def __init__(self, sources: Sources, loop: asyncio.AbstractEventLoop) -> None:
        self.sources = sources
        self._loop = loop
        self._shelf: Shelf | None = None
        self._making: tuple[CatalogSnapshot, asyncio.Future[Shelf]] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def find(self, target: bytes) -> Stored | None:
        """The reply to *target* if it is at hand and about the present snapshot. On the event loop only."""
        shelf = self._shelf
        if shelf is None or shelf.listing.snapshot is not self.sources.snapshot():
            return None
        return shelf.find(target, self._loop.time())

    async def shelf(self) -> Shelf:
        """The shelf of the present snapshot, made now if need be."""
        snapshot = self.sources.snapshot()
        if self._shelf is not None and self._shelf.listing.snapshot is snapshot:
            return self._shelf
        if self._making is None or self._making[0] is not snapshot:
            self._making = snapshot, self._loop.run_in_executor(None, self.prepare, snapshot)
        shelf = await asyncio.shield(self._making[1])
        if self.sources.snapshot() is snapshot and self._shelf is not shelf:
            self.put(shelf)
        return shelf

    def prepare(self, snapshot: CatalogSnapshot) -> Shelf:
        """A shelf about *snapshot*. Takes some tenths of a second: call it in a thread."""
        sources = self.sources
        listing = Listing(snapshot, sources.measured, sources.weights, sources.clock.wall())
        return shelf_of(listing, self._later, cors=sources.cors)

    def put(self, shelf: Shelf) -> None:
        """Hand out replies from *shelf* from now on, and make a new one when its prices change by the clock."""
        self._shelf = shelf
        self._making = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if isfinite(shelf.listing.until):
            wait = shelf.listing.until - self.sources.clock.wall()
            self._timer = self._loop.call_later(min(max(wait, 0.0), _LONGEST_WAIT) + 1.0, self._renew, shelf)

    def _renew(self, shelf: Shelf) -> None:
        self._timer = None
        if self._shelf is shelf:
            self._loop.run_in_executor(None, self.prepare, shelf.listing.snapshot).add_done_callback(self._renewed)

    def _renewed(self, made: asyncio.Future[Shelf]) -> None:
        if not made.cancelled() and made.exception() is None and self._shelf is not None:
            shelf = made.result()
            if shelf.listing.snapshot is self._shelf.listing.snapshot:
                self.put(shelf)

    def _later(self, work: Callable[[], None]) -> None:
        self._loop.run_in_executor(None, work)
