"""Where this installation keeps its state."""

from __future__ import annotations

import logging
from pathlib import Path
from random import Random

from turnout import config
from turnout.base.clock import SYSTEM_CLOCK
from turnout.base.errors import Unavailable
from turnout.health.book import HealthBook
from turnout.health.neighbour import LAYOUT, REGION_BYTES
from turnout.shared.regions import MappedRegions
from turnout.stores.sqlite import SQLiteStore

__all__ = ["health_of", "journals_of", "store_file", "store_of"]

_log = logging.getLogger(__name__)


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


def health_of(settings: config.Settings, dice: Random) -> HealthBook:
    """The health windows, in a file that all workers map; where that cannot be, each worker keeps its own."""
    path = Path(settings.server.data_dir) / "health.map"
    try:
        return HealthBook(MappedRegions(path, REGION_BYTES, LAYOUT), dice)
    except (OSError, ValueError) as error:
        _log.warning("%s cannot be mapped, so this worker remembers health for itself alone: %s", path, error)
        return HealthBook(dice=dice)
