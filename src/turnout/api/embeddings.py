"""``POST /embeddings``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, Literal, TypeVar, final

from msgspec import Meta, Raw, Struct

from turnout.api.decode import prompt_as_messages, read_fields
from turnout.api.errands import Asked, ErrandEncoder, ErrandSurface, parameters_of, read_asked
from turnout.api.figures import as_own
from turnout.base.errors import BadRequest
from turnout.base.jsons import BadJSON, encode, json_text, reader
from turnout.base.limits import MAX_TOKENS
from turnout.base.money import PICO_PER_DOLLAR
from turnout.domain.completion import Completion
from turnout.domain.embedding import EmbeddingRequest, Input
from turnout.domain.usage import Cost, Usage

__all__ = ["EmbeddingParameters", "EmbeddingsSurface"]

MAX_INPUTS: Final = 4096
_MAX_PARTS: Final = 64
_T = TypeVar("_T")
_HEAD = b'{"id":"%b","object":"list","model":%b,"provider":%b,"data":['
_VECTOR = b'{"object":"embedding","index":%d,"embedding":'
_END = b'}],"usage":%b}'
_USAGE = (
    b'{"prompt_tokens":%d,"total_tokens":%d,"cost":%a,"is_byok":false,"cost_details":{"upstream_inference_cost":null,'
    b'"upstream_inference_prompt_cost":%a,"upstream_inference_completions_cost":%a}}'
)


class EmbeddingParameters(Asked, frozen=True, kw_only=True):
    """The fields of an embeddings request that are judged, but for ``input``. Source: OpenRouter, "Embeddings"."""

    dimensions: Annotated[int, Meta(ge=1, le=65_536)] | None = None
    encoding_format: Literal["float", "base64"] | None = None
    input_type: Annotated[str, Meta(max_length=64)] | None = None


class _Locator(Struct):
    url: str


class _Media(Struct):
    data: str
    format: str = ""


class _Part(Struct):
    """A part in the words of this API, or of the chat API."""

    type: str
    text: str | None = None
    image_url: _Locator | str | None = None
    input_audio: _Media | None = None
    input_video: _Media | None = None
    input_file: _Media | None = None
    video_url: Raw | None = None
    file: Raw | None = None


class _Content(Struct):
    content: Annotated[list[_Part], Meta(min_length=1, max_length=_MAX_PARTS)]


_Tokens = list[Annotated[int, Meta(ge=0, le=MAX_TOKENS)]]
_read_parameters = reader(EmbeddingParameters)
_read_text = reader(str)
_read_texts = reader(list[str])
_read_tokens = reader(_Tokens)
_read_token_lists = reader(list[_Tokens])
_read_contents = reader(list[_Content])


@final
class _EmbeddingsEncoder(ErrandEncoder):
    """One answer in OpenAI's shape, with OpenRouter's usage."""

    def whole(self, completion: Completion, usage: Usage, price: Cost) -> bytes:
        """The body; vectors stand in it as they came."""
        counts = _USAGE % (
            usage.prompt_tokens,
            usage.prompt_tokens,
            price.total / PICO_PER_DOLLAR,
            price.prompt / PICO_PER_DOLLAR,
            price.completion / PICO_PER_DOLLAR,
        )
        if price.own is not None:
            counts = as_own(counts, price.own)
        pieces: list[bytes | Raw] = [_HEAD % (self.id.encode(), json_text(self.model), json_text(self.provider))]
        before = b""
        for choice in completion.choices:
            pieces += (before + _VECTOR % choice.index, choice.message["embedding"])
            before = b"},"
        pieces.append(_END % counts)
        return b"".join(pieces)  # megabytes, copied once


@final
class EmbeddingsSurface(ErrandSurface):
    """The embeddings of OpenAI as OpenRouter extends them."""

    name = "embeddings"
    encoding = _EmbeddingsEncoder

    def decode(self, body: bytes) -> EmbeddingRequest:
        """The request in *body*. Raises BadRequest: it is none, and the message names the field."""
        fields = read_fields(body)
        given = fields.pop("input", None)
        if "models" in fields:
            raise BadRequest("`models`: vectors of different models cannot be compared; name one as `model`")
        if "model" not in fields:
            raise BadRequest("`model` is missing")
        asked = read_asked(fields, _read_parameters)
        if given is None:
            raise BadRequest("`input` is missing")
        inputs, messages = _inputs(given)
        fields["input"], fields["messages"] = given, messages
        return EmbeddingRequest(
            parameters_of(asked),
            fields,
            len(memoryview(given)),
            at_once=max(map(_size, inputs)) if len(inputs) > 1 else None,
            inputs=inputs,
            dimensions=asked.dimensions,
            input_type=asked.input_type,
            base64=asked.encoding_format == "base64",
        )


def _inputs(given: Raw) -> tuple[Sequence[Input], Raw]:
    """The inputs, and what stands for them as messages. Raises BadRequest: they are none."""
    text = bytes(given)
    if text[:1] == b'"':
        inputs: Sequence[Input] = [_read(_read_text, given)]
    elif text[:1] != b"[":
        raise BadRequest("`input` must be a text, or a list of texts, of tokens or of contents")
    else:
        first = text[1:65].lstrip()[:1]
        if first == b"{":
            return _contents(given)
        if first == b'"':
            inputs = _read(_read_texts, given)
        elif first == b"[":
            inputs = _read(_read_token_lists, given)
        else:
            tokens = _read(_read_tokens, given)
            inputs = [tokens] if tokens else []
    _refuse_bad_count(len(inputs))
    if not all(inputs):
        place = next(place for place, one in enumerate(inputs) if not one)
        raise BadRequest("`input` is empty" if len(inputs) == 1 else f"`input[{place}]` is empty")
    return inputs, prompt_as_messages(given)


def _contents(given: Raw) -> tuple[Sequence[Input], Raw]:
    """Inputs with parts. Those of text alone become texts."""
    contents = _read(_read_contents, given)
    _refuse_bad_count(len(contents))
    if all(part.type == "text" and part.text for one in contents for part in one.content):
        return ["\n".join(part.text or "" for part in one.content) for one in contents], prompt_as_messages(given)
    messages = [
        {
            "role": "user",
            "content": [_chat_part(part, f"input[{place}].content[{n}]") for n, part in enumerate(one.content)],
        }
        for place, one in enumerate(contents)
    ]
    return [None] * len(contents), Raw(encode(messages))


def _chat_part(part: _Part, place: str) -> dict[str, Any]:
    """The part in the words of the chat API."""
    if part.type == "text" and part.text:
        return {"type": "text", "text": part.text}
    if part.type == "image_url" and part.image_url is not None:
        return {"type": "image_url", "image_url": part.image_url}
    if part.type == "input_audio" and part.input_audio is not None:
        return {
            "type": "input_audio",
            "input_audio": {"data": part.input_audio.data, "format": part.input_audio.format or "wav"},
        }
    if part.type == "input_video" and part.input_video is not None:
        return {"type": "video_url", "video_url": {"url": _as_url(part.input_video, "video")}}
    if part.type == "input_file" and part.input_file is not None:
        return {"type": "file", "file": {"file_data": _as_url(part.input_file, "application")}}
    if part.type == "video_url" and part.video_url is not None:
        return {"type": "video_url", "video_url": part.video_url}
    if part.type == "file" and part.file is not None:
        return {"type": "file", "file": part.file}
    raise BadRequest(f"`{place}`: a part of type {part.type[:40]!r} is unknown or lacks what it is named for")


def _as_url(media: _Media, family: str) -> str:
    if "://" in media.data[:16] or media.data.startswith("data:"):
        return media.data
    kind = media.format or ("mp4" if family == "video" else "pdf")
    return f"data:{kind if '/' in kind else f'{family}/{kind}'};base64,{media.data}"


def _read(read: Callable[[Raw], _T], given: Raw) -> _T:
    try:
        return read(given)
    except BadJSON as error:
        raise BadRequest(f"`input`: {str(error).replace('`$[', '`input[')}") from None


def _refuse_bad_count(count: int) -> None:
    if not count:
        raise BadRequest("`input` is empty")
    if count > MAX_INPUTS:
        raise BadRequest(f"`input` has more than {MAX_INPUTS} entries")


def _size(one: Input) -> int:
    """Bytes that stand for one input where bytes are counted."""
    if isinstance(one, str):
        return len(one) if one.isascii() else len(one.encode())
    return 4 * len(one) if one is not None else 0
