"""Embeddings of Cohere: version 2 of its API, and the same models on Bedrock."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, final

from msgspec import Raw, Struct

from turnout.base.errors import UpstreamError
from turnout.base.jsons import BadJSON, encode, reader
from turnout.contracts.provider import Batch, Outgoing, PrepareEmbedding
from turnout.domain.catalog import Endpoint
from turnout.domain.completion import Completion
from turnout.domain.embedding import EmbeddingRequest
from turnout.domain.usage import Usage
from turnout.providers.conversation import Image, Message, Text
from turnout.providers.embeddings.words import completion_of, has_media, messages_in, purpose_of, texts_in
from turnout.providers.failures import failure_from_status, nonsense, retry_after_seconds, unsaid
from turnout.providers.usage import count_of

__all__ = ["COHERE_BATCH", "CohereEmbedder", "cohere_body", "read_cohere_vectors"]

COHERE_BATCH: Final = Batch(96)
_PURPOSES: Final = frozenset({"search_document", "search_query", "classification", "clustering"})
_USUAL: Final = "search_document"
"""The models insist on a purpose."""
_OWN_FIELDS: Final = ("truncate", "max_tokens")


class _Units(Struct):
    input_tokens: object = None
    image_tokens: object = None


class _Meta(Struct):
    billed_units: _Units | None = None


class _Answer(Struct):
    embeddings: Raw
    id: str | None = None
    meta: _Meta | None = None


class _Floats(Struct, rename={"floats": "float"}):
    floats: list[Raw]


_read_answer = reader(_Answer)
_read_floats = reader(_Floats)
_read_list = reader(list[Raw])
_LIST: Final = ord("[")


@final
class CohereEmbedder:
    """Cohere's own API. *head* is the head of ``POST /v2/embed``, up to the value of ``Content-Length``.

    Source: Cohere, "Embed API (v2)".
    """

    def __init__(self, head: bytes, wall: Callable[[], float], prepare: PrepareEmbedding | None) -> None:
        self.prepare = prepare
        self._head = head
        self._wall = wall

    def batch(self, endpoint: Endpoint, request: EmbeddingRequest) -> Batch:  # noqa: ARG002 - of one shape
        """Ninety-six inputs."""
        return COHERE_BATCH

    def outgoing(self, request: EmbeddingRequest, part: slice, endpoint: Endpoint) -> Outgoing:
        """The inputs in *part* as texts, or as contents. Raises UpstreamError: they are something else."""
        body, dropped = cohere_body(request, part)
        return Outgoing(self._head, encode({"model": endpoint.upstream_model} | body), dropped)

    def vectors(self, body: bytes, headers: Mapping[bytes, bytes]) -> Completion:  # noqa: ARG002 - of one shape
        """The float vectors. Raises UpstreamError: the body is no answer."""
        return read_cohere_vectors(body)

    def failure(self, status: int, retry_after: str | None, body: bytes) -> UpstreamError:
        """What a status other than 200 means."""
        return failure_from_status(status, body, retry_after_seconds(retry_after, self._wall()))


def cohere_body(request: EmbeddingRequest, part: slice) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The body without the model, and what it leaves out. ``truncate`` and ``max_tokens`` go on as the client has them.

    Raises:
        UpstreamError: the inputs are tokens, or sound, films or documents.
    """
    purpose = purpose_of(request)
    known = purpose in _PURPOSES
    body: dict[str, Any] = {"input_type": purpose if known else _USUAL, "embedding_types": ["float"]}
    dropped = ("user",) if "user" in request.fields else ()
    if purpose is not None and not known:
        dropped = ("input_type", *dropped)
    if has_media(request):
        body["inputs"] = [{"content": _content(one)} for one in messages_in(request, part)]
    else:
        body["texts"] = texts_in(request, part)
    if request.dimensions is not None:
        body["output_dimension"] = request.dimensions
    for name in _OWN_FIELDS:
        if name in request.fields:
            body[name] = request.fields[name]
    return body, dropped


def read_cohere_vectors(body: bytes, counted: int | None = None) -> Completion:
    """The vectors of an answer, whether it names their type or not; *counted* are tokens that a head tells of.

    Raises:
        UpstreamError: the body is no answer.
    """
    try:
        answer = _read_answer(body)
        plain = memoryview(answer.embeddings)[0] == _LIST
        found = _read_list(answer.embeddings) if plain else _read_floats(answer.embeddings).floats
    except BadJSON:
        raise nonsense() from None
    if not found:
        raise nonsense()
    usage = _usage(answer.meta) or (None if counted is None else Usage(fresh=counted))
    return completion_of(found, usage, answer.id or None)


def _content(message: Message) -> Sequence[dict[str, Any]]:
    content: list[dict[str, Any]] = []
    for part in message.parts:
        if isinstance(part, Text):
            content.append({"type": "text", "text": part.text})
        elif isinstance(part, Image):
            content.append({"type": "image_url", "image_url": {"url": part.url}})
        else:
            raise unsaid("anything but texts and images as `input`")
    return content


def _usage(meta: _Meta | None) -> Usage | None:
    """What is billed; None where nothing usable is said."""
    units = meta.billed_units if meta is not None else None
    if units is None:
        return None
    counts = [count_of(units.input_tokens), count_of(units.image_tokens)]
    stated = [count for count in counts if count is not None]
    return Usage(fresh=sum(stated)) if stated else None
