"""The configuration as every command reads it: with the providers that this program ships."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from turnout import config
from turnout.app.providers import known_slugs

__all__ = ["Flags", "load_configuration"]

Flags = Mapping[str, object]


def load_configuration(
    path: Path | None, flags: Flags | None = None, environment: Mapping[str, str] = os.environ
) -> config.Loaded:
    """The configuration that *path* (or the usual places), the environment and *flags* make.

    Raises:
        BadConfiguration: any of them is wrong.
    """
    return config.load(path, environment, flags or {}, known_slugs())
