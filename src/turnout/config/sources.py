"""The layers that a configuration is made of: the file, the environment, the command line."""

import json
import re
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from pydantic import BaseModel

from turnout.config.keys import Key, Tree, dotted, inside, is_container, one_line, reaches
from turnout.config.mistakes import BadConfiguration, Complaint, Mistake, nearest
from turnout.config.variables import Resolved, resolve

__all__ = [
    "CredentialSource",
    "EnvironmentSource",
    "FileSource",
    "FlagSource",
    "LayerSource",
    "Origin",
    "find_file",
]

Origin: TypeAlias = Literal["file", "environment", "flag"]

_PREFIX: Final = "TURNOUT_"
_CREDENTIALS: Final[Mapping[str, Key]] = {
    "TURNOUT_MANAGEMENT_KEY": ("auth", "management_key"),
    "TURNOUT_API_KEY": ("auth", "api_key"),
    "TURNOUT_MASTER_KEY": ("auth", "master_key"),
}
_PLACE = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)$")


class LayerSource:
    """One layer: its tables with ``env:NAME`` values already replaced, and what was noticed meanwhile."""

    origin: Origin
    label: str

    def __init__(self, tree: Tree, environment: Mapping[str, str]) -> None:
        self.resolved: Final[Resolved] = resolve(tree, environment)
        self.complaints: Final[list[Complaint]] = list(self.resolved.complaints)

    def holds(self, key: Key) -> bool:
        """Whether this layer sets *key*."""
        return reaches(self.resolved.tree, key)

    def place(self, key: Key, message: str) -> Mistake:
        """The mistake *message* at *key*, named as its author wrote it."""
        return Mistake(self.label, dotted(key), message)


class FileSource(LayerSource):
    """The TOML file, or nothing where there is none."""

    origin = "file"

    def __init__(self, path: Path | None, environment: Mapping[str, str]) -> None:
        self.label = one_line(str(path)) if path else "turnout.toml"
        super().__init__(_read(path, self.label) if path else {}, environment)


class EnvironmentSource(LayerSource):
    """Variables such as ``TURNOUT_SERVER__PORT``; lists and tables are JSON."""

    origin = "environment"
    label = "environment"

    def __init__(self, settings: type[BaseModel], environment: Mapping[str, str], slugs: Collection[str]) -> None:
        self._names: dict[Key, str] = {}
        self._slugs = slugs
        found: list[Complaint] = []
        tree: dict[str, Any] = {}
        for name in sorted(environment):
            key = self._key(name, settings)
            if key is None:
                continue
            self._names[key] = name
            try:
                _plant(tree, key, _decode(environment[name], key, settings))
            except ValueError as error:
                found.append((key, str(error)))
        super().__init__(tree, environment)
        self.complaints.extend(found)

    def place(self, key: Key, message: str) -> Mistake:
        """The mistake, with the variable in place of the key."""
        for end in range(len(key), 0, -1):
            if name := self._names.get(key[:end]):
                return Mistake(self.label, f"{one_line(name)} {dotted(key[end:])}".strip(), message)
        return super().place(key, message)

    def _key(self, name: str, settings: type[BaseModel]) -> Key | None:
        """The key that variable *name* overrides; None when it has nothing to do with the configuration."""
        if not name.startswith(_PREFIX):
            return None
        steps = name.removeprefix(_PREFIX).lower().split("__")
        if len(steps) == 1 and steps[0] not in settings.model_fields:
            return None  # TURNOUT_CONFIG and other variables that are no overrides
        if steps[0] == "providers" and len(steps) > 1:
            steps[1] = next((slug for slug in self._slugs if re.sub("[.-]", "_", slug) == steps[1]), steps[1])
        if steps[0] == "plugins" and len(steps) > 1:
            steps[1] = steps[1].replace("_", "-")
        return tuple(steps)


class FlagSource(LayerSource):
    """What the command line sets."""

    origin = "flag"
    label = "command line"


