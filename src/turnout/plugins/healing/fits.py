"""Whether a value fits a JSON Schema, and small changes of type that make it fit."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, final

__all__ = ["Misfit", "fitted", "kind_of"]

_MAX_DEPTH = 100
_ENDLESS = float("inf")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_LONGEST_PATTERN = 200
_KINDS: Mapping[type, str] = {
    str: "string", bool: "boolean", int: "integer", float: "number", dict: "object", list: "array", type(None): "null"
}  # fmt: skip
_NOTES = frozenset({"description", "examples", "title", "type"})
_TRUTHS = {"true": True, "false": False, "yes": True, "no": False}


class Misfit(ValueError):
    """The value does not fit, whatever is done; the message says where and why, in the words of a schema."""


def fitted(value: Any, schema: Any, *, cut: bool = False, gently: bool = False) -> Any:  # noqa: ANN401 - any JSON value
    """*value* as *schema* wants it. *cut*: its text ended too early, so that the last of a list may be let go.
    *gently*: nothing is changed.

    What a schema may say beyond the common words (such as ``if`` or ``contains``) is taken as fulfilled.

    Raises:
        Misfit: it does not fit.
    """
    return _Fitter(schema, cut=cut, gently=gently).fit(value, schema, "")


def kind_of(schema: Any) -> str | None:  # noqa: ANN401 - a JSON Schema
    """The type of a whole value that *schema* wants; None where it leaves that open."""
    node = _Fitter(schema).resolved(schema)
    kind = node.get("type") if isinstance(node, dict) else None
    if isinstance(kind, str):
        return kind
    return "object" if isinstance(node, dict) and "properties" in node and kind is None else None


@final
class _Fitter:
    def __init__(self, root: Any, *, cut: bool = False, gently: bool = False) -> None:  # noqa: ANN401 - a JSON Schema
        self._root = root
        self._cut = cut
        self._gently = gently
        self._depth = 0

    def resolved(self, schema: Any) -> Any:  # noqa: ANN401 - a JSON Schema
        """*schema*, or what its reference leads to within the whole; True where that is nowhere."""
        for _ in range(_MAX_DEPTH):
            if not isinstance(schema, dict) or not isinstance(reference := schema.get("$ref"), str):
                return schema
            schema = self._root
            if reference[:1] != "#":
                return True
            for step in reference[1:].split("/")[1:]:
                name = step.replace("~1", "/").replace("~0", "~")
                schema = schema.get(name, True) if isinstance(schema, dict) else True
        return True

    def fit(self, value: Any, schema: Any, where: str) -> Any:  # noqa: ANN401 - any JSON value
        if isinstance(schema, dict) and "$ref" in schema:
            schema = self.resolved(schema)
        if schema is False:
            raise Misfit(f"`{where or '$'}` is not allowed")
        if not isinstance(schema, dict):
            return value
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise Misfit("nested too deeply")
        try:
            return self._fit(value, schema, where)
        finally:
            self._depth -= 1

    def _fit(self, value: Any, schema: dict[str, Any], where: str) -> Any:  # noqa: ANN401 - any JSON value
        kinds = schema.get("type")
        if kinds is not None:
            value = self._of_kind(value, [kinds] if isinstance(kinds, str) else kinds, where)
        if isinstance(value, dict):
            value = self._object(value, schema, where)
        elif isinstance(value, list):
            value = self._array(value, schema, where)
        elif isinstance(value, str):
            _check_string(value, schema, where)
        elif value is not None and not isinstance(value, bool):
            _check_number(value, schema, where)
        return value if kinds is not None and len(schema) == 1 else self._chosen(value, schema, where)

    def _chosen(self, value: Any, schema: dict[str, Any], where: str) -> Any:  # noqa: ANN401 - any JSON value
        """*value* as the alternatives of *schema* want it."""
        if "enum" in schema:
            value = self._one_of(value, schema["enum"], where)
        if "const" in schema:
            value = self._one_of(value, [schema["const"]], where)
        for part in schema.get("allOf", ()):
            value = self.fit(value, part, where)
        for name in ("anyOf", "oneOf"):
            if name in schema:
                value = self._any_of(value, schema[name], where)
        return value

    def _of_kind(self, value: Any, kinds: list[str], where: str) -> Any:  # noqa: ANN401 - any JSON value
        own = _KINDS.get(type(value), "")
        if own in kinds or (own == "integer" and "number" in kinds):
            return value
        if own == "number" and "integer" in kinds and value == int(value):
            return value if self._gently else int(value)
        if not self._gently:
            for kind in kinds:
                made = _CHANGES[kind](value) if kind in _CHANGES else None
                if made is not None:
                    return made
        raise Misfit(f"`{where or '$'}` is of type {own}, and should be of type {' or '.join(kinds)}")

    def _object(self, value: dict[str, Any], schema: dict[str, Any], where: str) -> dict[str, Any]:
        properties = schema.get("properties") or {}
        missing = [name for name in schema.get("required", ()) if name not in value]
        if missing and not self._gently:
            value, missing = self._completed(value, properties, missing)
        if missing:
            raise Misfit(f"`{where or '$'}` has no `{missing[0]}`")
        others = schema.get("additionalProperties", True)
        patterns = schema.get("patternProperties")
        found: dict[str, Any] = {}
        for name, item in value.items():
            own = properties.get(name)
            if own is not None and _is_plainly(item, own):
                found[name] = item
            elif own is not None:
                found[name] = self.fit(item, own, f"{where}.{name}" if where else name)
            elif others is True or patterns:
                found[name] = item
            elif others is not False:
                found[name] = self.fit(item, others, f"{where}.{name}")
            elif self._gently:
                raise Misfit(f"`{where or '$'}` may not have `{name[:64]}`")
        if len(found) < schema.get("minProperties", 0):
            raise Misfit(f"`{where or '$'}` has too few members")
        return found

    def _completed(
        self, value: dict[str, Any], properties: dict[str, Any], missing: list[str]
    ) -> tuple[dict[str, Any], list[str]]:
        """*value* with the names that differ by case alone put right, and null for what may be null, once it is cut."""
        by_name = {name.casefold().replace("-", "_"): name for name in value if name not in properties}
        still: list[str] = []
        value = dict(value)
        for name in missing:
            meant = by_name.get(name.casefold().replace("-", "_"))
            if meant is not None:
                value[name] = value.pop(meant)
            elif self._cut and self._may_be_null(properties.get(name)):
                value[name] = None
            else:
                still.append(name)
        return value, still

    def _may_be_null(self, schema: Any) -> bool:  # noqa: ANN401 - a JSON Schema
        try:
            return schema is not None and _Fitter(self._root, gently=True).fit(None, schema, "") is None
        except Misfit:
            return False

    def _array(self, value: list[Any], schema: dict[str, Any], where: str) -> list[Any]:
        items = schema.get("items", True)
        found: list[Any] = []
        last = len(value) - 1
        for place, item in enumerate(value if items is not True else ()):
            if _is_plainly(item, items):
                found.append(item)
                continue
            try:
                found.append(self.fit(item, items, f"{where}[{place}]"))
            except Misfit:
                if not (self._cut and place == last and place):  # it was cut off in the middle of this one
                    raise
        found = value if items is True else found
        if len(found) < schema.get("minItems", 0) or len(found) > schema.get("maxItems", len(found)):
            raise Misfit(f"`{where or '$'}` has {len(found)} items")
        return found

    def _one_of(self, value: Any, allowed: list[Any], where: str) -> Any:  # noqa: ANN401 - any JSON value
        if any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in allowed):
            return value
        if isinstance(value, str) and not self._gently:
            said = value.strip().casefold()
            for one in allowed:
                if isinstance(one, str) and one.casefold() == said:
                    return one
            if self._cut and said:
                begun = [one for one in allowed if isinstance(one, str) and one.casefold().startswith(said)]
                if len(begun) == 1:
                    return begun[0]
        raise Misfit(f"`{where or '$'}` is none of the values that it may have")

    def _any_of(self, value: Any, parts: list[Any], where: str) -> Any:  # noqa: ANN401 - any JSON value
        first: Misfit | None = None
        gentle = _Fitter(self._root, gently=True)
        for fitter in (gentle,) if self._gently else (gentle, self):
            for part in parts:
                try:
                    return fitter.fit(value, part, where)
                except Misfit as error:
                    first = first or error
        raise first or Misfit(f"`{where or '$'}` fits nothing")


def _is_plainly(value: Any, schema: Any) -> bool:  # noqa: ANN401 - a JSON value, a JSON Schema
    """Whether *schema* says nothing but a type, and *value* is of it: so it is with most."""
    return (
        schema.__class__ is dict
        and schema.get("type") == _KINDS.get(value.__class__)
        and (len(schema) == 1 or schema.keys() <= _NOTES)
        and value.__class__ is not dict
        and value.__class__ is not list
    )


def _check_string(value: str, schema: dict[str, Any], where: str) -> None:
    if len(value) < schema.get("minLength", 0) or len(value) > schema.get("maxLength", len(value)):
        raise Misfit(f"`{where or '$'}` is too short or too long")
    pattern = schema.get("pattern")
    if isinstance(pattern, str) and len(pattern) <= _LONGEST_PATTERN and _is_simple(pattern):
        try:
            fits = re.search(pattern, value[:_LONGEST_PATTERN])
        except re.error:
            return
        if not fits:
            raise Misfit(f"`{where or '$'}` does not match its pattern")


def _is_simple(pattern: str) -> bool:
    """Whether a pattern cannot keep the processor busy: no repetition within a group, and few of them at all."""
    return "(" not in pattern and sum(map(pattern.count, "*+{")) <= 2


def _check_number(value: float, schema: dict[str, Any], where: str) -> None:
    if (
        value < schema.get("minimum", value)
        or value > schema.get("maximum", value)
        or value <= _limit(schema.get("exclusiveMinimum"), -_ENDLESS)
        or value >= _limit(schema.get("exclusiveMaximum"), _ENDLESS)
    ):
        raise Misfit(f"`{where or '$'}` is out of range")


def _limit(stated: object, otherwise: float) -> float:
    """An old schema says true or false there."""
    return stated if isinstance(stated, int | float) and not isinstance(stated, bool) else otherwise


def _as_number(value: Any) -> float | int | None:  # noqa: ANN401 - any JSON value
    text = value.strip().replace(",", "") if isinstance(value, str) else ""
    if not _NUMBER.fullmatch(text):
        return None
    return float(text) if set(text) & set(".eE") else int(text)


def _as_integer(value: Any) -> int | None:  # noqa: ANN401 - any JSON value
    number = _as_number(value)
    return int(number) if number is not None and number == int(number) else None


def _as_text(value: Any) -> str | None:  # noqa: ANN401 - any JSON value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else None


def _as_truth(value: Any) -> bool | None:  # noqa: ANN401 - any JSON value
    return _TRUTHS.get(value.strip().casefold()) if isinstance(value, str) else None


def _as_object(value: Any) -> dict[str, Any] | None:  # noqa: ANN401 - any JSON value
    return value[0] if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict) else None


def _as_array(value: Any) -> list[Any] | None:  # noqa: ANN401 - any JSON value
    return None if value is None else [value]


_CHANGES: Mapping[str, Callable[[Any], Any]] = {
    "number": _as_number,
    "integer": _as_integer,
    "string": _as_text,
    "boolean": _as_truth,
    "object": _as_object,
    "array": _as_array,
}
