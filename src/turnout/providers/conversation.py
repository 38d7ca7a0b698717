"""The messages of a chat request read into parts, for dialects that say them in other words."""

from __future__ import annotations

from base64 import b64encode
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import unquote_to_bytes

import msgspec
from msgspec import Meta, Raw, Struct
from msgspec.structs import replace

from turnout.base.errors import BadRequest
from turnout.base.jsons import BadJSON, reader
from turnout.domain.chat import ChatRequest
from turnout.domain.completion import NULL

__all__ = [
    "Audio",
    "File",
    "Foreign",
    "Image",
    "Inline",
    "Message",
    "Part",
    "Text",
    "ToolCall",
    "Video",
    "read_data_url",
    "read_messages",
]

Role = Literal["system", "developer", "user", "assistant", "tool"]


class Text(Struct, frozen=True):
    """A piece of text. ``cache`` is its ``cache_control`` object, or null."""

    text: str
    cache: Raw = NULL


class Image(Struct, frozen=True):
    """An image by URL; a ``data:`` URL holds it."""

    url: str
    detail: str | None = None
    cache: Raw = NULL


class Audio(Struct, frozen=True):
    """Sound in base64; ``format`` is such as ``wav``."""

    data: str
    format: str


class File(Struct, frozen=True):
    """A document by URL, as a ``data:`` URL, or by the id of an upload."""

    filename: str | None = None
    url: str | None = None
    file_id: str | None = None
    cache: Raw = NULL


class Video(Struct, frozen=True):
    """A video by URL."""

    url: str


class Foreign(Text, frozen=True):
    """A part of a kind that one provider alone knows, as the client sent it: to any other, a text without words."""

    type: str = ""
    raw: Raw = NULL


Part = Text | Image | Audio | File | Video


class ToolCall(Struct, frozen=True):
    """A call that the model made in an earlier turn; ``arguments`` is JSON as text."""

    id: str
    name: str
    arguments: str = "{}"


class Message(Struct, frozen=True, kw_only=True):
    """One message. ``reasoning_details`` are JSON objects as the client sent them back, in their order.

    ``is_error``: the result of a tool is that it failed. ``images`` are those that the model drew in this turn.
    """

    role: Role
    parts: tuple[Part, ...] = ()
    name: str | None = None
    refusal: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    reasoning: str | None = None
    reasoning_details: tuple[Raw, ...] = ()
    cache: Raw = NULL
    is_error: bool = False
    images: tuple[Image, ...] = ()

    @property
    def text(self) -> str:
        """All its text, joined."""
        return "".join(part.text for part in self.parts if isinstance(part, Text))


class Inline(NamedTuple):
    """What a ``data:`` URL holds: its media type without parameters, lower-case, and its bytes in base64."""

    media_type: str
    base64: str


class _Locator(Struct):
    url: Annotated[str, Meta(min_length=1)]
    detail: str | None = None


class _Sound(Struct):
    data: str
    format: str = "wav"


class _Document(Struct):
    filename: str | None = None
    file_data: str | None = None
    url: str | None = None
    file_id: str | None = None


class _WirePart(Struct):
    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: _Locator | str | None = None
    input_audio: _Sound | None = None
    file: _Document | None = None
    video_url: _Locator | str | None = None
    cache_control: Raw = NULL


class _WireFunction(Struct):
    name: str
    arguments: str | dict[str, Any] | None = None


class _WireCall(Struct):
    id: str = ""
    function: _WireFunction | None = None


class _Drawn(Struct):
    image_url: _Locator


class _RawMessage(Struct):
    content: str | list[Raw] | None = None


class _WireMessage(Struct):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[_WirePart] | None = None
    name: str | None = None
    refusal: str | None = None
    tool_calls: list[_WireCall] | None = None
    tool_call_id: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    reasoning_details: list[Raw] | None = None
    cache_control: Raw = NULL
    is_error: bool | None = None
    images: list[_Drawn] | None = None


_messages = reader(list[_WireMessage])
_raw_messages = reader(list[_RawMessage])


