"""Paths to values inside the configuration: how they are written, and what the models expect there."""

import json
import re
from collections.abc import Mapping
from types import UnionType
from typing import Annotated, Any, TypeAlias, Union, get_args, get_origin

from pydantic import BaseModel

__all__ = ["Key", "Tree", "dotted", "fields_of", "inside", "is_container", "leaves", "one_line", "reaches"]

Key: TypeAlias = tuple[str | int, ...]
"""Steps from the root: names of tables and keys, positions in lists (counted from 0)."""

Tree: TypeAlias = Mapping[str, object]
"""Tables as they stand in one layer, before validation."""

_BARE = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_LONGEST_STEP = 64
_NOTHING = object()


def dotted(key: Key) -> str:
    """*key* as TOML would write it, on one line, whatever it holds: ``models[0].id``, ``providers."a.b".name``."""
    text = ""
    for step in key:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            name = step if _BARE.fullmatch(step) else json.dumps(step[:_LONGEST_STEP])
            text += f".{name}" if text else name
    return text


def inside(kind: Any, step: str | int) -> Any:  # noqa: ANN401 - annotations have no common type
    """The annotation of what stands at *step* within *kind*; None where nothing may stand."""
    kind = _plain(kind)
    if fields := fields_of(kind):
        return fields.get(step) if isinstance(step, str) else None
    origin = get_origin(kind)
    if origin is Mapping and isinstance(step, str):
        return get_args(kind)[1]
    if origin is tuple and isinstance(step, int):
        return get_args(kind)[0]
    return None


def fields_of(kind: Any) -> dict[str, Any]:  # noqa: ANN401 - as above
    """The annotations of the keys of a table with fixed keys; empty for everything else."""
    kind = _plain(kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return {name: field.annotation for name, field in kind.model_fields.items()}
    return {}


def is_container(kind: Any) -> bool:  # noqa: ANN401 - as above
    """Whether *kind* is a table or a list."""
    return bool(fields_of(kind)) or get_origin(_plain(kind)) in {Mapping, tuple}


def one_line(text: str) -> str:
    """*text* with control characters and lone surrogates spelled out, so that one mistake stays one line."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def reaches(tree: object, key: Key) -> bool:
    """Whether *tree* holds something at *key*."""
    for step in key:
        if isinstance(tree, Mapping):
            tree = tree.get(step, _NOTHING)
        elif isinstance(tree, list) and isinstance(step, int):
            tree = tree[step] if step < len(tree) else _NOTHING
        else:
            return False
    return tree is not _NOTHING


def leaves(tree: object, key: Key = ()) -> list[Key]:
    """The keys of all values of *tree*; a list counts as one value, and so does an empty table."""
    if isinstance(tree, Mapping) and (tree or not key):
        return [leaf for name, value in tree.items() for leaf in leaves(value, (*key, name))]
    return [key]


def _plain(kind: Any) -> Any:  # noqa: ANN401 - as above
    """*kind* without ``Annotated`` and ``| None``."""
    while True:
        if get_origin(kind) is Annotated:
            kind = get_args(kind)[0]
        elif get_origin(kind) in {Union, UnionType}:
            kind = next(part for part in get_args(kind) if part is not type(None))
        else:
            return kind
