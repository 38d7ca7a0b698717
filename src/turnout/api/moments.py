"""Moments as clients write and read them: RFC 3339."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from turnout.base.errors import BadRequest
from turnout.base.jsons import excerpt

__all__ = ["moment_of", "moment_text"]

_MOMENT: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d):(\d\d)(?:\.(\d{1,18}))?(?:[Zz]|([+\- ])((?:[01]\d|2[0-3]):[0-5]\d))", re.ASCII
)
_LEAP: Final = 60


def moment_of(text: str, name: str) -> float:
    """Unix seconds of a date and time with an offset, such as ``2025-10-03T12:00:00Z``; *name* is the field's.

    A space stands for a plus before the offset, which it was before the address was decoded.

    Raises:
        BadRequest: it is none.
    """
    match = _MOMENT.fullmatch(text)
    if match is None:
        raise _refused(text, name)
    date, minute, second, fraction, sign, offset = match.groups()
    leap = int(second) == _LEAP
    shift = f"{'-' if sign == '-' else '+'}{offset or '00:00'}"
    try:
        moment = datetime.fromisoformat(f"{date}T{minute}:{59 if leap else int(second):02}{shift}")
        return moment.timestamp() + leap + float(f"0.{fraction or 0}")
    except (ValueError, OverflowError):
        raise _refused(text, name) from None


def moment_text(seconds: float) -> str:
    """Unix seconds as RFC 3339 in UTC, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _refused(text: str, name: str) -> BadRequest:
    rule = "must be a date and time by RFC 3339, such as 2025-10-03T12:00:00Z"
    value = excerpt(text, 64)
    return BadRequest(f'`{name}` {rule}: `{name}`="{value}"', metadata={"field": name, "rule": rule, "value": value})
