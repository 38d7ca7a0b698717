"""The configuration as every command reads it: with the providers that this program ships."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from turnout import config
from turnout.app.plugins import broken_plugins
from turnout.app.providers import known_slugs
from turnout.providers.dialects import find_dialect, installed_dialects

__all__ = ["Flags", "load_configuration"]

Flags = Mapping[str, object]


def load_configuration(
    path: Path | None, flags: Flags | None = None, environment: Mapping[str, str] = os.environ
) -> config.Loaded:
    """The configuration that *path* (or the usual places), the environment and *flags* make.

    Raises:
        BadConfiguration: any of them is wrong.
    """
    loaded = config.load(path, environment, flags or {}, known_slugs(), installed_dialects())
    if mistakes := [*_broken_dialects(loaded.settings), *broken_plugins(loaded.settings)]:
        raise config.BadConfiguration(mistakes)
    return loaded


def _broken_dialects(settings: config.Settings) -> Iterator[config.Mistake]:
    """Dialects of installed packages are loaded where they are named, and first of all here."""
    for slug, provider in settings.providers.items():
        try:
            find_dialect(provider.dialect or "")
        except ValueError as error:
            yield config.Mistake("configuration", f"providers.{slug}.dialect", str(error))
