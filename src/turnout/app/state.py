"""Where this installation keeps its state."""

from __future__ import annotations

from pathlib import Path

from turnout import config
from turnout.base.clock import SYSTEM_CLOCK
from turnout.base.errors import Unavailable
from turnout.stores.sqlite import SQLiteStore

__all__ = ["journals_of", "store_file", "store_of"]


def store_file(settings: config.Settings) -> Path:
    """The SQLite file."""
    return Path(settings.server.data_dir) / "turnout.sqlite"


def store_of(settings: config.Settings) -> SQLiteStore:
    """The store that the configuration names.

    Raises:
        Unavailable: it is one that this version does not have.
    """
    if settings.store.url != "sqlite":
        raise Unavailable("store.url: this version keeps its state in sqlite only")
    if settings.store.shared:
        raise Unavailable("store.shared: this version serves from one machine only")
    return SQLiteStore(store_file(settings), SYSTEM_CLOCK)


def journals_of(settings: config.Settings) -> Path:
    """The folder of all workers' journals."""
    return Path(settings.server.data_dir) / "journal"
