"""The messages of a chat as the input items of the Responses API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, Literal

from msgspec import Raw, Struct, field

from turnout.base.errors import BadRequest
from turnout.base.jsons import BadJSON, encode, reader
from turnout.providers.conversation import Audio, File, Foreign, Image, Inline, Message, Part, Text, Video
from turnout.providers.conversation import read_data_url as held_in
from turnout.providers.dialects.openai_responses.thoughts import Mark, items_of
from turnout.providers.failures import unsaid

__all__ = ["OWN_PARTS", "Names", "input_of", "must_be_inline"]

OWN_PARTS: Final = frozenset({"input_file", "input_image"})
"""Kinds of parts that a client may send in the provider's own words."""
_LONGEST_ID = 64  # characters


class Names(Struct, frozen=True):
    """What is known of the client's tools by their names: which take plain text, and which are found in a namespace."""

    custom: frozenset[str] = frozenset()
    spaces: Mapping[str, str] = field(default_factory=dict)


class _Text(Struct, tag_field="type", tag="input_text"):
    text: str


class _Image(Struct, tag_field="type", tag="input_image"):
    image_url: str
    detail: str = "auto"


class _File(Struct, tag_field="type", tag="input_file", omit_defaults=True):
    file_id: str | None = None
    file_url: str | None = None
    file_data: str | None = None
    filename: str | None = None


class _Audio(Struct, tag_field="type", tag="input_audio"):
    input_audio: dict[str, str]


class _Turn(Struct):
    role: str
    content: Any


class _OutputText(Struct, tag_field="type", tag="output_text"):
    text: str
    annotations: list[Any] = field(default_factory=list)


class _Said(Struct, tag_field="type", tag="message", omit_defaults=True):
    """A text of the model's whose phase is known."""

    role: Literal["assistant"]
    content: list[_OutputText]
    status: Literal["completed"]
    id: str | None = None
    phase: str | None = None


class _Call(Struct, tag_field="type", tag="function_call", omit_defaults=True):
    call_id: str
    name: str
    arguments: str
    namespace: str | None = None


class _Result(Struct, tag_field="type", tag="function_call_output"):
    call_id: str
    output: Any


class _CustomCall(Struct, tag_field="type", tag="custom_tool_call"):
    call_id: str
    name: str
    input: str


class _CustomResult(Struct, tag_field="type", tag="custom_tool_call_output"):
    call_id: str
    output: Any


class _Drawn(Struct, tag_field="type", tag="image_generation_call"):
    id: str
    status: str
    result: str


class _Written(Struct):
    input: str


_written = reader(_Written)
_fields = reader(dict[str, Raw])


def input_of(messages: Sequence[Message], names: Names, *, apart: bool = True) -> tuple[str | None, list[Any]]:
    """The instructions and the input items of *messages*: a first message of the system's, where it stands *apart*.

    Raises:
        BadRequest: a file without content, or nothing at all.
        UpstreamError: a part of a kind that the provider does not take.
    """
    instructions: str | None = None
    rest = messages
    first = messages[0]
    if apart and len(messages) > 1 and first.role == "system" and all(type(one) is Text for one in first.parts):
        instructions, rest = _named(first, first.text), messages[1:]
    items: list[Any] = []
    custom: set[str] = set()
    for message in rest:
        if message.role == "assistant":
            _add_assistant(items, message, names, custom)
        elif message.role == "tool":
            items.append(_result(message, custom))
        else:
            items.append(_Turn(message.role, _content(message)))
    if not items and instructions is not None:
        return None, [_Turn("system", instructions)]
    if not items:
        raise BadRequest("the messages say nothing")
    return instructions or None, items


def must_be_inline(part: Part) -> bool:
    """Whether the provider would not read a file that stands there by URL: sound it takes in one way only."""
    return isinstance(part, Audio) or not getattr(part, "url", "").lower().startswith("https://")


def _named(message: Message, text: str) -> str:
    return f"{message.name}: {text}" if message.name else text


