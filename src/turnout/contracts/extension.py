"""Extensions of one kind: those that stand in a folder of ours, and those that installed packages announce."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pkgutil import iter_modules
from types import MappingProxyType
from typing import Generic, TypeVar

__all__ = ["Folder"]

T = TypeVar("T")


@dataclass(frozen=True)
class Folder(Generic[T]):
    """Where extensions of one kind stand.

    Attributes:
        package: the name of the folder's package.
        kind: what an extension is, ``word`` the same for people.
        attribute: the name that a module gives it; a module without it is passed over where ``parts`` says so.
        group: the entry points by which packages announce theirs.
        name_of: the name that an extension goes by.
    """

    package: str
    kind: type[T]
    word: str
    attribute: str
    group: str
    name_of: Callable[[T], str]
    parts: bool = False

    def shipped(self) -> Mapping[str, T]:
        """Every extension of the folder by its name, in alphabetical order of the modules, read-only.

        Raises:
            TypeError: a module gives something else, or two have one name.
        """
        found: dict[str, T] = {}
        for module in sorted(iter_modules(import_module(self.package).__path__), key=lambda one: one.name):
            given = getattr(import_module(f"{self.package}.{module.name}"), self.attribute, None)
            if given is None and self.parts:
                continue
            if not isinstance(given, self.kind) or self.name_of(given) in found:
                raise TypeError(f"{module.name} in {self.package} is no {self.word} of its own")
            found[self.name_of(given)] = given
        return MappingProxyType(found)

    def announced(self) -> dict[str, EntryPoint]:
        """What installed packages announce, by name. Nothing of theirs is run to learn this."""
        return {point.name: point for point in entry_points(group=self.group)}

    def installed(self, name: str) -> T | None:
        """The extension of that name of an installed package, which is loaded now; None where none announces it.

        Raises:
            ValueError: the package that announces it does not give it.
        """
        announced = self.announced().get(name)
        if announced is None:
            return None
        try:
            given = announced.load()
        except Exception as error:  # what a foreign package does when it is imported is not ours to foresee
            raise ValueError(f"the {self.word} {name} cannot be loaded: {type(error).__name__}") from error
        if not isinstance(given, self.kind) or self.name_of(given) != name:
            raise ValueError(f"the {self.word} {name} cannot be loaded: its entry point gives something else")
        return given
