"""Every output that a schema permits, where those can be listed: what there is to select without a generator."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations, islice, permutations, product
from typing import Any, Final, TypeVar, final

from turnout.base.errors import BadRequest
from turnout.query.canonical import canonical_json
from turnout.query.schemas import Schema, alternatives, at_item, ignored, keeps_order, resolved

__all__ = ["MOST_OUTPUTS", "permitted_outputs"]

T = TypeVar("T")

MOST_OUTPUTS: Final = 1000

_DEEPEST: Final = 16
_STEPS: Final = 32  # for each output that may be
_MOST_WRITTEN: Final = 2**20  # characters
_NEUTRAL: Final[Mapping[str, Any]] = {
    "string": "",
    "integer": 0,
    "number": 0,
    "boolean": False,
    "array": [],
    "object": {},
}


def permitted_outputs(schema: Schema, most: int = MOST_OUTPUTS) -> tuple[str, ...]:
    """All outputs that *schema* permits, as compact JSON, in the schema's order.

    Constants, enumerations, booleans, null, whole numbers between bounds, and objects, lists and alternatives of those.
    A property that makes no difference to an answer (``_confidence: false``) has its first value, or an empty one.

    Raises:
        BadRequest: they cannot be listed, or are more than *most*.
    """
    outputs: dict[str, None] = {}
    written = 0
    for value in _Walk(schema, most).values(schema, 0):
        text = canonical_json(value)
        outputs[text] = None
        written += len(text)
        if len(outputs) > most or written > _MOST_WRITTEN:
            raise BadRequest(f"`select_deterministic`: the schema permits more than {most} outputs, or very long ones")
    if not outputs:
        raise BadRequest("`select_deterministic`: the schema permits no output")
    return tuple(outputs)


@final
class _Walk:
    """Goes through a schema, in so many steps at the most that nobody else has to wait for it."""

    def __init__(self, root: Schema, most: int) -> None:
        self._root = root
        self._most = most
        self._left = _STEPS * most

    def values(self, node: object, depth: int) -> Iterator[Any]:
        """One after the other, so that too many of them cost no more than a few."""
        if depth > _DEEPEST:
            raise _endless("is nested too deeply")
        schema = resolved(node, self._root)
        if "const" in schema:
            yield from self._counted([schema["const"]])
        elif isinstance(schema.get("enum"), list):
            yield from self._counted(schema["enum"])
        elif choices := alternatives(schema):
            for choice in self._counted(choices):
                yield from self.values(choice, depth + 1)
        else:
            kinds = schema.get("type")
            for kind in self._counted(kinds if isinstance(kinds, list) else [kinds]):
                yield from self._of_kind(kind, schema, depth)

    def _counted(self, values: Iterable[T]) -> Iterator[T]:
        for value in values:
            self._left -= 1
            if self._left < 0:
                raise _endless("is too large")
            yield value

    def _few(self, node: object, depth: int) -> list[Any]:
        return list(islice(self.values(node, depth), self._most + 1))

    def _of_kind(self, kind: object, schema: Schema, depth: int) -> Iterator[Any]:
        match kind:
            case "boolean":
                yield from (True, False)
            case "null":
                yield None
            case "integer":
                yield from self._counted(_whole_numbers(schema))
            case "object":
                yield from self._objects(schema, depth)
            case "array":
                yield from self._lists(schema, depth)
            case _:
                raise _endless(f"leaves room for any {kind if isinstance(kind, str) else 'value'}")

    def _objects(self, schema: Schema, depth: int) -> Iterator[dict[str, Any]]:
        properties = schema.get("properties")
        if not isinstance(properties, Mapping):
            raise _endless("leaves room for any object")
        needed = schema.get("required")
        required = {name for name in needed if isinstance(name, str)} if isinstance(needed, list) else set()
        columns = []
        for name, below in self._counted(properties.items()):
            absent: list[Any] = [] if name in required else [...]
            if ignored(below, self._root):
                columns.append(absent or [self._any_value(below, depth)])
            else:
                columns.append(absent + self._few(below, depth + 1))
        for row in self._counted(product(*columns)):
            yield {name: value for name, value in zip(properties, row, strict=True) if value is not ...}

    def _lists(self, schema: Schema, depth: int) -> Iterator[list[Any]]:
        leading = schema.get("prefixItems")
        if isinstance(leading, list) and schema.get("items") is False:
            columns = [self._few(one, depth + 1) for one in self._counted(leading)]
            yield from map(list, self._counted(product(*columns)))
            return
        items = self._few(at_item(schema, 0), depth + 1)
        unique = schema.get("uniqueItems") is True
        longest = schema.get("maxItems", len(items) if unique else None)
        if not isinstance(longest, int):
            raise _endless("leaves room for lists of any length")
        shortest = schema.get("minItems", 0)
        for length in self._counted(range(shortest if isinstance(shortest, int) else 0, longest + 1)):
            if length and (not items or (unique and length > len(items))):
                return  # and no longer one either
            if length > self._most:
                raise _endless("leaves room for very long lists")
            if unique and not keeps_order(schema):
                chosen: Iterator[Iterable[Any]] = combinations(items, length)
            else:
                chosen = permutations(items, length) if unique else product(items, repeat=length)
            yield from map(list, self._counted(chosen))

    def _any_value(self, node: object, depth: int) -> object:
        """The first value, or an empty one of the right type."""
        try:
            return next(self.values(node, max(depth + 1, _DEEPEST)))  # and no deeper: it makes no difference
        except (BadRequest, StopIteration):
            kind = resolved(node, self._root).get("type")
            return _NEUTRAL.get(kind) if isinstance(kind, str) else None


def _whole_numbers(schema: Schema) -> Iterable[int]:
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    low = above + 1 if low is None and isinstance(above, int) else low
    high = below - 1 if high is None and isinstance(below, int) else high
    if not isinstance(low, int | float) or not isinstance(high, int | float):
        raise _endless("leaves room for any integer")
    first, last = -int(-low // 1), int(high // 1)
    step = schema.get("multipleOf")
    every = step if isinstance(step, int) and step > 0 else 1
    return range(-(-first // every) * every, last + 1, every)


def _endless(why: str) -> BadRequest:
    return BadRequest(f"`select_deterministic`: the outputs of the schema cannot be listed: it {why}")