class CredentialSource(LayerSource):
    """The lowest layer: the first two keys from their usual variables, when nothing else names them."""

    origin = "environment"
    label = "environment"

    def __init__(self, environment: Mapping[str, str]) -> None:
        tree: dict[str, Any] = {}
        for name, key in _CREDENTIALS.items():
            if environment.get(name):
                _plant(tree, key, f"env:{name}")
        super().__init__(tree, environment)

    def place(self, key: Key, message: str) -> Mistake:
        """The mistake, with the variable in place of the key."""
        name = next((name for name, own in _CREDENTIALS.items() if own == key), dotted(key))
        return Mistake(self.label, name, message)


def find_file(path: Path | None, environment: Mapping[str, str]) -> Path | None:
    """The configuration file: *path*, else ``$TURNOUT_CONFIG``, else ``./turnout.toml``, else the user's, else None.

    Raises:
        BadConfiguration: a file that was named does not exist.
    """
    if path is None and (named := environment.get("TURNOUT_CONFIG")):
        path = Path(named)
    if path is not None:
        if not _is_file(path):
            raise BadConfiguration([Mistake(one_line(str(path)), "", "no such file")])
        return path
    places = [Path("turnout.toml")]
    base = environment.get("XDG_CONFIG_HOME", "")
    if base.startswith("/"):  # a relative one is to be ignored, says its specification
        places.append(Path(base) / "turnout" / "turnout.toml")
    elif home := environment.get("HOME"):
        places.append(Path(home) / ".config" / "turnout" / "turnout.toml")
    return next((place for place in places if _is_file(place)), None)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # an unreadable directory, a name with NUL
        return False


def _read(path: Path, label: str) -> dict[str, Any]:
    """The tables of the file.

    Raises:
        BadConfiguration: it cannot be read, is not UTF-8, or is not TOML.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        reason = error.strerror or "unreadable"
        raise BadConfiguration([Mistake(label, "", f"cannot be read: {reason}")]) from None
    try:
        return tomllib.loads(raw.decode().replace("\r\n", "\n"))
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        mistake = Mistake(label, "", "not UTF-8", line)
    except tomllib.TOMLDecodeError as error:
        place = _PLACE.search(str(error))
        last = raw.count(b"\n") + 1
        line = int(place[1]) if place and place[1] else last
        mistake = Mistake(label, "", f"not TOML: {one_line(_PLACE.sub('', str(error)))}", line)
    except RecursionError:
        mistake = Mistake(label, "", "nested too deeply")
    except ValueError:  # a number of thousands of digits
        mistake = Mistake(label, "", "holds a number that is too long")
    raise BadConfiguration([mistake])


def _plant(tree: dict[str, Any], key: Key, value: object) -> None:
    """Set *value* at *key*, which holds names only.

    Raises:
        ValueError: another variable sets something on the way that is no table.
    """
    *tables, name = [str(step) for step in key]
    for step in tables:
        tree = tree.setdefault(step, {})
        if type(tree) is not dict:
            raise ValueError("contradicts another variable")
    if name in tree:
        raise ValueError("contradicts another variable")
    tree[name] = value


def _decode(text: str, key: Key, settings: type[BaseModel]) -> object:
    """The value of a variable: JSON for tables and lists, the text itself for everything else.

    Raises:
        ValueError: a list is given by its elements, the name is unknown, or the JSON is wrong.
    """
    kind: Any = settings
    for step in key:
        if inside(kind, 0) is not None:
            raise ValueError("a list is given as a whole, as JSON")
        kind, table = inside(kind, step), kind
        if kind is None:
            known = [name.upper() for name in getattr(table, "model_fields", {})]
            meant = nearest(str(step), [name.lower() for name in known])
            raise ValueError(f"unknown key; did you mean {meant.upper()}?" if meant else "unknown key")
    if not is_container(kind) or text.startswith("env:"):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("must be JSON") from None
