"""The output items of an answer of the Responses API, made of chat deltas one after another."""

from __future__ import annotations

from typing import Any, Final, final

import msgspec
from msgspec import Raw, Struct, field

from turnout.api.pieces import CallPiece, Citation, Delta, fields_in, goes_on, is_object, join, thoughts_in
from turnout.api.responses.items import FORMAT
from turnout.api.responses.tools import Told
from turnout.api.seals import sealed
from turnout.base.jsons import encode
from turnout.domain.completion import NULL

__all__ = ["Outputs"]

_EVENT: Final = b'event: %b\ndata: {"type":"%b","sequence_number":%d,%b}\n\n'
_TEXT_DELTA: Final = (
    b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","sequence_number":%d,'
    b'"item_id":"%b","output_index":%d,"content_index":%d,"delta":%b,"logprobs":%b}\n\n'
)
_DONE: Final = "completed"
_DRAWING: Final = "image_generation_call"


class _Written(Struct):
    input: str


class _Tokens(Struct):
    content: list[Raw] | None = None


_written = msgspec.json.Decoder(_Written).decode
_tokens = msgspec.json.Decoder(_Tokens).decode


class _Part(Struct):
    """A part of a message, a summary, or a thought in the open. ``pieces`` are JSON without quotes."""

    kind: str
    number: int
    pieces: list[bytes] = field(default_factory=list)
    annotations: list[dict[str, Any]] = field(default_factory=list)
    logprobs: list[Raw] = field(default_factory=list)
    start: int = 0

    @property
    def text(self) -> Raw:
        """All of it."""
        return Raw(b'"%b"' % b"".join(self.pieces))

    def shown(self) -> dict[str, Any]:
        """The part as it stands in the item."""
        if self.kind == "refusal":
            return {"type": "refusal", "refusal": self.text}
        if self.kind != "output_text":
            return {"type": self.kind, "text": self.text}
        return {"type": "output_text", "text": self.text, "annotations": self.annotations, "logprobs": self.logprobs}


class _Open(Struct):
    """A message or a thought that is being written. ``details`` are those that a thought is made of."""

    kind: str
    place: int
    id: str
    fields: dict[str, Any]
    parts: list[_Part] = field(default_factory=list)
    details: list[dict[str, Any]] = field(default_factory=list)
    part: _Part | None = None


class _Call(Struct):
    """A tool call that is being written."""

    place: int
    id: str
    fields: dict[str, Any]
    pieces: list[str] = field(default_factory=list)


