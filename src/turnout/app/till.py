"""Where the money of a node's budgets is kept while requests run: made, looked after, and given back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import final

from turnout import config
from turnout.app.state import node_of
from turnout.base.clock import SYSTEM_CLOCK, uptime
from turnout.base.money import Pico
from turnout.contracts.store import Store
from turnout.domain.budget import Claim
from turnout.ledger.ledger import Ledger
from turnout.ledger.purse import Purse
from turnout.ledger.writer import JournalWriter

__all__ = ["Till"]

_SECONDS = 1.0
_BEAT_SECONDS = 10.0
_ADRIFT_SECONDS = 1800.0
_LOST_SECONDS = 3600.0
"""A node that the store has not heard of for so long has its leases taken back. One that cannot tell it that it lives
stops spending well before."""

_FILE = "purse.map"
_NAME = "worker"
_log = logging.getLogger(__name__)


@final
class Till:
    """The purse and the ledger of one process.

    The process that moves journals into the store is the *head*: it starts the purse afresh, tells it what has been
    booked, and cleans up after workers that have died. Alone it keeps the purse in its own memory.
    """

    def __init__(self, settings: config.Settings, store: Store, *, head: bool, alone: bool) -> None:
        """Join the purse, or make it.

        Raises:
            OSError: the file of the purse cannot be made.
            Unavailable: there is no place in it.
        """
        path = None if alone else Path(settings.server.data_dir) / _FILE
        if head and path is not None:
            path.unlink(missing_ok=True)
        purse = Purse(path, 1 if alone else 2 * settings.server.workers + 2)
        if not head or alone:
            purse.join()
        self.node = node_of(settings)
        self.ledger = Ledger(purse, store, self.node, SYSTEM_CLOCK)
        self.journal_name = f"{_NAME}-{purse.column}"
        self._store = store
        self._purse = purse
        self._troubled = False
        self._several = head and settings.store.url != "sqlite"  # nodes may use the store
        self._heard = uptime()
        self._next_beat = float("-inf")

    async def begin(self, writer: JournalWriter) -> None:
        """For the head: book what an earlier life of this node has left, and take its leases back.

        Raises:
            Unavailable: the store cannot be reached.
        """
        await writer.drain_once()
        await self._store.reclaim(self.node, float("inf"))
        if self._several:
            await self.beat()

    async def beat(self) -> None:
        """Tell the store that this node lives. Where that fails for long, the purse is emptied: see ``_LOST_SECONDS``.

        Raises:
            Unavailable: the store cannot be asked.
        """
        now = uptime()
        if now - self._heard > _ADRIFT_SECONDS:
            self._purse.empty()
        if now >= self._next_beat:
            if lost := await self._store.beat(self.node, _LOST_SECONDS):
                _log.warning("%d leases of nodes that were silent for an hour are taken back", lost)
            self._heard = now
            self._next_beat = now + _BEAT_SECONDS

    def booked(self, journal: str, booking: Mapping[tuple[str, int], int]) -> None:
        """The store has taken over what the worker of *journal* had spent."""
        column = journal.removeprefix(f"{_NAME}-").partition("-")[0]
        sums = {Claim(budget_id, begins, Pico(0)): cost for (budget_id, begins), cost in booking.items()}
        if column.isdecimal():
            self._purse.booked(sums, int(column))

    async def give_back(self) -> None:
        """Budgets have changed, or this process ends: what is free goes back to the store, if that can be had."""
        await self._quietly(self.ledger.give_back_all)

    async def run(self, writer: JournalWriter | None = None) -> None:
        """Give back what is idle; with the head's *writer*, clean up after the dead. Until cancelled."""
        while True:
            await asyncio.sleep(_SECONDS)
            if self._several:
                await self._quietly(self.beat)
            await self._quietly(self.ledger.give_back_idle)
            if writer is not None and (dead := self._purse.dead()):
                with suppress(Exception):  # the writer reports its own troubles; the next turn tries again
                    await writer.drain_once()
                    for column in dead:
                        self._purse.forget_worker(column)

    async def _quietly(self, operation: Callable[[], Awaitable[None]]) -> None:
        try:
            await operation()
        except Exception:  # noqa: BLE001 - a background task: what could not be given back is kept and given back later
            if not self._troubled:
                _log.warning("leases cannot be given back: the store cannot be asked", exc_info=True)
            self._troubled = True
        else:
            self._troubled = False

    def close(self) -> None:
        """Let go of the purse."""
        self._purse.close()
