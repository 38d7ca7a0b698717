"""The wire dialects: each module or package in this folder is one, by its ``DIALECT``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType

from turnout.contracts.provider import Dialect

__all__ = ["load_dialects"]


@cache
def load_dialects() -> Mapping[str, Dialect]:
    """Every dialect by its name, in alphabetical order, read-only.

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
