"""From the configuration to the plugins of this installation."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import Raw

from turnout import config
from turnout.base.jsons import encode
from turnout.config.settings import DeclaredPlugin
from turnout.contracts.plugin import Plugin
from turnout.domain.catalog import CatalogSnapshot
from turnout.domain.routing import Candidate
from turnout.engine.rack import Fitted, Rack
from turnout.plugins import find_plugin, load_plugins

__all__ = ["broken_plugins", "rack_of"]

_UNDECLARED = DeclaredPlugin()


def rack_of(settings: config.Settings, snapshot: CatalogSnapshot) -> Rack:
    """The shipped plugins, and those of installed packages that *settings* name.

    Raises:
        ValueError: *settings* say of a plugin what it does not know; :func:`broken_plugins` tells what.
    """
    named = [plugin for name in settings.plugins if (plugin := find_plugin(name)) is not None]
    plugins = dict(load_plugins()) | {plugin.id: plugin for plugin in named}
    rooms = (
        Candidate(model, endpoint, snapshot.providers[endpoint.provider]).room
        for model in snapshot.models.values()
        for endpoint in model.endpoints
        if endpoint.provider in snapshot.providers
    )
    return Rack([_fitted(plugin, settings.plugins.get(name, _UNDECLARED)) for name, plugin in plugins.items()], rooms)


def broken_plugins(settings: config.Settings) -> Iterator[config.Mistake]:
    """Plugins that there are none of, and what the others do not know. Those of packages are loaded first here."""
    for name, declared in settings.plugins.items():
        place = f"plugins.{name}"
        try:
            plugin = find_plugin(name)
        except ValueError as error:
            yield config.Mistake("configuration", place, str(error))
            continue
        if plugin is None:
            known = ", ".join(sorted(load_plugins()))
            yield config.Mistake("configuration", place, f"there is no such plugin; there are {known}")
            continue
        for part, kind in (("parameters", plugin.parameters), ("settings", plugin.settings)):
            try:
                msgspec.convert(dict(getattr(declared, part)), kind)
            except msgspec.ValidationError as error:
                yield config.Mistake("configuration", f"{place}.{part}", str(error).replace("`$.", "`"))
        for unknown in sorted(declared.credentials.keys() - plugin.credentials):
            yield config.Mistake("configuration", f"{place}.credentials.{unknown}", "it takes no such credential")


def _fitted(plugin: Plugin, declared: DeclaredPlugin) -> Fitted:
    return Fitted(
        plugin=plugin,
        settings=msgspec.convert(dict(declared.settings), plugin.settings),
        defaults={name: Raw(encode(value)) for name, value in declared.parameters.items()},
        credentials=declared.credentials,
        enabled=declared.enabled,
        fixed=declared.prevent_overrides,
        skips=(declared.on_failure or plugin.on_failure) == "skip",
        seconds=plugin.seconds if declared.seconds is None else declared.seconds,
    )
