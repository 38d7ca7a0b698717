"""``POST /images``, also under OpenAI's name ``/images/generations``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal, final

from msgspec import Meta, Struct

from turnout.api.decode import read_fields
from turnout.api.errands import Asked, ErrandEncoder, ErrandSurface, messages_of, parameters_of, read_asked
from turnout.api.errors import status_of
from turnout.api.figures import usage_json
from turnout.base.errors import BadRequest, TurnoutError
from turnout.base.jsons import encode, reader
from turnout.domain.completion import Chunk, Completion
from turnout.domain.errand import ImageRequest
from turnout.domain.usage import Cost, Units, Usage

__all__ = ["ImageParameters", "ImagesSurface"]

_SIZE: Final = re.compile(r"(\d{2,5})x(\d{2,5})", re.ASCII)
_TIERS: Final = frozenset({"512", "1K", "2K", "4K"})
_MOST_TOKENS: Final = 16_384
"""Tokens of one image, drafts included: twice what the largest images of today have."""
_TOKENS_OF_REFERENCE: Final = 8_192
_Tier = Literal["512", "1K", "2K", "4K"]
_Aspect = Literal[
    "1:1", "1:2", "1:4", "1:8", "2:1", "2:3", "3:2", "3:4", "4:1", "4:3", "4:5", "5:4", "8:1", "9:16", "16:9",
    "9:19.5", "19.5:9", "9:20", "20:9", "9:21", "21:9", "auto",
]  # fmt: skip


class _Locator(Struct):
    url: Annotated[str, Meta(min_length=1)]


class _Reference(Struct):
    image_url: _Locator
    type: Literal["image_url"] = "image_url"


class ImageParameters(Asked, frozen=True, kw_only=True):
    """The fields of a request for images that are judged. Source: OpenRouter, "Image generation"; OpenAI, "Images"."""

    prompt: Annotated[str, Meta(min_length=1, max_length=1_000_000)]
    n: Annotated[int, Meta(ge=1, le=10)] | None = None
    size: Annotated[str, Meta(max_length=32)] | None = None
    aspect_ratio: _Aspect | None = None
    resolution: _Tier | None = None
    quality: str | None = None
    background: Literal["auto", "transparent", "opaque"] | None = None
    output_format: Literal["png", "jpeg", "webp", "svg"] | None = None
    output_compression: Annotated[int, Meta(ge=0, le=100)] | None = None
    partial_images: Annotated[int, Meta(ge=0, le=3)] | None = None
    seed: int | None = None
    stream: bool | None = None
    response_format: Literal["b64_json", "url"] | None = None
    input_references: Annotated[list[_Reference], Meta(max_length=16)] | None = None


_read_parameters = reader(ImageParameters)


@final
class _ImageEncoder(ErrandEncoder):
    """Images in base64. In a stream the finished ones wait for the end, where they are told with their price."""

    def __init__(self, *arguments: Any) -> None:  # noqa: ANN401 - as the base class has them
        super().__init__(*arguments)
        self._finished: list[bytes] = []

    def whole(self, completion: Completion, usage: Usage, price: Cost) -> bytes:
        """The body."""
        images = b",".join(encode(one.message) for one in completion.choices)
        return b'{"created":%d,"data":[%b],"usage":%b}' % (self.created, images, _usage(usage, price))

    def chunks(self, chunks: Sequence[Chunk]) -> bytes:
        """The drafts among them."""
        events: list[bytes] = []
        for chunk in chunks:
            for choice in chunk.choices:
                delta = bytes(choice.delta)[1:]
                if b'"partial_image_index":' in delta[-64:]:
                    events.append(b'data: {"type":"image_generation.partial_image",%b\n\n' % delta)
                elif delta != b"}":
                    self._finished.append(delta[:-1])
        return b"".join(events)

    def end(self, usage: Usage, price: Cost) -> bytes:
        """The images, and the end mark."""
        last = len(self._finished) - 1
        events: list[bytes] = []
        for place, image in enumerate(self._finished):
            told = b',"usage":%b' % _usage(usage, price) if place == last else b""
            events.append(
                b'data: {"type":"image_generation.completed",%b,"created":%d%b}\n\n' % (image, self.created, told)
            )
        return b"%bdata: [DONE]\n\n" % b"".join(events)

    def failed(self, error: TurnoutError) -> bytes:
        """The error as the event that clients of images know."""
        told = {"code": str(status_of(error)), "message": error.message, "type": error.error_type, "param": None}
        return b"data: %b\n\n" % encode({"type": "error", "error": told})


@final
class ImagesSurface(ErrandSurface):
    """Images made of words, and of images."""

    name = "image"
    encoding = _ImageEncoder

    def decode(self, body: bytes) -> ImageRequest:
        """The request in *body*. Raises BadRequest: it is none, and the message names the field."""
        fields = read_fields(body)
        asked = read_asked(fields, _read_parameters)
        size, resolution = _size(asked)
        references = [one.image_url.url for one in asked.input_references or ()]
        fields["messages"] = messages_of(asked.prompt)
        count = asked.n or 1
        length = len(memoryview(fields["messages"]))
        return ImageRequest(
            parameters_of(asked, stream=asked.stream),
            fields,
            length,
            units=Units(images=count),
            most_units=Units(images=count),
            most_read=length + len(references) * _TOKENS_OF_REFERENCE,
            most_written=count * _MOST_TOKENS,
            prompt=asked.prompt,
            references=references,
            count=count,
            size=size,
            aspect_ratio=asked.aspect_ratio,
            resolution=resolution,
        )


def _size(asked: ImageParameters) -> tuple[tuple[int, int] | None, str | None]:
    """Width and height, and the resolution. Raises BadRequest: they are none, or say different things."""
    size, resolution = asked.size, asked.resolution
    if size is None or size == "auto":
        return None, resolution
    if size in _TIERS:
        if resolution not in {None, size}:
            raise BadRequest("`size` and `resolution` say different things")
        return None, size
    found = _SIZE.fullmatch(size)
    if found is None:
        raise BadRequest("`size` must be `auto`, a resolution such as `2K`, or pixels such as `1024x1536`")
    if resolution is not None or asked.aspect_ratio not in {None, "auto"}:
        raise BadRequest("`size` in pixels says all: leave out `resolution` and `aspect_ratio`")
    return (int(found[1]), int(found[2])), None


def _usage(usage: Usage, price: Cost) -> bytes:
    """The usual counts, and the two names that OpenAI's images have for them."""
    return b'{"input_tokens":%d,"output_tokens":%d,%b' % (
        usage.prompt_tokens,
        usage.completion_tokens,
        usage_json(usage, price)[1:],
    )