def read_messages(request: ChatRequest, native: frozenset[str] = frozenset()) -> list[Message]:
    """The messages of *request* with all their parts. Kinds of parts that are *native* to the dialect come as they are.

    Raises:
        BadRequest: a part is not what its type says; the message names the place.
    """
    try:
        wire = _messages(request.fields["messages"])
    except BadJSON as error:
        raise BadRequest(f"`messages`: {error}") from None
    messages = [_message(one, place, native) for place, one in enumerate(wire)]
    foreign = native and any(type(part) is Foreign for message in messages for part in message.parts)
    return _with_foreign(messages, request) if foreign else messages


def read_data_url(url: str) -> Inline | None:
    """What *url* holds, if it is a ``data:`` URL; base64 is passed on as it is.

    Raises:
        BadRequest: it is one without a comma.
    """
    if url[:5].lower() != "data:":
        return None
    head, comma, body = url[5:].partition(",")
    if not comma:
        raise BadRequest("a `data:` URL has no comma")
    media_type, *parameters = head.lower().split(";")
    if "base64" not in (one.strip() for one in parameters):
        body = b64encode(unquote_to_bytes(body)).decode()
    return Inline(media_type.strip() or "text/plain", body)


def _has_foreign(message: Message) -> bool:
    return any(isinstance(part, Foreign) for part in message.parts)


def _with_foreign(messages: list[Message], request: ChatRequest) -> list[Message]:
    """*messages* with the text of their foreign parts."""
    raw = _raw_messages(request.fields["messages"])
    return [
        replace(one, parts=tuple(map(_told, one.parts, texts.content)))
        if _has_foreign(one) and isinstance(texts.content, list)
        else one
        for one, texts in zip(messages, raw, strict=True)
    ]


def _told(part: Part, raw: Raw) -> Part:
    return Foreign("", NULL, part.type, raw) if isinstance(part, Foreign) else part


def _message(wire: _WireMessage, place: int, native: frozenset[str]) -> Message:
    content = wire.content
    if isinstance(content, str):
        parts: tuple[Part, ...] = (Text(content),) if content else ()
    else:
        parts = tuple(
            Foreign("", NULL, part.type) if part.type in native else _part(part, f"messages[{place}].content[{at}]")
            for at, part in enumerate(content or ())
        )
    calls = tuple(_call(call) for call in wire.tool_calls or () if call.function is not None)
    return Message(
        role="tool" if wire.role == "function" else wire.role,
        parts=parts,
        name=wire.name,
        refusal=wire.refusal,
        tool_calls=calls,
        tool_call_id=wire.tool_call_id or (wire.name if wire.role == "function" else None),
        reasoning=wire.reasoning or wire.reasoning_content,
        reasoning_details=tuple(wire.reasoning_details or ()),
        cache=wire.cache_control,
        is_error=wire.is_error is True,
        images=tuple(Image(one.image_url.url) for one in wire.images or ()),
    )


def _call(wire: _WireCall) -> ToolCall:
    assert wire.function is not None  # noqa: S101 - those without are left out before
    stated = wire.function.arguments
    text = stated if isinstance(stated, str) else msgspec.json.encode(stated or {}).decode()
    return ToolCall(wire.id, wire.function.name, text or "{}")


def _part(wire: _WirePart, place: str) -> Part:
    kind = wire.type
    if kind in {"text", "input_text", "output_text"} and wire.text is not None:
        return Text(wire.text, wire.cache_control)
    if kind == "refusal" and wire.refusal is not None:
        return Text(wire.refusal)
    if kind == "image_url" and wire.image_url is not None:
        image = wire.image_url if isinstance(wire.image_url, _Locator) else _Locator(wire.image_url)
        return Image(image.url, image.detail, wire.cache_control)
    if kind == "input_audio" and wire.input_audio is not None:
        return Audio(wire.input_audio.data, wire.input_audio.format)
    if kind == "file" and wire.file is not None:
        file = wire.file
        return File(file.filename, file.file_data or file.url, file.file_id, wire.cache_control)
    if kind in {"video_url", "input_video"} and wire.video_url is not None:
        return Video(wire.video_url if isinstance(wire.video_url, str) else wire.video_url.url)
    raise BadRequest(f"`{place}`: a part of type {kind[:40]!r} is unknown or lacks what it is named for")
