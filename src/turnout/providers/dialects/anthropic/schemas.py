"""JSON schemas as the provider takes them for structured answers."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import msgspec

from turnout.base.errors import BadRequest
from turnout.base.jsons import BadJSON, encode, reader

__all__ = ["fitted", "is_object_schema", "object_schema"]

_EMPTY: Final = b'{"type":"object","properties":{}}'
_STARTS: Final = (b'{"type":"object"', b'{"type": "object"')
_TAKEN: Final = frozenset({
    "$defs", "$ref", "$schema", "additionalProperties", "allOf", "anyOf", "const", "default", "definitions",
    "description", "enum", "format", "items", "minItems", "oneOf", "properties", "required", "title", "type",
})  # fmt: skip
_FORMATS: Final = frozenset({
    "date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "uri", "uuid",
})  # fmt: skip
_BY_NAME: Final = ("$defs", "definitions", "properties")
_IN_LISTS: Final = ("allOf", "anyOf")

_fields = reader(dict[str, msgspec.Raw])


def object_schema(schema: bytes) -> bytes:
    """*schema* for the input of a tool, which must say that it is an object; null is an object without properties.

    Raises:
        BadRequest: it is no JSON object.
    """
    if schema.startswith(_STARTS):
        return schema
    if schema == b"null":
        return _EMPTY
    try:
        fields = _fields(schema)
    except BadJSON:
        raise BadRequest("the `parameters` of a tool are no JSON schema") from None
    if "type" in fields:
        return schema
    return encode({"type": "object"} | ({} if "properties" in fields else {"properties": {}}) | fields)


def is_object_schema(schema: bytes) -> bool:
    """Whether *schema*, as :func:`object_schema` gives it, is of objects alone."""
    return schema.startswith(_STARTS) or bytes(_fields(schema)["type"]) == b'"object"'


@lru_cache(128)
def fitted(schema: bytes) -> bytes:
    """*schema* without what the provider refuses; as it is, where there is nothing of that kind.

    Objects are closed, and constraints that it cannot enforce are told to the model in the description.

    Raises:
        BadRequest: it is no JSON object.

    Source: Anthropic, "Structured outputs", JSON schema limitations.
    """
    wanted = msgspec.json.decode(schema)
    if not isinstance(wanted, dict):
        raise BadRequest("`response_format.json_schema.schema` is no object")
    fit = _fit(wanted)
    return schema if fit == wanted else encode(fit)


def _fit(node: Any) -> Any:  # noqa: ANN401 - JSON
    if not isinstance(node, dict):
        return node
    fit: dict[str, Any] = {}
    told: dict[str, Any] = {}
    for name, value in node.items():
        if name in _BY_NAME and isinstance(value, dict):
            fit[name] = {key: _fit(inner) for key, inner in value.items()}
        elif name in _IN_LISTS and isinstance(value, list):
            fit[name] = [_fit(inner) for inner in value]
        elif name == "oneOf" and isinstance(value, list):
            fit["anyOf"] = [_fit(inner) for inner in value]
        elif name == "items":
            fit[name] = _fit(value)
        elif _is_taken(name, value):
            fit[name] = value
        else:
            told[name] = value
    if _is_object(node):
        fit["additionalProperties"] = False
    if told:
        words = ", ".join(
            f"{name}: {value if isinstance(value, str) else _text(value)}" for name, value in told.items()
        )
        fit["description"] = f"{fit['description']}\n\n{{{words}}}" if fit.get("description") else f"{{{words}}}"
    return fit


def _is_taken(name: str, value: object) -> bool:
    if name == "format":
        return isinstance(value, str) and value in _FORMATS
    if name == "minItems":
        return isinstance(value, int) and value <= 1
    return name in _TAKEN


def _is_object(node: dict[str, Any]) -> bool:
    kind = node.get("type")
    return kind == "object" or (isinstance(kind, list) and "object" in kind) or ("properties" in node and kind is None)


def _text(value: object) -> str:
    return encode(value).decode()
