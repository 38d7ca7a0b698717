"""The messages of a chat as the turns and blocks of the Messages API."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from msgspec import Raw, Struct, field

from turnout.base.errors import BadRequest
from turnout.domain.completion import NULL
from turnout.providers.conversation import File, Foreign, Message, Part, Text
from turnout.providers.details import input_of
from turnout.providers.dialects.anthropic.parts import TextBlock, blocks_of
from turnout.providers.dialects.anthropic.thoughts import interleaved, is_thought, thoughts_of
from turnout.providers.failures import unsaid

__all__ = ["Talk", "talk_of"]

_BAD_ID: Final = re.compile(r"[^a-zA-Z0-9_-]")


class _ToolUse(Struct, tag_field="type", tag="tool_use", omit_defaults=True):
    id: str
    name: str
    input: Raw
    cache_control: Raw | None = None


class _ToolResult(Struct, tag_field="type", tag="tool_result", omit_defaults=True):
    tool_use_id: str
    content: list[Any] = field(default_factory=list)
    is_error: bool = False
    cache_control: Raw | None = None


class _Turn(Struct):
    role: str
    content: list[Any]


class Talk(Struct):
    """A conversation in the provider's words.

    ``thought`` tells whether each call of the running tool loop comes with the thoughts that led to it; ``files``
    whether a file is named by its id; ``tool_changes`` whether tools come or go amid the conversation.
    """

    system: list[TextBlock]
    turns: list[_Turn]
    thought: bool = True
    files: bool = False
    tool_changes: bool = False


def talk_of(messages: Sequence[Message], *, system_turns: bool) -> Talk:
    """The turns of *messages*. Instructions amid them stay there where *system_turns* allows it, else go to the top.

    The results of tools join into one turn of the user with what the user says next.

    Raises:
        BadRequest: a file without content, or nothing at all.
        UpstreamError: a part of a kind that the provider does not take.
    """
    talk = Talk([], [])
    for place, message in enumerate(messages):
        if message.role == "assistant":
            if blocks := _assistant(message):
                talk.turns.append(_Turn("assistant", blocks))
        elif message.role == "tool":
            _add_result(talk.turns, message)
        elif message.role == "user":
            _add_user(talk, message)
        else:
            _add_instructions(talk, message, amid=system_turns and _may_stand(talk.turns, messages[place + 1 :]))
    if not talk.turns and talk.system:
        talk.turns, talk.system = [_Turn("user", list(talk.system))], []
    _trim_prefill(talk.turns)
    if not talk.turns:
        raise BadRequest("the messages say nothing")
    talk.thought = _is_thought(talk.turns)
    return talk


def _add_user(talk: Talk, message: Message) -> None:
    blocks = _said(message, talk)
    if blocks and talk.turns and _holds_results(talk.turns[-1]):
        talk.turns[-1].content += blocks
    elif blocks:
        talk.turns.append(_Turn("user", blocks))


def _add_instructions(talk: Talk, message: Message, *, amid: bool) -> None:
    blocks = _said(message, talk)
    if amid and blocks:
        talk.turns.append(_Turn("system", blocks))
        talk.tool_changes = talk.tool_changes or any(isinstance(block, Raw) for block in blocks)
    elif all(isinstance(block, TextBlock) for block in blocks):
        talk.system += blocks
    else:
        raise unsaid("instructions that are no text")


def _may_stand(turns: list[_Turn], rest: Iterable[Message]) -> bool:
    """Instructions follow the user, and what comes after them is the model's or nothing."""
    if not turns or turns[-1].role == "assistant":
        return False
    after = next((one for one in rest if one.role not in {"system", "developer"}), None)
    return after is None or after.role == "assistant"


def _said(message: Message, talk: Talk) -> list[Any]:
    """The blocks of what a user or the system says, under its name."""
    blocks = blocks_of(message.parts)
    for part in message.parts:
        if type(part) is not Text and _names_file(part):
            talk.files = True
    if message.name:
        _put_name(blocks, message.name)
    return _marked(blocks, message.cache)


def _names_file(part: Part) -> bool:
    if isinstance(part, Foreign):
        return b'"file_id"' in bytes(part.raw)
    return isinstance(part, File) and part.file_id is not None


def _put_name(blocks: list[Any], name: str) -> None:
    first = next((block for block in blocks if isinstance(block, TextBlock)), None)
    if first is not None:
        first.text = f"{name}: {first.text}"


def _assistant(message: Message) -> list[Any]:
    said = blocks_of(message.parts)
    blocks = interleaved(thoughts_of(message.reasoning_details), said)
    if message.name:
        _put_name(blocks, message.name)
    if message.refusal and not said:
        blocks.append(TextBlock(message.refusal))
    for call in message.tool_calls:
        blocks.append(_ToolUse(_tool_id(call.id), call.name, input_of(call.arguments)))
    if blocks and all(map(is_thought, blocks)):
        return []  # thoughts that led to nothing are no turn
    return _marked(blocks, message.cache)


def _add_result(turns: list[_Turn], message: Message) -> None:
    content = blocks_of(message.parts)
    cache = message.cache if message.cache is not NULL else None
    result = _ToolResult(_tool_id(message.tool_call_id or ""), content, message.is_error, cache)
    if turns and _holds_results(turns[-1]) and isinstance(turns[-1].content[-1], _ToolResult):
        turns[-1].content.append(result)
    else:
        turns.append(_Turn("user", [result]))


def _holds_results(turn: _Turn) -> bool:
    return turn.role == "user" and isinstance(turn.content[0], _ToolResult)


def _marked(blocks: list[Any], cache: Raw) -> list[Any]:
    """A mark on the message is one on its last block; thoughts take none."""
    if cache is not NULL and blocks and hasattr(blocks[-1], "cache_control"):
        blocks[-1].cache_control = cache
    return blocks


def _tool_id(stated: str) -> str:
    """Other providers' ids may hold what this one refuses; call and result change alike."""
    return _BAD_ID.sub("_", stated) or "call"


def _trim_prefill(turns: list[_Turn]) -> None:
    """What the model shall go on with must not end in white space."""
    if turns and turns[-1].role == "assistant" and isinstance(last := turns[-1].content[-1], TextBlock):
        last.text = last.text.rstrip()
        if not last.text:
            turns[-1].content.pop()
            if not turns[-1].content:
                turns.pop()


def _is_thought(turns: list[_Turn]) -> bool:
    """Whether the calls since the user last spoke begin with thoughts, and so does what the model shall go on with."""
    if turns and turns[-1].role == "assistant":
        return is_thought(turns[-1].content[0])
    for turn in reversed(turns):
        if turn.role == "user" and not _holds_results(turn):
            return True
        if turn.role == "assistant" and isinstance(turn.content[-1], _ToolUse):
            return is_thought(turn.content[0])
    return True
