"""Where this installation keeps its state."""

from __future__ import annotations

import logging
import os
import secrets
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from turnout import config
from turnout.base.clock import SYSTEM_CLOCK
from turnout.base.errors import Unavailable
from turnout.contracts.store import Store
from turnout.health.book import HealthBook
from turnout.health.neighbour import LAYOUT, REGION_BYTES
from turnout.shared.regions import MappedRegions
from turnout.stores.sqlite import SQLiteStore

if TYPE_CHECKING:
    from turnout.stores.postgres import PostgresStore

__all__ = ["health_of", "journals_of", "known_node_of", "node_of", "postgres_of", "store_file", "store_of"]

_log = logging.getLogger(__name__)


def store_file(settings: config.Settings) -> Path:
    """The SQLite file."""
    return Path(settings.server.data_dir) / "turnout.sqlite"


def store_of(settings: config.Settings) -> Store:
    """The store that the configuration names, not open yet.

    Raises:
        Unavailable: it needs a package that is not installed.
    """
    if settings.store.url == "sqlite":
        return SQLiteStore(store_file(settings), SYSTEM_CLOCK)
    return postgres_of(settings)


def postgres_of(settings: config.Settings) -> PostgresStore:
    """The store in the PostgreSQL that the configuration names, not open yet.

    Raises:
        Unavailable: it needs a package that is not installed.
    """
    try:
        from turnout.stores.postgres import PostgresStore  # noqa: PLC0415 - its driver is an option
    except ImportError as error:
        raise Unavailable(f"store.url: PostgreSQL needs the package {error.name}; install turnout[postgres]") from error
    return PostgresStore(settings.store.url, SYSTEM_CLOCK)


def node_of(settings: config.Settings) -> str:
    """The name of this node: the same after a restart, in another container too, and another for every data directory.

    It is made by chance and kept in the data directory: machines that were copied from one another may share their
    name and all their paths.

    Raises:
        OSError: the data directory cannot be written.
    """
    while (name := known_node_of(settings)) is None:
        path = _node_file(settings)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unborn = path.with_name(f"node.{os.getpid()}")
        unborn.write_text(f"{secrets.token_hex(8)}\n", encoding="ascii")
        with suppress(FileExistsError):  # another process was quicker
            path.hardlink_to(unborn)
        unborn.unlink()
    return name


def known_node_of(settings: config.Settings) -> str | None:
    """The name of this node, None where it has not got one yet."""
    try:
        return _node_file(settings).read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None


def journals_of(settings: config.Settings) -> Path:
    """The folder of all workers' journals."""
    return Path(settings.server.data_dir) / "journal"


def health_of(settings: config.Settings, dice: Random) -> HealthBook:
    """The health windows, in a file that all workers map; where that cannot be, each worker keeps its own."""
    path = Path(settings.server.data_dir) / "health.map"
    try:
        return HealthBook(MappedRegions(path, REGION_BYTES, LAYOUT), dice)
    except (OSError, ValueError) as error:
        _log.warning("%s cannot be mapped, so this worker remembers health for itself alone: %s", path, error)
        return HealthBook(dice=dice)


def _node_file(settings: config.Settings) -> Path:
    return Path(settings.server.data_dir) / "node"
