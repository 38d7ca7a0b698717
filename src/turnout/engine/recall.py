"""Reasoning put back where a client has dropped it: it belongs to the tool calls that it led to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final, final

import msgspec
from msgspec import Raw, Struct

from turnout.base.jsons import BadJSON, encode, reader
from turnout.contracts.shared import ReasoningMemory
from turnout.domain.chat import ChatRequest
from turnout.domain.completion import ChunkChoice, Completion

__all__ = ["Recall", "Thoughts", "joined"]

_CALLS: Final = b'"tool_calls"'
_DETAILS: Final = b'"reasoning_details"'
_GROWING: Final = ("text", "summary")
_decode_list = msgspec.json.Decoder(list[Raw]).decode
_decode_fields = msgspec.json.Decoder(dict[str, Raw]).decode


class _Function(Struct):
    name: str = ""
    arguments: str | dict[str, Any] | None = None


class _Call(Struct):
    id: str | None = None
    index: int | None = None
    function: _Function | None = None


class _Said(Struct):
    """As much of a message or of a delta as is remembered."""

    role: str = ""
    tool_calls: list[_Call] | None = None
    reasoning_details: list[Raw] | None = None


_read_said = reader(_Said)
_read_detail = reader(dict[str, Any])


@final
class Recall:
    """Remembers the reasoning of answers that called tools, by account and call."""

    def __init__(self, memory: ReasoningMemory) -> None:
        self._memory = memory

    async def remember(self, account_id: str, completion: Completion) -> None:
        """Keep the reasoning of a whole answer, if it called tools."""
        for choice in completion.choices:
            message = choice.message
            if "tool_calls" in message and "reasoning_details" in message:
                wanted = {name: message[name] for name in ("tool_calls", "reasoning_details")}
                said = _understood(encode(wanted))
                if said is not None:
                    await self._keep(account_id, said.tool_calls or (), said.reasoning_details or ())

    async def remember_stream(self, account_id: str, thoughts: Thoughts) -> None:
        """Keep the reasoning of a stream that is over, if it called tools."""
        for calls, details in thoughts.said():
            await self._keep(account_id, calls, details)

    async def restored(self, account_id: str, request: ChatRequest) -> ChatRequest:
        """*request* with the reasoning of earlier answers whose tool calls it brings back without; most often itself.

        A message that has ``reasoning_details``, though they be an empty list, stays as it is.
        """
        messages = bytes(request.fields["messages"])
        if _CALLS not in messages:
            return request
        every = _decode_list(messages)
        changed = False
        for place, raw in enumerate(every):
            if _CALLS not in bytes(raw):
                continue
            said = _understood(raw)
            if said is None or said.role != "assistant" or not said.tool_calls or said.reasoning_details is not None:
                continue
            found = await self._memory.find(_names(account_id, said.tool_calls))
            if (reasoning := found[0]) is not None and all(one == reasoning for one in found):
                every[place] = Raw(encode(_decode_fields(raw) | {"reasoning_details": Raw(reasoning)}))
                changed = True
        if not changed:
            return request
        return msgspec.structs.replace(
            request,
            fields=request.fields | {"messages": Raw(encode(every))},
            traits=msgspec.structs.replace(request.traits, reasoning=True),
        )

    async def _keep(self, account_id: str, calls: Sequence[_Call], details: Sequence[Raw]) -> None:
        if calls and details:
            await self._memory.keep(_names(account_id, calls), encode(details))


@final
class Thoughts:
    """Collects the reasoning and the tool calls of one stream."""

    __slots__ = ("_by_choice",)

    def __init__(self) -> None:
        self._by_choice: dict[int, tuple[dict[int, _Call], list[Raw]]] = {}

    def take(self, choice: ChunkChoice) -> None:
        """One more delta; most have neither, which a glance tells."""
        delta = bytes(choice.delta)
        if _DETAILS not in delta and _CALLS not in delta:
            return
        said = _understood(delta)
        if said is None:
            return
        calls, details = self._by_choice.setdefault(choice.index, ({}, []))
        details += said.reasoning_details or ()
        for piece in said.tool_calls or ():
            _add(calls.setdefault(piece.index or 0, _Call(function=_Function())), piece)

    def said(self) -> list[tuple[list[_Call], list[Raw]]]:
        """The tool calls and the details of each choice, the pieces of a detail put together."""
        return [(list(calls.values()), joined(details)) for calls, details in self._by_choice.values()]


def _add(call: _Call, piece: _Call) -> None:
    """One more piece of *call*."""
    call.id = call.id or piece.id
    function, more = call.function, piece.function
    if function is not None and more is not None:
        function.name = function.name or more.name
        function.arguments = f"{function.arguments or ''}{more.arguments or ''}"


def joined(pieces: Sequence[Raw]) -> list[Raw]:
    """The details that *pieces* of a stream make: those of one index and type are one, until it is signed."""
    details: list[dict[str, Any]] = []
    for raw in pieces:
        try:
            piece = _read_detail(raw)
        except BadJSON:
            continue
        last = details[-1] if details else None
        if last is None or not _continues(last, piece):
            details.append(piece)
            continue
        grown = {name: f"{last.get(name) or ''}{piece[name] or ''}" for name in _GROWING if name in piece}
        last.update({name: value for name, value in piece.items() if value is not None} | grown)
    return [Raw(encode(detail)) for detail in details]


def _continues(last: Mapping[str, Any], piece: Mapping[str, Any]) -> bool:
    """Whether *piece* goes on with the text of *last*."""
    return (
        piece.get("index") is not None
        and piece.get("type") == last.get("type")
        and piece["index"] == last.get("index")
        and any(piece.get(name) is not None for name in (*_GROWING, "signature"))
        and not last.get("signature")
        and piece.get("id") in {None, last.get("id")}
    )


def _understood(said: bytes | Raw) -> _Said | None:
    try:
        return _read_said(said)
    except BadJSON:
        return None  # who judges messages finds the right words for it


def _names(account_id: str, calls: Sequence[_Call]) -> list[bytes]:
    """Under which names reasoning is kept: ids alone do not do, some providers count their calls from zero."""
    return [_name(account_id, call) for call in calls]


def _name(account_id: str, call: _Call) -> bytes:
    function = call.function or _Function()
    stated = function.arguments or "{}"
    try:
        read = msgspec.json.decode(stated) if isinstance(stated, str) else stated
        arguments = msgspec.json.encode(read, order="sorted")  # clients space and order it as they like
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        arguments = str(stated).encode(errors="surrogatepass")
    name = blake2b(digest_size=16)
    for part in (account_id.encode(), (call.id or "").encode(), function.name.encode(), arguments):
        name.update(b"%d:" % len(part) + part)
    return name.digest()
