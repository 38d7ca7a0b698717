"""Whether the tool calls of an answer make sense: health counts that for each endpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import final

import msgspec
from msgspec import Raw, Struct

__all__ = ["ToolCalls"]

_MOST_BYTES = 2**18
"""Longer calls are not judged, nor kept until the end of the stream."""

_MARK = b'"tool_calls"'


class _Function(Struct):
    name: str | None = None
    arguments: str | dict[str, Raw] | None = None


class _Call(Struct):
    index: int = 0
    function: _Function | None = None


class _Part(Struct):
    tool_calls: list[_Call] | None = None


class _Tool(Struct):
    function: _Function | None = None


_decode_part = msgspec.json.Decoder(_Part).decode
_decode_calls = msgspec.json.Decoder(list[_Call] | None).decode
_decode_tool = msgspec.json.Decoder(_Tool).decode
_decode_object = msgspec.json.Decoder(dict[str, Raw]).decode
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


@final
class ToolCalls:
    """Keeps what an answer says of tool calls, as it comes; nothing is parsed unless it ends in some."""

    __slots__ = ("_messages", "_offered", "_parts", "_room")

    def __init__(self, offered: Sequence[Raw]) -> None:
        """*offered* are the request's tools."""
        self._offered = offered
        self._parts: list[tuple[int, bytes]] = []
        self._messages: list[Raw] = []
        self._room = _MOST_BYTES

    def delta(self, choice: int, delta: Raw) -> None:
        """Keep a part of a stream if it speaks of tool calls."""
        part = bytes(delta)
        if _MARK in part and self._room > 0:
            self._room -= len(part)
            self._parts.append((choice, part))

    def message(self, message: Mapping[str, Raw]) -> None:
        """Keep the calls of a whole message."""
        if (calls := message.get("tool_calls")) is not None:
            self._messages.append(calls)

    def sound(self) -> bool | None:
        """Whether every call has a name that was offered, and a JSON object as arguments; None: there is no telling."""
        if self._room <= 0:
            return None
        try:
            offered = {tool.function.name for tool in map(_decode_tool, self._offered) if tool.function is not None}
        except _UNREADABLE:
            return None
        try:
            calls = [_function(call) for message in self._messages for call in _decode_calls(message) or []]
            calls += self._assembled()
        except _UNREADABLE:
            return False
        if not calls:
            return None
        return all(name in offered and _is_object(arguments) for name, arguments in calls)

    def _assembled(self) -> list[tuple[str, str]]:
        """Names and arguments of the calls that came in parts."""
        names: dict[tuple[int, int], str] = {}
        arguments: dict[tuple[int, int], list[str]] = {}
        for choice, part in self._parts:
            for call in _decode_part(part).tool_calls or []:
                place = choice, call.index
                name, words = _function(call)
                names[place] = names.get(place) or name
                arguments.setdefault(place, []).append(words)
        return [(name, "".join(arguments[place])) for place, name in names.items()]


def _function(call: _Call) -> tuple[str, str]:
    """Name and arguments; an object in place of the arguments' text has been parsed already."""
    function = call.function
    if function is None:
        return "", ""
    return function.name or "", function.arguments if isinstance(function.arguments, str) else ""


def _is_object(arguments: str) -> bool:
    """No text at all stands for no arguments."""
    try:
        return not arguments or _decode_object(arguments) is not None
    except _UNREADABLE:
        return False
