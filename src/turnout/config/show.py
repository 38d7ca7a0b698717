"""The configuration in effect, as TOML with masked secrets and the origin of each value."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from turnout.base.secrets import Secret
from turnout.config.keys import Key, dotted
from turnout.config.load import Loaded

__all__ = ["show"]

_MASK: Final = "********"
_PASSWORD = re.compile(r"(?<=://)([^/@]*):[^/]*@")


def show(loaded: Loaded) -> str:
    """TOML that ``load`` accepts again, apart from the masks; each line ends with where its value comes from.

    Passwords within URLs are masked too. Keys that are absent are left out.
    """
    source = str(loaded.path) if loaded.path else "no file"
    lines = [f"# {json.dumps(source)[1:-1]}"]
    lines += [f"# warning: {json.dumps(warning)[1:-1]}" for warning in loaded.warnings]
    lines += _table((), loaded.settings, loaded, "")
    return "\n".join(lines) + "\n"


def _table(key: Key, value: BaseModel | Mapping[str, object], loaded: Loaded, header: str) -> Iterator[str]:
    """The lines of one table: its own values first, as TOML wants it, then the tables within."""
    items = list(value.items() if isinstance(value, Mapping) else _fields(value))
    own = [(name, item) for name, item in items if not _is_table(item)]
    if header and (own or not items):
        yield ""
        yield header
    for name, item in own:
        if item is not None:
            yield f"{dotted((name,))} = {_text(item)}{_origin((*key, name), loaded)}"
    for name, item in items:
        if isinstance(item, BaseModel | Mapping) and not (isinstance(item, Mapping) and not item):
            yield from _table((*key, name), item, loaded, f"[{_header((*key, name))}]")
        elif _is_table_list(item):
            for at, element in enumerate(item):
                inner = (*key, name, at)
                yield from _table(inner, element, loaded, f"[[{_header(inner)}]]{_origin((*key, name), loaded)}")


def _fields(model: BaseModel) -> Iterator[tuple[str, object]]:
    for name in type(model).model_fields:
        yield name, getattr(model, name)


def _is_table(value: object) -> bool:
    return isinstance(value, BaseModel | Mapping) or _is_table_list(value)


def _is_table_list(value: object) -> bool:
    return isinstance(value, tuple) and bool(value) and isinstance(value[0], BaseModel)


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
        case tuple():
            return f"[{', '.join(_text(item) for item in value)}]"
        case Path():
            return json.dumps(value.as_posix(), ensure_ascii=False)
        case _:
            return json.dumps(_PASSWORD.sub(rf"\1:{_MASK}@", str(value)), ensure_ascii=False)
