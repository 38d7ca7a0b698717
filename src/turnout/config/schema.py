"""The JSON Schema of the configuration file, for editors."""

from typing import Any, Final

from turnout.config.settings import Settings

__all__ = ["schema"]

_REFERENCE: Final = {"type": "string", "pattern": "^env:[A-Za-z_][A-Za-z0-9_]*$"}
_NOT_TEXT: Final = ("integer", "number", "boolean")


def schema() -> dict[str, Any]:
    """A new JSON Schema (draft 2020-12) in which every value may also be ``env:NAME``."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_of_file(Settings.model_json_schema()),
        "title": "Turnout's configuration file",
    }


def _of_file(node: Any) -> Any:  # noqa: ANN401 - any JSON value
    """*node* as TOML knows it: no null, no generated titles, and ``env:NAME`` wherever something else is wanted."""
    if isinstance(node, list):
        return [_of_file(item) for item in node]
    if not isinstance(node, dict):
        return node
    if "anyOf" in node:
        kinds = [kind for kind in node["anyOf"] if kind != {"type": "null"}]
        others = {name: value for name, value in node.items() if name != "anyOf"}
        node = {**others, **kinds[0]} if len(kinds) == 1 else {**others, "anyOf": kinds}
    plain = {name: _part(name, value) for name, value in node.items() if not _is_noise(name, value)}
    if plain.get("type") not in _NOT_TEXT and "enum" not in plain:
        return plain
    about = {name: plain.pop(name) for name in ("description", "default") if name in plain}
    return {**about, "anyOf": [plain, dict(_REFERENCE)]}


def _part(name: str, value: Any) -> Any:  # noqa: ANN401 - as above
    if name in {"properties", "$defs"}:
        return {key: _of_file(item) for key, item in value.items()}
    return value if name in {"default", "enum"} else _of_file(value)


def _is_noise(name: str, value: object) -> bool:
    return (name == "title" and isinstance(value, str)) or (
        name == "default" and (value is None or isinstance(value, dict))
    )
