"""The messages of a chat as the turns and blocks of Converse."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Final, final

from msgspec import Raw, Struct

from turnout.base.errors import BadRequest
from turnout.base.jsons import BadJSON, reader
from turnout.domain.completion import NULL
from turnout.providers.conversation import Audio, File, Image, Message, Part, Text, ToolCall, Video
from turnout.providers.details import input_of, is_object
from turnout.providers.dialects.bedrock.families import Family
from turnout.providers.dialects.bedrock.media import Papers, audio_block, image_block, video_block
from turnout.providers.dialects.bedrock.thoughts import thought_blocks
from turnout.providers.failures import unsaid

__all__ = ["Talk", "cache_point", "talk_of"]

_FILLER: Final = "."
"""What is said where the provider insists that something is."""
_BAD_ID: Final = re.compile(r"[^a-zA-Z0-9_.:-]")
_LONGEST_ID: Final = 64
_POINT: Final = {"cachePoint": {"type": "default"}}


class Talk(Struct):
    """A conversation in the provider's words.

    ``thought`` tells whether each call of the running tool loop comes with the thoughts that led to it; ``called``
    names the tools that were called in it.
    """

    system: list[Any]
    turns: list[dict[str, Any]]
    thought: bool = True
    called: tuple[str, ...] = ()


class _Mark(Struct):
    ttl: str | None = None


_mark = reader(_Mark)


def talk_of(messages: Sequence[Message], family: Family) -> Talk:
    """The turns of *messages*, alternating between user and model. Instructions go to the top.

    Raises:
        BadRequest: a file that is none, or nothing at all.
        UpstreamError: a part of a kind that the provider does not take.
    """
    writer = _Writer(family)
    for message in messages:
        writer.add(message)
    return writer.finish()


def cache_point(mark: Raw) -> dict[str, Any]:
    """The block that stands for a ``cache_control``."""
    try:
        ttl = _mark(mark).ttl
    except BadJSON:
        return _POINT
    return {"cachePoint": {"type": "default", "ttl": ttl}} if ttl else _POINT


@final
class _Writer:
    """Writes one conversation."""

    def __init__(self, family: Family) -> None:
        self._family = family
        self._papers = Papers()
        self._system: list[Any] = []
        self._turns: list[dict[str, Any]] = []
        self._called: dict[str, None] = {}

    def add(self, message: Message) -> None:
        """One more message."""
        if message.role == "assistant":
            self._add_turn("assistant", self._assistant(message))
        elif message.role == "tool":
            self._add_turn("user", self._result(message))
        elif message.role == "user":
            self._add_turn("user", self._said(message))
        else:
            if not all(isinstance(part, Text) for part in message.parts):
                raise unsaid("instructions other than text")
            self._system += self._said(message)

    def finish(self) -> Talk:
        """The whole."""
        turns, system = self._turns, self._system
        if not turns and system:
            turns, system = [{"role": "user", "content": system}], []
        if not turns:
            raise BadRequest("the messages say nothing")
        if turns[0]["role"] == "assistant" and not self._family.may_begin:
            turns.insert(0, {"role": "user", "content": [{"text": _FILLER}]})
        for turn in turns:
            kinds = set().union(*turn["content"]) if turn["role"] == "user" else set()
            if "document" in kinds and not kinds & {"text", "toolResult"}:
                turn["content"].insert(0, {"text": _FILLER})  # no document without a word
        _trim_prefill(turns)
        return Talk(system, turns, _is_thought(turns), tuple(self._called))

    def _add_turn(self, role: str, blocks: list[Any]) -> None:
        if not blocks:
            return
        last = self._turns[-1] if self._turns else None
        if last is None or last["role"] != role:
            self._turns.append({"role": role, "content": blocks})
        elif role == "user" and _holds_results(last) and not self._fits(blocks):
            self._turns.append({"role": "assistant", "content": [{"text": _FILLER}]})
            self._turns.append({"role": "user", "content": blocks})
        else:
            last["content"] += blocks

    def _fits(self, blocks: list[Any]) -> bool:
        """Whether *blocks* may stand in one turn with results of tools."""
        allowed = self._family.beside_results | {"toolResult", "cachePoint"}
        return all(kind in allowed for block in blocks for kind in block)

    def _said(self, message: Message) -> list[Any]:
        """The blocks of what somebody says, under the name."""
        blocks = self._blocks(message.parts)
        if message.name:
            first = next((block for block in blocks if "text" in block), None)
            if first is not None:
                first["text"] = f"{message.name}: {first['text']}"
        return self._marked(blocks, message.cache)

    def _assistant(self, message: Message) -> list[Any]:
        blocks = thought_blocks(message.reasoning_details)
        said = self._said(message)
        if message.refusal and message.refusal.strip() and not said:
            said = [{"text": message.refusal}]
        blocks += said
        for call in message.tool_calls:
            self._called[call.name] = None
            blocks.append({"toolUse": _tool_use(call)})
        if all("reasoningContent" in block for block in blocks):
            return []  # thoughts that led to nothing are no turn
        return blocks

    def _result(self, message: Message) -> list[Any]:
        content: list[Any] = []
        for part in message.parts:
            if isinstance(part, Text):
                if part.text.strip():
                    content.append(self._told(part.text))
            else:
                content.append(self._block(part))
        result: dict[str, Any] = {"toolUseId": _tool_id(message.tool_call_id or ""), "content": content}
        if message.is_error:
            result["status"] = "error"
        marks = (getattr(part, "cache", NULL) for part in message.parts)
        cache = next((mark for mark in marks if mark is not NULL), message.cache)
        return self._marked([{"toolResult": result}], cache)

    def _told(self, text: str) -> dict[str, Any]:
        """What a tool answered."""
        if self._family.json_results and is_object(text):
            return {"json": Raw(text.encode())}
        return {"text": text}

    def _blocks(self, parts: Sequence[Part]) -> list[Any]:
        """Blank texts are refused, and left out."""
        blocks: list[Any] = []
        for part in parts:
            if not isinstance(part, Text) or part.text.strip():
                blocks += self._marked([self._block(part)], getattr(part, "cache", NULL))
        return blocks

    def _marked(self, blocks: list[Any], cache: Raw) -> list[Any]:
        if blocks and cache is not NULL and bytes(cache) != b"null" and self._family.caches:
            blocks.append(cache_point(cache))
        return blocks

    def _block(self, part: Part) -> dict[str, Any]:
        match part:
            case Text():
                return {"text": part.text}
            case Image():
                return image_block(part)
            case File():
                return self._papers.block(part)
            case Video():
                return video_block(part)
            case Audio():
                return audio_block(part)


def _tool_use(call: ToolCall) -> dict[str, Any]:
    return {"toolUseId": _tool_id(call.id), "name": call.name, "input": input_of(call.arguments)}


def _tool_id(stated: str) -> str:
    """Other providers' ids may be longer, or hold what this one refuses; call and result change alike."""
    fit = _BAD_ID.sub("_", stated) or "call"
    return fit if len(fit) <= _LONGEST_ID else sha256(fit.encode()).hexdigest()


def _holds_results(turn: dict[str, Any]) -> bool:
    return any("toolResult" in block for block in turn["content"])


def _trim_prefill(turns: list[dict[str, Any]]) -> None:
    """What the model shall go on with must not end in white space."""
    if turns and turns[-1]["role"] == "assistant" and "text" in (last := turns[-1]["content"][-1]):
        last["text"] = last["text"].rstrip()


def _is_thought(turns: list[dict[str, Any]]) -> bool:
    """Whether the calls since the user last spoke begin with thoughts, and so does what the model shall go on with."""
    if turns and turns[-1]["role"] == "assistant":
        return "reasoningContent" in turns[-1]["content"][0]
    for turn in reversed(turns):
        if turn["role"] == "user":
            if not _holds_results(turn):
                return True
        elif any("toolUse" in block for block in turn["content"]):
            return "reasoningContent" in turn["content"][0]
        else:
            return True
    return True
