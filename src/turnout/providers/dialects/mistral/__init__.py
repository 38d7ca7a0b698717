"""The dialect of Mistral's chat API: OpenAI's answers, and requests in which every field must be known."""

from __future__ import annotations

from typing import Final, final

from turnout.contracts.provider import Dialect, Listing, Outgoing, Outside
from turnout.domain.catalog import Endpoint
from turnout.domain.chat import ChatRequest
from turnout.domain.provider import Provider
from turnout.providers.adapter import DialectAdapter
from turnout.providers.dialects.mistral.request import write_letter
from turnout.providers.dialects.mistral.turns import must_be_inline
from turnout.providers.embeddings.openai import openai_embedder
from turnout.providers.errands.openai import openai_errands
from turnout.providers.heads import request_head
from turnout.providers.openai import OpenAIAdapter

__all__ = ["DIALECT", "MistralAdapter"]


@final
class MistralAdapter(DialectAdapter):
    """One provider of Mistral's chat API. What it says is OpenAI's dialect, with content in parts."""

    def __init__(self, provider: Provider, outside: Outside) -> None:
        """Prepare the request head. Raises ValueError for header text with control characters."""
        openai = OpenAIAdapter(provider, outside.wall)
        super().__init__(outside, openai.completion, openai.decoder, must_be_inline)
        self._drop = provider.capabilities.drop
        self._head = request_head(provider, "/chat/completions")

    def outgoing(self, request: ChatRequest, endpoint: Endpoint) -> Outgoing:
        """The provider's own form of *request*. Raises BadRequest or UpstreamError."""
        return Outgoing(self._head, *write_letter(request, endpoint, self._drop))


DIALECT: Final = Dialect(
    name="mistral",
    skills=frozenset({"files"}),
    listing=Listing(),
    adapter=MistralAdapter,
    embedder=lambda provider, outside: openai_embedder(provider, outside.wall, "mistral"),
    errands=openai_errands,
)
"""Its one provider stands in ``compatible.toml``, whose other habits it shares."""
