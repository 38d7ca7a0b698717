"""What the dialects of embeddings share: the inputs in their kinds, the names of purposes, and the vectors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final

from msgspec import Raw
from msgspec.structs import replace

from turnout.contracts.provider import Fetched, PrepareEmbedding
from turnout.domain.catalog import Endpoint
from turnout.domain.completion import Choice, Completion
from turnout.domain.embedding import EmbeddingRequest
from turnout.domain.usage import Usage
from turnout.providers.conversation import Message, Part, Text, read_messages
from turnout.providers.failures import unsaid
from turnout.providers.media import inline

__all__ = ["completion_of", "has_media", "inlined", "inlining", "messages_in", "purpose_of", "texts_in"]

Fetch = Callable[[str], Awaitable[Fetched]]

_PURPOSES: Final = {
    "query": "search_query",
    "retrieval_query": "search_query",
    "document": "search_document",
    "passage": "search_document",
    "retrieval_document": "search_document",
    "retrieval_passage": "search_document",
    "semantic_similarity": "similarity",
    "sts": "similarity",
    "text_matching": "similarity",
}
"""Other names of the purposes ``search_query``, ``search_document`` and ``similarity``, in small letters."""


def purpose_of(request: EmbeddingRequest) -> str | None:
    """What the vectors are for, by its most usual name: ``search_query``, ``search_document``, ``similarity``,
    ``classification``, ``clustering``, or as the client says it; None where it says nothing.
    """
    if request.input_type is None:
        return None
    name = request.input_type.strip().lower().replace("-", "_").replace(".", "_")
    return _PURPOSES.get(name, name)


def has_media(request: EmbeddingRequest) -> bool:
    """Whether the inputs have parts other than text."""
    return request.inputs[0] is None


def texts_in(request: EmbeddingRequest, part: slice) -> Sequence[str]:
    """The inputs in *part* as texts.

    Raises:
        UpstreamError: they are tokens, whose numbers mean something to one tokenizer alone, or hold more than text.
    """
    texts: list[str] = []
    for one in request.inputs[part]:
        if isinstance(one, list):
            raise unsaid("tokens as `input`, but texts")
        if one is None:
            raise unsaid("anything but texts as `input`")
        texts.append(one)
    return texts


async def inlined(request: EmbeddingRequest, needs: Callable[[Part], bool], fetch: Fetch) -> EmbeddingRequest:
    """*request* with the files inline that :func:`inline` would put there. Raises as that does."""
    if not has_media(request):
        return request
    return replace(request, fields=(await inline(request, needs, fetch)).fields)


def inlining(needs: Callable[[Part], bool], fetch: Fetch) -> PrepareEmbedding:
    """What puts the files inline that *needs* says, before a request is written."""

    async def prepare(request: EmbeddingRequest, endpoint: Endpoint) -> EmbeddingRequest:  # noqa: ARG001 - of one shape
        return await inlined(request, needs, fetch)

    return prepare


def messages_in(request: EmbeddingRequest, part: slice) -> Sequence[Message]:
    """The inputs in *part* with all their parts, files of :attr:`fields` put inline where that was asked for.

    Raises:
        BadRequest: a part is not what its type says.
        UpstreamError: they are tokens.
    """
    if has_media(request):
        return read_messages(request)[part]
    return [Message(role="user", parts=(Text(text),)) for text in texts_in(request, part)]


def completion_of(vectors: Iterable[Raw], usage: Usage | None, upstream_id: str | None = None) -> Completion:
    """An answer of *vectors*, in their order."""
    choices = [Choice({"embedding": vector}, place) for place, vector in enumerate(vectors)]
    return Completion(choices, usage, upstream_id)