def _content(message: Message) -> Any:  # noqa: ANN401 - a text, or parts
    """What a user or the system says: a lone text as it is, else parts."""
    parts = message.parts
    if not parts or (len(parts) == 1 and type(parts[0]) is Text):
        return _named(message, parts[0].text if parts and type(parts[0]) is Text else "")
    written = [_part(part) for part in parts]
    if message.name:
        first = next((one for one in written if isinstance(one, _Text)), None)
        if first is not None:
            first.text = _named(message, first.text)
    return written


def _part(part: Part) -> Any:  # noqa: ANN401 - any part
    match part:
        case Foreign():
            return part.raw
        case Text():
            return _Text(part.text)
        case Image():
            return _Image(part.url, part.detail or "auto")
        case File():
            return _file(part)
        case Audio():
            return _Audio({"data": part.data, "format": part.format})
        case Video():
            raise unsaid("videos in messages")


def _file(file: File) -> Any:  # noqa: ANN401 - a file or an image
    if file.file_id:
        return _File(file_id=file.file_id)
    if not file.url:
        raise BadRequest("a file has neither content, nor an address, nor an id")
    if file.url[:8].lower().startswith(("http://", "https://")):
        return _File(file_url=file.url)
    held = held_in(file.url) or Inline("application/pdf", file.url)
    if held.media_type.startswith("image/"):
        return _Image(f"data:{held.media_type};base64,{held.base64}")
    return _File(file_data=f"data:{held.media_type};base64,{held.base64}", filename=file.filename or "file")


def _add_assistant(items: list[Any], message: Message, names: Names, custom: set[str]) -> None:
    """A turn of the model: its thoughts and deeds where they stood in its text, then its calls."""
    text = message.text or message.refusal or ""
    text = _named(message, text) if text else text
    mark, done = Mark(), 0
    images = [one.url for one in message.images]
    for place, item in items_of(message.reasoning_details):
        if text[done:place]:
            items.append(_spoken(text[done:place], mark))
            mark, done = Mark(), place
        if isinstance(item, Mark):
            mark = item
        elif isinstance(item, Raw):
            items += _deed(item, images)
        else:
            items.append(item)
    if text[done:]:
        items.append(_spoken(text[done:], mark))
    for url in images:
        if (held := held_in(url)) is not None:
            items.append(_Drawn(f"ig_{sha256(url.encode()).hexdigest()[:32]}", "completed", held.base64))
    for call in message.tool_calls:
        call_id = _call_id(call.id)
        if call.name in names.custom:
            custom.add(call_id)
            items.append(_CustomCall(call_id, call.name, _plain_input(call.arguments)))
        else:
            items.append(_Call(call_id, call.name, call.arguments, names.spaces.get(call.name)))


def _spoken(text: str, mark: Mark) -> Any:  # noqa: ANN401 - one of two forms
    if mark.phase is None:
        return _Turn("assistant", text)
    return _Said("assistant", [_OutputText(text)], "completed", mark.id, mark.phase)


def _deed(item: Raw, images: list[str]) -> list[Any]:
    """What a tool of the provider's did, as it was; pictures come back from the message that shows them."""
    if b'"image_generation_call"' not in bytes(item):
        return [item]
    held = held_in(images.pop(0)) if images else None
    return [] if held is None else [Raw(encode(_fields(item) | {"result": held.base64}))]


def _result(message: Message, custom: set[str]) -> Any:  # noqa: ANN401 - one of two forms
    """What a tool of the client's found: a text, or parts where there is more than text."""
    call_id = _call_id(message.tool_call_id or "")
    plain = all(type(part) is Text for part in message.parts)
    output = message.text if plain else [_part(part) for part in message.parts]
    return _CustomResult(call_id, output) if call_id in custom else _Result(call_id, output)


def _call_id(stated: str) -> str:
    """The provider takes ids up to a length; call and result change alike."""
    return stated if len(stated) <= _LONGEST_ID else f"call_{sha256(stated.encode()).hexdigest()[:32]}"


def _plain_input(arguments: str) -> str:
    """The text for a tool that takes plain text, out of the object that a chat has for arguments."""
    try:
        return _written(arguments.encode()).input
    except BadJSON:
        return arguments
