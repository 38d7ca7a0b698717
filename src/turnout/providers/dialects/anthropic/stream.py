"""The events of a stream of the Messages API in the words of the gateway."""

from __future__ import annotations

from typing import Final, final

import msgspec
from msgspec import Raw, Struct

from turnout.base.jsons import BadJSON, encode
from turnout.domain.completion import NULL, Chunk, ChunkChoice
from turnout.providers.deltas import (
    EMPTY_DELTA,
    EncryptedDetail,
    ServerToolDetail,
    TextDetail,
    annotations_delta,
    reasoning_delta,
    tool_call_delta,
)
from turnout.providers.details import CLAUDE
from turnout.providers.dialects.anthropic.blocks import (
    KNOWN,
    RESULT,
    SERVER_CALLS,
    Block,
    Citation,
    StopDetails,
    citation_of,
    finish_of,
    read_block,
    read_kind,
    refusal_of,
    server_detail,
)
from turnout.providers.dialects.anthropic.usage import WireUsage, later, usage_of
from turnout.providers.events import EventDecoder
from turnout.providers.failures import failure_in_stream, nonsense
from turnout.providers.letters import ANSWER_TOOL
from turnout.providers.said import arguments_of

__all__ = ["AnswerDecoder"]

_SPEAKING: Final = frozenset({"message_start", "content_block_start", "content_block_delta", "message_delta", "error"})
"""Events without which the answer would not be whole; any other may be as odd as it likes."""


class _Start(Struct):
    id: str | None = None
    usage: WireUsage | None = None


class _Delta(Struct):
    type: str = ""
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    partial_json: str | None = None
    citation: Citation | None = None
    stop_reason: str | None = None
    stop_details: StopDetails | None = None


class _Event(Struct):
    type: str = ""
    index: int = 0
    delta: _Delta | None = None
    content_block: Raw = NULL
    message: _Start | None = None
    usage: WireUsage | None = None
    error: Raw = NULL


_event = msgspec.json.Decoder(_Event).decode


class _Open:
    """A block of a stream that is being written."""

    __slots__ = ("block", "call", "citations", "pieces", "raw", "start")

    def __init__(self, block: Block, raw: Raw, start: int) -> None:
        self.block = block
        self.raw = raw
        self.call = -1  # the index of the tool call, or that of the detail
        self.start = start  # characters of the content before it
        self.pieces: list[str] = []
        self.citations: list[Citation] = block.citations or []


