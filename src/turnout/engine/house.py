"""What the line works with: the collaborators of one worker, and one request as a server hands it over."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol

from msgspec import Struct

from turnout.accounts.keys import KeyRing
from turnout.accounts.presets import PresetBook
from turnout.base.clock import Clock
from turnout.base.errors import Unavailable
from turnout.base.ids import GenerationIds
from turnout.contracts.provider import Outside
from turnout.contracts.reply import Reply
from turnout.contracts.shared import Pace
from turnout.contracts.surface import Surface
from turnout.domain.account import Generation, Key
from turnout.domain.routing import NO_WAYS, Outlook
from turnout.engine.auto_router import AutoRouter
from turnout.engine.auto_signs import Signs
from turnout.engine.bounds import bounds_of
from turnout.engine.contents import ContentKeeper
from turnout.engine.rails import Rails
from turnout.engine.recall import Recall
from turnout.engine.sticky import Session, StickyMemory
from turnout.engine.ways import Ways
from turnout.health.book import HealthBook
from turnout.ledger.ledger import Ledger
from turnout.net.client import Client
from turnout.net.deadlines import Deadlines
from turnout.net.outbox import Outbox
from turnout.observe.tally import Tally

__all__ = ["Call", "House", "Line", "Rails", "Recorder"]


class Recorder(Protocol):
    """Where generations become durable. While ``failing``, no more should be begun."""

    failing: bool

    def add(self, generation: Generation) -> None:
        """Take *generation*. The outbox makes it survive the death of this process before any answer leaves."""
        ...


@dataclass(slots=True)
class House:
    """The collaborators of one worker. ``rails`` is the one thing that is replaced while it runs.

    ``report`` tells the operator of a mistake of ours, in a text that quotes no request. ``outside`` is what plugins
    may reach. ``instead`` is asked about names of models that lead nowhere, and may answer in place of the line;
    ``keeping`` stands before it, for requests whose answers are kept; ``contents`` is where keys that want it have
    what was said kept. ``auto`` chooses models for prompts, ``signs`` tell how good that was.
    """

    rails: Rails
    keys: KeyRing
    client: Client
    deadlines: Deadlines
    recorder: Recorder
    outbox: Outbox
    health: HealthBook
    tally: Tally
    ids: GenerationIds
    clock: Clock
    dice: Random
    loop: asyncio.AbstractEventLoop
    report: Callable[[str], None]
    ledger: Ledger | None = None
    pace: Pace | None = None
    recall: Recall | None = None
    comment_seconds: float = 15.0
    sticky: StickyMemory = field(default_factory=StickyMemory)
    instead: Callable[[Call, House], Awaitable[bool]] | None = None
    outside: Outside | None = None
    presets: PresetBook | None = None
    ways: Ways | None = None
    contents: ContentKeeper | None = None
    auto: AutoRouter | None = None
    signs: Signs | None = None
    keeping: Callable[[Call, House, Line], Coroutine[Any, Any, None]] | None = None

    def mistake(self, error: Exception) -> None:
        """Report the kind and place of *error*, a mistake of ours, without its message: that may quote the request."""
        frames = "".join(traceback.format_tb(error.__traceback__)[-6:])
        self.report(f"{type(error).__name__}\n{frames}")

    def admit(self) -> None:
        """Refuse to begin what could not be recorded.

        Raises:
            Unavailable: the journal cannot be written.
        """
        if self.recorder.failing:
            raise Unavailable("Usage cannot be recorded at the moment, so nothing is served", retry_after=5)

    def outlook(self, key: Key, session: Session | None = None, rails: Rails | None = None) -> Outlook:
        """What a plan depends on at this moment, for a request of *session* under *key*, which began with *rails*."""
        sticky = None if session is None or not self.sticky else session.endpoint
        clock = self.clock
        ways = self.ways
        own = ways.of(rails or self.rails, key) if ways is not None and ways.book.own else NO_WAYS
        return Outlook(
            self.health.known,
            self.dice,
            clock.monotonic(),
            clock.wall(),
            bounds_of(key),
            sticky,
            own,
            key.account_id,
            key.rules.plugins,
        )


class Call(Struct, frozen=True, eq=False):
    """One request of a client. ``arrived`` is monotonic; ``headers`` holds the few that are recorded."""

    surface: Surface
    authorization: bytes | None
    body: bytes
    reply: Reply
    arrived: float
    headers: Mapping[bytes, bytes]


Line = Callable[[Call, House], Coroutine[Any, Any, None]]
"""What answers one request, and raises nothing but CancelledError."""