@final
class Outputs:
    """Writes the events of one answer's items, and keeps the items. *told* are the client's tools."""

    def __init__(self, generation_id: str, told: Told) -> None:
        self.sequence = 0
        self._suffix = generation_id.replace("-", "_")
        self._told = told
        self._items: dict[int, bytes] = {}
        self._next = 0
        self._length = 0  # of the content so far, in characters
        self._open: _Open | None = None
        self._calls: dict[int, _Call] = {}
        self._mark: dict[str, Any] = {}
        self._drawings: list[dict[str, Raw]] = []

    @property
    def items(self) -> Raw:
        """The items that are done, as a JSON list."""
        return Raw(b"[%b]" % b",".join([self._items[place] for place in sorted(self._items)]))

    def event(self, name: bytes, rest: bytes) -> bytes:
        """The next event; *rest* are its own fields."""
        self.sequence += 1
        return _EVENT % (name, name, self.sequence - 1, rest)

    def text(self, text: bytes, logprobs: Raw = NULL) -> bytes:
        """More of the answer, a JSON string."""
        begun, opened, part = self._part("output_text")
        part.pieces.append(text[1:-1])
        tokens = b"[]"
        if bytes(logprobs)[:1] == b"{" and (found := _tokens(logprobs).content):
            part.logprobs += found
            tokens = encode(found)
        self.sequence += 1
        place = (opened.id.encode(), opened.place, part.number)
        return begun + _TEXT_DELTA % (self.sequence - 1, *place, text, tokens)

    def take(self, delta: Delta, logprobs: Raw = NULL) -> bytes:
        """The events for all that *delta* says."""
        events = [self._think(detail) for detail in thoughts_in(delta)]
        if delta.content:
            events.append(self.text(encode(delta.content), logprobs))
        if delta.refusal:
            events.append(self._grow("refusal", delta.refusal))
        events += [self._cite(one) for one in delta.citations]
        events += [self._draw(url) for url in delta.pictures]
        events += [self._write(piece) for piece in delta.tool_calls or ()]
        return b"".join(events)

    def close(self, status: str = _DONE) -> bytes:
        """The end of all that is open; *status* is that of a message that was cut off."""
        events = [self._close(status), *(self._close_call(index) for index in list(self._calls))]
        return b"".join(events)

    # -- messages and thoughts --

    def _begin(self, kind: str, item_id: str, fields: dict[str, Any] | None = None) -> tuple[bytes, _Open]:
        closed = self._close() + self._close_whole_calls()
        self._open = opened = _Open(kind, self._take_place(), item_id, fields or {})
        return closed + self._added(opened.place, self._item_of(opened, "in_progress")), opened

    def _begin_message(self) -> tuple[bytes, _Open]:
        marked, self._mark = self._mark, {}
        fields: dict[str, Any] = {"phase": marked["phase"]} if "phase" in marked else {}
        return self._begin("message", marked.get("id") or self._name("msg"), fields)

    def _part(self, kind: str) -> tuple[bytes, _Open, _Part]:
        """The open part of that kind with its item; both are begun, by the events that come first, unless they are."""
        opened, events = self._open, b""
        if opened is not None and opened.part is not None and opened.part.kind == kind:
            return b"", opened, opened.part
        item_kind = "message" if kind in {"output_text", "refusal"} else "reasoning"
        if opened is None or opened.kind != item_kind:
            message = item_kind == "message"
            events, opened = self._begin_message() if message else self._begin("reasoning", self._name("rs"))
        events += self._close_part(opened)
        number = sum((one.kind == "summary_text") is (kind == "summary_text") for one in opened.parts)
        opened.part = part = _Part(kind, number, start=self._length)
        opened.parts.append(part)
        where = b"response.reasoning_summary_part.added" if kind == "summary_text" else b"response.content_part.added"
        return events + self._told_part(where, opened, part, b'"part":%b' % encode(part.shown())), opened, part

    def _grow(self, kind: str, piece: str) -> bytes:
        """More of a refusal, a summary, or a thought in the open."""
        begun, opened, part = self._part(kind)
        text = encode(piece)
        part.pieces.append(text[1:-1])
        return begun + self._told_part(_NAMES[kind] + b".delta", opened, part, b'"delta":%b' % text)

    def _told_part(self, event: bytes, opened: _Open, part: _Part, rest: bytes) -> bytes:
        number = b"summary_index" if part.kind == "summary_text" else b"content_index"
        place = (opened.id.encode(), opened.place, number, part.number, rest)
        return self.event(event, b'"item_id":"%b","output_index":%d,"%b":%d,%b' % place)

    def _close_part(self, opened: _Open) -> bytes:
        part, opened.part = opened.part, None
        if part is None:
            return b""
        said = b'"refusal":%b' if part.kind == "refusal" else b'"text":%b'
        rest = said % bytes(part.text)
        if part.kind == "output_text":
            rest += b',"logprobs":%b' % encode(part.logprobs)
            self._length += len(msgspec.json.decode(part.text, type=str))
        summed = part.kind == "summary_text"
        where = b"response.reasoning_summary_part.done" if summed else b"response.content_part.done"
        done = self._told_part(_NAMES[part.kind] + b".done", opened, part, rest)
        return done + self._told_part(where, opened, part, b'"part":%b' % encode(part.shown()))

    def _close(self, status: str = _DONE) -> bytes:
        opened = self._open
        if opened is None:
            return b""
        events = self._close_part(opened)
        self._open = None
        return events + self._done(opened.place, self._item_of(opened, status))

    def _item_of(self, opened: _Open, status: str) -> bytes:
        item: dict[str, Any] = {"id": opened.id, "type": opened.kind, "status": status, **opened.fields}
        if opened.kind == "message":
            return encode(item | {"role": "assistant", "content": [one.shown() for one in opened.parts]})
        item["summary"] = [one.shown() for one in opened.parts if one.kind == "summary_text"]
        if thoughts := [one.shown() for one in opened.parts if one.kind == "reasoning_text"]:
            item["content"] = thoughts
        if status != "in_progress" and (seal := _seal_of(opened.details)):
            item["encrypted_content"] = seal
        return encode(item)

    def _think(self, piece: dict[str, Any]) -> bytes:
        """A thought or more of one; what a tool of the provider's own did; how the text that follows is meant."""
        kind, ours = piece.get("type"), piece.get("format") == FORMAT
        if ours and kind == "reasoning.server_tool_call" and (result := fields_in(piece.get("result") or "")):
            return self._did(piece, result)
        opened = self._open
        if opened is not None and opened.kind == "reasoning" and opened.details:
            last = opened.details[-1]
            if goes_on(last, piece):
                join(last, piece)
                return self._muse(piece)
            if ours and _is_same_thought(last, piece):
                opened.details.append(dict(piece))
                return self._close_part(opened) + self._muse(piece)
        stated = piece.get("id") if ours else None
        begun, opened = self._begin("reasoning", stated if isinstance(stated, str) and stated else self._name("rs"))
        opened.details = [dict(piece)]
        return begun + self._muse(piece)

    def _muse(self, piece: dict[str, Any]) -> bytes:
        """What can be read of a thought."""
        if text := piece.get("summary"):
            return self._grow("summary_text", text)
        text = piece.get("text")
        return self._grow("reasoning_text", text) if text else b""

    def _did(self, piece: dict[str, Any], result: dict[str, Raw]) -> bytes:
        if piece.get("tool_name") == "message":
            self._mark = msgspec.json.decode(piece["result"])
            return self._close()
        if bytes(result.get("type", NULL)) == b'"%b"' % _DRAWING.encode():
            self._drawings.append(result)
            return b""
        return self._at_once(encode(result))

    def _at_once(self, item: bytes) -> bytes:
        """An item that is whole when it comes."""
        closed = self._close() + self._close_whole_calls()
        place = self._take_place()
        return closed + self._added(place, item) + self._done(place, item)

    def _draw(self, url: str) -> bytes:
        head, comma, content = url.partition(",")
        picture = content if comma and head.startswith("data:") else url
        known: dict[str, Any] = dict(self._drawings.pop(0)) if self._drawings else {}
        item = {"id": self._name("ig"), "type": _DRAWING, "status": _DONE} | known | {"result": picture}
        return self._at_once(encode(item))

    def _cite(self, citation: Citation) -> bytes:
        opened = self._open
        part = opened.part if opened is not None else None
        if opened is None or part is None or part.kind != "output_text":
            return b""
        source: dict[str, Any] = {
            "type": "url_citation",
            "url": citation.url,
            "title": citation.title or "",
            "start_index": max(0, (citation.start_index or 0) - part.start),
            "end_index": max(0, (citation.end_index or 0) - part.start),
        }
        part.annotations.append(source)
        rest = b'"annotation_index":%d,"annotation":%b' % (len(part.annotations) - 1, encode(source))
        return self._told_part(b"response.output_text.annotation.added", opened, part, rest)

    # -- tool calls --

    def _write(self, piece: CallPiece) -> bytes:
        """A tool call or more of one; several may be open at once."""
        begun = b""
        call = self._calls.get(piece.index)
        if call is None or (piece.id and piece.name and piece.id != call.fields["call_id"]):
            begun = self._begin_call(piece)
            call = self._calls[piece.index]
        text = piece.arguments
        if not text:
            return begun
        call.pieces.append(text)
        if call.fields["type"] == "custom_tool_call":
            return begun  # its text can be told only when the object around it is whole
        return begun + self._told_call(b"response.function_call_arguments.delta", call, b'"delta":%b' % encode(text))

    def _begin_call(self, piece: CallPiece) -> bytes:
        closed = self._close() + self._close_whole_calls()
        if piece.index in self._calls:
            closed += self._close_call(piece.index)
        space, name = self._told.spaces.get(piece.name, (None, piece.name))
        custom = piece.name in self._told.custom
        item_id = self._name("ctc" if custom else "fc")
        fields: dict[str, Any] = {
            "id": item_id,
            "type": "custom_tool_call" if custom else "function_call",
            "call_id": piece.id or f"call_{item_id}",
            "name": name,
        }
        if space is not None:
            fields["namespace"] = space
        self._calls[piece.index] = call = _Call(self._take_place(), item_id, fields)
        begun = {"status": "in_progress", "input" if custom else "arguments": ""}
        return closed + self._added(call.place, encode(fields | begun))

    def _close_whole_calls(self) -> bytes:
        whole = [index for index, call in self._calls.items() if is_object("".join(call.pieces))]
        return b"".join([self._close_call(index) for index in whole])

    def _close_call(self, index: int) -> bytes:
        call = self._calls.pop(index)
        arguments = "".join(call.pieces) or "{}"
        if call.fields["type"] == "custom_tool_call":
            said = _plain(arguments)
            name, key = b"response.custom_tool_call_input", "input"
            events = self._told_call(name + b".delta", call, b'"delta":%b' % encode(said)) if said else b""
        else:
            said, name, key, events = arguments, b"response.function_call_arguments", "arguments", b""
            if not call.pieces:
                events = self._told_call(name + b".delta", call, b'"delta":"{}"')
        rest = b'"name":%b,"%b":%b' % (encode(call.fields["name"]), key.encode(), encode(said))
        events += self._told_call(name + b".done", call, rest)
        return events + self._done(call.place, encode(call.fields | {key: said, "status": _DONE}))

    def _told_call(self, event: bytes, call: _Call, rest: bytes) -> bytes:
        return self.event(event, b'"item_id":"%b","output_index":%d,%b' % (call.id.encode(), call.place, rest))

    # -- items --

    def _take_place(self) -> int:
        self._next += 1
        return self._next - 1

    def _name(self, kind: str) -> str:
        return f"{kind}_{self._suffix}_{self._next}"

    def _added(self, place: int, item: bytes) -> bytes:
        return self.event(b"response.output_item.added", b'"output_index":%d,"item":%b' % (place, item))

    def _done(self, place: int, item: bytes) -> bytes:
        self._items[place] = item
        return self.event(b"response.output_item.done", b'"output_index":%d,"item":%b' % (place, item))


