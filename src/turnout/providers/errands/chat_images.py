"""Images by models that draw in conversations."""

from __future__ import annotations

from math import sqrt
from typing import Any, Final, cast, final

from msgspec import Raw, Struct
from msgspec.structs import replace

from turnout.base.errors import UpstreamError
from turnout.base.jsons import BadJSON, encode, reader
from turnout.contracts.provider import Adapter, ChunkDecoder, Outgoing, Prepare
from turnout.domain.catalog import Endpoint
from turnout.domain.chat import ChatParameters, ChatRequest
from turnout.domain.completion import NULL, Completion
from turnout.domain.errand import ImageRequest
from turnout.providers.conversation import read_data_url
from turnout.providers.errands.images import SIDES, Image, ImagesDecoder, choice_of, counted, ratio_of
from turnout.providers.failures import nonsense, unsaid

__all__ = ["ChatImages"]

_ASPECTS: Final = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")


class _Pictured(Struct):
    url: str = ""


class _Picture(Struct):
    image_url: _Pictured


_read_pictures = reader(list[_Picture])


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
        choices = [choice_of(one, place) for place, one in enumerate(found)]
        return replace(answer, choices=choices, usage=counted(answer.usage, len(choices)))

    def decoder(self) -> ChunkDecoder:
        """There is nothing but the whole."""
        return ImagesDecoder()


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


def _aspect(size: tuple[int, int] | None) -> str | None:
    """The usual shape that is nearest to *size*."""
    if size is None:
        return None
    wanted = size[0] / size[1]
    return min(_ASPECTS, key=lambda one: abs((ratio_of(one) or 1.0) / wanted - 1))


def _resolution(size: tuple[int, int] | None) -> str | None:
    if size is None:
        return None
    side = sqrt(size[0] * size[1])
    return next((name for name, most in SIDES.items() if name != "512" and side <= most * 1.25), "4K")


def _pictures(raw: Raw) -> list[Image]:
    """The images of a chat message, which stand there by ``data:`` URLs."""
    try:
        pictures = [] if raw is NULL else _read_pictures(raw)
    except BadJSON:
        raise nonsense() from None
    images: list[Image] = []
    for one in pictures:
        held = read_data_url(one.image_url.url)
        images.append(Image(url=one.image_url.url) if held is None else Image(b64_json=held.base64))
    return images
