"""A small valid instance of a JSON schema, always the same one for the same schema."""

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias, TypeGuard

from turnout.providers.fake.patterns import text_matching

__all__ = ["Json", "instance"]

Json: TypeAlias = bool | int | float | str | list[Any] | dict[str, Any] | None
"""Any decoded JSON value."""
Chooser: TypeAlias = Callable[[Sequence[Json]], Json]
"""Picks one of the values of an ``enum``; ``None`` leaves the choice to the generator."""

_DEEPEST: Final = 40
_LARGEST: Final = 20_000
_FORMATS: Final = {
    "date-time": "2026-01-31T12:00:00Z",
    "date": "2026-01-31",
    "time": "12:00:00Z",
    "duration": "PT1M",
    "email": "someone@example.org",
    "hostname": "example.org",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.org/",
    "uri-reference": "/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "regex": ".*",
    "json-pointer": "",
}
_BY_KEYWORD: Final = (
    ("object", ("properties", "required", "additionalProperties", "minProperties", "patternProperties")),
    ("array", ("items", "prefixItems", "minItems", "contains")),
    ("string", ("minLength", "maxLength", "pattern", "format")),
    ("number", ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")),
)


def instance(schema: Json, choose: Chooser | None = None) -> Json:
    """A minimal JSON value that fits *schema*: required properties only, shortest arrays, first branches.

    Understands type, enum, const, required, properties, minProperties, items, prefixItems, minItems, contains, anyOf,
    oneOf, allOf, local ``$ref``, numeric bounds, multipleOf, minLength, maxLength, format, and most patterns. What it
    does not understand is ignored; schemas that recurse without end or are huge get nulls where it gave up.
    """
    return _Builder(schema, choose).build(schema, 0)


class _Builder:
    def __init__(self, root: Json, choose: Chooser | None) -> None:
        self._root = root
        self._choose = choose
        self._built = 0

    def build(self, schema: Json, depth: int) -> Json:
        self._built += 1
        if not isinstance(schema, dict) or depth > _DEEPEST or self._built > _LARGEST:
            return None
        schema = self._flattened(schema, depth)
        choices = [schema["const"]] if "const" in schema else schema.get("enum")
        if isinstance(choices, list) and choices:
            chosen = None if self._choose is None else self._choose(choices)
            return choices[0] if chosen is None else chosen
        return self._of_kind(_kind(schema), schema, depth)

    def _of_kind(self, kind: str, schema: dict[str, Any], depth: int) -> Json:
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            return self._array(schema, depth)
        if kind == "string":
            return _string(schema)
        if kind in {"integer", "number"}:
            return _number(schema, whole=kind == "integer")
        return True if kind == "boolean" else None

    def _flattened(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        """*schema* without references and combinations: each merged into the schema that holds it."""
        for _ in range(_DEEPEST):
            parts = self._parts(schema, depth)
            if not parts:
                break
            rest = {key: value for key, value in schema.items() if key not in {"$ref", "allOf", "anyOf", "oneOf"}}
            for part in parts:
                rest = _merged(rest, part)
            schema = rest
        return schema

    def _parts(self, schema: dict[str, Any], depth: int) -> list[dict[str, Any]]:
        parts: list[Any] = []
        if isinstance(schema.get("$ref"), str):
            parts.append(self._resolved(schema["$ref"]))
        if isinstance(schema.get("allOf"), list):
            parts.extend(schema["allOf"])
        for keyword in ("anyOf", "oneOf"):
            branches = schema.get(keyword)
            if isinstance(branches, list) and branches:
                # Deep down the simplest branch ends a recursion; further up the first one is what the author meant.
                parts.append(min(branches, key=_complexity) if depth > 3 else branches[0])
        return [part if isinstance(part, dict) else {} for part in parts]

    def _resolved(self, pointer: str) -> Json:
        if not pointer.startswith("#"):
            return {}
        target: Json = self._root
        for step in pointer[1:].split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            if isinstance(target, list) and name.isdecimal() and int(name) < len(target):
                target = target[int(name)]
            elif isinstance(target, dict) and name in target:
                target = target[name]
            else:
                return {}
        return target

    def _object(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        properties = schema.get("properties")
        properties = properties if isinstance(properties, dict) else {}
        wanted = schema.get("required")
        required = [name for name in wanted if isinstance(name, str)] if isinstance(wanted, list) else []
        names = [name for name in properties if name in required]
        names += [name for name in dict.fromkeys(required) if name not in properties]
        fewest = _count(schema, "minProperties", 0)
        names += [name for name in properties if name not in required][: max(0, fewest - len(names))]
        other = schema.get("additionalProperties", {})
        names += [f"extra_{number}" for number in range(fewest - len(names))]
        return {name: self.build(properties.get(name, other) or {"type": "string"}, depth + 1) for name in names}

    def _array(self, schema: dict[str, Any], depth: int) -> list[Any]:
        firsts = schema.get("prefixItems")
        firsts = firsts if isinstance(firsts, list) else []
        rest = schema.get("contains", schema.get("items", {}))
        length = _count(schema, "minItems", 1 if "contains" in schema else 0)
        values = [self.build(item, depth + 1) for item in firsts]
        while len(values) < length and self._built < _LARGEST:
            values.append(self.build(rest or {"type": "string"}, depth + 1))
        if schema.get("uniqueItems") is True:
            values = [_told_apart(value, number) for number, value in enumerate(values)]
        return values


def _kind(schema: dict[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((name for name in kind if name != "null"), "null")
    if isinstance(kind, str):
        return kind
    return next((name for name, keywords in _BY_KEYWORD if any(word in schema for word in keywords)), "string")


def _merged(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    merged = first | second
    for key in first.keys() & second.keys():
        ours, theirs = first[key], second[key]
        if key == "properties" and isinstance(ours, dict) and isinstance(theirs, dict):
            merged[key] = ours | theirs
        elif key in {"required", "allOf"} and isinstance(ours, list) and isinstance(theirs, list):
            merged[key] = ours + theirs
        elif key == "enum" and isinstance(ours, list) and isinstance(theirs, list):
            merged[key] = [value for value in ours if value in theirs] or ours
        elif key.startswith(("min", "exclusiveMin")) and _is_number(ours) and _is_number(theirs):
            merged[key] = max(ours, theirs)
        elif key.startswith(("max", "exclusiveMax")) and _is_number(ours) and _is_number(theirs):
            merged[key] = min(ours, theirs)
    return merged


def _complexity(schema: Json) -> int:
    if not isinstance(schema, dict) or schema.get("type") == "null":
        return 0
    if schema.keys() & {"$ref", "anyOf", "oneOf", "allOf"} or _kind(schema) == "object":
        return 3
    return 2 if _kind(schema) == "array" else 1


def _string(schema: dict[str, Any]) -> str:
    least, most = _count(schema, "minLength", 0), _count(schema, "maxLength", 1 << 20)
    pattern, form = schema.get("pattern"), schema.get("format")
    if isinstance(pattern, str):
        text = text_matching(pattern, least, most)
        if text is not None:
            return text
    if isinstance(form, str) and form in _FORMATS:
        return _FORMATS[form]
    return "text".ljust(least, "x")[:most]


def _number(schema: dict[str, Any], *, whole: bool) -> int | float:
    """Zero, or the number nearest to it that the bounds and the step allow."""
    low, high = _bound(schema, "minimum"), _bound(schema, "maximum")
    above, below = _bound(schema, "exclusiveMinimum"), _bound(schema, "exclusiveMaximum")
    step = _bound(schema, "multipleOf") or (1 if whole else 0)
    value: int | float = 0
    if low is not None and value < low:
        value = low
    if high is not None and value > high:
        value = high
    if above is not None and value <= above:
        value = above + step if step else _inside(above, high if below is None else below, 1)
    if below is not None and value >= below:
        value = below - step if step else _inside(below, low if above is None else above, -1)
    if step and value % step:
        upper = (value // step + 1) * step
        value = upper if (high is None or upper <= high) and (below is None or upper < below) else upper - step
    return int(value) if whole or (isinstance(value, float) and value.is_integer()) else value


def _inside(bound: float, other: float | None, direction: int) -> int | float:
    """A number strictly on the inner side of *bound*: half-way to *other* when there is one."""
    return bound + direction if other is None else (bound + other) / 2


def _bound(schema: dict[str, Any], key: str) -> int | float | None:
    value = schema.get(key)
    return value if _is_number(value) else None


def _told_apart(value: Json, number: int) -> Json:
    if number == 0 or isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return value + number
    return f"{value}{number}" if isinstance(value, str) else value


def _count(schema: dict[str, Any], key: str, otherwise: int) -> int:
    value = schema.get(key)
    return min(value, _LARGEST) if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else otherwise


def _is_number(value: Json) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
