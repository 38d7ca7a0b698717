"""The dialect of Cohere's chat API, version 2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast, final

import msgspec
from msgspec import Raw

from turnout.base.errors import UpstreamError
from turnout.base.jsons import encode
from turnout.contracts.provider import (
    Adapter,
    ChunkDecoder,
    Dialect,
    Embedder,
    KnownProvider,
    Listing,
    Outgoing,
    Outside,
    Prepare,
)
from turnout.domain.catalog import Endpoint
from turnout.domain.chat import ChatRequest
from turnout.domain.completion import Completion
from turnout.domain.embedding import EmbeddingRequest
from turnout.domain.provider import Provider
from turnout.providers.conversation import Part
from turnout.providers.dialects.cohere.answer import read_answer
from turnout.providers.dialects.cohere.request import thinks, write_letter
from turnout.providers.dialects.cohere.stream import AnswerDecoder
from turnout.providers.dialects.cohere.turns import must_be_inline
from turnout.providers.embeddings.cohere import CohereEmbedder
from turnout.providers.embeddings.words import inlined
from turnout.providers.errands.base import Site
from turnout.providers.errands.rerank import Rerank
from turnout.providers.failures import failure_from_status, retry_after_seconds
from turnout.providers.media import inline
from turnout.providers.openai import request_head

__all__ = ["DIALECT", "CohereAdapter"]

_BLOCKED: Final = 498  # the provider's own status for prompts and answers that it does not want


@final
class CohereAdapter:
    """One provider of Cohere's chat API."""

    prepare: Prepare | None

    def __init__(self, provider: Provider, outside: Outside) -> None:
        """Prepare the request head. Raises ValueError for header text with control characters."""
        self.prepare = self._inline
        self._wall = outside.wall
        self._fetch = outside.fetch
        self._drop = provider.capabilities.drop
        self._head = _head(provider, "/v2/chat")
        self._models: dict[str, tuple[Raw, bool]] = {}

    def outgoing(self, request: ChatRequest, endpoint: Endpoint) -> Outgoing:
        """The provider's own form of *request*.

        Raises:
            BadRequest: it makes no sense.
            UpstreamError: it holds what this provider does not take and what must not be dropped.
        """
        known = self._models.get(endpoint.upstream_model)
        if known is None:
            name = endpoint.upstream_model
            known = self._models[name] = (Raw(encode(name)), thinks(name))
        body, dropped = write_letter(request, endpoint, known[0], thinking=known[1], unwanted=self._drop)
        return Outgoing(self._head, body, dropped)

    async def _inline(self, request: ChatRequest, endpoint: Endpoint) -> ChatRequest:  # noqa: ARG002 - of one shape
        """*request* with the files inline that the provider would not read by URL."""
        return await inline(request, must_be_inline, self._fetch)

    def completion(self, body: bytes) -> Completion:
        """A whole answer in our words. Raises UpstreamError: the body is no answer, or carries an error."""
        return read_answer(body)

    def decoder(self) -> ChunkDecoder:
        """A fresh decoder for one stream."""
        return AnswerDecoder()

    def failure(self, status: int, retry_after: str | None, body: bytes) -> UpstreamError:
        """What a status other than 200 means."""
        error = failure_from_status(status, body, retry_after_seconds(retry_after, self._wall()))
        if status == _BLOCKED:
            error.error_type, error.elsewhere, error.health = "content_policy_violation", "model", "ignored"
        return error


def _head(provider: Provider, path: str) -> bytes:
    host = provider.base_url.rstrip("/").removesuffix("/v2").removesuffix("/v1")
    return request_head(msgspec.structs.replace(provider, base_url=host), path)


def _embedder(provider: Provider, outside: Outside) -> Embedder:
    async def prepare(request: EmbeddingRequest, endpoint: Endpoint) -> EmbeddingRequest:  # noqa: ARG001 - of one shape
        return await inlined(request, _any_part, outside.fetch)

    return CohereEmbedder(_head(provider, "/v2/embed"), outside.wall, prepare)


def _any_part(_: Part) -> bool:
    """Images to be embedded are taken inline alone."""
    return True


def _errands(provider: Provider, outside: Outside) -> Mapping[str, Adapter]:
    head = _head(provider, "/v2/rerank")
    rerank = Rerank(Site(lambda _model, _path: head, outside.wall), texts=True)
    return {"rerank": cast("Adapter", rerank)}


DIALECT: Final = Dialect(
    name="cohere",
    listing=Listing(version="/v1", path="/models?page_size=1000"),
    adapter=CohereAdapter,
    embedder=_embedder,
    errands=_errands,
    providers=(
        KnownProvider(
            slug="cohere",
            name="Cohere",
            base_url="https://api.cohere.com",
            credential=("COHERE_API_KEY", "CO_API_KEY"),
            headquarters="CA",
            privacy_policy_url="https://cohere.com/privacy",
            terms_of_service_url="https://cohere.com/terms-of-use",
            status_page_url="https://status.cohere.com",
        ),
    ),
)