_NAMES: Final = {
    "output_text": b"response.output_text",
    "refusal": b"response.refusal",
    "reasoning_text": b"response.reasoning_text",
    "summary_text": b"response.reasoning_summary_text",
}


def _seal_of(details: list[dict[str, Any]]) -> str | None:
    """What must come back of a thought beside what can be read: the maker's own seal, or ours around the detail."""
    first = details[0]
    if first.get("format") == FORMAT:
        seal = next((one.get("data") for one in details if one.get("type") == "reasoning.encrypted"), None)
        return seal if isinstance(seal, str) else None
    if first.get("signature") or first.get("type") not in {"reasoning.text", "reasoning.summary"}:
        return sealed(first)
    return sealed({name: value for name, value in first.items() if name not in {"text", "summary"}})


def _is_same_thought(last: dict[str, Any], piece: dict[str, Any]) -> bool:
    """Whether *piece* is another part of the thought that *last* is one of: it ends with its seal."""
    return (
        last.get("format") == FORMAT
        and last.get("id") == piece.get("id")
        and last.get("type") != "reasoning.encrypted"
        and piece.get("type") in {"reasoning.encrypted", "reasoning.summary", "reasoning.text"}
    )


def _plain(arguments: str) -> str:
    """The text for a tool that takes plain text."""
    try:
        return _written(arguments.encode()).input
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return arguments
