"""Finding one's way in a JSON schema: references, alternatives, properties, items, and the marks on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["Schema", "alternatives", "at_item", "at_property", "ignored", "keeps_order", "resolved", "schema_of"]

Schema = Mapping[str, Any]

_EMPTY: Final[Schema] = {}
_MOST_REFERENCES: Final = 32
_COMBINATIONS: Final = ("anyOf", "oneOf")
_TYPES: Final[Mapping[str, type | tuple[type, ...]]] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
    "integer": int,
    "number": (int, float),
}


def schema_of(response_format: object) -> Schema | None:
    """The schema of a ``response_format`` of type ``json_schema``; None for any other."""
    if not isinstance(response_format, Mapping) or response_format.get("type") != "json_schema":
        return None
    outer = response_format.get("json_schema")
    schema = outer.get("schema") if isinstance(outer, Mapping) else None
    return schema if isinstance(schema, Mapping) else _EMPTY


def resolved(node: object, root: Schema, value: object = ...) -> Schema:
    """*node* without references; of several alternatives the first one that *value* may belong to."""
    for _ in range(_MOST_REFERENCES):
        if not isinstance(node, Mapping):
            return _EMPTY
        if isinstance(reference := node.get("$ref"), str):
            marks = {name: mark for name, mark in node.items() if name != "$ref"}
            target = _target(reference, root)
            node = {**target, **marks} if marks else target
        elif value is not ... and (choices := alternatives(node)):
            marks = {name: mark for name, mark in node.items() if name not in _COMBINATIONS}
            fitting = (one for one in choices if _fits(resolved(one, root), value))
            node = {**marks, **resolved(next(fitting, choices[0]), root)}
        else:
            return node
    return _EMPTY


def alternatives(node: Schema) -> list[Any]:
    """What ``anyOf`` or ``oneOf`` list."""
    return next((list(node[name]) for name in _COMBINATIONS if isinstance(node.get(name), list) and node[name]), [])


def at_property(node: Schema, name: str) -> object:
    """The schema of a property."""
    properties = node.get("properties")
    if isinstance(properties, Mapping) and name in properties:
        return properties[name]
    return node.get("additionalProperties")


def at_item(node: Schema, place: int) -> object:
    """The schema of an item of a list."""
    leading = node.get("prefixItems")
    if isinstance(leading, list) and place < len(leading):
        return leading[place]
    return node.get("items")


def ignored(node: object, root: Schema) -> bool:
    """Whether what stands there makes no difference to an answer."""
    return resolved(node, root).get("_confidence") is False


def keeps_order(node: Schema) -> bool:
    """Whether the order of keys or items is part of an answer."""
    return node.get("_preserveOrder") is True or node.get("_preserve_order") is True


def _target(reference: str, root: Schema) -> Schema:
    """What a reference within the document leads to."""
    node: object = root
    if not reference.startswith("#"):
        return _EMPTY
    for part in reference[1:].split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        node = node.get(name) if isinstance(node, Mapping) else None
    return node if isinstance(node, Mapping) else _EMPTY


def _fits(node: Schema, value: object) -> bool:
    """Whether *value* may belong to *node*, as far as type, constants and properties tell."""
    if "const" in node:
        return bool(node["const"] == value)
    if isinstance(node.get("enum"), list):
        return value in node["enum"]
    kinds = node.get("type")
    if kinds is not None and not any(_is(value, kind) for kind in (kinds if isinstance(kinds, list) else [kinds])):
        return False
    if not isinstance(value, Mapping):
        return True
    needed = node.get("required")
    properties = node.get("properties")
    inner: Mapping[str, Any] = properties if isinstance(properties, Mapping) else _EMPTY
    required = [name for name in needed if isinstance(name, str)] if isinstance(needed, list) else []
    return all(name in value for name in required) and all(
        name not in value or not isinstance(below, Mapping) or "const" not in below or below["const"] == value[name]
        for name, below in inner.items()
    )


def _is(value: object, kind: object) -> bool:
    if not isinstance(kind, str) or kind not in _TYPES:
        return True
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES[kind])
