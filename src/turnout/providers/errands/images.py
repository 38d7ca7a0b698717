"""Images made by OpenAI's images API and its relatives, or by models that draw in a conversation."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable
from math import sqrt
from typing import Any, Final, cast, final

from msgspec import Raw, Struct
from msgspec.structs import replace

from turnout.base.errors import BadRequest, UpstreamError
from turnout.base.jsons import BadJSON, encode, reader
from turnout.base.multipart import FormPart, write_form
from turnout.contracts.provider import Adapter, ChunkDecoder, Fetched, Outgoing, Prepare
from turnout.domain.catalog import Endpoint
from turnout.domain.chat import ChatParameters, ChatRequest
from turnout.domain.completion import NULL, Choice, Chunk, ChunkChoice, Completion
from turnout.domain.errand import ImageRequest
from turnout.domain.usage import Units, Usage
from turnout.providers.conversation import read_data_url
from turnout.providers.errands.base import Errand, Site, read_or_refuse, read_usage, refuse_error
from turnout.providers.events import EventDecoder
from turnout.providers.failures import nonsense, unsaid
from turnout.providers.media import sniffed

__all__ = ["ChatImages", "Images"]

Fetch = Callable[[str], Awaitable[Fetched]]

_RETOLD: Final = frozenset({"input_references", "response_format"})
_SHAPES: Final = frozenset({"aspect_ratio", "resolution"})
_SEED: Final = frozenset({"seed"})
_SIDES: Final = {"512": 512, "1K": 1024, "2K": 2048, "4K": 4096}
_STEP: Final = 16  # pixels: sides are multiples of it
_FEW_SIZES: Final = ("gpt-image", "chatgpt-image", "dall-e")
_NO_FORMAT: Final = ("gpt-image", "chatgpt-image")
"""They send base64 always, and refuse to be told so."""
_ASPECTS: Final = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
_HEAD: Final = 64  # characters of base64 that tell the format


class _Image(Struct):
    b64_json: str | None = None
    url: str | None = None
    revised_prompt: str | None = None


class _Answer(Struct):
    data: list[_Image] | None = None
    usage: Raw = NULL
    error: Raw = NULL


class _Event(Struct):
    type: str = ""
    b64_json: str | None = None
    partial_image_index: int | None = None
    usage: Raw = NULL
    error: Raw = NULL


class _Pictured(Struct):
    url: str = ""


class _Picture(Struct):
    image_url: _Pictured


_read_answer = reader(_Answer)
_read_event = reader(_Event)
_read_pictures = reader(list[_Picture])


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
        choices = [_choice(one, place) for place, one in enumerate(answer.data)]
        return Completion(choices, _counted(read_usage(answer.usage, makes="image_completion"), len(choices)))

    def decoder(self) -> ChunkDecoder:
        """A fresh decoder for one stream."""
        return _Decoder()


@final
class _Decoder(EventDecoder):
    """Events of a stream of images: drafts, and at the end the image itself."""

    __slots__ = ("_made",)

    def __init__(self) -> None:
        super().__init__()
        self._made = 0

    def take(self, event: bytes, chunks: list[Chunk]) -> None:
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
        choice = _choice(_Image(wire.b64_json), self._made)
        self._made += 1
        usage = _counted(read_usage(wire.usage, makes="image_completion"), self._made)
        chunks.append(Chunk([ChunkChoice(Raw(encode(choice.message)), choice.index, "stop")], usage))


@final
class ChatImages:
    """Images by a model that draws in conversations, spoken to by the *adapter* for those."""

    def __init__(self, adapter: Adapter) -> None:
        self._adapter = adapter
        self.prepare: Prepare | None = self._as_chat
        self.failure = adapter.failure

    async def _as_chat(self, request: ChatRequest, endpoint: Endpoint) -> ChatRequest:
        """The conversation that stands for *request*."""
        chat = _chat(cast("ImageRequest", request))
        return chat if self._adapter.prepare is None else await self._adapter.prepare(chat, endpoint)

    def outgoing(self, request: ChatRequest, endpoint: Endpoint) -> Outgoing:
        """The provider's own form of what :attr:`prepare` has made."""
        return self._adapter.outgoing(request, endpoint)

    def completion(self, body: bytes) -> Completion:
        """One choice per image. Raises UpstreamError: the body is no answer, or the model has not drawn."""
        answer = self._adapter.completion(body)
        found = [picture for one in answer.choices for picture in _pictures(one.message.get("images", NULL))]
        if not found:
            blocked = any(one.finish_reason == "content_filter" for one in answer.choices)
            raise UpstreamError(
                "The model has refused to draw this" if blocked else "The model's answer holds no image",
                error_type="content_policy_violation" if blocked else "provider_unavailable",
                elsewhere="model" if blocked else "endpoint",
                health="ignored",
                may_be_billed=True,
            )
        choices = [_choice(one, place) for place, one in enumerate(found)]
        return replace(answer, choices=choices, usage=_counted(answer.usage, len(choices)))

    def decoder(self) -> ChunkDecoder:
        """There is nothing but the whole."""
        return _Decoder()


