"""Reading the configuration: find the file, lay the layers over one another, judge the whole at once."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
from pydantic import ValidationError

from turnout.config.checks import cross_check, is_name
from turnout.config.keys import Key, dotted, leaves
from turnout.config.mistakes import BadConfiguration, Complaint, Mistake, complaints_of
from turnout.config.settings import DIALECTS, Settings
from turnout.config.sources import (
    CredentialSource,
    EnvironmentSource,
    FileSource,
    FlagSource,
    LayerSource,
    Origin,
    find_file,
)

__all__ = ["Loaded", "load"]


class Loaded(msgspec.Struct, frozen=True):
    """A valid configuration and where it came from.

    ``path`` is the file, None when there is none. ``warnings`` are single lines for the log. ``set_by`` names the
    layer of each dotted key that is not a default; a list counts as one value. ``variables`` names the environment
    variable of each key that was given as ``env:NAME``.
    """

    settings: Settings
    path: Path | None
    warnings: tuple[str, ...]
    set_by: Mapping[str, Origin]
    variables: Mapping[str, str]


def load(
    path: Path | None,
    environment: Mapping[str, str],
    flags: Mapping[str, object],
    known_providers: Collection[str] = (),
    more_dialects: Collection[str] = (),
) -> Loaded:
    """Read the file, let *environment* override it and *flags* (nested tables) override both.

    Without *path* the file is looked for, see :func:`turnout.config.sources.find_file`. *known_providers* are the
    slugs of providers that exist without being declared; ``fake`` is always one. *more_dialects* are those that
    installed packages add to the shipped ones.

    Raises:
        BadConfiguration: with every mistake in it, unless the file is no TOML at all.
    """
    found = find_file(path, environment)
    file = FileSource(found, environment)
    declared = file.resolved.tree.get("providers")
    slugs = [*(declared if isinstance(declared, dict) else ()), *known_providers]
    layers: tuple[LayerSource, ...] = (
        FlagSource(flags, environment),
        EnvironmentSource(Settings, environment, slugs),
        file,
        CredentialSource(environment),
    )
    merged: dict[str, Any] = {}
    for layer in reversed(layers):
        merged = _overlay(merged, layer.resolved.tree)
    settings, complaints = _validate(merged)
    complaints += cross_check(merged, known_providers, (*DIALECTS, *more_dialects))
    mistakes = [
        *(layer.place(key, message) for layer in layers for key, message in layer.complaints),
        *(_place(layers, merged, key, message) for key, message in complaints),
    ]
    if settings is None or mistakes:
        raise BadConfiguration(_in_order(mistakes))
    return Loaded(
        settings=settings,
        path=found,
        warnings=tuple(chain(_unset_variables(layers), _without_address(settings, known_providers, file.label))),
        set_by={dotted(key): layer.origin for layer in reversed(layers) for key in leaves(layer.resolved.tree)},
        variables=_variables(layers),
    )


def _validate(merged: Mapping[str, Any]) -> tuple[Settings | None, list[Complaint]]:
    try:
        return Settings.model_validate(merged), []
    except ValidationError as error:
        return None, complaints_of(error, Settings)


def _overlay(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
    """*upper* over *lower*: tables are merged, everything else is replaced."""
    merged = dict(lower)
    for name, value in upper.items():
        below = merged.get(name)
        merged[name] = _overlay(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def _place(layers: Sequence[LayerSource], merged: Mapping[str, Any], key: Key, message: str) -> Mistake:
    """The mistake in the layer that set *key*, or the nearest table around it."""
    for layer in layers:
        if key in layer.resolved.unset and message == "missing":
            message = f"missing, because the variable {layer.resolved.unset[key]} is unset"
    message += _which_model(merged, key)
    for end in range(len(key), 0, -1):
        for layer in layers:
            if layer.holds(key[:end]):
                return layer.place(key, message)
    return Mistake("configuration", dotted(key), message)


def _which_model(merged: Mapping[str, Any], key: Key) -> str:
    """The id of the model that *key* is within, since positions in a long file are hard to count."""
    match key:
        case ("models", int(at), str(step), *_) if step != "id":
            model = merged["models"][at]
            model_id = model.get("id") if isinstance(model, dict) else None
            return f" (model {model_id})" if is_name(model_id) else ""
    return ""


def _in_order(mistakes: Iterable[Mistake]) -> list[Mistake]:
    """Each mistake once; those of the file first, each layer's together."""
    once = list(dict.fromkeys(mistakes))
    last = {"environment": 1, FlagSource.label: 2}
    return sorted(once, key=lambda mistake: last.get(mistake.source, 0))


def _variables(layers: Sequence[LayerSource]) -> dict[str, str]:
    """The variables that values in effect came from; those that a higher layer overrides are left out."""
    return {
        dotted(key): name
        for at, layer in enumerate(layers)
        for key, name in layer.resolved.used.items()
        if not any(other.holds(key) for other in layers[:at])
    }


def _unset_variables(layers: Sequence[LayerSource]) -> Iterable[str]:
    for at, layer in enumerate(layers):
        for key, name in layer.resolved.unset.items():
            if not any(other.holds(key) for other in layers[:at]):
                yield str(layer.place(key, f"the variable {name} is unset, so this key is absent"))


def _without_address(settings: Settings, known_providers: Collection[str], label: str) -> Iterable[str]:
    """Warnings about declared providers that nothing can reach; only where the caller knows the shipped ones."""
    for slug, provider in settings.providers.items():
        needs_address = provider.dialect in {None, "openai", "openai-responses", "azure"}
        lacks_address = provider.enabled and needs_address and provider.base_url is None
        if known_providers and lacks_address and slug not in {"fake", *known_providers}:
            yield f"{label}: {dotted(('providers', slug))}: no base_url, so it cannot be called"
