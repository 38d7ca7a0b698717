"""The tool that tells models what time it is."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Annotated, Any, Final, final
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct

from turnout.base.errors import BadRequest
from turnout.base.jsons import encode
from turnout.contracts.plugin import Plugin, Tool, Work

__all__ = ["PLUGIN", "Clock", "Parameters"]


class Parameters(Struct, frozen=True, forbid_unknown_fields=True):
    """``timezone``: where the clock stands, such as ``Europe/Berlin``. Source: OpenRouter, "Datetime"."""

    timezone: Annotated[str, Meta(max_length=64)] = "UTC"

    def __post_init__(self) -> None:
        _zone(self.timezone)


class Wanted(Struct, frozen=True):
    """What a model may say."""

    timezone: Annotated[
        str | None, Meta(description="IANA name of another time zone than the user's, such as Asia/Tokyo.")
    ] = None


@final
class Clock(Work):
    """Tells the time."""

    async def call(self, arguments: Any) -> str:  # noqa: ANN401 - as its parent
        """Date, time and day of the week as JSON. Raises BadRequest: there is no such time zone."""
        name = arguments.timezone or self.job.parameters.timezone
        try:
            now = datetime.fromtimestamp(self.job.outside.wall(), _zone(name))
        except ValueError as error:
            raise BadRequest(str(error)) from None
        told = {"datetime": now.isoformat(timespec="seconds"), "weekday": f"{now:%A}", "timezone": name}
        return encode(told).decode()


def _zone(name: str) -> tzinfo:
    """Raises ValueError: there is none of that name."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"there is no time zone {name!r}") from None


PLUGIN: Final = Plugin(
    id="datetime",
    work=Clock,
    phases=frozenset(),
    parameters=Parameters,
    tool=Tool(
        kind="openrouter:datetime",
        name="datetime",
        description="Tells the current date, time and day of the week.",
        arguments=Wanted,
    ),
    seconds=5.0,
)
