"""The plugins: each module or package of this folder with a ``PLUGIN`` is one; installed packages may add others."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pkgutil import iter_modules
from types import MappingProxyType

from turnout.contracts.plugin import Plugin

__all__ = ["find_plugin", "installed_plugins", "load_plugins"]

_GROUP = "turnout.plugins"


@cache
def load_plugins() -> Mapping[str, Plugin]:
    """Every plugin of this folder by its id, in alphabetical order of the modules, read-only.

    Raises:
        TypeError: a ``PLUGIN`` is none, or two have one id.
    """
    found: dict[str, Plugin] = {}
    for module in sorted(iter_modules(__path__), key=lambda one: one.name):
        plugin = getattr(import_module(f"{__name__}.{module.name}"), "PLUGIN", None)
        if plugin is None:
            continue  # a part of one
        if not isinstance(plugin, Plugin) or plugin.id in found:
            raise TypeError(f"{module.name} in {__name__} is no plugin of its own")
        found[plugin.id] = plugin
    return MappingProxyType(found)


@cache
def installed_plugins() -> frozenset[str]:
    """The ids of plugins that installed packages announce. Nothing of theirs is run to learn this."""
    return frozenset(_announced()).difference(load_plugins())


@cache
def find_plugin(plugin_id: str) -> Plugin | None:
    """The plugin of that id; None where there is none. A package's own is loaded now, and only now: call this with ids
    that the configuration names.

    Raises:
        ValueError: the package that announces it does not give it.
    """
    if (shipped := load_plugins().get(plugin_id)) is not None:
        return shipped
    announced = _announced().get(plugin_id)
    if announced is None:
        return None
    try:
        plugin = announced.load()
    except Exception as error:  # what a foreign package does when it is imported is not ours to foresee
        raise ValueError(f"the plugin {plugin_id} cannot be loaded: {type(error).__name__}") from error
    if not isinstance(plugin, Plugin) or plugin.id != plugin_id:
        raise ValueError(f"the plugin {plugin_id} cannot be loaded: its entry point gives something else")
    return plugin


def _announced() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=_GROUP)}
