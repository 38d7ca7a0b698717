"""What a model said in one turn when it may call tools of the gateway, and what of that the client gets to see."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, final

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from turnout.base.errors import UpstreamError
from turnout.base.jsons import encode
from turnout.contracts.surface import Encoder
from turnout.domain.completion import NULL, Choice, Chunk, ChunkChoice, Completion
from turnout.domain.usage import Cost, Usage
from turnout.engine.recall import joined

__all__ = ["Annotate", "Call", "Conversation", "Window"]

Call = Mapping[str, Any]
"""A tool call of a message, with ``id`` and ``function``."""

Annotate = Callable[[str], Sequence[Mapping[str, Any]]]
"""Gives the annotations of an answer with a given text."""

_CALLING = frozenset({"stop", "tool_calls"})
"""Some providers end a turn with calls as if there were none."""
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_fields = msgspec.json.Decoder(dict[str, Raw]).decode
_list = msgspec.json.Decoder(list[Raw]).decode
_objects = msgspec.json.Decoder(list[dict[str, Any]]).decode
_any = msgspec.json.decode


@final
class _Turn:
    """One answer of the model, as it comes."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self.reasoning: list[str] = []
        self.details: list[Raw] = []
        self.calls: dict[int, dict[str, Any]] = {}
        self.shown: dict[int, int] = {}
        self.highest = -1

    def message(self) -> bytes:
        """The message of the assistant that goes back to the model."""
        said: dict[str, Any] = {"role": "assistant", "content": "".join(self.text) or None}
        if self.reasoning:
            said["reasoning"] = "".join(self.reasoning)
        if self.details:
            said["reasoning_details"] = joined(self.details)
        return encode(said | {"tool_calls": list(self.calls.values())})


@final
class Conversation:
    """The turns of one answer: what they say becomes one text, and calls of *ours* are not shown.

    ``over``: no further call of ours is heard. ``calls`` are those of the present turn, once it has ended in nothing
    but such: then another turn follows. A turn that calls a function of the client's, too, is the last: the client
    cannot answer for ours, so they are dropped, and the model may call them again.
    """

    def __init__(self, ours: Collection[str], annotate: Annotate) -> None:
        self.over = False
        self.calls: Sequence[Call] = ()
        self.finish_reason: str | None = None
        self._ours = ours
        self._annotate = annotate
        self._turn = _Turn()
        self._text = ""
        self._reasoning = ""
        self._details: list[Raw] = []
        self._offset = 0

    @property
    def reasoned(self) -> bool:
        """The present turn has reasoning that the model wants back."""
        return bool(self._turn.reasoning or self._turn.details)

    def begin(self) -> bytes:
        """A new turn begins; what was said in the one before it, as a message."""
        turn = self._turn
        said = turn.message()
        self._text = self._all()
        self._reasoning += "".join(turn.reasoning)
        self._details += [self._moved(detail) for detail in joined(turn.details)]
        self._offset += turn.highest + 1
        self._turn, self.calls, self.finish_reason = _Turn(), (), None
        return said

    def read(self, completion: Completion) -> None:
        """Take in a whole turn. Raises UpstreamError: it makes no sense."""
        choice = completion.choices[0]
        try:
            self._take(choice.message)
        except _UNREADABLE:
            raise _nonsense() from None
        self._end(choice.finish_reason)

    def whole(self, completion: Completion) -> Completion:
        """The last turn with all that was said before it."""
        choice, *others = completion.choices
        message = {name: value for name, value in choice.message.items() if name != "tool_calls"}
        turn = self._turn
        if shown := [turn.calls[place] for place in turn.shown]:
            message["tool_calls"] = Raw(encode(shown))
        text = self._all()
        if self._text:
            message["content"] = Raw(encode(text))
        if self._reasoning:
            message["reasoning"] = Raw(encode(self._reasoning + _text(message.get("reasoning", NULL))))
        if self._details:
            own = message.get("reasoning_details")
            details = [] if own is None else [self._moved(detail) for detail in _list(own)]
            message["reasoning_details"] = Raw(encode(self._details + details))
        self._add_annotations(message, text)
        native = choice.native_finish_reason
        first = Choice(message, choice.index, self._finish(choice.finish_reason), native, choice.logprobs)
        return replace(completion, choices=[first, *others])

    def shown(self, choice: ChunkChoice) -> ChunkChoice | None:
        """What the client sees of one part of a turn; None: nothing. Raises UpstreamError: it makes no sense."""
        begins = self._text and not self._turn.text
        try:
            fields = _fields(choice.delta)
            kept = self._take(fields)
        except _UNREADABLE:
            raise _nonsense() from None
        fields.pop("role", None)  # the encoder says it once
        if fields.pop("tool_calls", None) is not None and kept:
            fields["tool_calls"] = Raw(encode(kept))
        if begins and (gap := self._gap(text := _text(fields.get("content", NULL)))):
            fields["content"] = Raw(encode(gap + text))
        if self._offset and "reasoning_details" in fields:
            fields["reasoning_details"] = Raw(encode([self._moved(one) for one in _list(fields["reasoning_details"])]))
        reason, native = choice.finish_reason, choice.native_finish_reason
        if reason is not None:
            self._end(reason)
            if self.calls:
                reason = native = None
            else:
                reason = self._finish(reason)
                self._add_annotations(fields, self._all())
        if reason is None and all(bytes(value) in {b'""', b"null"} for value in fields.values()):
            return None
        return ChunkChoice(Raw(encode(fields)), choice.index, reason, native, choice.logprobs)

    def _take(self, said: Mapping[str, Raw]) -> list[dict[str, Any]]:
        """Take in a message or a part of one. The calls in it that are the client's."""
        turn = self._turn
        if text := _text(said.get("content", NULL)):
            turn.text.append(text)
        if thought := _text(said.get("reasoning", NULL)):
            turn.reasoning.append(thought)
        details = said.get("reasoning_details", NULL)
        if bytes(details) not in {b"null", b"[]"}:
            pieces = _list(details)
            turn.details += pieces
            turn.highest = max(turn.highest, *map(_index, pieces))
        calls = said.get("tool_calls", NULL)
        if bytes(calls) in {b"null", b"[]"}:
            return []
        kept: list[dict[str, Any]] = []
        for number, piece in enumerate(_objects(calls)):
            place = piece.get("index", number)
            known = place in turn.calls
            call = _grown(turn.calls.setdefault(place, {}), piece)
            if not known and call["function"].get("name") not in self._ours:
                turn.shown[place] = len(turn.shown)
            if place in turn.shown:
                kept.append(piece | {"index": turn.shown[place]})
        return kept

    def _add_annotations(self, said: dict[str, Raw], text: str) -> None:
        """Those of the answer's *text*, after those that are there."""
        if found := self._annotate(text):
            said["annotations"] = Raw(encode([*(_any(said.get("annotations", NULL)) or ()), *found]))

    def _end(self, reason: str | None) -> None:
        turn = self._turn
        self.finish_reason = reason
        if turn.calls and not turn.shown and not self.over and reason in _CALLING:
            self.calls = tuple(turn.calls.values())

    def _finish(self, reason: str | None) -> str | None:
        """Why the answer ends, for a client that sees no call of ours."""
        return "stop" if reason == "tool_calls" and self._turn.calls and not self._turn.shown else reason

    def _all(self) -> str:
        """What was said so far, in all turns."""
        last = "".join(self._turn.text)
        return self._text + self._gap(last) + last

    def _gap(self, text: str) -> str:
        """What stands between the words of two turns, which were never meant to touch."""
        return "" if not text or not self._text or self._text[-1].isspace() or text[0].isspace() else "\n\n"

    def _moved(self, detail: Raw) -> Raw:
        """A detail of reasoning whose index is its own among all turns: clients put pieces of one index together."""
        if not self._offset or _index(detail) < 0:
            return detail
        return Raw(encode(_fields(detail) | {"index": _index(detail) + self._offset}))


