"""What the command line looks at without a server: the catalog, and whether this installation is sound."""

from __future__ import annotations

import os
import socket
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import NamedTuple

from turnout import config
from turnout.app.catalog import snapshot_of
from turnout.app.providers import FAKE, providers_of
from turnout.app.shared import check_shared
from turnout.app.state import known_node_of, postgres_of, store_file, store_of
from turnout.base.clock import SYSTEM_CLOCK
from turnout.base.errors import TurnoutError
from turnout.domain.catalog import CatalogSnapshot
from turnout.stores.schema import REVISION

__all__ = ["Finding", "catalog_of", "findings"]

_HEALTH_SECONDS = 2.0


class Finding(NamedTuple):
    """One thing that was looked at: ``well`` False is a reason not to serve."""

    subject: str
    text: str
    well: bool = True


def catalog_of(loaded: config.Loaded, environment: Mapping[str, str] = os.environ) -> CatalogSnapshot:
    """The catalog as a server with this configuration begins; nobody is asked for it."""
    providers, _ = providers_of(loaded.settings, environment)
    return snapshot_of(loaded.settings, providers, (), SYSTEM_CLOCK.wall())


async def findings(loaded: config.Loaded, environment: Mapping[str, str] = os.environ) -> list[Finding]:
    """Everything that was looked at, in the order in which a start needs it."""
    settings = loaded.settings
    found = [Finding("configuration", str(loaded.path or "no file, only defaults and the environment"))]
    found += [Finding("configuration", warning) for warning in loaded.warnings]
    found.append(_directory(Path(settings.server.data_dir)))
    if settings.store.url != "sqlite":
        found += await _database(settings)
    elif found[-1].well:
        found.append(await _store(settings))
    if settings.store.shared:
        found.append(await _shared(settings))
    found += _credentials(settings, environment)
    found.append(_port(settings.server.host, settings.server.port))
    return found


def _directory(path: Path) -> Finding:
    existing = path
    while not existing.exists():
        existing = existing.parent
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        return Finding("data directory", f"{path} cannot be written: {error.strerror}", well=False)
    return Finding("data directory", f"{path} can be written" if existing == path else f"{path} will be made")


async def _store(settings: config.Settings) -> Finding:
    path = store_file(settings)
    try:
        store = store_of(settings)
        if not path.exists():
            return Finding("store", f"{path} will be made")
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            revision = connection.execute("SELECT version_num FROM alembic_version").fetchone()[0]
        if verdict != "ok":
            return Finding("store", f"{path} is damaged: {verdict}", well=False)
        if revision < REVISION:
            return Finding(
                "store", f"{path} is of an earlier version; the next start copies it and brings it up to date"
            )
        await store.open()
        keys = await store.keys()
        await store.close()
    except (TurnoutError, sqlite3.Error) as error:
        return Finding("store", f"{path} cannot be used: {error}", well=False)
    return Finding("store", f"{path} opens and holds {_count(len(keys), 'key')}")


async def _database(settings: config.Settings) -> list[Finding]:
    """Whether PostgreSQL can be used, and whether the nodes that use it hear of each other."""
    try:
        look = await postgres_of(settings).look()
        others = look.nodes - {known_node_of(settings)}
    except TurnoutError as error:
        return [Finding("store", error.message, well=False)]
    if look.revision is None:
        return [Finding("store", "PostgreSQL can be reached; the next start makes the tables")]
    if look.revision != REVISION:
        return [Finding("store", "PostgreSQL holds an earlier version; the next start brings it up to date")]
    found = [Finding("store", f"PostgreSQL can be reached and holds {_count(look.keys, 'key')}")]
    if others and not settings.store.shared:
        found.append(
            Finding(
                "shared state",
                f"warning: {_count(len(others), 'other node')} used this store lately and store.shared names no Redis:"
                " budgets hold over all nodes, but rate limits, health and sessions are each node's own",
            )
        )
    return found


async def _shared(settings: config.Settings) -> Finding:
    """A Redis that is gone is no reason not to serve."""
    try:
        await check_shared(settings)
    except TurnoutError as error:
        if isinstance(error.__cause__, ImportError):
            return Finding("shared state", error.message, well=False)
        return Finding(
            "shared state",
            "warning: Redis cannot be reached: until it can, rate limits, health and sessions are each node's own",
        )
    if settings.store.url == "sqlite":
        return Finding("shared state", "Redis answers; for several nodes store.url must name PostgreSQL too")
    return Finding("shared state", "Redis answers")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _credentials(settings: config.Settings, environment: Mapping[str, str]) -> Iterator[Finding]:
    providers, warnings = providers_of(settings, environment)
    yield from (Finding("provider", warning, well=False) for warning in warnings)
    usable = [provider for provider in providers.values() if provider.usable and provider.slug != FAKE]
    for provider in usable:
        kept = "a credential" if provider.credential is not None else "no credential, which it may not need"
        yield Finding("provider", f"{provider.slug}: {kept}, at {provider.base_url}")
    for slug, declared in settings.providers.items():
        if declared.enabled and slug in providers and not providers[slug].usable:
            yield Finding("provider", f"{slug}: declared, but it cannot be called", well=False)
    if not usable:
        yield Finding("provider", "none but the built-in fake one")


def _port(host: str, port: int) -> Finding:
    place = f"{host} port {port}"
    if port == 0:
        return Finding("port", "any free one")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if _serves(host, port):
                return Finding("port", f"a Turnout serves on {place}")
            return Finding("port", f"{place} cannot be had: {error.strerror}", well=False)
    return Finding("port", f"{place} is free")


def _serves(host: str, port: int) -> bool:
    """Whether a server of ours is there already."""
    connection = HTTPConnection({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port, timeout=_HEALTH_SECONDS)  # noqa: S104 - compared
    try:
        connection.request("GET", "/health")
        return b'"version"' in connection.getresponse().read(1024)
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
