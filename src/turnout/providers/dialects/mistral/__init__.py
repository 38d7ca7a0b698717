"""The dialect of Mistral's chat API: OpenAI's answers, and requests in which every field must be known."""

from __future__ import annotations

from typing import Final, final

from msgspec import Raw

from turnout.base.errors import UpstreamError
from turnout.base.jsons import encode
from turnout.contracts.provider import ChunkDecoder, Dialect, Listing, Outgoing, Outside, Prepare
from turnout.domain.catalog import Endpoint
from turnout.domain.chat import ChatRequest
from turnout.domain.completion import Completion
from turnout.domain.provider import Provider
from turnout.providers.dialects.mistral.request import Manners, manners_of, write_letter
from turnout.providers.dialects.mistral.turns import must_be_inline
from turnout.providers.embeddings.openai import openai_embedder
from turnout.providers.errands.openai import openai_errands
from turnout.providers.media import inline
from turnout.providers.openai import OpenAIAdapter, request_head

__all__ = ["DIALECT", "MistralAdapter"]


@final
class MistralAdapter:
    """One provider of Mistral's chat API. What it says is OpenAI's dialect, with content in parts."""

    prepare: Prepare | None

    def __init__(self, provider: Provider, outside: Outside) -> None:
        """Prepare the request head. Raises ValueError for header text with control characters."""
        self.prepare = self._inline
        self._fetch = outside.fetch
        self._reader = OpenAIAdapter(provider, outside.wall)
        self._drop = provider.capabilities.drop
        self._head = request_head(provider, "/chat/completions")
        self._models: dict[str, tuple[Raw, Manners]] = {}

    def outgoing(self, request: ChatRequest, endpoint: Endpoint) -> Outgoing:
        """The provider's own form of *request*.

        Raises:
            BadRequest: it makes no sense.
            UpstreamError: it holds what this provider does not take and what must not be dropped.
        """
        known = self._models.get(endpoint.upstream_model)
        if known is None:
            name = endpoint.upstream_model
            known = self._models[name] = (Raw(encode(name)), manners_of(name))
        body, dropped = write_letter(request, endpoint, known[1], known[0], self._drop)
        return Outgoing(self._head, body, dropped)

    async def _inline(self, request: ChatRequest, endpoint: Endpoint) -> ChatRequest:  # noqa: ARG002 - of one shape
        """*request* with the files inline that the provider would not read by URL."""
        return await inline(request, must_be_inline, self._fetch)

    def completion(self, body: bytes) -> Completion:
        """A whole answer in our words. Raises UpstreamError: the body is no answer, or carries an error."""
        return self._reader.completion(body)

    def decoder(self) -> ChunkDecoder:
        """A fresh decoder for one stream."""
        return self._reader.decoder()

    def failure(self, status: int, retry_after: str | None, body: bytes) -> UpstreamError:
        """What a status other than 200 means."""
        return self._reader.failure(status, retry_after, body)


DIALECT: Final = Dialect(
    name="mistral",
    skills=frozenset({"files"}),
    listing=Listing(),
    adapter=MistralAdapter,
    embedder=lambda provider, outside: openai_embedder(provider, outside.wall, "mistral"),
    errands=openai_errands,
)
"""Its one provider stands in ``compatible.toml``, whose other habits it shares."""
