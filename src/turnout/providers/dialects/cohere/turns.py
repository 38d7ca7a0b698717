"""The messages of a chat as Cohere takes them."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Sequence
from typing import Any, Final

from msgspec import Raw, Struct

from turnout.base.errors import BadRequest
from turnout.providers.conversation import File, Foreign, Image, Message, Part, Text, read_data_url
from turnout.providers.details import read_details
from turnout.providers.failures import unsaid
from turnout.providers.plain_parts import CallPart, ImagePart, ImageUrl, TextPart, calls_of, lone_text, under_name

__all__ = ["FORMAT", "OWN_PARTS", "PLAN", "must_be_inline", "turns_of"]

FORMAT: Final = "unknown"
"""The form of ``reasoning_details`` has names for some makers alone."""
PLAN: Final = "tool_plan"
"""The id of the detail that is the plan for the calls, not a thought."""
OWN_PARTS: Final = frozenset({"document"})
"""Kinds of parts that a client may send in the provider's own words: what a tool found, to be cited."""
_TEXTS: Final = ("text/", "application/json", "application/xml", "application/yaml", "application/x-yaml")


class _ThinkingPart(Struct, tag_field="type", tag="thinking"):
    thinking: str


class _Turn(Struct, omit_defaults=True):
    role: str
    content: Any = None
    tool_calls: list[CallPart] | None = None
    tool_plan: str | None = None
    tool_call_id: str | None = None


def turns_of(messages: Sequence[Message], *, thinking: bool) -> list[_Turn]:
    """The turns of *messages*; earlier thoughts go back to models that are *thinking*.

    Raises:
        BadRequest: a file without content, or nothing at all.
        UpstreamError: a part of a kind that the provider does not take.
    """
    turns = [turn for one in messages if (turn := _turn(one, thinking=thinking)) is not None]
    if not turns:
        raise BadRequest("the messages say nothing")
    return turns


def must_be_inline(part: Part) -> bool:
    """Whether the provider would not read a file that stands there by URL."""
    return not (isinstance(part, Image) and part.url[:8].lower() == "https://")


def _turn(message: Message, *, thinking: bool) -> _Turn | None:
    role = "system" if message.role == "developer" else message.role
    if role == "assistant":
        return _assistant(message, thinking=thinking)
    content = lone_text([_part(part) for part in message.parts])
    if role == "tool":
        return _Turn("tool", content, tool_call_id=message.tool_call_id or "")
    return _Turn(role, under_name(content, message.name) if message.name else content)


def _assistant(message: Message, *, thinking: bool) -> _Turn | None:
    """A turn of the model; None where it says nothing."""
    said = message.text or message.refusal or ""
    if message.name and said:
        said = f"{message.name}: {said}"
    thought, plan = _thoughts(message)
    if message.tool_calls and not thinking and not plan:
        plan, thought = thought, ""
    content: Any = said or None
    if thinking and thought:
        content = [_ThinkingPart(thought), *([TextPart(said)] if said else [])]
    if content is None and not message.tool_calls:
        return None
    calls = calls_of(message.tool_calls)
    return _Turn("assistant", content, calls, (plan or None) if calls else None)


def _thoughts(message: Message) -> tuple[str, str]:
    """What was thought, and the plan for the calls. Those of other makers will do: nobody signs here."""
    thoughts: list[str] = []
    plans: list[str] = []
    for detail in read_details(message.reasoning_details):
        if detail.type in {"reasoning.text", "reasoning.summary"}:
            (plans if detail.id == PLAN else thoughts).append(detail.text or detail.summary or "")
    if not thoughts and not plans:
        return message.reasoning or "", ""
    return "".join(thoughts), "".join(plans)


def _part(part: Part) -> TextPart | ImagePart | Raw:
    if isinstance(part, Foreign):
        return part.raw
    if isinstance(part, Text):
        return TextPart(part.text)
    if isinstance(part, Image):
        return ImagePart(ImageUrl(part.url, part.detail))
    if isinstance(part, File):
        return _file(part)
    raise unsaid("sound or videos in messages")


def _file(file: File) -> TextPart | ImagePart:
    """A file of text is told as text; of all others the provider takes images alone."""
    held = read_data_url(file.url or "")
    if held is not None and held.media_type.startswith("image/"):
        return ImagePart(ImageUrl(f"data:{held.media_type};base64,{held.base64}"))
    if held is None or not held.media_type.startswith(_TEXTS):
        raise unsaid("files in messages")
    try:
        text = b64decode(held.base64).decode()
    except ValueError:
        raise BadRequest("a file of text is no base64 of UTF-8") from None
    return TextPart(f"{file.filename}:\n{text}" if file.filename else text)
