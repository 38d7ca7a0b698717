"""The wire dialects: each module or package in this folder is one, by its ``DIALECT``; packages may add others."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pkgutil import iter_modules
from types import MappingProxyType

from turnout.contracts.provider import Dialect

__all__ = ["find_dialect", "installed_dialects", "load_dialects"]

_GROUP = "turnout.providers"


@cache
def load_dialects() -> Mapping[str, Dialect]:
    """Every dialect of this folder by its name, in alphabetical order, read-only.

    Raises:
        TypeError: a module of this folder is no dialect, or two have one name.
    """
    found: dict[str, Dialect] = {}
    for module in sorted(iter_modules(__path__), key=lambda one: one.name):
        dialect = getattr(import_module(f"{__name__}.{module.name}"), "DIALECT", None)
        if not isinstance(dialect, Dialect) or dialect.name in found:
            raise TypeError(f"{module.name} in {__name__} is no dialect of its own")
        found[dialect.name] = dialect
    return MappingProxyType(found)


@cache
def installed_dialects() -> frozenset[str]:
    """The names of dialects that installed packages announce. Nothing of theirs is run to learn this."""
    return frozenset(_announced()).difference(load_dialects())


@cache
def find_dialect(name: str) -> Dialect | None:
    """The dialect of that name; None where nobody speaks it. A package's own is loaded now, and only now.

    Raises:
        ValueError: the package that announces it does not give it.
    """
    if (shipped := load_dialects().get(name)) is not None:
        return shipped
    announced = _announced().get(name)
    if announced is None:
        return None
    try:
        dialect = announced.load()
    except Exception as error:  # what a foreign package does when it is imported is not ours to foresee
        raise ValueError(f"the dialect {name} cannot be loaded: {type(error).__name__}") from error
    if not isinstance(dialect, Dialect) or dialect.name != name:
        raise ValueError(f"the dialect {name} cannot be loaded: its entry point gives something else")
    return dialect


def _announced() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=_GROUP)}
