"""The events of a stream of the Responses API in the words of the gateway."""

from __future__ import annotations

from collections import defaultdict
from typing import Final, final

import msgspec
from msgspec import Raw, Struct

from turnout.base.errors import UpstreamError
from turnout.base.jsons import BadJSON, encode, reader
from turnout.domain.completion import NULL, Chunk, ChunkChoice
from turnout.providers.deltas import (
    EMPTY_DELTA,
    EncryptedDetail,
    SummaryDetail,
    TextDetail,
    annotations_delta,
    images_delta,
    reasoning_delta,
    text_delta,
    tool_call_delta,
)
from turnout.providers.dialects.openai_responses.outputs import (
    CALLS,
    Annotation,
    Item,
    Part,
    Response,
    arguments_of,
    citation_of,
    deed_of,
    drawing_of,
    failure_of,
    finish_of,
    mark_of,
    native_of,
    read_item,
    read_kind,
    usage_of,
)
from turnout.providers.dialects.openai_responses.thoughts import FORMAT
from turnout.providers.events import EventDecoder
from turnout.providers.failures import nonsense

__all__ = ["AnswerDecoder"]

_LAST: Final = frozenset({"response.completed", "response.incomplete"})
_FAILED: Final = frozenset({"response.failed", "response.cancelled"})
_SPEAKING: Final = _LAST | _FAILED | {
    "response.output_item.added", "response.output_item.done", "response.output_text.delta", "response.refusal.delta",
    "response.function_call_arguments.delta", "response.custom_tool_call_input.delta",
    "response.reasoning_summary_text.delta", "response.reasoning_text.delta", "error",
}  # fmt: skip
"""Events without which the answer would not be whole; any other may be as odd as it likes."""
_NO_PROBABILITIES: Final = frozenset({b"null", b"[]"})
_KNOWN: Final = frozenset({"message", "reasoning"}) | CALLS


class _Event(Struct):
    type: str = ""
    delta: str | None = None
    output_index: int = 0
    content_index: int = 0
    summary_index: int = 0
    annotation_index: int = 0
    item: Raw = NULL
    annotation: Raw = NULL
    logprobs: Raw = NULL
    response: Raw = NULL
    error: Raw = NULL
    code: Raw = NULL
    message: Raw = NULL


_event = msgspec.json.Decoder(_Event).decode
_response = reader(Response)
_annotation = reader(Annotation)


class _Open:
    """An item of a stream that is being written."""

    __slots__ = ("call", "cited", "details", "item", "kind", "said", "starts")

    def __init__(self, kind: str, item: Item) -> None:
        self.kind = kind
        self.item = item
        self.call = -1  # the index of the tool call
        self.said = defaultdict[tuple[str, int], int](int)  # characters passed on, by kind and number of part
        self.starts: dict[int, int] = {}  # characters of the content before a part
        self.details: dict[tuple[str, int], int] = {}  # indexes of details
        self.cited = 0


