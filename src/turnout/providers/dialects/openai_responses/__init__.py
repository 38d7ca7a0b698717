"""The dialect of OpenAI's Responses API."""

from __future__ import annotations

from typing import Final, final

from turnout.contracts.provider import Dialect, Listing, Outgoing, Outside
from turnout.domain.catalog import Endpoint
from turnout.domain.chat import ChatRequest
from turnout.domain.provider import Provider
from turnout.providers.adapter import DialectAdapter
from turnout.providers.dialects.openai_responses.answer import read_answer
from turnout.providers.dialects.openai_responses.items import must_be_inline
from turnout.providers.dialects.openai_responses.original import pass_on, with_own_words
from turnout.providers.dialects.openai_responses.request import write_letter
from turnout.providers.dialects.openai_responses.stream import AnswerDecoder
from turnout.providers.embeddings.openai import openai_embedder
from turnout.providers.errands.openai import openai_errands
from turnout.providers.heads import request_head

__all__ = ["DIALECT", "ResponsesAdapter"]


@final
class ResponsesAdapter(DialectAdapter):
    """One provider of the Responses API."""

    language = "openai-responses"

    def __init__(self, provider: Provider, outside: Outside) -> None:
        """Prepare the request head. Raises ValueError for header text with control characters."""
        super().__init__(outside, read_answer, AnswerDecoder, must_be_inline)
        self._drop = provider.capabilities.drop
        self._head = request_head(provider, "/responses")

    def outgoing(self, request: ChatRequest, endpoint: Endpoint) -> Outgoing:
        """The provider's own form of *request*, which is the client's where the client speaks its language."""
        original = request.as_written(self.language)
        if original is not None:
            return Outgoing(self._head, *pass_on(original, request, endpoint, self._drop), verbatim=True)
        return Outgoing(self._head, *write_letter(with_own_words(request, self.language), endpoint, self._drop))


DIALECT: Final = Dialect(
    name="openai-responses",
    skills=frozenset({"search", "allowed_domains", "search_tools", "files", "archives"}),
    listing=Listing(),
    recalls=True,
    adapter=ResponsesAdapter,
    embedder=lambda provider, outside: openai_embedder(provider, outside.wall),
    errands=openai_errands,
)
