"""The messages that a Score LLM puts around a prompt, in the form in which they are hashed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from turnout.domain.query import Message
from turnout.query.rules import Fields, refused

__all__ = ["messages_of"]

_ROLES: Final = ("developer", "system", "user", "assistant", "tool")
_MOST: Final = 256
_OTHERS: Final[Mapping[str, tuple[str, ...]]] = {
    "assistant": ("refusal", "tool_calls", "reasoning"),
    "tool": ("tool_call_id",),
}
_PARTS: Final[Mapping[str, tuple[str, ...]]] = {
    "text": ("text",),
    "image_url": ("image_url",),
    "input_audio": ("input_audio",),
    "input_video": ("video_url",),
    "file": ("file",),
}


def messages_of(value: object, place: str) -> tuple[Message, ...] | None:
    """The messages of *value*: the role first, then content and name, then the rest. None for none.

    Raises:
        BadRequest: with the field, the rule and the value.
    """
    if value is None:
        return None
    if not isinstance(value, list):
        raise refused(place, "must be a list of messages", value)
    if len(value) > _MOST:
        raise refused(place, f"must have at most {_MOST} entries", len(value), at=f"len({place})")
    return tuple(_message(one, f"{place}[{number}]") for number, one in enumerate(value)) or None


def _message(value: object, place: str) -> Message:
    fields = Fields(value, place)
    role = fields.variant("role", _ROLES)
    if role is None:
        raise fields.missing("role")
    message: Message = {"role": role, "content": _content(fields), "name": fields.text("name")}
    for other in _OTHERS.get(role, ()):
        message[other] = fields.take(other)
    fields.end()
    if message["content"] is None and role != "assistant":
        raise fields.missing("content")
    return {name: part for name, part in message.items() if part is not None}


def _content(fields: Fields) -> object:
    value = fields.take("content")
    if value is None or isinstance(value, str):
        return value
    name = fields.name("content")
    if not isinstance(value, list):
        raise refused(name, "must be a string or a list of parts", value)
    return [_part(one, f"{name}[{number}]") for number, one in enumerate(value)]


def _part(value: object, place: str) -> dict[str, object]:
    fields = Fields(value, place)
    kind = fields.variant("type", tuple(_PARTS))
    if kind is None:
        raise fields.missing("type")
    part: dict[str, object] = {"type": kind} | {name: fields.take(name) for name in _PARTS[kind]}
    fields.end()
    for name, inner in part.items():
        if inner is None:
            raise fields.missing(name)
    return part
