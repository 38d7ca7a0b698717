"""The dialect of Cohere's chat API, version 2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast, final

import msgspec

from turnout.base.errors import UpstreamError
from turnout.contracts.provider import (
    Adapter,
    Dialect,
    Embedder,
    KnownProvider,
    Listing,
    Outgoing,
    Outside,
)
from turnout.domain.catalog import Endpoint
from turnout.domain.chat import ChatRequest
from turnout.domain.provider import Provider
from turnout.providers.adapter import DialectAdapter, every_part
from turnout.providers.dialects.cohere.answer import read_answer
from turnout.providers.dialects.cohere.request import write_letter
from turnout.providers.dialects.cohere.stream import AnswerDecoder
from turnout.providers.dialects.cohere.turns import must_be_inline
from turnout.providers.embeddings.cohere import CohereEmbedder
from turnout.providers.embeddings.words import inlining
from turnout.providers.errands.base import Site
from turnout.providers.errands.rerank import Rerank
from turnout.providers.failures import failure_from_status
from turnout.providers.heads import request_head

__all__ = ["DIALECT", "CohereAdapter"]

_BLOCKED: Final = 498  # the provider's own status for prompts and answers that it does not want


@final
class CohereAdapter(DialectAdapter):
    """One provider of Cohere's chat API."""

    def __init__(self, provider: Provider, outside: Outside) -> None:
        """Prepare the request head. Raises ValueError for header text with control characters."""
        super().__init__(outside, read_answer, AnswerDecoder, must_be_inline, _failure_of)
        self._drop = provider.capabilities.drop
        self._head = _head(provider, "/v2/chat")

    def outgoing(self, request: ChatRequest, endpoint: Endpoint) -> Outgoing:
        """The provider's own form of *request*. Raises BadRequest or UpstreamError."""
        return Outgoing(self._head, *write_letter(request, endpoint, self._drop))


def _failure_of(status: int, body: bytes, retry_after: int | None) -> UpstreamError:
    """What a status other than 200 means."""
    error = failure_from_status(status, body, retry_after)
    if status == _BLOCKED:
        error.error_type, error.elsewhere, error.health = "content_policy_violation", "model", "ignored"
    return error


def _head(provider: Provider, path: str) -> bytes:
    host = provider.base_url.rstrip("/").removesuffix("/v2").removesuffix("/v1")
    return request_head(msgspec.structs.replace(provider, base_url=host), path)


def _embedder(provider: Provider, outside: Outside) -> Embedder:
    prepare = inlining(every_part, outside.fetch)  # images are taken inline alone
    return CohereEmbedder(_head(provider, "/v2/embed"), outside.wall, prepare)


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