@final
class AnswerDecoder(EventDecoder):
    """Events of one stream to chunks."""

    __slots__ = ("_closed", "_deeds", "_id", "_marked", "_open", "_tier")

    def __init__(self) -> None:
        super().__init__()
        self._open: dict[int, _Open] = {}
        self._closed: set[int] = set()
        self._deeds: list[Raw] = []
        self._marked = False
        self._id: str | None = None
        self._tier: str | None = None

    def take(self, event: bytes, chunks: list[Chunk]) -> None:
        """Append to *chunks* what *event* says. Raises UpstreamError for an error in it, or nonsense."""
        told = self._told(event)
        if self.verbatim:
            told = told or [Chunk([], None, self._id, self._tier)]
            told[0].verbatim = event
        chunks += told

    def _told(self, text: bytes) -> list[Chunk]:
        try:
            if not text.isascii():
                text.decode()  # the parser does not look into the slices that go on as they are
            if b"\n" in text:  # it came in several lines, and leaves in one
                text = text.replace(b"\n", b" ")
            event = _event(text)
            kind = event.type
            if kind == "response.output_text.delta":
                return self._text(event)
            if kind in _LAST:
                return self._last(_response(event.response))
            deltas = self._deltas(event)
        except (BadJSON, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self.overlook(text, _SPEAKING)
            return []
        return [Chunk([ChunkChoice(delta)], None, self._id, self._tier) for delta in deltas]

    def _text(self, event: _Event) -> list[Chunk]:
        """A piece of the answer, by far the most common event."""
        piece = event.delta
        if not piece:
            return []
        opened = self._opened(event, "message")
        self._grow(opened, "text", event.content_index, piece)
        probabilities = NULL
        if bytes(event.logprobs) not in _NO_PROBABILITIES:
            probabilities = Raw(b'{"content":%b,"refusal":null}' % bytes(event.logprobs))
        return [Chunk([ChunkChoice(text_delta(piece), 0, None, None, probabilities)], None, self._id, self._tier)]

    def _deltas(self, event: _Event) -> list[Raw]:
        match event.type:
            case "response.output_item.added":
                return self._begin(event)
            case "response.output_item.done":
                return self._end(event.output_index, event.item)
            case "response.output_text.annotation.added":
                return self._cite(event)
            case "response.created":
                response = _response(event.response)
                self._id, self._tier = response.id or None, response.service_tier or None
                return [EMPTY_DELTA]
            case "response.failed" | "response.cancelled":
                failure = _response(event.response).error
                raise failure_of(failure) if bytes(failure) != b"null" else nonsense()
            case "error":
                raise self._error(event)
        return self._growth(event) if event.delta else []

    def _growth(self, event: _Event) -> list[Raw]:
        """A piece of something else than the answer's text."""
        piece = event.delta or ""
        match event.type:
            case "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta":
                return self._argue(self._opened(event, "function_call"), piece)
            case "response.reasoning_summary_text.delta":
                return self._think(self._opened(event, "reasoning"), "summary", event.summary_index, piece)
            case "response.reasoning_text.delta":
                return self._think(self._opened(event, "reasoning"), "thought", event.content_index, piece)
            case "response.refusal.delta":
                return self._refuse(self._opened(event, "message"), event.content_index, piece)
        return []

    def _error(self, event: _Event) -> UpstreamError:
        """An error by itself, in an object of its own or not."""
        if bytes(event.error) != b"null":
            return failure_of(event.error)
        return failure_of(Raw(b'{"code":%b,"message":%b}' % (bytes(event.code), bytes(event.message))))

    def _opened(self, event: _Event, kind: str) -> _Open:
        """The item that *event* tells of; one that nobody has announced is begun."""
        opened = self._open.get(event.output_index)
        if opened is None:
            opened = self._open[event.output_index] = _Open(kind, Item(kind))
        return opened

    def _begin(self, event: _Event) -> list[Raw]:
        kind = read_kind(event.item)
        if kind not in _KNOWN or event.output_index in self._open:
            return []
        return self._begun(event.output_index, kind, read_item(event.item))

    def _begun(self, index: int, kind: str, item: Item) -> list[Raw]:
        opened = self._open[index] = _Open(kind, item)
        if kind == "message" and (item.phase == "commentary" or self._marked):
            self._marked = True
            return [reasoning_delta(None, [mark_of(item.phase, item.id, self.next_detail(), self.length)])]
        if kind in CALLS:
            opened.call = self.next_call()
            return [tool_call_delta(opened.call, item.call_id or item.id or "", item.name or "")]
        return []

    def _end(self, index: int, raw: Raw) -> list[Raw]:
        """An item is done: what no event has told of it is told now."""
        kind = read_kind(raw)
        if index in self._closed or not kind:
            return []
        if kind not in _KNOWN:
            self._closed.add(index)
            return self._deed(kind, raw)
        item = read_item(raw)
        known = self._open.get(index)
        untold = known is None or (kind in CALLS and known.call < 0)
        deltas = self._begun(index, kind, item) if untold else []
        opened = self._open[index]
        if kind == "message":
            deltas += self._end_message(opened, item)
        elif kind == "reasoning":
            deltas += self._end_thought(opened, item)
        elif kind in CALLS and opened.call >= 0:
            deltas += self._end_call(opened, item)
        self._closed.add(index)
        return deltas

    def _deed(self, kind: str, raw: Raw) -> list[Raw]:
        """What a tool of the provider's own did."""
        self._deeds.append(raw)
        deltas = [reasoning_delta(None, [deed_of(raw, self.next_detail(), self.length)])]
        if kind == "image_generation_call" and (picture := drawing_of(read_item(raw))) is not None:
            deltas.append(images_delta([picture]))
        return deltas

    def _end_message(self, opened: _Open, item: Item) -> list[Raw]:
        deltas: list[Raw] = []
        seen = 0
        for number, part in enumerate(item.content or ()):
            if part.refusal:
                rest = part.refusal[opened.said["refusal", number] :]
                deltas += self._refuse(opened, number, rest)
            elif part.text:
                rest = part.text[opened.said["text", number] :]
                if rest:
                    self._grow(opened, "text", number, rest)
                    deltas.append(text_delta(rest))
            deltas += self._sources(opened, part, number, seen)
            seen += len(part.annotations or ())
        return deltas

    def _sources(self, opened: _Open, part: Part, number: int, seen: int) -> list[Raw]:
        """The sources of a part that no event has told."""
        start = opened.starts.get(number, self.length)
        untold = (part.annotations or [])[max(opened.cited - seen, 0) :]
        found = [one for one in (citation_of(one, start) for one in untold) if one is not None]
        return [annotations_delta(found)] if found else []

    def _end_thought(self, opened: _Open, item: Item) -> list[Raw]:
        deltas: list[Raw] = []
        for kind, parts in (("summary", item.summary), ("thought", item.content)):
            for number, part in enumerate(parts or ()):
                deltas += self._think(opened, kind, number, (part.text or "")[opened.said[kind, number] :])
        if item.encrypted_content:
            seal = EncryptedDetail(item.encrypted_content, FORMAT, self.next_detail(), item.id, self.length or None)
            deltas.append(reasoning_delta(None, [seal]))
        return deltas

    def _end_call(self, opened: _Open, item: Item) -> list[Raw]:
        said = opened.said["arguments", 0]
        if opened.kind == "custom_tool_call":
            deltas = self._argue(opened, (item.input or "")[said:])
            start = "" if opened.said["arguments", 0] else '{"input":"'
            return [*deltas, tool_call_delta(opened.call, arguments=f'{start}"}}')]
        rest = arguments_of(item)
        return self._argue(opened, rest[said:]) if len(rest) > said else []

    def _argue(self, opened: _Open, piece: str) -> list[Raw]:
        """One more piece of the arguments of a call."""
        if not piece or opened.call < 0:
            return []
        first = not opened.said["arguments", 0]
        opened.said["arguments", 0] += len(piece)
        if opened.kind == "custom_tool_call":  # plain text, as the one field of an object
            piece = ('{"input":"' if first else "") + encode(piece).decode()[1:-1]
        return [tool_call_delta(opened.call, arguments=piece)]

    def _think(self, opened: _Open, kind: str, number: int, piece: str) -> list[Raw]:
        """One more piece of a summary, or of a thought in the open."""
        if not piece:
            return []
        index = opened.details.get((kind, number))
        if index is None:
            index = opened.details[kind, number] = self.next_detail()
        opened.said[kind, number] += len(piece)
        item_id = opened.item.id
        if kind == "summary":
            return [reasoning_delta(piece, [SummaryDetail(piece, FORMAT, index, item_id)])]
        detail = TextDetail(piece, FORMAT, index, None, item_id, self.length or None)
        return [reasoning_delta(piece, [detail])]

    def _refuse(self, opened: _Open, number: int, piece: str) -> list[Raw]:
        if not piece:
            return []
        opened.said["refusal", number] += len(piece)
        return [Raw(encode({"refusal": piece}))]

    def _cite(self, event: _Event) -> list[Raw]:
        opened = self._opened(event, "message")
        opened.cited += 1
        source = citation_of(_annotation(event.annotation), opened.starts.get(event.content_index, self.length))
        return [annotations_delta([source])] if source is not None else []

    def _grow(self, opened: _Open, kind: str, number: int, piece: str) -> None:
        """*piece* is part of the content from now on."""
        opened.starts.setdefault(number, self.length)
        opened.said[kind, number] += len(piece)
        self.length += len(piece)

    def _last(self, response: Response) -> list[Chunk]:
        """The end: what the items hold that no event has told, why it ended, and the counts."""
        if bytes(response.error) not in {b"null", b"{}"}:
            raise failure_of(response.error)
        self._id = response.id or self._id
        self._tier = response.service_tier or self._tier
        deltas: list[Raw] = []
        for index, raw in enumerate(response.output or ()):
            deltas += self._end(index, raw)
        self.ended = True
        chunks = [Chunk([ChunkChoice(delta)], None, self._id, self._tier) for delta in deltas]
        finish = finish_of(response, called=self.calls > 0)
        choice = ChunkChoice(EMPTY_DELTA, 0, finish, native_of(response))
        return [*chunks, Chunk([choice], usage_of(response, self._deeds), self._id, self._tier)]
