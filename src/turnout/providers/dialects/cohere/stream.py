"""The events of a stream of Cohere's chat API in the words of the gateway."""

from __future__ import annotations

from typing import Any, Final, final

import msgspec
from msgspec import Raw, Struct

from turnout.base.jsons import encode
from turnout.domain.completion import Chunk, ChunkChoice
from turnout.providers.deltas import (
    EMPTY_DELTA,
    TextDetail,
    annotations_delta,
    reasoning_delta,
    text_delta,
    tool_call_delta,
)
from turnout.providers.dialects.cohere.answer import (
    Citation,
    Content,
    WireUsage,
    broken_off,
    citation_of,
    finish_of,
    usage_of,
)
from turnout.providers.dialects.cohere.turns import FORMAT, PLAN
from turnout.providers.events import EventDecoder
from turnout.providers.failures import failure_in_stream

__all__ = ["AnswerDecoder"]

_SPEAKING: Final = frozenset({
    "message-start", "content-start", "content-delta", "tool-plan-delta", "tool-call-start", "tool-call-delta",
    "message-end",
})  # fmt: skip
"""Events without which the answer would not be whole; any other may be as odd as it likes."""


class _Function(Struct):
    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class _Call(Struct):
    id: str | None = None
    function: _Function | None = None


class _Message(Struct):
    content: Content | list[Any] | None = None
    tool_calls: _Call | list[Any] | None = None
    tool_plan: str | None = None
    citations: Citation | list[Any] | None = None


class _Delta(Struct):
    message: _Message | None = None
    finish_reason: str | None = None
    usage: WireUsage | None = None
    error: str | None = None


class _Event(Struct):
    type: str = ""
    id: str | None = None
    index: int = 0
    delta: _Delta | None = None
    message: str | None = None  # of an error


_event = msgspec.json.Decoder(_Event).decode


@final
class AnswerDecoder(EventDecoder):
    """Events of one stream to chunks."""

    __slots__ = ("_argued", "_calls", "_details", "_id", "_said")

    def __init__(self) -> None:
        super().__init__()
        self._calls: dict[int, int] = {}  # indexes of our tool calls by the provider's
        self._argued: set[int] = set()  # calls that have arguments
        self._details: dict[str, int] = {}  # indexes of details by what they tell
        self._said = False
        self._id: str | None = None

    def take(self, event: bytes, chunks: list[Chunk]) -> None:
        """Append to *chunks* what *event* says. Raises UpstreamError for an error in it, or nonsense."""
        if (chunk := self._chunk(event)) is not None:
            chunks.append(chunk)

    def _chunk(self, text: bytes) -> Chunk | None:
        try:
            if not text.isascii():
                text.decode()
            event = _event(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self.overlook(text, _SPEAKING)
            return None
        if event.type == "message-end":
            return self._last(event.delta or _Delta())
        if event.type == "message-start":
            self._id = event.id
            return Chunk([ChunkChoice(EMPTY_DELTA)], None, self._id)
        if event.type == "error" or (not event.type and event.message):
            raise failure_in_stream({"message": event.message or (event.delta and event.delta.error) or "unknown"})
        message = event.delta.message if event.delta is not None else None
        delta = self._delta(event, message) if message is not None else self._end_call(event)
        return Chunk([ChunkChoice(delta)], None, self._id) if delta is not None else None

    def _delta(self, event: _Event, message: _Message) -> Raw | None:
        content = message.content
        if isinstance(content, Content):
            if content.text:
                self._said = True
                return text_delta(content.text)
            return self._think("thinking", event.index, content.thinking) if content.thinking else None
        if message.tool_plan:
            return self._think(PLAN, 0, message.tool_plan)
        if isinstance(message.tool_calls, _Call):
            return self._call(event, message.tool_calls)
        if isinstance(message.citations, Citation):
            source = citation_of(message.citations)
            return annotations_delta([source]) if source is not None else None
        return self._end_call(event)

    def _think(self, kind: str, number: int, piece: str) -> Raw:
        index = self._details.setdefault(f"{kind} {number}", len(self._details))
        return reasoning_delta(piece, [TextDetail(piece, FORMAT, index, None, PLAN if kind == PLAN else None)])

    def _call(self, event: _Event, call: _Call) -> Raw | None:
        function = call.function or _Function()
        arguments = function.arguments
        piece = encode(arguments).decode() if isinstance(arguments, dict) else arguments or ""
        place = self._calls.get(event.index)
        if event.type == "tool-call-start" and place is None:
            place = self._calls[event.index] = len(self._calls)
            self._argued |= {event.index} if piece else set()
            return tool_call_delta(place, call.id or "", function.name or "", piece)
        if place is None or not piece:
            return None
        self._argued.add(event.index)
        return tool_call_delta(place, arguments=piece)

    def _end_call(self, event: _Event) -> Raw | None:
        """A call that ends without arguments has an empty object of them."""
        if event.type != "tool-call-end" or event.index not in self._calls or event.index in self._argued:
            return None
        self._argued.add(event.index)
        return tool_call_delta(self._calls[event.index], arguments="{}")

    def _last(self, delta: _Delta) -> Chunk:
        self.ended = True
        if delta.error:
            raise failure_in_stream({"message": delta.error})
        if not self._said and not self._calls and (failure := broken_off(delta.finish_reason)) is not None:
            raise failure
        finish = finish_of(delta.finish_reason) or ("tool_calls" if self._calls else "stop")
        choice = ChunkChoice(EMPTY_DELTA, 0, finish, delta.finish_reason)
        return Chunk([choice], usage_of(delta.usage), self._id)
