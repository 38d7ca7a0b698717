"""The messages of a chat as Mistral takes them: it refuses whatever it does not know."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Final

from msgspec import Raw, Struct

from turnout.base.errors import BadRequest
from turnout.providers.conversation import (
    Audio,
    File,
    Foreign,
    Image,
    Inline,
    Message,
    Part,
    Text,
    read_data_url,
)
from turnout.providers.details import read_details
from turnout.providers.failures import unsaid
from turnout.providers.plain_parts import CallPart, ImagePart, ImageUrl, TextPart, calls_of, lone_text, under_name

__all__ = ["OWN_PARTS", "must_be_inline", "turns_of"]

OWN_PARTS: Final = frozenset({"document_url", "reference", "thinking"})
"""Kinds of parts that a client may send in the provider's own words."""
_ID: Final = re.compile(r"[a-zA-Z0-9]{9}")
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID_LENGTH: Final = 9
_BRIDGE: Final = "OK"
"""What the model is made to say between the results of tools and the user, whom it would not hear else."""


class _ThinkingPart(Struct, tag_field="type", tag="thinking"):
    thinking: list[TextPart]


class _DocumentPart(Struct, tag_field="type", tag="document_url", omit_defaults=True):
    document_url: str
    document_name: str | None = None


class _FilePart(Struct, tag_field="type", tag="file"):
    file_id: str


class _AudioPart(Struct, tag_field="type", tag="input_audio"):
    input_audio: str


class _Turn(Struct, omit_defaults=True):
    role: str
    content: Any
    tool_calls: list[CallPart] | None = None
    prefix: bool = False
    tool_call_id: str | None = None
    name: str | None = None


def turns_of(messages: Sequence[Message], *, thinking: bool) -> list[_Turn]:
    """The turns of *messages*; earlier thoughts go back to models that are *thinking*.

    A last message of the model's is what it shall go on with.

    Raises:
        BadRequest: a file without content, or nothing at all.
        UpstreamError: a part of a kind that the provider does not take.
    """
    turns: list[_Turn] = []
    for message in messages:
        turn = _turn(message, thinking=thinking)
        if turn is None:
            continue
        if turn.role == "user" and turns and turns[-1].role == "tool":
            turns.append(_Turn("assistant", _BRIDGE))
        turns.append(turn)
    if not turns:
        raise BadRequest("the messages say nothing")
    if turns[-1].role == "assistant" and not turns[-1].tool_calls:
        turns[-1].prefix = True
    return turns


def must_be_inline(part: Part) -> bool:
    """Whether the provider would not read a file that stands there by URL: sound it takes in one way only."""
    return isinstance(part, Audio) or not getattr(part, "url", "").lower().startswith("https://")


def _turn(message: Message, *, thinking: bool) -> _Turn | None:
    role = "system" if message.role == "developer" else message.role
    if role == "assistant":
        return _assistant(message, thinking=thinking)
    content = lone_text([_part(part) for part in message.parts])
    if role == "tool":
        return _Turn("tool", content, tool_call_id=_call_id(message.tool_call_id or ""), name=message.name)
    return _Turn(role, under_name(content, message.name) if message.name else content)


def _assistant(message: Message, *, thinking: bool) -> _Turn | None:
    """A turn of the model; None where it says nothing."""
    own = [part for part in message.parts if isinstance(part, Foreign)]
    content: Any = lone_text([_part(part) for part in message.parts]) if own else message.text or message.refusal or ""
    if message.name and content:
        content = under_name(content, message.name)
    thoughts = _thoughts(message) if thinking and not own else []
    if not content and not message.tool_calls:
        return None
    if thoughts:
        said = [TextPart(content)] if content else []
        content = [_ThinkingPart([TextPart(text) for text in thoughts]), *said]
    return _Turn("assistant", content, calls_of(message.tool_calls, _call_id))


def _thoughts(message: Message) -> list[str]:
    """What was thought. Thoughts of other makers will do: nobody signs here."""
    thoughts: list[str] = []
    last: tuple[str, int | None] | None = None
    for detail in read_details(message.reasoning_details):
        if detail.type not in {"reasoning.text", "reasoning.summary"}:
            continue
        text = detail.text or detail.summary or ""
        if thoughts and last == (detail.type, detail.index):
            thoughts[-1] += text  # pieces of a stream
        elif text:
            thoughts.append(text)
        last = (detail.type, detail.index)
    return thoughts or ([message.reasoning] if message.reasoning else [])


def _call_id(stated: str) -> str:
    """Ids have nine letters or digits here; those of other makers become some, call and result alike."""
    if _ID.fullmatch(stated):
        return stated
    number = int.from_bytes(sha256(stated.encode()).digest()[:8])
    letters = []
    for _ in range(_ID_LENGTH):
        number, place = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[place])
    return "".join(letters)


def _part(part: Part) -> TextPart | ImagePart | _DocumentPart | _FilePart | _AudioPart | Raw:
    match part:
        case Foreign():
            return part.raw
        case Text():
            return TextPart(part.text)
        case Image():
            return ImagePart(ImageUrl(part.url, part.detail))
        case File():
            return _file(part)
        case Audio():
            return _AudioPart(part.data)
        case _:
            raise unsaid("videos in messages")


def _file(file: File) -> ImagePart | _DocumentPart | _FilePart:
    if file.file_id:
        return _FilePart(file.file_id)
    if not file.url:
        raise BadRequest("a file has neither content, nor an address, nor an id")
    if file.url[:8].lower().startswith(("http://", "https://")):
        return _DocumentPart(file.url, file.filename)
    held = read_data_url(file.url) or Inline("application/pdf", file.url)
    url = f"data:{held.media_type};base64,{held.base64}"
    return ImagePart(ImageUrl(url)) if held.media_type.startswith("image/") else _DocumentPart(url, file.filename)
