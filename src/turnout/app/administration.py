"""What admins see and do from the website: settings, doctor, providers, catalog, backups of the store."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

from turnout import config
from turnout.accounts.standing import date
from turnout.accounts.vault import Vault
from turnout.app.catalog import wanted_sources
from turnout.app.credentials import rotate_master_key
from turnout.app.inspection import findings
from turnout.app.listings import listing_address, listing_headers, lists_models
from turnout.app.providers import FAKE, variables_of
from turnout.app.state import store_file
from turnout.base.clock import Clock
from turnout.base.errors import Conflict, NotFound, Unavailable, UpstreamError
from turnout.catalog import events
from turnout.catalog.quarantine import Hold
from turnout.catalog.sync_state import StateFolder
from turnout.contracts.provider import Outside
from turnout.contracts.store import Store
from turnout.domain.catalog import CatalogSnapshot
from turnout.domain.catalog_event import CatalogEvent
from turnout.domain.credential import Verdict
from turnout.domain.provider import Provider
from turnout.stores.sqlite_backup import back_up, restore

__all__ = ["Administrator", "Grounds", "Premises"]

_MOST_CHANGES: Final = 500
_FOLDER: Final = "backups"
_OK: Final = 200
_REFUSED: Final = frozenset({401, 403})


@dataclass(frozen=True, slots=True)
class Grounds:
    """How this server was started.

    Attributes:
        load: reads the configuration as it stands now.
        environment: where credentials are looked up.
        command: starts a process that works on the catalog; see ``sync_process``.
    """

    load: Callable[[], config.Loaded]
    environment: Mapping[str, str]
    command: Sequence[str]


@dataclass(frozen=True, slots=True)
class Premises:
    """What there is to administer.

    Attributes:
        snapshot: the catalog in use.
        measured: what is known of endpoints' health, by their ids.
        changed: has all processes notice that keys, accounts and credentials are others.
    """

    grounds: Grounds
    store: Store
    vault: Vault
    clock: Clock
    outside: Outside
    snapshot: Callable[[], CatalogSnapshot]
    measured: Callable[[], Mapping[str, Mapping[str, Any]]]
    changed: Callable[[], None]


@final
class Administrator:
    """Implements ``api.administration.Administration``."""

    def __init__(self, premises: Premises) -> None:
        self._premises = premises

    async def settings(self) -> dict[str, Any]:
        """The configuration in effect."""
        loaded = await self._loaded()
        values = [
            {"key": one.key, "value": one.value, "origin": one.origin, "variable": one.variable, "about": one.about}
            for one in config.values(loaded)
        ]
        return {
            "file": None if loaded.path is None else str(loaded.path),
            "warnings": loaded.warnings,
            "values": values,
        }

    async def doctor(self) -> list[dict[str, Any]]:
        """Everything that was looked at. In a thread with a loop of its own: some of it waits for disks and ports."""
        loaded = await self._loaded()
        found = await asyncio.to_thread(asyncio.run, findings(loaded, self._premises.grounds.environment))
        return [one._asdict() for one in found]

    async def providers(self) -> list[dict[str, Any]]:
        """All providers, those that can be called first."""
        loaded, snapshot = await self._loaded(), self._premises.snapshot()
        models = Counter(e.provider for model in snapshot.models.values() for e in model.endpoints)
        seen: dict[str, list[Mapping[str, Any]]] = {}
        for name, figures in self._premises.measured().items():
            seen.setdefault(name.split("|")[1], []).append(figures)
        listed = sorted(snapshot.providers.values(), key=lambda one: (not one.usable, one.name.lower()))
        return [
            {
                "slug": one.slug,
                "name": one.name,
                "dialect": one.dialect,
                "base_url": one.base_url or None,
                "usable": one.usable,
                "credential": _origin(one, loaded),
                "variables": variables_of(one.slug),
                "endpoints": models[one.slug],
                "health": _health(seen.get(one.slug, ())),
            }
            for one in listed
        ]

    async def test_provider(self, slug: str) -> Verdict:
        """Ask for the list of models, which costs nothing."""
        provider = self._premises.snapshot().providers.get(slug)
        if provider is None:
            raise NotFound("There is no provider of that name")
        if not provider.usable:
            return Verdict(False, "The gateway has no credential for it, or does not know its address")
        if not lists_models(provider):
            return Verdict(None, "It has no list of models to ask for, so only a request would tell")
        try:
            status, _ = await self._premises.outside.get(listing_address(provider), listing_headers(provider))
        except UpstreamError:
            return Verdict(False, "It cannot be reached")
        if status == _OK:
            return Verdict(True, "It answers, and takes the credential")
        if status in _REFUSED:
            return Verdict(False, f"It refuses the credential with status {status}")
        return Verdict(None, f"It answers with status {status}, which says nothing of the credential")

    async def rotate_master_key(self) -> int:
        """As ``turnout keys rotate-master``."""
        return await rotate_master_key(self._premises.store, self._premises.vault)

    async def catalog(self) -> dict[str, Any]:
        """What the files in the data directory say; nobody is asked."""
        loaded, snapshot = await self._loaded(), self._premises.snapshot()
        settings = loaded.settings
        data_dir = Path(settings.server.data_dir)
        state, told = await asyncio.to_thread(
            lambda: (StateFolder(data_dir).load(), events.read(data_dir / events.FILE, _MOST_CHANGES))
        )
        names = sorted({*state.sources, *(name for name in wanted_sources(settings) if name != "providers")})
        states = {name: state.sources.get(name) for name in names}
        return {
            "generation": snapshot.generation,
            "models": len(snapshot.models),
            "built_at": date(snapshot.built),
            "tried_at": _moment(state.tried),
            "synced_at": _moment(state.synced),
            "refresh": settings.catalog.refresh,
            "bundled": settings.catalog.bundled,
            "sources": [
                {
                    "source": name,
                    "models": 0 if one is None else one.models,
                    "read_at": _moment(0.0 if one is None else one.fetched),
                    "changed_at": _moment(0.0 if one is None else one.changed),
                    "failure": "" if one is None else one.failure,
                }
                for name, one in states.items()
            ],
            "quarantined": [_hold(one) for one in state.holds if not one.rejected],
            "changes": [_change(one) for one in told],
        }

    async def unnamed(self) -> list[dict[str, str]]:
        """In a process of its own: it merges the whole catalog."""
        async for event in self._process({"do": "unnamed"}):
            if "unnamed" in event:
                return [{"provider": provider, "name": name} for provider, name in event["unnamed"]]
        return []

    async def sync(self) -> AsyncIterator[dict[str, Any]]:
        """As ``turnout catalog sync``. It goes on where nobody listens any longer."""
        async for event in self._process({"do": "sync"}):
            yield event

    async def decide(self, hold_id: str, *, approve: bool) -> dict[str, Any]:
        """As ``turnout catalog diff --approve`` and ``--reject``."""
        async for event in self._process({"do": "decide", "hold": hold_id, "approve": approve}):
            if "missing" in event:
                raise NotFound("Nothing of that id is quarantined")
            if "decided" in event:
                return {"id": hold_id, "approved": approve, "text": event["decided"]}
        raise Unavailable("The catalog cannot be changed")

    async def backups(self) -> list[dict[str, Any]]:
        """The files of the folder."""
        folder = (await self._store_file()).parent / _FOLDER

        def listed() -> list[dict[str, Any]]:
            found = [(path, path.stat()) for path in folder.glob("turnout-*.sqlite")]
            ordered = sorted(found, key=lambda one: one[1].st_mtime, reverse=True)
            return [{"name": p.name, "bytes": s.st_size, "created_at": date(s.st_mtime)} for p, s in ordered]

        return await asyncio.to_thread(listed)

    async def back_up(self) -> dict[str, Any]:
        """Copy the store, while it is in use."""
        return await self._copied("")

    async def restore(self, name: str) -> dict[str, Any]:
        """Put a copy in the store's place."""
        path = await self._store_file()
        copy = path.parent / _FOLDER / name
        if not copy.is_file():
            raise NotFound("There is no backup of that name")
        before = await self._copied("-before-restore")
        await asyncio.to_thread(restore, path, copy, self._premises.clock)
        self._premises.changed()
        return {"restored": name, "before": before}

    async def delete_backup(self, name: str) -> bool:
        """Remove a copy."""
        copy = (await self._store_file()).parent / _FOLDER / name
        with suppress(FileNotFoundError):
            await asyncio.to_thread(copy.unlink)
            return True
        return False

    def backup_file(self, name: str) -> str | None:
        """The path of a copy."""
        path = store_file(self._premises.grounds.load().settings).parent / _FOLDER / name
        return str(path) if path.is_file() else None

    async def _copied(self, why: str) -> dict[str, Any]:
        path = await self._store_file()
        at = self._premises.clock.wall()
        name = f"turnout-{date(at)[:-1].replace(':', '').lower()}{why}.sqlite"
        copy = path.parent / _FOLDER / name

        def work() -> int:
            copy.parent.mkdir(mode=0o700, exist_ok=True)
            back_up(path, copy)
            return copy.stat().st_size

        return {"name": name, "bytes": await asyncio.to_thread(work), "created_at": date(at)}

    async def _store_file(self) -> Path:
        settings = (await self._loaded()).settings
        if settings.store.url != "sqlite":
            raise Conflict("The store is a PostgreSQL database: copy and restore it with its own tools")
        return store_file(settings)

    async def _loaded(self) -> config.Loaded:
        try:
            return await asyncio.to_thread(self._premises.grounds.load)
        except (config.BadConfiguration, OSError) as error:
            raise Unavailable(f"The configuration cannot be read: {error}") from None

    async def _process(self, job: Mapping[str, object]) -> AsyncIterator[dict[str, Any]]:
        """What a process that does *job* writes; its errors are ours."""
        *command, order = self._premises.grounds.command
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *command, json.dumps(json.loads(order) | {"job": job}), stdout=pipe, limit=2**24
        )
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        try:
            async for line in process.stdout:
                event: dict[str, Any] = json.loads(line)
                if "error" in event:
                    raise Unavailable(event["error"])
                yield event
        finally:
            waiting = asyncio.ensure_future(process.wait())
            _reaped.add(waiting)
            waiting.add_done_callback(_reaped.discard)


