"""JSON schemas as providers take them: of objects for tools, and without what a provider refuses for answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from turnout.base.errors import BadRequest
from turnout.base.jsons import BadJSON, encode, reader

__all__ = ["SchemaRules", "fit_schema", "is_object_schema", "object_schema"]

_EMPTY: Final = b'{"type":"object","properties":{}}'
_STARTS: Final = (b'{"type":"object"', b'{"type": "object"')
_BY_NAME: Final = ("$defs", "definitions", "properties")

_fields = reader(dict[str, msgspec.Raw])


class SchemaRules(Struct, frozen=True):
    """What a provider takes of a schema.

    Attributes:
        takes: whether a keyword goes on with this value.
        tells: the description where something was left out, from the stated one and what was left out.
        in_lists: keywords whose value is a list of schemas.
        renamed: keywords that go on under another name.
    """

    takes: Callable[[str, object], bool]
    tells: Callable[[object, Mapping[str, object]], str]
    in_lists: frozenset[str]
    renamed: Mapping[str, str]


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


def fit_schema(schema: bytes, rules: SchemaRules) -> bytes:
    """*schema* without what the provider refuses; as it is, where there is nothing of that kind.

    Objects are closed, and constraints that the provider cannot enforce are told to the model in the description.

    Raises:
        BadRequest: it is no JSON object.
    """
    wanted = msgspec.json.decode(schema)
    if not isinstance(wanted, dict):
        raise BadRequest("`response_format.json_schema.schema` is no object")
    fit = _fit(wanted, rules)
    return schema if fit == wanted else encode(fit)


def _fit(node: Any, rules: SchemaRules) -> Any:  # noqa: ANN401 - JSON
    if not isinstance(node, dict):
        return node
    fit: dict[str, Any] = {}
    left_out: dict[str, object] = {}
    for name, value in node.items():
        if name in _BY_NAME and isinstance(value, dict):
            fit[name] = {key: _fit(inner, rules) for key, inner in value.items()}
        elif name in rules.in_lists and isinstance(value, list):
            fit[rules.renamed.get(name, name)] = [_fit(inner, rules) for inner in value]
        elif name == "items":
            fit[name] = _fit(value, rules)
        elif rules.takes(name, value):
            fit[name] = value
        else:
            left_out[name] = value
    if _is_object(node):
        fit["additionalProperties"] = False
    if left_out:
        fit["description"] = rules.tells(fit.get("description"), left_out)
    return fit


def _is_object(node: dict[str, Any]) -> bool:
    kind = node.get("type")
    return kind == "object" or (isinstance(kind, list) and "object" in kind) or ("properties" in node and kind is None)
