"""The events of a stream of Converse in the words of the gateway."""

from __future__ import annotations

from typing import Any, Final, final

import msgspec
from msgspec import Raw, Struct

from turnout.base.errors import UpstreamError
from turnout.base.jsons import encode
from turnout.domain.completion import NULL, Chunk, ChunkChoice
from turnout.providers.deltas import (
    EMPTY_DELTA,
    EncryptedDetail,
    TextDetail,
    annotations_delta,
    images_delta,
    reasoning_delta,
    tool_call_delta,
)
from turnout.providers.details import CLAUDE, UNSEALED
from turnout.providers.dialects.bedrock.answer import (
    SERVER_CALL,
    Citation,
    Tier,
    ToolUse,
    citation_of,
    finish_of,
    server_detail,
)
from turnout.providers.dialects.bedrock.failures import failure_of_frame
from turnout.providers.dialects.bedrock.media import media_type_of
from turnout.providers.dialects.bedrock.usage import WireUsage, usage_of
from turnout.providers.events import Decoder
from turnout.providers.eventstream import BrokenStream, Frame, FrameSplitter
from turnout.providers.failures import nonsense
from turnout.providers.letters import ANSWER_TOOL

__all__ = ["AnswerDecoder"]

_SPEAKING: Final = frozenset({"contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"})
_FAILED: Final = frozenset({"exception", "error"})


class _ToolInput(Struct):
    input: str | None = None


class _Thought(Struct, rename="camel"):
    text: str | None = None
    signature: str | None = None
    redacted_content: str | None = None


class _Source(Struct):
    bytes: str | None = None


class _Picture(Struct):
    format: str = "png"
    source: _Source | None = None


class _Delta(Struct, rename="camel"):
    text: str | None = None
    tool_use: _ToolInput | None = None
    reasoning_content: _Thought | None = None
    tool_result: list[Raw] | None = None
    citation: Citation | None = None
    image: _Picture | None = None


class _Start(Struct, rename="camel"):
    tool_use: ToolUse | None = None
    tool_result: dict[str, Raw] | None = None
    image: _Picture | None = None


class _Event(Struct, rename="camel"):
    content_block_index: int = 0
    delta: _Delta | None = None
    start: _Start | None = None
    stop_reason: str | None = None
    usage: WireUsage | None = None
    service_tier: Tier | None = None


_event = msgspec.json.Decoder(_Event).decode


class _Open:
    """A block of a stream that is being written."""

    __slots__ = ("at", "call", "citations", "detail", "image", "pieces", "result", "start")

    def __init__(self, at: int) -> None:
        self.at = at  # where its text begins in the content
        self.call = -1  # the index of the tool call
        self.detail = -1  # that of the thought
        self.start: ToolUse | None = None
        self.result: dict[str, Any] | None = None
        self.image: _Picture | None = None
        self.pieces: list[Any] = []
        self.citations: list[Citation] = []


