"""One worker: everything that answers requests in one process."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, final

from turnout import config
from turnout.accounts.credentials import CredentialBook
from turnout.accounts.first_start import FirstKeys, ensure_first_keys
from turnout.accounts.keys import KeyRing
from turnout.accounts.presets import PresetBook
from turnout.api.asgi import hot_over_asgi
from turnout.api.chat import ChatSurface
from turnout.api.completions import CompletionsSurface
from turnout.api.embeddings import EmbeddingsSurface
from turnout.api.errands import ModerationsSurface, RerankSurface
from turnout.api.images import ImagesSurface
from turnout.api.messages import MessagesSurface
from turnout.api.messages.count import count_tokens
from turnout.api.plane import DataPlane, ServerLimits
from turnout.api.reply import Heads
from turnout.api.responses import ResponsesSurface
from turnout.api.sound import SpeechSurface, TranscriptionsSurface
from turnout.app.administration import Grounds
from turnout.app.auto import Tutor
from turnout.app.control import ControlPlane
from turnout.app.credentials import ensure_master_key, reach_by, vault_of
from turnout.app.descriptors import room_for_connections
from turnout.app.machines import Machines
from turnout.app.memory import keep_freed_memory, settle_memory
from turnout.app.metrics import TallyFiles
from turnout.app.outside import Poster, fetch_limits, outside_of
from turnout.app.providers import read_headers
from turnout.app.rails import Switchman
from turnout.app.server import DrainingServer, make_server
from turnout.app.shared import shared_of
from turnout.app.state import health_of, journals_of, store_of
from turnout.app.sync_background import catalog_changes, keep_synced
from turnout.app.till import Till
from turnout.app.upkeep import Upkeep
from turnout.app.voting import serving_of, voting_of, voting_surfaces
from turnout.base.clock import SYSTEM_CLOCK
from turnout.base.ids import GenerationIds
from turnout.contracts.store import Store
from turnout.contracts.surface import Surface
from turnout.domain.provider import Provider
from turnout.engine.auto_router import AutoRouter
from turnout.engine.auto_signs import Signs
from turnout.engine.contents import ContentKeeper
from turnout.engine.house import House, Rails
from turnout.engine.keeping import Keeping
from turnout.engine.recall import Recall
from turnout.engine.ways import Ways
from turnout.ledger.journal import Journal
from turnout.ledger.writer import JournalWriter
from turnout.net.client import Client
from turnout.net.deadlines import Deadlines
from turnout.net.fetch import Fetcher
from turnout.net.outbox import Outbox
from turnout.observe.tally import new_tally
from turnout.web.gate import behind_session

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["Orders", "work"]

_SURFACES: Mapping[bytes, Surface] = {
    b"/chat/completions": ChatSurface(),
    b"/completions": CompletionsSurface(),
    b"/embeddings": EmbeddingsSurface(),
    b"/rerank": RerankSurface(),
    b"/images": ImagesSurface(),
    b"/images/generations": ImagesSurface(),
    b"/audio/transcriptions": TranscriptionsSurface(),
    b"/audio/speech": SpeechSurface(),
    b"/moderations": ModerationsSurface(),
    b"/messages": MessagesSurface(),
    b"/messages/count_tokens": MessagesSurface("count_tokens"),
    b"/responses": ResponsesSurface(),
}
_USUAL_FILE = Path("turnout.toml")
_MOUNTS = (b"/api/v1", b"/v1")
_RETRY_SECONDS = 1.0
_FOLLOW_SECONDS = 0.5
_log = logging.getLogger(__name__)
_SWITCH_SECONDS = 0.0005  # a thread that draws a page gives way to the event loop after so long


@dataclass(frozen=True, slots=True)
class Orders:
    """What a worker is told.

    Attributes:
        load: reads the configuration, the first time and at each reload.
        environment: where credentials are looked up.
        listening: the socket to serve on.
        fake_address: base URL of the fake provider.
        alone: no supervisor is there: move the journal into the store, and look after the first keys.
        announce: called once requests are accepted.
        supervisor: process id of the supervisor, unless alone.
        sync_command: starts a process that works on the catalog.
    """

    load: Callable[[], config.Loaded]
    environment: Mapping[str, str]
    listening: socket.socket
    fake_address: str
    alone: bool
    announce: Callable[[FirstKeys, Mapping[str, Provider]], None]
    supervisor: int = 0
    sync_command: Sequence[str] = ()


async def work(orders: Orders) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is under way.

    Raises:
        BadConfiguration: the configuration is wrong.
        Unavailable: the store cannot be opened.
    """
    keep_freed_memory()
    loaded = orders.load()
    sys.setswitchinterval(_SWITCH_SECONDS)
    store = store_of(loaded.settings)
    await store.open()
    try:
        await _Worker(orders, loaded, store).run()
    finally:
        await store.close()


