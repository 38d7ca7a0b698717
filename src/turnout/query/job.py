"""One completion of voters under way: its ids, its line, and its client."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, final
from uuid import uuid4

import msgspec
from msgspec import Raw

from turnout.base.errors import TurnoutError
from turnout.base.jsons import encode
from turnout.domain.account import Key
from turnout.domain.archive import CompletionKind
from turnout.domain.completion import NULL, Choice, Chunk
from turnout.domain.query import Message, OutputMode, Roster, Voter
from turnout.engine.house import Call, House
from turnout.query.asked import Asked
from turnout.query.poll import Conduct
from turnout.query.prompt import Conversation
from turnout.query.shapes import Border, message_of, metadata_of, voter_fields
from turnout.query.voters import Heard, Line, Listener

__all__ = ["Job", "Place"]

Place = tuple[int, int]
"""A choice of a voter: its index in the roster, and which of its choices."""

_PREFIXES: Mapping[CompletionKind, str] = {
    "chat": "qrychat",
    "query": "rnkcpl",
    "score": "scrcpl",
    "multichat": "mltcpl",
}
_SEED_BITS = 53  # as many as every JSON reader keeps exactly
_DONE = b"data: [DONE]\n\n"
_decode_delta = msgspec.json.Decoder(dict[str, Any]).decode


@final
class Job:
    """What the steps of one completion share. *streams*: the client gets chunks while voters speak."""

    def __init__(  # noqa: PLR0913, PLR0917 - what a completion begins with
        self, kind: CompletionKind, call: Call, house: House, key: Key, asked: Asked, roster: Roster, border: Border
    ) -> None:
        clock = house.clock
        wall = clock.wall()
        self.kind = kind
        self.call = call
        self.house = house
        self.key = key
        self.asked = asked
        self.roster = roster
        self.border = border
        self.created = wall
        self.generation_id = house.ids.next(wall)
        self.id = f"{_PREFIXES[kind]}-{uuid4().hex}-{int(wall)}"
        self.streams = asked.stream and kind != "chat"
        self.vote_seed = house.dice.getrandbits(_SEED_BITS) if asked.vote_seed is None else asked.vote_seed
        self.line = Line(call, house, self.generation_id)
        self.waited = 0.0
        self.first_index = 0
        self.before_first: Sequence[Mapping[str, Any]] = ()
        self._indexes: dict[Place, int] = {}
        self._roles: set[int] = set()

    @property
    def conduct(self) -> Conduct:
        """How the ballot is held."""
        asked, latency = self.asked, self.asked.max_latency_ms
        deadline = None
        if latency is not None:
            deadline = self.house.loop.time() + latency / 1000 - (self.house.clock.monotonic() - self.call.arrived)
        return Conduct(
            early_stop=asked.early_stop,
            interval=asked.interval,
            cascade=asked.cascade,
            max_cost=asked.max_cost,
            deadline=deadline,
            rules=asked.rules,
        )

    def conversation(self, messages: Sequence[Message]) -> Conversation:
        """*messages*, with all else that its voters are told alike."""
        made = Conversation(messages, self.asked.tools, self.asked.common, stream=self.streams)
        made.tell_apart(self.roster.voters)
        return made

    def overhead_ms(self) -> float:
        """Milliseconds since the request arrived that were not spent waiting for voters."""
        return max(0.0, self.house.clock.monotonic() - self.call.arrived - self.waited) * 1000

    def index(self, place: Place) -> int:
        """The index of a choice: the first that speaks has the first."""
        index = self._indexes.get(place)
        if index is None:
            if not self._indexes and self.before_first:
                self.send(self.before_first)
            index = self._indexes[place] = self.first_index + len(self._indexes)
        return index

    def opening(self, index: int) -> dict[str, str]:
        """What the first delta of a choice begins with, and no other one."""
        if index in self._roles:
            return {}
        self._roles.add(index)
        return {"role": "assistant"}

    def listener(self, voter: Voter, slip: int, mode: OutputMode | None = None) -> Listener | None:
        """What passes on the words of one question to *voter*; None for a client that gets them at the end."""
        if not self.streams:
            return None
        fields = voter_fields(voter, None, self.border)

        def hear(chunks: Sequence[Chunk]) -> None:
            for chunk in chunks:
                for choice in chunk.choices:
                    delta: Any = choice.delta
                    index = self.index((voter.index, slip))
                    if mode == "tool_call" or index not in self._roles:
                        delta = _plain_delta(_decode_delta(choice.delta), mode)
                    if index not in self._roles:
                        delta = self.opening(index) | delta
                    if _says_nothing(delta):
                        continue
                    part = {"index": index, "delta": delta, "finish_reason": None, "logprobs": choice.logprobs}
                    self.send([part | fields])

        return hear

    def choice(
        self,
        voter: Voter,
        number: int,
        said: Choice | None,
        error: TurnoutError | None,
        heard: Sequence[Heard],
        mode: OutputMode | None = None,
    ) -> dict[str, Any]:
        """What *voter* *said*, as its choice of that *number*. Nothing said, and no error: the vote was kept."""
        reason = "stop" if said is None or (mode and said.finish_reason == "tool_calls") else said.finish_reason
        made: dict[str, Any] = {
            "index": self.index((voter.index, number)),
            "message": message_of(said, mode),
            "finish_reason": reason if error is None else "error",
            "logprobs": NULL if said is None else said.logprobs,
            "completion_metadata": metadata_of(self.line, heard, self.border),
        }
        return made | voter_fields(voter, error, self.border)

    def send(self, choices: Sequence[Mapping[str, Any]]) -> None:
        """One chunk, for a client that wants them."""
        if not self.streams:
            return
        reply = self.call.reply
        if not reply.started:
            reply.start(self.generation_id, self.overhead_ms(), "")
        reply.write(self._event({"choices": choices}))

    def head(self, *, chunk: bool = False) -> dict[str, Any]:
        """How every answer and every chunk begins."""
        return {
            "id": self.id,
            "object": "chat.completion.chunk" if chunk else "chat.completion",
            "created": int(self.created),
            "model": self.roster.id,
        }

    def finish(self, body: bytes, last: Mapping[str, Any], error: TurnoutError | None = None) -> None:
        """The end of the answer: *body* for a client that wants it in one piece, *last* as the last chunk."""
        reply = self.call.reply
        if not self.streams:
            if error is not None:
                reply.refuse(error, self.generation_id)
            else:
                reply.whole(self.generation_id, self.overhead_ms(), body, "")
            return
        if not reply.started:
            reply.start(self.generation_id, self.overhead_ms(), "")
        failed = b"" if error is None else self._event({"choices": [], "error": Raw(self.border.error(error))})
        reply.finish(self._event(last) + failed + _DONE)

    def fail(self, error: TurnoutError) -> None:
        """The end of the answer, where there is none."""
        reply = self.call.reply
        if not reply.started:
            reply.refuse(error, self.generation_id)
            return
        reply.finish(self._event({"choices": [], "error": Raw(self.border.error(error))}) + _DONE)

    def _event(self, rest: Mapping[str, Any]) -> bytes:
        return b"data: %b\n\n" % encode({**self.head(chunk=True), **rest})

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Time within is time spent waiting for voters."""
        clock = self.house.clock
        began = clock.monotonic()
        try:
            yield
        finally:
            self.waited += clock.monotonic() - began


def _says_nothing(delta: Raw | dict[str, Any]) -> bool:
    return bytes(delta) == b"{}" if isinstance(delta, Raw) else not delta


def _plain_delta(delta: dict[str, Any], mode: OutputMode | None) -> dict[str, Any]:
    """A delta without its role; the arguments of a voter's call are its content."""
    plain = {name: value for name, value in delta.items() if name != "role" and value is not None}
    if mode == "tool_call":
        calls = plain.pop("tool_calls", None) or ()
        words = "".join((call.get("function") or {}).get("arguments") or "" for call in calls)
        if words:
            plain["content"] = words
    return plain
