"""What all connections of the data plane share."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from turnout.api.reply import Heads
from turnout.base.errors import TurnoutError
from turnout.base.stored import Stored
from turnout.contracts.surface import Surface
from turnout.engine.house import Call, House, Line
from turnout.engine.line import serve

__all__ = ["DataPlane", "ServerLimits", "authorization_in"]


def _nothing_kept(_target: bytes) -> Stored | None:
    return None


def authorization_in(headers: Mapping[bytes, bytes]) -> bytes | None:
    """The key that *headers* bring, as the value of ``Authorization``; ``x-api-key`` is another name for it."""
    found = headers.get(b"authorization")
    if found is None and (bare := headers.get(b"x-api-key")):
        return b"Bearer " + bare
    return found


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """Caps and deadlines of the server's side; bytes and seconds."""

    body_bytes: int = 32 * 2**20
    header_bytes: int = 32 * 2**10
    header_count: int = 100
    header_seconds: float = 10.0
    body_seconds: float = 30.0
    write_stall_seconds: float = 60.0
    keep_alive_seconds: float = 75.0
    connections: int = 10_000


@dataclass(slots=True)
class DataPlane:
    """What every connection shares: the line's collaborators, the hot routes, and the limits.

    ``kept`` finds the reply to a target that can be sent as it is, if there is one. ``serving`` says, by name of the
    surface, what answers in place of the line.
    """

    house: House
    surfaces: Mapping[bytes, Surface]
    heads: Heads
    limits: ServerLimits
    draining: bool = False
    kept: Callable[[bytes], Stored | None] = _nothing_kept
    serving: Mapping[str, Line] = field(default_factory=dict)
    _dated: list[tuple[bytes, bytes]] = field(default_factory=list)
    _date: bytes = b""

    def surface_behind(self, target: bytes) -> Surface | None:
        """The surface of a *target* that is no route itself: it may have a query, which changes nothing."""
        path, mark, _ = target.partition(b"?")
        return self.surfaces.get(path) if mark else None

    def line(self, call: Call) -> Coroutine[Any, Any, None]:
        """What answers *call*. Headers that ask for a kept answer lead aside; all others pay one look for each."""
        line, keeping, headers = self.serving.get(call.surface.name, serve), self.house.keeping, call.headers
        if (b"idempotency-key" in headers or b"x-openrouter-cache" in headers) and keeping is not None:
            return keeping(call, self.house, line)
        return line(call, self.house)

    def refusal(self, surface: Surface, error: TurnoutError, generation_id: str | None) -> tuple[int, bytes, bytes]:
        """Status, headers and body of an error. What leaves no generation has an id all the same: clients log it."""
        if generation_id is None:
            generation_id = self.house.ids.next(self.house.clock.wall())
        return self.heads.refusal(surface, error, generation_id)

    def date_line(self, headers: list[tuple[bytes, bytes]]) -> bytes:
        """The ``date`` header as a line; uvicorn makes a new list of *headers* once a second."""
        if headers is not self._dated:
            self._dated = headers
            self._date = b"".join(b"%b: %b\r\n" % header for header in headers)
        return self._date