def as_form(head: bytes, media_type: bytes) -> bytes:
    """*head*, which announces JSON, for a body of *media_type*."""
    return head.replace(b"Content-Type: application/json", b"Content-Type: " + media_type, 1)


def _chat(request: ImageRequest) -> ChatRequest:
    if request.count != 1:
        raise unsaid("`n`: it makes one image at a time")
    content: list[dict[str, Any]] = [{"type": "text", "text": request.prompt}]
    content += [{"type": "image_url", "image_url": {"url": url}} for url in request.references]
    config: dict[str, str] = {}
    aspect = request.aspect_ratio if request.aspect_ratio != "auto" else None
    if (aspect := aspect or _aspect(request.size)) is not None:
        config["aspect_ratio"] = aspect
    if (resolution := request.resolution or _resolution(request.size)) is not None:
        config["image_size"] = resolution
    parameters = ChatParameters(model=request.parameters.model, modalities=["image", "text"])
    messages = Raw(encode([{"role": "user", "content": content}]))
    fields = {"model": Raw(encode(parameters.model)), "messages": messages, "modalities": Raw(b'["image","text"]')}
    if config:
        fields["image_config"] = Raw(encode(config))
    if "seed" in request.fields:
        fields["seed"] = request.fields["seed"]
    return ChatRequest(parameters, fields, len(memoryview(messages)))


def _size(request: ImageRequest, *, few: bool) -> str | None:
    """Width and height, for providers that know no shapes; the nearest of *few* sizes that OpenAI's models have."""
    if request.size is not None:
        return f"{request.size[0]}x{request.size[1]}"
    ratio = _ratio(request.aspect_ratio)
    if ratio is None and request.resolution is None:
        return None
    if few:
        if ratio is None:
            return None
        return "1024x1024" if 0.8 < ratio < 1.25 else "1536x1024" if ratio > 1 else "1024x1536"
    side, ratio = _SIDES.get(request.resolution or "1K", 1024), ratio or 1.0
    width, height = side * sqrt(ratio), side / sqrt(ratio)
    return f"{max(1, round(width / _STEP)) * _STEP}x{max(1, round(height / _STEP)) * _STEP}"


def _ratio(aspect: str | None) -> float | None:
    if aspect is None or aspect == "auto":
        return None
    width, _, height = aspect.partition(":")
    return float(width) / float(height)


def _aspect(size: tuple[int, int] | None) -> str | None:
    """The usual shape that is nearest to *size*."""
    if size is None:
        return None
    wanted = size[0] / size[1]
    return min(_ASPECTS, key=lambda one: abs((_ratio(one) or 1.0) / wanted - 1))


def _resolution(size: tuple[int, int] | None) -> str | None:
    if size is None:
        return None
    side = sqrt(size[0] * size[1])
    return next((name for name, most in _SIDES.items() if name != "512" and side <= most * 1.25), "4K")


def _choice(image: _Image, place: int) -> Choice:
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


def _pictures(raw: Raw) -> list[_Image]:
    """The images of a chat message, which stand there by ``data:`` URLs."""
    try:
        pictures = [] if raw is NULL else _read_pictures(raw)
    except BadJSON:
        raise nonsense() from None
    images: list[_Image] = []
    for one in pictures:
        held = read_data_url(one.image_url.url)
        images.append(_Image(url=one.image_url.url) if held is None else _Image(b64_json=held.base64))
    return images


def _counted(usage: Usage | None, images: int) -> Usage | None:
    return None if usage is None else replace(usage, units=Units(images=images))


def _data_url(fetched: Fetched) -> str:
    return f"data:{sniffed(fetched.data) or fetched.media_type};base64,{b64encode(fetched.data).decode()}"


def _plain(value: Raw) -> bytes:
    """A JSON value as forms have it: texts without quotes."""
    text = bytes(value)
    return _read_text(text).encode() if text[:1] == b'"' else text


_read_fields = reader(dict[str, Raw])
_read_text = reader(str)
