"""The wire dialects: each module or package in this folder is one, by its ``DIALECT``; packages may add others."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from turnout.contracts.extension import Folder
from turnout.contracts.provider import Dialect

__all__ = ["find_dialect", "installed_dialects", "load_dialects"]

_FOLDER = Folder(
    package=__name__, kind=Dialect, word="dialect", attribute="DIALECT", group="turnout.providers",
    name_of=lambda one: one.name, parts=False,
)  # fmt: skip


@cache
def load_dialects() -> Mapping[str, Dialect]:
    """Every dialect of this folder by its name, in alphabetical order of the modules, read-only.

    Raises:
        TypeError: a ``DIALECT`` is none, or two have one name.
    """
    return _FOLDER.shipped()


@cache
def installed_dialects() -> frozenset[str]:
    """The names of dialects that installed packages announce. Nothing of theirs is run to learn this."""
    return frozenset(_FOLDER.announced()).difference(load_dialects())


@cache
def find_dialect(name: str) -> Dialect | None:
    """The dialect of that name; None where there is none. A package's own is loaded now, and only now: call this
    with names that the configuration names.

    Raises:
        ValueError: the package that announces it does not give it.
    """
    return load_dialects().get(name) or _FOLDER.installed(name)
