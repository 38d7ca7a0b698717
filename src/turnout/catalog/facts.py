"""Facts as they are picked: the first that is stated, and only in the shape that it must have. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import TypeVar

__all__ = ["chosen", "fitting", "is_day"]

_T = TypeVar("_T")


def chosen(*values: _T | None) -> _T | None:
    """The first of *values* that is stated."""
    return next((value for value in values if value is not None), None)


def fitting(text: str | None, fits: Callable[[str], bool]) -> str | None:
    """*text* if it has the shape that it must have: it may come from outside."""
    return text if text is not None and fits(text) else None


def is_day(text: str) -> bool:
    """Whether *text* is a day, ``YYYY-MM-DD``."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
