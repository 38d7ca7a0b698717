"""Values of the form ``env:NAME``: replaced by environment variables, or absent."""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from turnout.config.keys import Key
from turnout.config.mistakes import Complaint

__all__ = ["Resolved", "resolve"]

_MARK: Final = "env:"
_REFERENCE = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]{0,127})", re.ASCII)
_MAX_DEPTH: Final = 16
"""Twice the depth of the deepest key there is."""
_ABSENT: Final = object()


class Resolved(msgspec.Struct):
    """Tables after replacement. ``used`` and ``unset`` say which keys named which variables."""

    tree: dict[str, Any]
    used: dict[Key, str] = {}
    unset: dict[Key, str] = {}
    complaints: list[Complaint] = []


def resolve(tree: Mapping[str, object], environment: Mapping[str, str]) -> Resolved:
    """Replace each string ``env:NAME`` in *tree*; where the variable is unset or empty, leave the key out.

    None, which JSON and flags may hold, leaves its key out as well.
    """
    resolved = Resolved({})
    resolved.tree = _replace(tree, (), environment, resolved)
    return resolved


def _replace(value: object, key: Key, environment: Mapping[str, str], resolved: Resolved) -> Any:  # noqa: ANN401 - any TOML value
    if len(key) > _MAX_DEPTH:
        resolved.complaints.append((key[:_MAX_DEPTH], "nested too deeply"))
        return _ABSENT
    if isinstance(value, Mapping):
        table = {name: _replace(item, (*key, name), environment, resolved) for name, item in value.items()}
        return {name: item for name, item in table.items() if item is not _ABSENT and item is not None}
    if isinstance(value, list | tuple):
        items = [_replace(item, (*key, at), environment, resolved) for at, item in enumerate(value)]
        return [item for item in items if item is not _ABSENT]
    if isinstance(value, str) and value.startswith(_MARK):
        return _look_up(value, key, environment, resolved)
    return value


def _look_up(text: str, key: Key, environment: Mapping[str, str], resolved: Resolved) -> object:
    match = _REFERENCE.fullmatch(text)
    if not match:
        resolved.complaints.append((key, "after env: comes the name of a variable, nothing else"))
        return _ABSENT
    name = match[1]
    if not (found := environment.get(name)):
        resolved.unset[key] = name
        return _ABSENT
    resolved.used[key] = name
    return found
