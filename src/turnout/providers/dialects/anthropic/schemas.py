"""JSON schemas as the provider takes them for structured answers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from turnout.base.jsons import encode
from turnout.providers.schemas import SchemaRules, fit_schema

__all__ = ["fitted"]

_TAKEN: Final = frozenset({
    "$defs", "$ref", "$schema", "additionalProperties", "allOf", "anyOf", "const", "default", "definitions",
    "description", "enum", "format", "items", "minItems", "oneOf", "properties", "required", "title", "type",
})  # fmt: skip
_FORMATS: Final = frozenset({
    "date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "uri", "uuid",
})  # fmt: skip


@lru_cache(128)
def fitted(schema: bytes) -> bytes:
    """*schema* without what the provider refuses; see :func:`~turnout.providers.schemas.fit_schema`.

    Raises:
        BadRequest: it is no JSON object.

    Source: Anthropic, "Structured outputs", JSON schema limitations.
    """
    return fit_schema(schema, _RULES)


def _takes(name: str, value: object) -> bool:
    if name == "format":
        return isinstance(value, str) and value in _FORMATS
    if name == "minItems":
        return isinstance(value, int) and value <= 1
    return name in _TAKEN


def _told(stated: object, left_out: Mapping[str, object]) -> str:
    words = [
        f"{name}: {value if isinstance(value, str) else encode(value).decode()}" for name, value in left_out.items()
    ]
    told = f"{{{', '.join(words)}}}"
    return f"{stated}\n\n{told}" if stated else told


_RULES: Final = SchemaRules(_takes, _told, frozenset({"allOf", "anyOf", "oneOf"}), {"oneOf": "anyOf"})
