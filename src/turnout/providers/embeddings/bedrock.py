"""Embeddings on Bedrock: Titan's and Cohere's models, each in its own words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, final

from msgspec import Raw, Struct

from turnout.base.errors import UpstreamError
from turnout.base.jsons import BadJSON, encode, reader
from turnout.contracts.provider import Batch, Outgoing, PrepareEmbedding
from turnout.domain.catalog import Endpoint
from turnout.domain.completion import NULL, Completion
from turnout.domain.embedding import EmbeddingRequest
from turnout.domain.usage import Usage
from turnout.providers.conversation import Image, Message, Text, read_data_url
from turnout.providers.embeddings.cohere import COHERE_BATCH, cohere_body, read_cohere_vectors
from turnout.providers.embeddings.words import completion_of, has_media, messages_in, texts_in
from turnout.providers.failures import nonsense, unsaid
from turnout.providers.usage import first_count

__all__ = ["COUNT_HEADER", "BedrockEmbedder"]

Head = Callable[[str, bytes], bytes]
Failure = Callable[[int, str | None, bytes], UpstreamError]

_ONE: Final = Batch(1)
COUNT_HEADER: Final = b"x-amzn-bedrock-input-token-count"


class _Titan(Struct, rename="camel"):
    embedding: Raw = NULL
    input_text_token_count: object = None


_read_titan = reader(_Titan)


@final
class BedrockEmbedder:
    """One account in one region. *head* makes the head of ``InvokeModel`` for a model and a body, signed as of now.

    Source: Amazon Bedrock, "Amazon Titan Text Embeddings", "Amazon Titan Multimodal Embeddings", "Cohere Embed".
    """

    def __init__(self, head: Head, failure: Failure, prepare: PrepareEmbedding | None) -> None:
        self.prepare = prepare
        self.failure = failure
        self._head = head

    def batch(self, endpoint: Endpoint, request: EmbeddingRequest) -> Batch:  # noqa: ARG002 - of one shape
        """Titan reads one input at a time."""
        return COHERE_BATCH if _is_cohere(endpoint.upstream_model) else _ONE

    def outgoing(self, request: EmbeddingRequest, part: slice, endpoint: Endpoint) -> Outgoing:
        """The inputs in *part* in the words of the model's maker.

        Raises:
            UpstreamError: they are not what the model takes, or it makes vectors of one length only.
        """
        model = endpoint.upstream_model
        if _is_cohere(model):
            fields, dropped = cohere_body(request, part)
            if "inputs" in fields:
                fields["inputs"] = [{"content": [_flat(one) for one in each["content"]]} for each in fields["inputs"]]
        else:
            fields = _titan_body(request, part, model)
            dropped = tuple(name for name in ("input_type", "user") if name in request.fields)
        body = encode(fields)
        return Outgoing(self._head(model, body), body, dropped)

    def vectors(self, body: bytes, headers: Mapping[bytes, bytes]) -> Completion:
        """The vectors of any of the models. Raises UpstreamError: the body is no answer of theirs."""
        header = headers.get(COUNT_HEADER, b"")
        counted = int(header) if header.isdigit() and len(header) < 10 else None
        try:
            titan = _read_titan(body)
        except BadJSON:
            raise nonsense() from None
        if titan.embedding is NULL:
            return read_cohere_vectors(body, counted)
        counted = first_count(titan.input_text_token_count, counted)
        return completion_of([titan.embedding], None if counted is None else Usage(fresh=counted))


def _is_cohere(model: str) -> bool:
    return "cohere." in model


def _flat(part: dict[str, Any]) -> dict[str, Any]:
    """Images stand there without an object around their address."""
    return part if part["type"] == "text" else {"type": "image_url", "image_url": part["image_url"]["url"]}


def _titan_body(request: EmbeddingRequest, part: slice, model: str) -> dict[str, Any]:
    fields: dict[str, Any]
    if "embed-image" in model:
        fields = _picture(messages_in(request, part)[0])
        if request.dimensions is not None:
            fields["embeddingConfig"] = {"outputEmbeddingLength": request.dimensions}
        return fields
    if has_media(request):
        raise unsaid("anything but texts as `input`")
    fields = {"inputText": texts_in(request, part)[0]}
    if request.dimensions is not None:
        if "embed-text-v1" in model or "embed-g1" in model:
            raise unsaid("`dimensions` for this model, whose vectors have one length")
        fields["dimensions"] = request.dimensions
    return fields


def _picture(message: Message) -> dict[str, Any]:
    """A text, an image, or one of each."""
    fields: dict[str, Any] = {}
    for part in message.parts:
        if isinstance(part, Text) and "inputText" not in fields:
            fields["inputText"] = part.text
        elif isinstance(part, Image) and "inputImage" not in fields and (held := read_data_url(part.url)) is not None:
            fields["inputImage"] = held.base64
        else:
            raise unsaid("anything but a text, an image, or one of each as `input`")
    return fields
