"""Every output that a schema permits, where those can be listed: what there is to select without a generator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations, islice, permutations, product
from typing import Any, Final

from turnout.base.errors import BadRequest
from turnout.query.canonical import canonical_json
from turnout.query.schemas import Schema, alternatives, at_item, ignored, keeps_order, resolved

__all__ = ["MOST_OUTPUTS", "permitted_outputs"]

MOST_OUTPUTS: Final = 1000

_DEEPEST: Final = 16
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
    for value in islice(_values(schema, schema, most, 0), 16 * most):
        outputs[canonical_json(value)] = None
        if len(outputs) > most:
            raise BadRequest(f"`select_deterministic`: the schema permits more than {most} outputs")
    if not outputs:
        raise BadRequest("`select_deterministic`: the schema permits no output")
    return tuple(outputs)


def _values(node: object, root: Schema, most: int, depth: int) -> Iterator[Any]:
    """One after the other, so that too many of them cost no more than *most*."""
    if depth > _DEEPEST:
        raise _endless("is nested too deeply")
    schema = resolved(node, root)
    if "const" in schema:
        yield schema["const"]
    elif isinstance(schema.get("enum"), list):
        yield from schema["enum"]
    elif choices := alternatives(schema):
        for choice in choices:
            yield from _values(choice, root, most, depth + 1)
    else:
        kinds = schema.get("type")
        for kind in kinds if isinstance(kinds, list) else [kinds]:
            yield from _of_kind(kind, schema, root, most, depth)


def _of_kind(kind: object, schema: Schema, root: Schema, most: int, depth: int) -> Iterator[Any]:
    match kind:
        case "boolean":
            yield from (True, False)
        case "null":
            yield None
        case "integer":
            yield from _whole_numbers(schema)
        case "object":
            yield from _objects(schema, root, most, depth)
        case "array":
            yield from _lists(schema, root, most, depth)
        case _:
            raise _endless(f"leaves room for any {kind if isinstance(kind, str) else 'value'}")


def _whole_numbers(schema: Schema) -> Iterator[int]:
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    low = above + 1 if low is None and isinstance(above, int) else low
    high = below - 1 if high is None and isinstance(below, int) else high
    if not isinstance(low, int | float) or not isinstance(high, int | float):
        raise _endless("leaves room for any integer")
    first, last = -int(-low // 1), int(high // 1)
    step = schema.get("multipleOf")
    every = step if isinstance(step, int) and step > 0 else 1
    yield from range(-(-first // every) * every, last + 1, every)


def _objects(schema: Schema, root: Schema, most: int, depth: int) -> Iterator[dict[str, Any]]:
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        raise _endless("leaves room for any object")
    needed = schema.get("required")
    required = set(needed) if isinstance(needed, list) else set()
    columns = []
    for name, below in properties.items():
        absent: list[Any] = [] if name in required else [...]
        if ignored(below, root):
            columns.append(absent or [_any_value(below, root, most, depth)])
        else:
            columns.append(absent + list(islice(_values(below, root, most, depth + 1), most + 1)))
    for row in product(*columns):
        yield {name: value for name, value in zip(properties, row, strict=True) if value is not ...}


def _lists(schema: Schema, root: Schema, most: int, depth: int) -> Iterator[list[Any]]:
    leading = schema.get("prefixItems")
    if isinstance(leading, list) and schema.get("items") is False:
        columns = [list(islice(_values(one, root, most, depth + 1), most + 1)) for one in leading]
        yield from (list(row) for row in product(*columns))
        return
    items = list(islice(_values(at_item(schema, 0), root, most, depth + 1), most + 1))
    unique = schema.get("uniqueItems") is True
    longest = schema.get("maxItems", len(items) if unique else None)
    if not isinstance(longest, int):
        raise _endless("leaves room for lists of any length")
    shortest = schema.get("minItems", 0)
    for length in range(shortest if isinstance(shortest, int) else 0, longest + 1):
        if unique:
            chosen = permutations(items, length) if keeps_order(schema) else combinations(items, length)
            yield from map(list, chosen)
        else:
            yield from (list(row) for row in product(items, repeat=length))


def _any_value(node: object, root: Schema, most: int, depth: int) -> object:
    """The first value, or an empty one of the right type."""
    try:
        return next(_values(node, root, most, max(depth + 1, _DEEPEST)))  # and no deeper: it makes no difference
    except (BadRequest, StopIteration):
        kind = resolved(node, root).get("type")
        return _NEUTRAL.get(kind) if isinstance(kind, str) else None


def _endless(why: str) -> BadRequest:
    return BadRequest(f"`select_deterministic`: the outputs of the schema cannot be listed: it {why}")