@final
class Window:
    """An encoder that shows the turns of *conversation* as one answer."""

    def __init__(self, inner: Encoder, conversation: Conversation) -> None:
        self._inner = inner
        self._conversation = conversation
        self.served_by, self.end, self.failed = inner.served_by, inner.end, inner.failed

    def whole(self, completion: Completion, usage: Usage, price: Cost) -> bytes:
        """The body of an answer in one piece."""
        return self._inner.whole(self._conversation.whole(completion), usage, price)

    def chunks(self, chunks: Sequence[Chunk]) -> bytes:
        """The events of what is shown; none at all where nothing is."""
        seen = [
            replace(chunk, choices=shown)
            for chunk in chunks
            if (shown := [one for choice in chunk.choices if (one := self._conversation.shown(choice)) is not None])
            or chunk.echo is not None
        ]
        return self._inner.chunks(seen) if seen else b""


def _nonsense() -> UpstreamError:
    return UpstreamError("The provider's answer makes no sense", may_be_billed=True)


def _text(raw: Raw) -> str:
    """The text of a content, which may come in parts."""
    value = _any(raw)
    if isinstance(value, list):
        return "".join(str(part.get("text") or "") for part in value if isinstance(part, dict))
    return value if isinstance(value, str) else ""


def _index(detail: Raw) -> int:
    stated = _any(detail).get("index")
    return stated if isinstance(stated, int) else -1


def _grown(call: dict[str, Any], piece: dict[str, Any]) -> dict[str, Any]:
    """*call* with one more *piece* of it."""
    function = call.setdefault("function", {"name": "", "arguments": ""})
    more = stated if isinstance(stated := piece.get("function"), dict) else {}
    function["name"] = function["name"] or more.get("name") or ""
    arguments = more.get("arguments") or ""
    function["arguments"] += arguments if isinstance(arguments, str) else encode(arguments).decode()
    call.setdefault("type", "function")
    others = {name: value for name, value in piece.items() if name not in {"function", "index", "type"} and value}
    call.update(others)
    return call
