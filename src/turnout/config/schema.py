"""The JSON Schema of the configuration file, for editors."""

from typing import Any, Final

from turnout.config.settings import Settings

__all__ = ["schema"]

_REFERENCE: Final = {"type": "string", "pattern": "^env:[A-Za-z_][A-Za-z0-9_]*$"}
_NOT_TEXT: Final = ("integer", "number", "boolean")


def schema() -> dict[str, Any]:
    """A new JSON Schema (draft 2020-12). Every value may also be ``env:NAME``; secrets have no default."""
    found = _with_references(Settings.model_json_schema())
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **found,
        "title": "Turnout's configuration file",
    }


def _with_references(node: Any) -> Any:  # noqa: ANN401 - any JSON value
    """*node* without generated titles, and with ``env:NAME`` allowed wherever something else than text is wanted."""
    if isinstance(node, list):
        return [_with_references(item) for item in node]
    if not isinstance(node, dict):
        return node
    plain = {
        name: {key: _with_references(item) for key, item in value.items()}
        if name in {"properties", "$defs"}
        else value
        if name in {"default", "enum"}
        else _with_references(value)
        for name, value in node.items()
        if not (name == "title" and isinstance(value, str))
    }
    if plain.get("type") not in _NOT_TEXT and "enum" not in plain and "const" not in plain:
        return plain
    about = {name: plain.pop(name) for name in ("description", "default") if name in plain}
    return {**about, "anyOf": [plain, dict(_REFERENCE)]}