@final
class AnswerDecoder(EventDecoder):
    """Events of one stream to chunks."""

    __slots__ = ("_answered", "_asked", "_first", "_id", "_open")

    def __init__(self) -> None:
        super().__init__()
        self._open: dict[int, _Open] = {}
        self._asked: dict[str, tuple[Block, str]] = {}
        self._answered = False
        self._first: WireUsage | None = None
        self._id: str | None = None

    def take(self, event: bytes, chunks: list[Chunk]) -> None:
        """Append to *chunks* what *event* says. Raises UpstreamError for an error in it, or nonsense."""
        chunk = self._chunk(event)
        if chunk is not None:
            if self.verbatim:
                chunk.verbatim = event
            chunks.append(chunk)

    def _chunk(self, text: bytes) -> Chunk | None:
        try:
            if not text.isascii():
                text.decode()  # the parser does not look into the slices that go on as they are
            event = _event(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self.overlook(text, _SPEAKING)
            return self._silent()
        kind = event.type
        if kind == "content_block_delta":
            delta = self._delta(event)
        elif kind == "content_block_start":
            delta = self._begin(event)
        elif kind == "content_block_stop":
            delta = self._end(event.index)
        elif kind == "message_delta":
            return self._last(event)
        elif kind == "message_start":
            if event.message is not None:
                self._id, self._first = event.message.id, event.message.usage
            tier = self._first.service_tier if self._first is not None else None
            return Chunk([ChunkChoice(EMPTY_DELTA)], None, self._id, tier)
        else:
            if kind == "error":
                raise failure_in_stream(msgspec.json.decode(event.error))
            self.ended = kind == "message_stop"
            return self._silent() if kind != "ping" else None  # which is no sign of progress
        return Chunk([ChunkChoice(delta)], None, self._id) if delta is not None else self._silent()

    def _silent(self) -> Chunk | None:
        """What an event that tells a chat nothing is for a client that speaks the provider's language."""
        return Chunk([], None, self._id) if self.verbatim and not self.ended else None

    def _begin(self, event: _Event) -> Raw | None:
        raw = event.content_block
        try:
            kind = read_kind(raw)
            block = read_block(raw) if kind in KNOWN or kind.endswith(RESULT) else Block(kind)
        except BadJSON:
            raise nonsense() from None
        self._open[event.index] = begun = _Open(block, raw, self.length)
        if kind == "text":
            return self.say(block.text) if block.text else None
        if kind == "thinking":
            begun.call = self.next_detail()
            if not block.thinking and not block.signature:
                return None
            return _thought(begun, block.thinking, block.signature or None)
        if kind == "redacted_thinking":
            hidden = EncryptedDetail(block.data or "", CLAUDE, self.next_detail(), position=self.length or None)
            return reasoning_delta(None, [hidden])
        if kind == "tool_use" and block.name == ANSWER_TOOL:
            self._answered = True
        elif kind == "tool_use":
            begun.call = self.next_call()
            return tool_call_delta(begun.call, block.id, block.name or "")
        return None

    def _delta(self, event: _Event) -> Raw | None:
        delta = event.delta
        opened = self._open.get(event.index)
        if delta is None or opened is None:
            return None
        if delta.text and opened.block.type == "text":
            return self.say(delta.text)
        if delta.partial_json:
            return self._write(opened, delta.partial_json)
        if delta.thinking and opened.call >= 0:
            return _thought(opened, delta.thinking)
        if delta.signature and opened.call >= 0:
            return _thought(opened, None, delta.signature)
        if delta.citation is not None:
            opened.citations.append(delta.citation)
        return None

    def _write(self, opened: _Open, piece: str) -> Raw | None:
        """One more piece of the input of a tool."""
        opened.pieces.append(piece)
        if opened.call >= 0:
            return tool_call_delta(opened.call, arguments=piece)
        return self.say(piece) if opened.block.type == "tool_use" else None

    def _end(self, index: int) -> Raw | None:
        """A block is done: its sources are named, and what the provider's own tools did; no input is an empty one."""
        opened = self._open.pop(index, None)
        if opened is None:
            return None
        if opened.citations:
            found = [citation_of(one, opened.start, self.length) for one in opened.citations]
            sources = [one for one in found if one is not None]
            return annotations_delta(sources) if sources else None
        block, kind = opened.block, opened.block.type
        if kind == "tool_use" and not opened.pieces:
            return self._write(opened, arguments_of(block.input))
        if kind in SERVER_CALLS:
            self._asked[block.id or ""] = (block, "".join(opened.pieces) or arguments_of(block.input))
        elif kind.endswith(RESULT):
            asked = self._asked.pop(block.tool_use_id or "", (Block(), ""))
            return reasoning_delta(None, [self._told(*asked, opened.raw)])
        return None

    def _last(self, event: _Event) -> Chunk:
        delta = event.delta or _Delta()
        usage = usage_of(later(self._first, event.usage))
        finish = finish_of(delta.stop_reason, called=self.calls > 0, answered=self._answered)
        refusal = refusal_of(delta.stop_reason, delta.stop_details)
        told = Raw(encode({"refusal": refusal})) if refusal is not None else EMPTY_DELTA
        if self._asked:  # the next turn begins with what came of it
            told = reasoning_delta(None, [self._told(*asked, None) for asked in self._asked.values()])
            self._asked = {}
        choices = [ChunkChoice(told, 0, finish, delta.stop_reason)] if delta.stop_reason is not None else []
        return Chunk(choices, usage, self._id)

    def _told(self, asked: Block, arguments: str, result: Raw | None) -> ServerToolDetail:
        return server_detail(asked, arguments, result, index=self.next_detail(), position=self.length or None)


def _thought(opened: _Open, text: str | None, seal: str | None = None) -> Raw:
    return reasoning_delta(text, [TextDetail(text or "", CLAUDE, opened.call, seal, position=opened.start or None)])
