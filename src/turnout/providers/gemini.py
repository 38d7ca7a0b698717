"""An adapter for Gemini models, whoever serves them: the Gemini API and Vertex differ in their heads."""

from __future__ import annotations

from collections.abc import Callable
from typing import final
from urllib.parse import quote, urlsplit

from turnout.base.errors import UpstreamError
from turnout.contracts.provider import ChunkDecoder, Outgoing, Prepare
from turnout.domain.catalog import Endpoint
from turnout.domain.chat import ChatRequest
from turnout.domain.completion import Completion
from turnout.domain.provider import Provider
from turnout.providers.failures import retry_after_seconds
from turnout.providers.gemini_answers import read_answer
from turnout.providers.gemini_failures import gemini_failure
from turnout.providers.gemini_requests import body_of
from turnout.providers.gemini_stream import GeminiDecoder
from turnout.providers.gemini_thinking import thinker_of

__all__ = ["GeminiAdapter", "call_path", "head_of", "model_path"]

HeadOf = Callable[[ChatRequest, Endpoint], bytes]


@final
class GeminiAdapter:
    """One provider of Gemini models. *head* makes the head of a request, up to the value of ``Content-Length``."""

    def __init__(
        self, head: HeadOf, wall: Callable[[], float], *, prepare: Prepare | None = None, vertex: bool = False
    ) -> None:
        self.prepare = prepare
        self._head = head
        self._wall = wall
        self._vertex = vertex

    def outgoing(self, request: ChatRequest, endpoint: Endpoint) -> Outgoing:
        """The request in Google's words.

        Raises:
            BadRequest: the request makes no sense.
            UpstreamError: it holds a contract that Google has no words for.
        """
        body, dropped = body_of(request, endpoint, thinker_of(endpoint.upstream_model), vertex=self._vertex)
        return Outgoing(self._head(request, endpoint), body, dropped)

    def completion(self, body: bytes) -> Completion:
        """A whole answer in our words.

        Raises:
            UpstreamError: the body is no answer, or carries an error.
        """
        return read_answer(body)

    def decoder(self) -> ChunkDecoder:
        """A fresh decoder for one stream."""
        return GeminiDecoder()

    def failure(self, status: int, retry_after: str | None, body: bytes) -> UpstreamError:
        """What a status other than 200 means."""
        return gemini_failure(status, body, retry_after_seconds(retry_after, self._wall()))


def model_path(upstream_model: str, *, stream: bool) -> str:
    """The last part of the path: the model, in its collection where it names one, and the call."""
    return call_path(upstream_model, "streamGenerateContent?alt=sse" if stream else "generateContent")


def call_path(upstream_model: str, call: str) -> str:
    """The last part of the path of any *call* of a model."""
    name = upstream_model if "/" in upstream_model else f"models/{upstream_model}"
    return f"{quote(name, safe='/@.-_~')}:{call}"


def head_of(provider: Provider, path: str, credential: dict[str, str]) -> bytes:
    """The head of a POST to *path* on the provider's host, up to the value of ``Content-Length``.

    Raises:
        ValueError: control characters in the address, the credential or the headers.
    """
    headers = {"Host": urlsplit(provider.base_url).netloc.rpartition("@")[2]}
    headers |= credential
    headers |= {"Content-Type": "application/json", "Accept-Encoding": "identity", "User-Agent": "turnout"}
    headers |= dict(provider.headers)
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if not all(line.isprintable() for line in lines):
        raise ValueError(f"provider {provider.slug}: control characters in its address, credential or headers")
    return ("\r\n".join(lines) + "\r\nContent-Length: ").encode("latin-1")
