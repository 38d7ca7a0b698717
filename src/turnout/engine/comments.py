"""Keep-alive comments in a stream whose provider is silent."""

from __future__ import annotations

from typing import Protocol, final

from turnout.contracts.reply import Reply
from turnout.engine.house import House

__all__ = ["Comments", "Opening"]

_COMMENT = b": OPENROUTER PROCESSING\n\n"


class Opening(Protocol):
    """What the head of an answer says: its id, and milliseconds that were not spent waiting for others."""

    @property
    def id(self) -> str:
        """The id of the generation."""
        ...

    def overhead_ms(self) -> float:
        """Milliseconds until now."""
        ...


@final
class Comments:
    """Writes a comment whenever nothing else was written for a while, the head before the first one if need be.

    The clock starts with the request: an idle connection must not be cut while the model thinks.
    """

    def __init__(self, reply: Reply, opening: Opening, house: House) -> None:
        self.deadline = house.loop.time() + house.comment_seconds
        self._reply = reply
        self._opening = opening
        self._house = house
        self._written = 0
        house.deadlines.watch(self)

    def expire(self, now: float) -> None:
        """A period has passed; write a comment if nothing else was written in it."""
        reply = self._reply
        if reply.gone:
            self.end()
            return
        if reply.written == self._written:
            if not reply.started:
                reply.start(self._opening.id, self._opening.overhead_ms(), "")
            reply.write(_COMMENT)
        self._written = reply.written
        self.deadline = now + self._house.comment_seconds

    def end(self) -> None:
        """Write no more."""
        self._house.deadlines.forget(self)
