"""When two answers count as one: generate ids of texts, confidence ids of what a schema says matters in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from turnout.base.limits import MAX_JSON_DEPTH
from turnout.query.canonical import canonical_json, content_id
from turnout.query.schemas import at_item, at_property, ignored, keeps_order, resolved

__all__ = ["confidence_id", "confidence_text", "generate_id"]

_EXACT: Final = 2.0**53


def generate_id(text: str) -> str:
    """The id of an answer: the same for the same text."""
    return content_id(text)


def confidence_id(text: str, schema: Mapping[str, Any] | None) -> str:
    """The id of what *text* says under *schema* (that of a ``json_schema`` response format, None without one).

    It is the generate id where there is no schema or *text* is not JSON.
    """
    return content_id(confidence_text(text, schema))


def confidence_text(text: str, schema: Mapping[str, Any] | None) -> str:
    """*text* as it is hashed for its confidence id.

    Properties that the schema marks ``_confidence: false`` are left out. Keys of objects and items of lists are sorted,
    except where the schema says ``_preserveOrder: true``.
    """
    if schema is None:
        return text
    try:
        value = msgspec.json.decode(text)
        return canonical_json(_sorted(value, schema, schema, 0))
    except (msgspec.DecodeError, RecursionError, ValueError):
        return text


def _sorted(value: object, node: object, root: Mapping[str, Any], depth: int) -> object:
    if depth > MAX_JSON_DEPTH:
        raise ValueError("nested too deeply")
    node = resolved(node, root, value)
    if isinstance(value, dict):
        kept = {
            name: _sorted(inner, below, root, depth + 1)
            for name, inner in value.items()
            if not ignored(below := at_property(node, name), root)
        }
        return kept if keeps_order(node) else dict(sorted(kept.items()))
    if isinstance(value, list):
        items = [
            _sorted(inner, below, root, depth + 1)
            for place, inner in enumerate(value)
            if not ignored(below := at_item(node, place), root)
        ]
        return items if keeps_order(node) else sorted(items, key=canonical_json)
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return int(value)
    return value
