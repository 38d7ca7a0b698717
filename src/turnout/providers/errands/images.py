"""Images made by OpenAI's images API and its relatives."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable
from math import sqrt
from typing import Any, Final, final

from msgspec import Raw, Struct
from msgspec.structs import replace

from turnout.base.errors import BadRequest
from turnout.base.jsons import BadJSON, encode, reader
from turnout.base.multipart import FormPart, write_form
from turnout.contracts.provider import ChunkDecoder, Fetched, Outgoing
from turnout.domain.catalog import Endpoint
from turnout.domain.completion import NULL, Choice, Chunk, ChunkChoice, Completion
from turnout.domain.errand import ImageRequest
from turnout.domain.usage import Units, Usage
from turnout.providers.conversation import read_data_url
from turnout.providers.errands.base import Errand, Site, as_form, read_or_refuse, read_usage
from turnout.providers.events import EventDecoder
from turnout.providers.failures import nonsense, refuse_error, unsaid
from turnout.providers.media import sniffed

__all__ = ["SIDES", "Image", "Images", "ImagesDecoder", "choice_of", "counted", "ratio_of"]

Fetch = Callable[[str], Awaitable[Fetched]]

_RETOLD: Final = frozenset({"input_references", "response_format"})
_SHAPES: Final = frozenset({"aspect_ratio", "resolution"})
_SEED: Final = frozenset({"seed"})
SIDES: Final = {"512": 512, "1K": 1024, "2K": 2048, "4K": 4096}
_STEP: Final = 16  # pixels: sides are multiples of it
_FEW_SIZES: Final = ("gpt-image", "chatgpt-image", "dall-e")
_NO_FORMAT: Final = ("gpt-image", "chatgpt-image")
"""They send base64 always, and refuse to be told so."""
_HEAD: Final = 64  # characters of base64 that tell the format


class Image(Struct):
    """An image that was made, in base64 or by URL."""

    b64_json: str | None = None
    url: str | None = None
    revised_prompt: str | None = None


class _Answer(Struct):
    data: list[Image] | None = None
    usage: Raw = NULL
    error: Raw = NULL


class _Event(Struct):
    type: str = ""
    b64_json: str | None = None
    partial_image_index: int | None = None
    usage: Raw = NULL
    error: Raw = NULL


_read_answer = reader(_Answer)
_read_event = reader(_Event)


@final
class Images(Errand):
    """One provider's images API. ``gateway`` habits: it has OpenRouter's own, which reads what our clients send."""

    path = "/images/generations"

    def __init__(self, site: Site, fetch: Fetch) -> None:
        super().__init__(site)
        self._fetch = fetch
        self.prepare = self._inlined  # type: ignore[assignment]  # of one kind of request

    async def _inlined(self, request: ImageRequest, endpoint: Endpoint) -> ImageRequest:
        """*request* with its references inline."""
        if self.site.prepare is not None:
            await self.site.prepare(request, endpoint)
        if self.site.habit == "gateway" or all(url.startswith("data:") for url in request.references):
            return request
        references = [
            url if url.startswith("data:") else _data_url(await self._fetch(url)) for url in request.references
        ]
        return replace(request, references=references)

    def outgoing(self, request: ImageRequest, endpoint: Endpoint) -> Outgoing:
        """The provider's body: JSON, or a form where there are images to start from."""
        model = endpoint.upstream_model
        if self.site.habit == "gateway":
            letter = self.letter(request, endpoint, {"stream": request.stream})
            return Outgoing(self.site.head(model, "/images"), letter.body, letter.dropped)
        fields: dict[str, Any] = {"prompt": request.prompt, "n": request.count}
        few = any(name in model for name in _FEW_SIZES)
        if (size := _size(request, few=few)) is not None:
            fields["size"] = size
        if not any(name in model for name in _NO_FORMAT):
            fields["response_format"] = "b64_json"
        if request.stream:
            fields["stream"] = True
        shaped = size is not None and not few
        unknown = (frozenset() if shaped else _SHAPES) | (_SEED if few else frozenset())
        letter = self.letter(request, endpoint, fields, retold=_RETOLD | (_SHAPES - unknown), without=unknown)
        if not request.references:
            return letter
        return self._form(request, letter, model)

    def _form(self, request: ImageRequest, letter: Outgoing, model: str) -> Outgoing:
        parts = [FormPart(name, _plain(value)) for name, value in _read_fields(letter.body).items()]
        for number, url in enumerate(request.references):
            held = read_data_url(url)
            if held is None:
                raise unsaid("images by URL")
            try:
                content = b64decode(held.base64)
            except ValueError:
                raise BadRequest(f"`input_references[{number}]` is no base64") from None
            name = f"image-{number}.{held.media_type.rpartition('/')[2]}"
            parts.append(FormPart("image[]", content, name, held.media_type))
        media_type, form = write_form(parts)
        return Outgoing(as_form(self.site.head(model, "/images/edits"), media_type), form, letter.dropped)

    def completion(self, body: bytes) -> Completion:
        """One choice per image, by ``b64_json``, or by ``url`` where the provider sends nothing else.

        Raises:
            UpstreamError: the body is no answer, or carries an error.
        """
        answer: _Answer = read_or_refuse(_read_answer, body)
        refuse_error(answer.error)
        if not answer.data:
            raise nonsense()
        choices = [choice_of(one, place) for place, one in enumerate(answer.data)]
        return Completion(choices, counted(read_usage(answer.usage, makes="image_completion"), len(choices)))

    def decoder(self) -> ChunkDecoder:
        """A fresh decoder for one stream."""
        return ImagesDecoder()


