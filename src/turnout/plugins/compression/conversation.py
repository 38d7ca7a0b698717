"""A conversation as what can be left out of it: messages with their sizes, held together where they belong together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, final

import msgspec
from msgspec import Raw, Struct

from turnout.base.jsons import encode
from turnout.base.tokens import Count
from turnout.domain.completion import NULL

__all__ = ["Message", "Unit", "messages_of", "units_of"]

_FRAME = 8
"""Tokens around a message: its role, its marks."""
_PART = 1_200
"""Tokens of an image, a sound or a file, whatever its size."""
_LEFT_OUT = {"type": "text", "text": "[an attachment was left out]"}
_NO_CALLS = (NULL, Raw(b"[]"))
_STRING, _LIST = ord('"'), ord("[")
_PINNED = frozenset({"system", "developer"})
_RESULTS = frozenset({"tool", "function"})


class _Fields(Struct):
    """As much of a message as tells what belongs together."""

    role: str
    content: Raw = NULL
    tool_calls: Raw = NULL
    function_call: Raw = NULL


_decode = msgspec.json.Decoder(_Fields).decode
_decode_all = msgspec.json.Decoder(list[Raw]).decode
_decode_object = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_parts = msgspec.json.Decoder(list[dict[str, Any]]).decode
_decode_text = msgspec.json.Decoder(str).decode


@final
class Message:
    """One message. ``tokens`` is its size, ``texts`` are what can be shortened of it, by the place of their part;
    ``changed``: it is not as it came.
    """

    __slots__ = (
        "_count",
        "_parts",
        "_written",
        "attachments",
        "calls",
        "changed",
        "raw",
        "rest",
        "role",
        "sizes",
        "texts",
    )

    def __init__(self, raw: Raw, count: Count) -> None:
        fields = _decode(raw)
        self.raw = raw
        self.role = fields.role
        self.calls = fields.tool_calls not in _NO_CALLS or fields.function_call != NULL
        self.texts: dict[int, str] = {}
        self.sizes: dict[int, int] = {}
        self.attachments = 0
        self._count = count
        self.changed = False
        self._parts: list[dict[str, Any]] | None = None
        self._written = fields.content
        content = memoryview(fields.content)
        if content[0] == _STRING:
            self.sizes[0] = count(bytes(content))
            inside = len(content)
        elif content[0] == _LIST:
            self._parts = _decode_parts(content)
            for place, part in enumerate(self._parts):
                if isinstance(text := part.get("text"), str):
                    self.texts[place] = text
                    self.sizes[place] = count(text.encode("utf-8", "replace")) + 4
                else:
                    self.attachments += 1
            inside = len(content)
        else:
            inside = 0
        self.rest = _FRAME + self.attachments * _PART
        if len(memoryview(raw)) - inside > 64:  # more than a role
            whole = bytes(raw)
            start = whole.find(bytes(content)) if inside else 0
            self.rest += count(whole[:start] + whole[start + inside :])

    @property
    def tokens(self) -> int:
        """All of it."""
        return self.rest + sum(self.sizes.values())

    def text(self, place: int) -> str:
        """The text at *place*."""
        if place not in self.texts:
            self.texts[place] = _decode_text(self._written)
        return self.texts[place]

    def put(self, place: int, text: str) -> None:
        """Another text at *place*."""
        self.texts[place] = text
        self.sizes[place] = self._count(text.encode("utf-8", "replace")) + 4
        self.changed = True

    def drop_attachment(self) -> bool:
        """Leave out the first attachment that is left; False when there is none."""
        for place, part in enumerate(self._parts or ()):
            if place not in self.texts:
                part.clear()
                part.update(_LEFT_OUT)
                self.put(place, _LEFT_OUT["text"])
                self.attachments -= 1
                self.rest -= _PART
                return True
        return False

    def encoded(self) -> Raw:
        """The message as it is now."""
        if not self.changed:
            return self.raw
        fields: dict[str, object] = dict(_decode_object(self.raw))
        if self._parts is None:
            fields["content"] = self.texts[0]
        else:
            fields["content"] = [
                part | {"text": self.texts[place]} if place in self.texts else part
                for place, part in enumerate(self._parts)
            ]
        return Raw(encode(fields))


class Unit(Struct, eq=False):
    """Messages that stay or go together: calls of tools with their results. ``pinned`` ones always stay."""

    messages: list[Message]
    pinned: bool = False

    @property
    def tokens(self) -> int:
        """All of it."""
        return sum(message.tokens for message in self.messages)


def messages_of(raw: Raw, count: Count) -> list[Message]:
    """The messages in *raw*, measured with *count*."""
    return [Message(one, count) for one in _decode_all(raw)]


def units_of(messages: list[Message]) -> list[Unit]:
    """*messages* as units. Pinned are instructions, the first of the others, and all from the last of the user's on."""
    units = list(_joined(messages))
    free = [unit for unit in units if not unit.pinned]
    if free:
        free[0].pinned = True
        asked = [place for place, unit in enumerate(free) if unit.messages[0].role == "user"]
        for unit in free[asked[-1] if asked else -1 :]:
            unit.pinned = True
    return units


def _joined(messages: list[Message]) -> Iterator[Unit]:
    unit: Unit | None = None
    for message in messages:
        if unit is not None and message.role in _RESULTS:
            unit.messages.append(message)
            continue
        if unit is not None:
            yield unit
        unit = Unit([message], message.role in _PINNED)
        if not message.calls:
            yield unit
            unit = None
    if unit is not None:
        yield unit
