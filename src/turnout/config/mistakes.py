"""What is wrong with a configuration, one line per mistake."""

import difflib
from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeAlias

import msgspec
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from turnout.config.keys import Key, fields_of, inside

__all__ = ["BadConfiguration", "Complaint", "Mistake", "complaints_of", "nearest"]

Complaint: TypeAlias = tuple[Key, str]
"""A mistake before it is known which layer brought it in: the key and what is wrong there."""

_TABLE: Final = "must be a table"
_LIST: Final = "must be a list"
_WORDS: Final = {
    "missing": "missing",
    "model_type": _TABLE,
    "model_attributes_type": _TABLE,
    "dict_type": _TABLE,
    "mapping_type": _TABLE,
    "tuple_type": _LIST,
    "string_type": "must be a string",
    "string_unicode": "must be valid Unicode",
    "string_too_short": "must not be empty",
    "string_too_long": "must be at most {max_length} characters long",
    "int_type": "must be a whole number",
    "int_parsing_size": "must be a whole number of a sensible size",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "greater_than": "must be greater than {gt:g}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le:.0f}",
    "literal_error": "must be {expected}",
}


class Mistake(msgspec.Struct, frozen=True):
    """One mistake: the file (or ``environment``, ``command line``) it is in, its line when known, the key."""

    source: str
    key: str
    message: str
    line: int | None = None

    def __str__(self) -> str:
        place = self.source if self.line is None else f"{self.source}:{self.line}"
        return ": ".join(part for part in (place, self.key, self.message) if part)


class BadConfiguration(Exception):
    """The configuration cannot be used. ``str`` is one line per mistake; it never quotes a secret."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes: Final = tuple(mistakes)
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The one of *known* that *name* was probably meant to be; None when none is near."""
    close = difflib.get_close_matches(name[:64].lower(), list(known), n=1, cutoff=0.6)
    return close[0] if close else None


def complaints_of(error: ValidationError, root: Any) -> list[Complaint]:  # noqa: ANN401 - a model class or annotation
    """The complaints in *error*, in our words and without the values. *root* is the model that was validated."""
    return [_complaint(detail, root) for detail in error.errors(include_url=False, include_input=False)]


def _complaint(detail: ErrorDetails, root: Any) -> Complaint:  # noqa: ANN401 - as above
    key = detail["loc"]
    context = detail.get("ctx", {})
    if detail["type"] == "extra_forbidden":
        return key, _unknown_key(key, root)
    if key[-1:] == ("[key]",) and _within(root, key) is None:
        key = key[:-1]  # pydantic's mark for a mistake in a name itself, unless a name is spelled so
    if detail["type"] == "value_error":
        return key, str(context["error"])
    words = _WORDS.get(detail["type"])
    return key, words.format(**context).replace("'", "") if words else detail["msg"]


def _unknown_key(key: Key, root: Any) -> str:  # noqa: ANN401 - as above
    meant = nearest(str(key[-1]), fields_of(_within(root, key[:-1])))
    return f"unknown key; did you mean {meant}?" if meant else "unknown key"


def _within(root: Any, key: Key) -> Any:  # noqa: ANN401 - as above
    """The annotation of what stands at *key* within *root*; None where nothing may stand."""
    for step in key:
        root = inside(root, step)
    return root
