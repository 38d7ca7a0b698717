"""The dialect of OpenAI's Responses API."""

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
from turnout.providers.dialects.openai_responses.answer import read_answer
from turnout.providers.dialects.openai_responses.items import must_be_inline
from turnout.providers.dialects.openai_responses.manners import Manners, manners_of
from turnout.providers.dialects.openai_responses.original import pass_on, with_own_words
from turnout.providers.dialects.openai_responses.request import write_letter
from turnout.providers.dialects.openai_responses.stream import AnswerDecoder
from turnout.providers.embeddings.openai import openai_embedder
from turnout.providers.errands.openai import openai_errands
from turnout.providers.failures import failure_from_status, retry_after_seconds
from turnout.providers.media import inline
from turnout.providers.openai import request_head

__all__ = ["DIALECT", "ResponsesAdapter"]


@final
class ResponsesAdapter:
    """One provider of the Responses API."""

    prepare: Prepare | None

    def __init__(self, provider: Provider, outside: Outside) -> None:
        """Prepare the request head. Raises ValueError for header text with control characters."""
        self.prepare = self._inline
        self._wall = outside.wall
        self._fetch = outside.fetch
        self._drop = provider.capabilities.drop
        self._head = request_head(provider, "/responses")
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
        original = request.as_written("openai-responses")
        if original is not None:
            return Outgoing(self._head, *pass_on(original, request, endpoint, known, self._drop), verbatim=True)
        if request.original is not None:
            request = with_own_words(request, "openai-responses")
        body, dropped = write_letter(request, endpoint, known[1], known[0], self._drop)
        return Outgoing(self._head, body, dropped)

    async def _inline(self, request: ChatRequest, endpoint: Endpoint) -> ChatRequest:  # noqa: ARG002 - of one shape
        """*request* with the files inline that the provider would not read by URL."""
        if request.as_written("openai-responses") is not None:
            return request
        return await inline(request, must_be_inline, self._fetch)

    def completion(self, body: bytes) -> Completion:
        """A whole answer in our words. Raises UpstreamError: the body is no answer, or carries an error."""
        return read_answer(body)

    def decoder(self) -> ChunkDecoder:
        """A fresh decoder for one stream."""
        return AnswerDecoder()

    def failure(self, status: int, retry_after: str | None, body: bytes) -> UpstreamError:
        """What a status other than 200 means."""
        return failure_from_status(status, body, retry_after_seconds(retry_after, self._wall()))


DIALECT: Final = Dialect(
    name="openai-responses",
    skills=frozenset({"search", "allowed_domains", "search_tools", "files", "archives"}),
    listing=Listing(),
    recalls=True,
    adapter=ResponsesAdapter,
    embedder=lambda provider, outside: openai_embedder(provider, outside.wall),
    errands=openai_errands,
)