_reaped: set[asyncio.Future[int]] = set()
"""Processes that nobody waits for: they end by themselves."""


def _origin(provider: Provider, loaded: config.Loaded) -> dict[str, str] | None:
    """Where the credential of *provider* comes from; None when there is none."""
    if provider.slug == FAKE:
        return {"origin": "built in", "variable": ""}
    place = f"providers.{provider.slug}"
    for name in ("api_key", "access_key_id", "credentials_file", "base_url"):
        if (origin := loaded.set_by.get(f"{place}.{name}")) is not None and provider.usable:
            return {"origin": str(origin), "variable": loaded.variables.get(f"{place}.{name}", "")}
    return {"origin": "environment", "variable": ""} if provider.usable else None


def _health(figures: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The worst of a provider's endpoints, how many have traffic, and how many of those are unwell."""
    if not figures:
        return None
    uptimes = [one["uptime_last_30m"] for one in figures if one.get("uptime_last_30m") is not None]
    return {
        "endpoints": len(figures),
        "unwell": sum(one.get("status", 0) != 0 for one in figures),
        "status": min(one.get("status", 0) for one in figures),
        "uptime_last_30m": min(uptimes, default=None),
    }


def _hold(hold: Hold) -> dict[str, Any]:
    model = f"{hold.provider} {hold.upstream_model}".strip()
    return {
        "id": hold.id,
        "kind": hold.kind,
        "source": hold.source,
        "at": date(hold.at),
        "of": model,
        "text": hold.text,
    }


def _change(event: CatalogEvent) -> dict[str, Any]:
    return {
        "kind": event.kind, "model": event.model_id, "name": event.name, "at": date(event.at), "text": event.text,
        "subject": event.subject, "before": event.before, "after": event.after,
    }  # fmt: skip


def _moment(unix_seconds: float) -> str | None:
    return date(unix_seconds) if unix_seconds else None
