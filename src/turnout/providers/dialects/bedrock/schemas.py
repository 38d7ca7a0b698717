"""JSON schemas as Converse takes them for structured answers and strict tools."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from turnout.base.jsons import encode
from turnout.providers.schemas import SchemaRules, fit_schema

__all__ = ["fitted"]

_REFUSED: Final = frozenset({"exclusiveMaximum", "exclusiveMinimum", "maxItems", "maximum", "minimum", "multipleOf"})


@lru_cache(128)
def fitted(schema: bytes) -> bytes:
    """*schema* without what the provider refuses; see :func:`~turnout.providers.schemas.fit_schema`.

    Raises:
        BadRequest: it is no JSON object.

    Source: Amazon Bedrock User Guide, "Structured output", and the schemas of recorded exchanges.
    """
    return fit_schema(schema, _RULES)


def _takes(name: str, value: object) -> bool:
    return name not in _REFUSED and not (name == "minItems" and isinstance(value, int) and value > 1)


def _told(stated: object, left_out: Mapping[str, object]) -> str:
    words = f"({', '.join(f'{name}: {encode(value).decode()}' for name, value in left_out.items())})"
    return f"{stated} {words}" if isinstance(stated, str) and stated else words


_RULES: Final = SchemaRules(_takes, _told, frozenset({"allOf", "anyOf", "oneOf", "prefixItems"}), {})
