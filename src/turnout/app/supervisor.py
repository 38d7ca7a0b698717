"""Several workers on one port: starts them, starts them again, moves their journals into the store."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from socket import socket
from typing import final

from turnout.accounts.first_start import ensure_first_keys
from turnout.app.credentials import ensure_master_key
from turnout.app.outside import NOTHING_OUTSIDE, Poster
from turnout.app.rails import Switchman
from turnout.app.state import journals_of, store_of
from turnout.app.sync_background import keep_synced
from turnout.app.till import Till
from turnout.app.upkeep import Upkeep
from turnout.app.worker import Orders
from turnout.base.clock import SYSTEM_CLOCK
from turnout.ledger.writer import JournalWriter
from turnout.net.client import Client
from turnout.net.deadlines import Deadlines
from turnout.net.outbox import Outbox

__all__ = ["answered", "supervise"]

_OWN = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - whoever listens everywhere is reached here
_RESTART_SECONDS = 0.2
_LONGEST_PAUSE = 1.0
_STEADY_SECONDS = 10.0
_GRACE_SECONDS = 5.0
_log = logging.getLogger(__name__)


async def supervise(orders: Orders, command: Sequence[str], workers: int) -> None:
    """Keep *workers* processes of *command* running until SIGTERM or SIGINT, then let them drain.

    Raises:
        Unavailable: the store cannot be opened.
    """
    settings = orders.load().settings
    store = store_of(settings)
    await store.open()
    till = Till(settings, store, head=True, alone=False)
    writer = JournalWriter(journals_of(settings), store, till.node, till.booked)
    try:
        await till.begin(writer)
        first = await ensure_first_keys(
            store, Path(settings.server.data_dir), settings.auth.api_key, settings.auth.management_key, SYSTEM_CLOCK
        )
        await ensure_master_key(store, settings)
        switchman = Switchman(orders.environment, orders.fake_address, NOTHING_OUTSIDE)
        rails = switchman.lay(settings)  # leaves the snapshot for the workers
        crew = _Crew(orders.listening, command, settings.limits.drain_seconds + _GRACE_SECONDS)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, crew.stop)
        loop.add_signal_handler(signal.SIGHUP, crew.pass_on, signal.SIGHUP)
        post = Poster(Client(Deadlines(loop), Outbox(loop, _nothing)))
        jobs = (
            writer.run(),
            till.run(writer),
            Upkeep(store, lambda: orders.load().settings, post).run(),
            keep_synced(lambda: orders.load().settings, orders.sync_command),
        )
        tasks = [loop.create_task(job) for job in jobs]

        async def announce() -> None:
            await answered(orders.listening)
            orders.announce(first, rails.routes.snapshot.providers)

        tasks.append(loop.create_task(announce()))
        try:
            await asyncio.gather(*[crew.keep_running() for _ in range(workers)])
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await writer.drain_once()
    finally:
        till.close()
        await store.close()


async def answered(listening: socket) -> None:
    """Return once a worker answers those who come to *listening*."""
    host, port = listening.getsockname()[:2]
    while True:
        with suppress(OSError):
            reader, writer = await asyncio.open_connection(_OWN.get(host, host), port)
            try:
                writer.write(b"GET /health HTTP/1.0\r\n\r\n")
                if await reader.read(1):
                    return
            finally:
                writer.close()
        await asyncio.sleep(_RESTART_SECONDS)


def _nothing() -> None:
    """What is posted waits for no journal."""


@final
class _Crew:
    """The worker processes."""

    def __init__(self, listening: socket, command: Sequence[str], drain_seconds: float) -> None:
        self._listening = listening
        self._command = command
        self._drain_seconds = drain_seconds
        self._running: set[asyncio.subprocess.Process] = set()
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Let every worker drain; the second time, end at once."""
        if self._stopping.is_set():
            self.pass_on(signal.SIGKILL)
            sys.exit(1)
        self._stopping.set()
        self._listening.close()  # else callers would wait in its queue for an answer that nobody gives
        self.pass_on(signal.SIGTERM)

    def pass_on(self, number: signal.Signals) -> None:
        """Send a signal to every worker."""
        for process in self._running:
            if process.returncode is None:
                process.send_signal(number)

    async def keep_running(self) -> None:
        """One place in the crew: a worker that ends is replaced, ever more slowly if it ends at once."""
        pause = _RESTART_SECONDS
        loop = asyncio.get_running_loop()
        while not self._stopping.is_set():
            began = loop.time()
            process = await asyncio.create_subprocess_exec(*self._command, pass_fds=(self._listening.fileno(),))
            self._running.add(process)
            if self._stopping.is_set():
                process.terminate()
            await self._ended(process)
            self._running.discard(process)
            if self._stopping.is_set():
                return
            pause = _RESTART_SECONDS if loop.time() - began > _STEADY_SECONDS else min(pause * 2, _LONGEST_PAUSE)
            _log.error("a worker ended with status %s and is started again", process.returncode)
            await asyncio.sleep(pause)

    async def _ended(self, process: asyncio.subprocess.Process) -> None:
        """Wait for the end; once stopping, not for ever."""
        waiting = asyncio.ensure_future(process.wait())
        stopping = asyncio.ensure_future(self._stopping.wait())
        await asyncio.wait({waiting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not waiting.done():
            await asyncio.wait({waiting}, timeout=self._drain_seconds)
        if not waiting.done():
            process.kill()
            await waiting