@final
class AnswerDecoder(Decoder[Frame]):
    """Messages of one stream to chunks."""

    __slots__ = ("_answered", "_asked", "_finished", "_open", "_splitter")

    def __init__(self) -> None:
        super().__init__()
        self._splitter = FrameSplitter()
        self._open: dict[int, _Open] = {}
        self._asked: dict[str, tuple[ToolUse, str]] = {}
        self._answered = False
        self._finished = False

    def feed(self, piece: bytes) -> list[Chunk]:
        """The chunks that *piece* completes. Raises UpstreamError for an error in the stream, or nonsense."""
        if self.ended:
            return []
        try:
            frames = self._splitter.feed(piece)
        except BrokenStream as error:
            raise UpstreamError(f"The provider's stream is broken: {error}", may_be_billed=True) from None
        return self.chunks_of(frames)

    def flush(self) -> list[Chunk]:
        """The end of the stream completes nothing. Raises UpstreamError where it came too early."""
        if self.failure is not None:
            raise self.failure
        if self._splitter.unfinished and not (self.ended or self._finished):
            raise UpstreamError("The provider's stream broke off", may_be_billed=True)
        return []

    def take(self, event: Frame, chunks: list[Chunk]) -> None:
        """Append to *chunks* what *event* says. Raises UpstreamError for an error in it, or nonsense."""
        if (chunk := self._chunk(event)) is not None:
            chunks.append(chunk)

    def _chunk(self, frame: Frame) -> Chunk | None:
        headers, payload = frame
        if headers.get(":message-type") in _FAILED:
            raise failure_of_frame(headers, payload)
        kind = headers.get(":event-type")
        if kind not in _SPEAKING:
            return None
        try:
            if not payload.isascii():
                payload.decode()  # the parser does not look into the slices that go on as they are
            event = _event(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise nonsense() from None
        if kind == "contentBlockDelta":
            delta = self._delta(event)
        elif kind == "contentBlockStart":
            delta = self._begin(event)
        elif kind == "contentBlockStop":
            delta = self._end(event.content_block_index)
        elif kind == "messageStop":
            return self._stop(event)
        else:
            self.ended = self._finished
            tier = event.service_tier.type if event.service_tier is not None else None
            return Chunk([], usage_of(event.usage), None, tier)
        return Chunk([ChunkChoice(delta)]) if delta is not None else None

    def _block(self, index: int) -> _Open:
        """The block of that number; texts and thoughts begin without an announcement."""
        opened = self._open.get(index)
        if opened is None:
            opened = self._open[index] = _Open(self.length)
        return opened

    def _begin(self, event: _Event) -> Raw | None:
        opened = self._open[event.content_block_index] = _Open(self.length)
        start = event.start
        if start is None:
            return None
        opened.image = start.image
        opened.result = start.tool_result
        call = opened.start = start.tool_use
        if call is None or call.type == SERVER_CALL:
            return None
        if call.name == ANSWER_TOOL:
            self._answered = True
            return None
        opened.call = self.next_call()
        return tool_call_delta(opened.call, call.tool_use_id, call.name)

    def _delta(self, event: _Event) -> Raw | None:
        delta = event.delta
        if delta is None:
            return None
        opened = self._block(event.content_block_index)
        if delta.text:
            return self.say(delta.text)
        if delta.tool_use is not None:
            return self._write(opened, delta.tool_use.input or "")
        if delta.reasoning_content is not None:
            return self._think(opened, delta.reasoning_content)
        if delta.tool_result is not None:
            opened.pieces += delta.tool_result
        elif delta.citation is not None:
            opened.citations.append(delta.citation)
        elif delta.image is not None and delta.image.source is not None:
            opened.image = opened.image or delta.image
            opened.pieces.append(delta.image.source.bytes or "")
        return None

    def _think(self, opened: _Open, thought: _Thought) -> Raw | None:
        if thought.redacted_content:
            return reasoning_delta(None, [EncryptedDetail(thought.redacted_content, CLAUDE, self.next_detail())])
        if opened.detail < 0:
            opened.detail = self.next_detail()
        if thought.signature:
            return reasoning_delta(
                thought.text, [TextDetail(thought.text or "", CLAUDE, opened.detail, thought.signature)]
            )
        if thought.text:
            return reasoning_delta(thought.text, [TextDetail(thought.text, UNSEALED, opened.detail)])
        return None

    def _write(self, opened: _Open, piece: str) -> Raw | None:
        """One more piece of the input of a tool."""
        if not piece or opened.start is None:
            return None
        opened.pieces.append(piece)
        if opened.call >= 0:
            return tool_call_delta(opened.call, arguments=piece)
        return self.say(piece) if opened.start.type != SERVER_CALL else None

    def _end(self, index: int) -> Raw | None:
        """A block is done: its sources are named, and what the provider's own tools did; no input is an empty one."""
        opened = self._open.pop(index, None)
        if opened is None:
            return None
        if opened.citations:
            found = [citation_of(one, opened.at, self.length) for one in opened.citations]
            sources = [one for one in found if one is not None]
            return annotations_delta(sources) if sources else None
        if opened.image is not None and (content := "".join(opened.pieces)):
            return images_delta([f"data:{media_type_of('image', opened.image.format)};base64,{content}"])
        if opened.result is not None:
            return self._found(opened.result, opened.pieces)
        if (call := opened.start) is None:
            return None
        if call.type == SERVER_CALL:
            self._asked[call.tool_use_id] = (call, "".join(opened.pieces) or "{}")
            return None
        return None if opened.pieces else self._write(opened, "{}")

    def _found(self, start: dict[str, Any], content: list[Any]) -> Raw:
        """What a tool of the provider's own was asked, and found."""
        result = encode(start | {"content": content})
        try:
            asked_id = msgspec.json.decode(start.get("toolUseId", NULL))
        except msgspec.DecodeError:
            raise nonsense() from None
        asked, arguments = self._asked.pop(asked_id, (None, "")) if isinstance(asked_id, str) else (None, "")
        return reasoning_delta(None, [server_detail(asked, arguments, result, self.next_detail())])

    def _stop(self, event: _Event) -> Chunk:
        native = event.stop_reason or None
        finish = finish_of(native, called=self.calls > 0, answered=self._answered)
        self._finished = finish is not None
        told = EMPTY_DELTA
        if self._asked:  # the next turn begins with what came of it
            asked, self._asked = self._asked, {}
            told = reasoning_delta(None, [server_detail(*one, None, self.next_detail()) for one in asked.values()])
        return Chunk([ChunkChoice(told, 0, finish, native)])
