"""An adapter for Gemini models, whoever serves them: the Gemini API and Vertex differ in their heads."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import final
from urllib.parse import quote

from turnout.contracts.provider import Outgoing, Outside
from turnout.domain.catalog import Endpoint
from turnout.domain.chat import ChatRequest
from turnout.providers.adapter import DialectAdapter
from turnout.providers.conversation import Part
from turnout.providers.gemini.answers import read_answer
from turnout.providers.gemini.failures import gemini_failure
from turnout.providers.gemini.requests import body_of
from turnout.providers.gemini.stream import GeminiDecoder
from turnout.providers.gemini.thinking import thinker_of

__all__ = ["GeminiAdapter", "call_path", "model_path"]

HeadOf = Callable[[ChatRequest, Endpoint], bytes]


@final
class GeminiAdapter(DialectAdapter):
    """One provider of Gemini models. *head* makes the head of a request, up to the value of ``Content-Length``."""

    def __init__(
        self, head: HeadOf, outside: Outside, must_be_inline: Callable[[Part], bool] | None, *, vertex: bool = False
    ) -> None:
        super().__init__(outside, read_answer, GeminiDecoder, must_be_inline, gemini_failure)
        self._head = head
        self._vertex = vertex

    def outgoing(self, request: ChatRequest, endpoint: Endpoint) -> Outgoing:
        """The request in Google's words. Raises BadRequest or UpstreamError."""
        body, dropped = body_of(request, endpoint, thinker_of(endpoint.upstream_model), vertex=self._vertex)
        return Outgoing(self._head(request, endpoint), body, dropped)


@lru_cache(1024)
def model_path(upstream_model: str, *, stream: bool) -> str:
    """The last part of the path: the model, in its collection where it names one, and the call."""
    return call_path(upstream_model, "streamGenerateContent?alt=sse" if stream else "generateContent")


def call_path(upstream_model: str, call: str) -> str:
    """The last part of the path of any *call* of a model."""
    name = upstream_model if "/" in upstream_model else f"models/{upstream_model}"
    return f"{quote(name, safe='/@.-_~')}:{call}"