@final
class _Worker:
    """The collaborators, their background tasks, and their end."""

    def __init__(self, orders: Orders, loaded: config.Loaded, store: Store) -> None:
        settings = loaded.settings
        self._orders = orders
        self._loaded = loaded
        self._store = store
        self._till = Till(settings, store, head=orders.alone, alone=orders.alone)
        self._journal = Journal(journals_of(settings), self._till.journal_name)
        self._writer = JournalWriter(journals_of(settings), store, self._till.node, self._till.booked)
        self._shared = shared_of(settings, alone=orders.alone)
        self._presets = PresetBook(store)
        self._credentials = CredentialBook(store, vault_of(settings))
        self._contents = ContentKeeper(store, vault_of(settings))
        auto, signs = AutoRouter(), Signs()
        self._house = self._furnish(settings, auto, signs)
        auto.report = self._house.mistake
        self._tutor = Tutor(
            auto, signs, store, lambda: self._loaded.settings, lambda: self._house.rails.routes, SYSTEM_CLOCK.wall
        )
        self._machines = Machines(self._house, self._shared, self._till.node)
        self._tallies = TallyFiles(Path(settings.server.data_dir) / "metrics", str(os.getpid()), self._house.tally)
        self._open_planes(settings)
        self._application: asyncio.Future[FastAPI] | None = None
        self._background: set[asyncio.Future[Any]] = set()
        self._first = FirstKeys(None, None)
        self._switching = asyncio.Lock()

    def _furnish(self, settings: config.Settings, auto: AutoRouter, signs: Signs) -> House:
        """What requests are served with."""
        loop = asyncio.get_running_loop()
        deadlines = Deadlines(loop)
        dice = Random()  # chooses endpoints; nothing secret depends on it
        outbox = Outbox(loop, self._journal.commit)
        client = Client(deadlines, outbox, keep=read_headers())
        self._fetcher = Fetcher(client.exchange, fetch_limits(settings))
        outside = outside_of(client, self._fetcher)
        self._switchman = Switchman(self._orders.environment, self._orders.fake_address, outside, auto.pickers())
        return House(
            rails=self._switchman.lay(settings),
            keys=KeyRing(self._store, SYSTEM_CLOCK),
            client=client,
            outbox=outbox,
            deadlines=deadlines,
            recorder=self._journal,
            health=health_of(settings, dice),
            tally=new_tally(),
            ids=GenerationIds(dice),
            clock=SYSTEM_CLOCK,
            dice=dice,
            loop=loop,
            report=lambda text: _log.error("a mistake of ours: %s", text),
            ledger=self._till.ledger,
            pace=self._shared.pace,
            recall=Recall(self._shared.reasoning),
            comment_seconds=settings.limits.keepalive_comment_seconds,
            outside=outside,
            keeping=Keeping(self._shared.once, self._shared.cache).serve,
            presets=self._presets,
            contents=self._contents,
            auto=auto,
            signs=signs,
            ways=Ways(self._credentials, lambda provider, secret: reach_by(provider, secret, outside)),
        )

    def _open_planes(self, settings: config.Settings) -> None:
        """Where requests come in: the data plane, and the control plane beside it."""
        surfaces = {mount + path: surface for mount in _MOUNTS for path, surface in _SURFACES.items()}
        voting = voting_of(self._house, self._store)
        self._house.instead = voting.instead
        self._plane = DataPlane(
            self._house,
            {**surfaces, **voting_surfaces((*_MOUNTS, b""))},
            Heads(cors=settings.server.cors),
            _limits(settings),
            serving={**serving_of(voting), "count_tokens": count_tokens},
        )
        grounds = Grounds(self._orders.load, self._orders.environment, self._orders.sync_command)
        self._control = ControlPlane(self._house, self._store, self._tallies, settings, voting, grounds)
        self._plane.kept = self._control.desk.find

    async def run(self) -> None:
        """Serve until told to stop."""
        settings = self._loaded.settings
        loop = asyncio.get_running_loop()
        self._house.keys.changed = self._owners_changed
        if self._orders.alone:
            await self._till.begin(self._writer)
            self._first = await _first_keys(self._store, settings)
            await ensure_master_key(self._store, settings)
        await self._credentials.load()
        server = make_server(
            self._plane if settings.server.data_plane == "protocol" else None,
            behind_session(hot_over_asgi(self._plane, self._rest), {path.decode() for path in self._plane.surfaces}),
            settings.limits.drain_seconds,
            self._started,
        )
        reload_wanted = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop, server)
        loop.add_signal_handler(signal.SIGHUP, reload_wanted.set)
        tasks = [loop.create_task(job) for job in self._jobs(reload_wanted)]
        if not self._orders.alone:
            tasks.append(loop.create_task(self._follow_supervisor(server)))
        try:
            await server.serve(sockets=[self._orders.listening])
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._journal.close()
            await self._shared.close()
            self._house.health.close()
            self._tallies.write()
            if self._orders.alone:
                await self._writer.drain_once()
            await self._till.give_back()
            self._till.close()

    async def _owners_changed(self) -> None:
        """Forget what was known of accounts, and have budgets counted anew."""
        self._presets.forget()
        await self._credentials.load()
        await self._till.give_back()

    def _jobs(self, reload_wanted: asyncio.Event) -> list[Coroutine[Any, Any, None]]:
        """What runs beside the requests."""
        jobs = [
            self._house.keys.watch(),
            self._tallies.run(),
            self._reload(reload_wanted),
            self._list_models(),
            self._retry_journal(),
            self._follow_catalog(),
            self._house.health.run(),
            self._control.measured.look(),
            self._control.measured.run(self._store),
            self._machines.run(),
            self._till.run(),
            self._contents.run(),
            self._tutor.run(),
        ]
        if self._orders.alone:
            jobs.append(self._writer.run())
            post = Poster(self._house.client)
            jobs.append(Upkeep(self._store, lambda: self._loaded.settings, post).run())
            jobs.append(keep_synced(lambda: self._loaded.settings, self._orders.sync_command))

        async def wanted() -> None:
            reload_wanted.set()

        jobs.append(config.watch(self._loaded.path or _USUAL_FILE, wanted))  # a file may also come to be later
        return jobs

    def _started(self) -> None:
        """The port is open. What the first completion need not wait for is prepared now."""
        self._application = asyncio.get_running_loop().run_in_executor(None, self._control.application)
        self._application.add_done_callback(lambda _: self._prepare_catalog())
        self._orders.announce(self._first, self._house.rails.routes.snapshot.providers)

    def _prepare_catalog(self) -> None:
        """Make the catalog's replies before somebody asks for them, unless nobody will."""
        if self._control.draining:
            return
        shelf = asyncio.ensure_future(self._control.desk.shelf())
        self._background.add(shelf)
        shelf.add_done_callback(self._background.discard)
        shelf.add_done_callback(lambda _: settle_memory())

    async def _switch(self, rails: Rails) -> None:
        """Put new rails under the requests to come; the catalog's replies are made before, in a thread."""
        desk = self._control.desk
        shelf = await asyncio.to_thread(desk.prepare, rails.routes.snapshot)
        self._house.rails = rails
        desk.put(shelf)

    def _stop(self, server: DrainingServer) -> None:
        self._control.draining = True
        server.drain()

    async def _follow_supervisor(self, server: DrainingServer) -> None:
        """Stop when the supervisor is gone: an orphan would hold the port, and nobody would read its journal."""
        while os.getppid() == self._orders.supervisor:  # noqa: ASYNC110 - nothing tells of a parent's death
            await asyncio.sleep(_FOLLOW_SECONDS)
        _log.error("the supervisor is gone, and this worker goes too")
        self._stop(server)

    async def _rest(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI's own types
        """Everything that is no completion."""
        assert self._application is not None  # noqa: S101 - nothing is accepted before _started
        application = await asyncio.shield(self._application)
        await application(scope, receive, send)
        if scope["type"] == "http":
            self._machines.served(scope["method"], scope["path"])

    async def _list_models(self) -> None:
        """Ask servers of the operator's own what they serve."""
        house = self._house
        before = house.rails
        extended = await self._switchman.extend(self._loaded.settings, before, house.client)
        async with self._switching:
            if extended is not before:
                still = house.rails is before  # else the configuration or the catalog has changed meanwhile
                settings = self._loaded.settings
                await self._switch(extended if still else await asyncio.to_thread(self._switchman.follow, settings))

    async def _follow_catalog(self) -> None:
        """Swap in the catalog that a sync has left. Requests under way end with the one that they began with."""
        async for _ in catalog_changes(Path(self._loaded.settings.server.data_dir)):
            async with self._switching:
                try:
                    await self._switch(await asyncio.to_thread(self._switchman.follow, self._loaded.settings))
                except (ValueError, OSError) as error:
                    _log.error("the catalog stays as it was: %s", error)

    async def _retry_journal(self) -> None:
        """Write what a full disk has refused as soon as it takes it, even if no further request comes."""
        while True:
            await asyncio.sleep(_RETRY_SECONDS)
            if self._journal.failing:
                self._journal.flush()

    async def _reload(self, wanted: asyncio.Event) -> None:
        """Swap in a changed configuration, or keep the old one and say why."""
        while True:
            await wanted.wait()
            wanted.clear()
            async with self._switching:
                try:
                    loaded = await asyncio.to_thread(self._orders.load)
                    rails = await asyncio.to_thread(self._switchman.lay, loaded.settings)
                    rails = await self._switchman.extend(loaded.settings, rails, self._house.client)
                except (config.BadConfiguration, ValueError, OSError) as error:
                    _log.error("the configuration stays as it was: %s", error)
                    continue
                await self._switch(rails)
                await self._take_over(loaded)

    async def _take_over(self, loaded: config.Loaded) -> None:
        """Put everything else that the configuration says into effect."""
        for key in config.needs_restart(self._loaded.settings, loaded.settings):
            _log.warning("%s has changed: needs restart", key)
        self._house.comment_seconds = loaded.settings.limits.keepalive_comment_seconds
        self._plane.limits = _limits(loaded.settings)
        self._fetcher.limits = fetch_limits(loaded.settings)
        self._loaded = loaded
        if self._orders.alone:
            with suppress(OSError):
                await _first_keys(self._store, loaded.settings)
        _log.info("the configuration was reloaded")


async def _first_keys(store: Store, settings: config.Settings) -> FirstKeys:
    auth = settings.auth
    return await ensure_first_keys(
        store, Path(settings.server.data_dir), auth.api_key, auth.management_key, SYSTEM_CLOCK
    )


def _limits(settings: config.Settings) -> ServerLimits:
    limits = settings.limits
    return ServerLimits(
        body_bytes=limits.body_bytes,
        header_bytes=limits.header_bytes,
        header_count=limits.header_count,
        header_seconds=limits.header_seconds,
        body_seconds=limits.body_seconds,
        write_stall_seconds=limits.write_stall_seconds,
        connections=room_for_connections(limits.connections),
    )
