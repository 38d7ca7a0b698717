"""The configuration in effect, as TOML with masked secrets and the origin of each value."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from pydantic import BaseModel

from turnout.base.secrets import Secret
from turnout.config.keys import Key, dotted, one_line
from turnout.config.load import Loaded

__all__ = ["Value", "show", "values"]

_MASK: Final = "********"
_QUERY = re.compile(r"\?.*")
_PASSWORD = re.compile(r"(?<=://)([^/@]*):[^/]*@")


class Value(NamedTuple):
    """One key in effect: its value as TOML with secrets masked, the layer that set it, the variable that it came from
    (empty for none), and what it is for.
    """

    key: str
    value: str
    origin: str
    variable: str
    about: str


def values(loaded: Loaded) -> list[Value]:
    """Every key that has a value, in the order of the settings. A list of tables is one value: how many there are."""
    return list(_values((), loaded.settings, loaded))


def show(loaded: Loaded) -> str:
    """TOML that ``load`` accepts again, apart from the masks; each line ends with where its value comes from.

    Passwords within URLs are masked too. Keys that are absent are left out.
    """
    source = str(loaded.path) if loaded.path else "no file"
    lines = [f"# {one_line(source)}"]
    lines += [f"# warning: {one_line(warning)}" for warning in loaded.warnings]
    lines += _table((), loaded.settings, loaded, "")
    return "\n".join(lines) + "\n"


def _values(key: Key, table: BaseModel | Mapping[str, object], loaded: Loaded) -> Iterator[Value]:
    fields = type(table).model_fields if isinstance(table, BaseModel) else {}
    for name, item in _entries(table):
        inner = (*key, name)
        if isinstance(item, BaseModel | Mapping):
            yield from _values(inner, item, loaded)
        elif item is not None:
            place = dotted(inner)
            shown = str(len(tables)) if (tables := _tables(item)) else _text(_storeless(item, key))
            about = fields[name].description or "" if name in fields else ""
            yield Value(place, shown, str(loaded.set_by.get(place, "default")), loaded.variables.get(place, ""), about)


def _storeless(item: object, key: Key) -> object:
    return _without_password(item) if key == ("store",) and isinstance(item, str) else item


def _table(key: Key, table: BaseModel | Mapping[str, object], loaded: Loaded, header: str) -> Iterator[str]:
    """The lines of one table: its own values first, as TOML wants it, then the tables within."""
    items = [(name, item) for name, item in _entries(table) if item is not None]
    own = [(name, item) for name, item in items if not isinstance(item, BaseModel | Mapping) and not _tables(item)]
    if header and own:
        yield ""
        yield header
    for name, item in own:
        shown = _without_password(item) if key == ("store",) else item
        yield f"{dotted((name,))} = {_text(shown)}{_origin((*key, name), loaded)}"
    for name, item in items:
        inner = (*key, name)
        if isinstance(item, BaseModel | Mapping):
            yield from _table(inner, item, loaded, f"[{_header(inner)}]")
        for at, element in enumerate(_tables(item)):
            yield from _table((*inner, at), element, loaded, f"[[{_header(inner)}]]{_origin(inner, loaded)}")


def _entries(table: BaseModel | Mapping[str, object]) -> Iterator[tuple[str, object]]:
    if isinstance(table, Mapping):
        yield from table.items()
    else:
        yield from ((name, getattr(table, name)) for name in type(table).model_fields)


def _tables(value: object) -> list[BaseModel]:
    """The tables in *value* when it is a list of tables, else nothing."""
    return [item for item in value if isinstance(item, BaseModel)] if isinstance(value, tuple) else []


def _header(key: Key) -> str:
    return dotted(tuple(step for step in key if isinstance(step, str)))


def _origin(key: Key, loaded: Loaded) -> str:
    """The comment that names the layer; within a list the list as a whole has it, so nothing is repeated."""
    if any(isinstance(step, int) for step in key):
        return ""
    origin: str = loaded.set_by.get(dotted(key), "default")
    variable = loaded.variables.get(dotted(key))
    return f"  # {origin}, ${variable}" if variable else f"  # {origin}"


def _text(value: object) -> str:
    match value:
        case Secret():
            return f'"{_MASK}"'
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case tuple() | list():
            return f"[{', '.join(_text(item) for item in value)}]"
        case Path():
            return json.dumps(value.as_posix(), ensure_ascii=False)
        case _:
            return json.dumps(str(value), ensure_ascii=False)


def _without_password(value: object) -> str:
    """The URL of a store without its password and without its query, which may hold one too."""
    return _QUERY.sub(f"?{_MASK}", _PASSWORD.sub(rf"\1:{_MASK}@", str(value)))