@final
class ImagesDecoder(EventDecoder):
    """Events of a stream of images: drafts, and at the end the image itself."""

    __slots__ = ("_made",)

    def __init__(self) -> None:
        super().__init__()
        self._made = 0

    def take(self, event: bytes, chunks: list[Chunk]) -> None:
        """Append to *chunks* what *event* says. Raises UpstreamError for an error in it, or nonsense."""
        if event.strip() == b"[DONE]":
            self.ended = True
            return
        try:
            wire = _read_event(event)
        except BadJSON:
            raise nonsense() from None
        refuse_error(wire.error)
        kind = wire.type.rpartition(".")[2]
        if wire.b64_json is None or kind not in {"partial_image", "completed"}:
            return  # words of a model that draws, or what nobody knows yet
        if kind == "partial_image":
            delta = {"b64_json": wire.b64_json, "partial_image_index": wire.partial_image_index or 0}
            chunks.append(Chunk([ChunkChoice(Raw(encode(delta)))]))
            return
        choice = choice_of(Image(wire.b64_json), self._made)
        self._made += 1
        usage = counted(read_usage(wire.usage, makes="image_completion"), self._made)
        chunks.append(Chunk([ChunkChoice(Raw(encode(choice.message)), choice.index, "stop")], usage))


def _size(request: ImageRequest, *, few: bool) -> str | None:
    """Width and height, for providers that know no shapes; the nearest of *few* sizes that OpenAI's models have."""
    if request.size is not None:
        return f"{request.size[0]}x{request.size[1]}"
    ratio = ratio_of(request.aspect_ratio)
    if ratio is None and request.resolution is None:
        return None
    if few:
        if ratio is None:
            return None
        return "1024x1024" if 0.8 < ratio < 1.25 else "1536x1024" if ratio > 1 else "1024x1536"
    side, ratio = SIDES.get(request.resolution or "1K", 1024), ratio or 1.0
    width, height = side * sqrt(ratio), side / sqrt(ratio)
    return f"{max(1, round(width / _STEP)) * _STEP}x{max(1, round(height / _STEP)) * _STEP}"


def ratio_of(aspect: str | None) -> float | None:
    """Width over height of a shape such as ``16:9``; None where the model may choose."""
    if aspect is None or aspect == "auto":
        return None
    width, _, height = aspect.partition(":")
    return float(width) / float(height)


def choice_of(image: Image, place: int) -> Choice:
    """The choice that is *image*. Raises UpstreamError: it is none."""
    message: dict[str, Raw] = {}
    if image.b64_json:
        message = {"b64_json": Raw(encode(image.b64_json)), "media_type": Raw(encode(_media_type(image.b64_json)))}
    elif image.url:
        message = {"url": Raw(encode(image.url))}
    else:
        raise nonsense()
    if image.revised_prompt:
        message["revised_prompt"] = Raw(encode(image.revised_prompt))
    return Choice(message, place)


def _media_type(base64: str) -> str:
    try:
        start = b64decode(base64[:_HEAD])
    except ValueError:
        raise nonsense() from None
    found = sniffed(start)
    return found or ("image/svg+xml" if start.lstrip()[:4] in {b"<svg", b"<?xm"} else "image/png")


def counted(usage: Usage | None, images: int) -> Usage | None:
    """*usage* with so many images."""
    return None if usage is None else replace(usage, units=Units(images=images))


def _data_url(fetched: Fetched) -> str:
    return f"data:{sniffed(fetched.data) or fetched.media_type};base64,{b64encode(fetched.data).decode()}"


def _plain(value: Raw) -> bytes:
    """A JSON value as forms have it: texts without quotes."""
    text = bytes(value)
    return _read_text(text).encode() if text[:1] == b'"' else text


_read_fields = reader(dict[str, Raw])
_read_text = reader(str)
