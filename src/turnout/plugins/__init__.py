"""The plugins: each module or package of this folder with a ``PLUGIN`` is one; installed packages may add others."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from turnout.contracts.extension import Folder
from turnout.contracts.plugin import Plugin

__all__ = ["find_plugin", "installed_plugins", "load_plugins"]

_FOLDER = Folder(
    package=__name__, kind=Plugin, word="plugin", attribute="PLUGIN", group="turnout.plugins",
    name_of=lambda one: one.id, parts=True,
)  # fmt: skip


@cache
def load_plugins() -> Mapping[str, Plugin]:
    """Every plugin of this folder by its id, in alphabetical order of the modules, read-only.

    Raises:
        TypeError: a ``PLUGIN`` is none, or two have one id.
    """
    return _FOLDER.shipped()


@cache
def installed_plugins() -> frozenset[str]:
    """The ids of plugins that installed packages announce. Nothing of theirs is run to learn this."""
    return frozenset(_FOLDER.announced()).difference(load_plugins())


@cache
def find_plugin(plugin_id: str) -> Plugin | None:
    """The plugin of that id; None where there is none. A package's own is loaded now, and only now: call this
    with ids that the configuration names.

    Raises:
        ValueError: the package that announces it does not give it.
    """
    return load_plugins().get(plugin_id) or _FOLDER.installed(plugin_id)
