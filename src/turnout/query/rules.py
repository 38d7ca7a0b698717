"""The fields of a definition, taken one by one and judged; every refusal names the field, the rule and the value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from math import isfinite
from typing import Any, Final, TypeVar, cast, final

from turnout.base.errors import BadRequest
from turnout.base.jsons import encode, excerpt

__all__ = ["MAX_COUNT", "Fields", "refused", "shares_of"]

MAX_COUNT: Final = 2_147_483_647

_LONGEST_VALUE: Final = 120  # characters
_LONGEST_TEXT: Final = 65_536  # characters
_MOST_ITEMS: Final = 1024

T = TypeVar("T", bound=str)


def refused(field: str, rule: str, value: object, *, at: str | None = None) -> BadRequest:
    """The refusal of *value*; *at* says where exactly it stands, if not at *field* itself."""
    shown = _shown(value)
    return BadRequest(
        f"{_ticked(field)} {rule}: {_ticked(at or field)}={shown}",
        metadata={"field": field, "rule": rule, "value": shown},
    )


def shares_of(value: object, count: int, field: str) -> tuple[float, ...]:
    """The shares in *value*, one for each of so many options. Raises BadRequest: it is no list of such."""
    if not isinstance(value, list) or len(value) != count:
        raise refused(field, f"must be a list of {count} numbers, one for each choice", value)
    for one in value:
        if isinstance(one, bool) or not isinstance(one, int | float) or not 0 <= one <= 1:
            raise refused(field, "must hold numbers between 0 and 1", one)
    return tuple(map(float, value))


@final
class Fields:
    """The fields of one JSON object. What nobody has taken when :meth:`end` is called is unknown.

    Each method takes a field and gives None where it is missing, null, or what *default* says. *place* stands before
    the names of fields in messages, as in ``models[3]``.

    Raises:
        BadRequest: not an object; and from each method, what is wrong with the field.
    """

    def __init__(self, value: object, place: str = "") -> None:
        if not isinstance(value, Mapping):
            raise refused(place or "body", "must be an object", value)
        self._left: dict[str, object] = dict(value)
        self._known: list[str] = []
        self._place = place

    def name(self, field: str) -> str:
        """*field* as messages call it."""
        return f"{self._place}.{field}" if self._place else field

    def take(self, field: str) -> object:
        """The value as it is."""
        self._known.append(field)
        return self._left.pop(field, None)

    def number(self, field: str, low: float, high: float, default: float) -> float | None:
        """A number from *low* to *high*."""
        value = self._number(field)
        if value is None or value == default:
            return None
        if not low <= value <= high:
            raise refused(self.name(field), f"must be between {low:g} and {high:g}", value)
        return float(value) + 0.0  # which makes 0.0 of -0.0

    def positive(self, field: str, word: str) -> float:
        """A number above 0 that a message calls *word*."""
        value = self._number(field)
        if value is None:
            raise self.missing(field)
        try:
            weight = float(value)
        except OverflowError:
            weight = 0.0 if value < 0 else float("inf")
        if weight <= 0:
            raise refused(word, "must be positive", value, at=self.name(field))
        return weight

    def whole(self, field: str, low: int, high: int, default: int | None) -> int | None:
        """A whole number from *low* to *high*; 20.0 is one too."""
        value = self._number(field)
        if value is None or value == default:
            return None
        if value != int(value):
            raise refused(self.name(field), "must be a whole number", value)
        if not low <= value <= high:
            raise refused(self.name(field), f"must be between {low} and {high}", value)
        return int(value)

    def flag(self, field: str) -> bool | None:
        """True or false."""
        value = self.take(field)
        if value is not None and not isinstance(value, bool):
            raise refused(self.name(field), "must be true or false", value)
        return value

    def text(self, field: str) -> str | None:
        """A text that is not empty."""
        value = self.take(field)
        if value is None:
            return None
        return _text(self.name(field), value)

    def needed(self, field: str) -> str:
        """A text that is not empty and must be there."""
        value = self.text(field)
        if value is None:
            raise self.missing(field)
        return value

    def variant(self, field: str, variants: Sequence[T], default: T | None = None) -> T | None:
        """One of *variants*."""
        value = self.take(field)
        if value is None:
            return None
        if value not in variants or not isinstance(value, str):
            raise refused(self.name(field), f"must be one of {', '.join(f'`{one}`' for one in variants)}", value)
        return None if value == default else cast("T", value)

    def texts(self, field: str) -> tuple[str, ...] | None:
        """A list of texts, neither empty ones nor the same twice; None for an empty list."""
        return self.checked_texts(field, self.take(field))

    def checked_texts(self, field: str, value: object, before: str | None = None) -> tuple[str, ...] | None:
        """The same for a *value* that was taken before; *before* counts as an earlier text."""
        name = self.name(field)
        if value is None:
            return None
        if not isinstance(value, list | tuple):
            raise refused(name, "must be a list of strings", value)
        if len(value) > _MOST_ITEMS:
            raise refused(name, f"must have at most {_MOST_ITEMS} entries", len(value), at=f"len({name})")
        seen = {before}
        for item in value:
            if item == "":
                raise refused(name, "cannot contain empty strings", list(value))
            _text(name, item)
            if item in seen:
                suffix = "" if before is None else " (primary counts)"
                raise refused(name, f"cannot contain duplicate strings{suffix}", item)
            seen.add(item)
        return tuple(cast("Sequence[str]", value)) or None

    def missing(self, field: str) -> BadRequest:
        """The refusal of a definition without *field*."""
        name = self.name(field)
        return BadRequest(f"`{name}` is required", metadata={"field": name, "rule": "is required", "value": "null"})

    def end(self) -> None:
        """Refuse what is left."""
        for field, value in self._left.items():
            near = get_close_matches(field, self._known, 1)
            hint = f" (did you mean `{near[0]}`?)" if near else ""
            raise refused(self.name(excerpt(field, 64)), f"is not a field{hint}", value)

    def _number(self, field: str) -> int | float | None:
        value = self.take(field)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not _finite(value):
            raise refused(self.name(field), "must be a number", value)
        return value


def _finite(value: float) -> bool:
    return isinstance(value, int) or isfinite(value)


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise refused(name, "must be a string", value)
    if not value:
        raise BadRequest(
            f"`{name}` cannot be empty", metadata={"field": name, "rule": "cannot be empty", "value": '""'}
        )
    if len(value) > _LONGEST_TEXT:
        raise refused(name, f"must have at most {_LONGEST_TEXT} characters", len(value), at=f"len({name})")
    return value


def _ticked(field: str) -> str:
    return f"`{field}`"


def _shown(value: Any) -> str:  # noqa: ANN401 - whatever a client sent
    try:
        return excerpt(encode(value).decode("utf-8", "replace"), _LONGEST_VALUE)
    except (TypeError, ValueError, RecursionError, OverflowError):
        return "…"
