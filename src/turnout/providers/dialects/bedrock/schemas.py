"""JSON schemas as Converse takes them for structured answers and strict tools."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import msgspec

from turnout.base.errors import BadRequest
from turnout.base.jsons import encode

__all__ = ["fitted"]

_REFUSED: Final = frozenset({"exclusiveMaximum", "exclusiveMinimum", "maxItems", "maximum", "minimum", "multipleOf"})
_BY_NAME: Final = ("$defs", "definitions", "properties")
_IN_LISTS: Final = ("allOf", "anyOf", "oneOf", "prefixItems")


@lru_cache(128)
def fitted(schema: bytes) -> bytes:
    """*schema* without what the provider refuses; as it is, where there is nothing of that kind.

    Objects are closed, and bounds of numbers and lists are told to the model in the description.

    Raises:
        BadRequest: it is no JSON object.

    Source: Amazon Bedrock User Guide, "Structured output", and the schemas of recorded exchanges.
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
    told: list[str] = []
    for name, value in node.items():
        if name in _BY_NAME and isinstance(value, dict):
            fit[name] = {key: _fit(inner) for key, inner in value.items()}
        elif name in _IN_LISTS and isinstance(value, list):
            fit[name] = [_fit(inner) for inner in value]
        elif name == "items":
            fit[name] = _fit(value)
        elif name in _REFUSED or (name == "minItems" and isinstance(value, int) and value > 1):
            told.append(f"{name}: {encode(value).decode()}")
        else:
            fit[name] = value
    kind = node.get("type")
    if kind == "object" or (isinstance(kind, list) and "object" in kind) or (kind is None and "properties" in node):
        fit["additionalProperties"] = False
    if told:
        stated = fit.get("description")
        words = f"({', '.join(told)})"
        fit["description"] = f"{stated} {words}" if isinstance(stated, str) and stated else words
    return fit
