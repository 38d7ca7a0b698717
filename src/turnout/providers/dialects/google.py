"""The Gemini API: ``generateContent`` with a key."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Final
from urllib.parse import urlsplit

from turnout.contracts.provider import Adapter, Dialect, Embedder, KnownProvider, Listing, Outside
from turnout.domain.catalog import Endpoint
from turnout.domain.chat import ChatRequest
from turnout.domain.provider import Provider
from turnout.providers.conversation import Part
from turnout.providers.embeddings.google import GoogleEmbedder
from turnout.providers.embeddings.words import inlining
from turnout.providers.errands.chat_images import ChatImages
from turnout.providers.gemini.adapter import GeminiAdapter, call_path, model_path
from turnout.providers.gemini.media import address_of, is_taken_by_url
from turnout.providers.heads import head_of

__all__ = ["DIALECT"]

_VERSION = "v1beta"


def _adapter(provider: Provider, outside: Outside) -> Adapter:
    head = _heads(provider)

    def head_for(request: ChatRequest, endpoint: Endpoint) -> bytes:
        return head(model_path(endpoint.upstream_model, stream=request.stream))

    return GeminiAdapter(head_for, outside, _must_be_inline)


def _embedder(provider: Provider, outside: Outside) -> Embedder:
    head = _heads(provider)
    prepare = inlining(_must_be_inline, outside.fetch)
    return GoogleEmbedder(lambda model, call: head(call_path(model, call)), outside.wall, prepare=prepare)


def _heads(provider: Provider) -> Callable[[str], bytes]:
    """What gives the heads of calls, each made once. Raises ValueError where none can be."""
    base = _base_path(provider)
    credential = {} if provider.credential is None else {"x-goog-api-key": provider.credential.reveal()}

    @cache
    def head(call: str) -> bytes:
        return head_of(provider, f"{base}/{call}", credential)

    head("")  # what cannot be sent is found before anything is
    return head


def _must_be_inline(part: Part) -> bool:
    return not is_taken_by_url(address_of(part) or "")


def _base_path(provider: Provider) -> str:
    """The path below which models stand. A base URL may name its version, a bare host gets ours."""
    path = urlsplit(provider.base_url).path.rstrip("/")
    versioned = path.rpartition("/")[2].startswith("v1")
    return path if versioned else f"{path}/{provider.api_version or _VERSION}"


DIALECT: Final = Dialect(
    name="google",
    skills=frozenset({"search", "files"}),
    listing=Listing(version="/v1beta", path="/models?pageSize=1000", credential=("x-goog-api-key", "")),
    recalls=True,
    adapter=_adapter,
    embedder=_embedder,
    errands=lambda provider, outside: {"image": ChatImages(_adapter(provider, outside))},
    providers=(
        KnownProvider(
            slug="google",
            name="Google AI Studio",
            base_url="https://generativelanguage.googleapis.com",
            credential=("GEMINI_API_KEY", "GOOGLE_GENERATIVE_AI_API_KEY"),
            aliases=("google-ai-studio",),
            headquarters="US",
            privacy_policy_url="https://policies.google.com/privacy",
            terms_of_service_url="https://ai.google.dev/gemini-api/terms",
        ),
    ),
)
