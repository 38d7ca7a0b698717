"""The dialect of Azure: OpenAI's, at the deployments of one's own resource."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, final
from urllib.parse import quote, urlsplit, urlunsplit

import msgspec

from turnout.contracts.provider import (
    Adapter,
    Dialect,
    Embedder,
    KnownProvider,
    Outgoing,
    Outside,
)
from turnout.domain.catalog import Endpoint
from turnout.domain.chat import ChatRequest
from turnout.domain.embedding import EmbeddingRequest
from turnout.domain.provider import Provider
from turnout.providers.adapter import DialectAdapter
from turnout.providers.dialects.azure.failures import azure_failure
from turnout.providers.dialects.azure.tokens import EntraTokenKeeper
from turnout.providers.embeddings.habits import habit_of
from turnout.providers.embeddings.openai import OpenAIEmbedder
from turnout.providers.errands.base import Site
from turnout.providers.errands.openai import errands_at
from turnout.providers.heads import request_head
from turnout.providers.openai import OpenAIAdapter

__all__ = ["DIALECT", "AzureAdapter"]

_UNDATED: Final = frozenset({"", "v1", "latest"})
_PREVIEW: Final = "preview"
_COUNTS_STREAMS: Final = "2024-09-01"
"""Since this version streams are counted and output limits have their new name."""
_INFERENCE: Final = "2024-05-01-preview"
_MOST_HEADS: Final = 10_000
_MAKER: Final = "openai/"


@final
class AzureAdapter(DialectAdapter):
    """One resource. Bodies are OpenAI's; addresses, credentials and failures are not."""

    def __init__(self, provider: Provider, outside: Outside) -> None:
        """Prepare the body's habits. Raises ValueError for header text with control characters."""
        self._site = _Site(provider)
        plain = provider.capabilities
        if self._site.version and not self._site.inference and self._site.version < _COUNTS_STREAMS:
            modern = plain = msgspec.structs.replace(plain, stream_usage=False)
        else:
            modern = msgspec.structs.replace(plain, max_tokens_field="max_completion_tokens")
        self._openai = OpenAIAdapter(msgspec.structs.replace(provider, capabilities=modern), outside.wall)
        self._others = OpenAIAdapter(msgspec.structs.replace(provider, capabilities=plain), outside.wall)
        super().__init__(outside, self._openai.completion, self._openai.decoder, None, azure_failure)
        self._keeper = EntraTokenKeeper.of(provider, outside)
        self.prepare = None if self._keeper is None else self._with_token
        self._provider = provider
        self._heads: dict[tuple[str, str], bytes] = {}
        self._shown = ""  # the token in those heads
        self._head("model")  # what cannot be sent is found before anything is

    def outgoing(self, request: ChatRequest, endpoint: Endpoint) -> Outgoing:
        """OpenAI's body for *request*, with the head for one deployment. Raises BadRequest as OpenAI's adapter does."""
        openai = endpoint.model_id.startswith(_MAKER) and not self._site.inference
        letter = (self._openai if openai else self._others).outgoing(request, endpoint)
        return Outgoing(self._head(endpoint.upstream_model), letter.body, letter.dropped)

    def embedder(self) -> Embedder:
        """What asks the same resource for vectors."""

        def head(deployment: str) -> bytes:
            return self._head(deployment, "embeddings")

        async def prepare(request: EmbeddingRequest, endpoint: Endpoint) -> EmbeddingRequest:
            await self._with_token(request, endpoint)
            return request

        wanted = prepare if self._keeper is not None else None
        return OpenAIEmbedder(head, self._outside.wall, habit_of(self._provider), prepare=wanted, failure=azure_failure)

    def errands(self, outside: Outside) -> Mapping[str, Adapter]:
        """What the same resource does beside."""

        def head(deployment: str, path: str) -> bytes:
            return self._head(deployment, path.removeprefix("/"))

        return errands_at(Site(head, self._outside.wall, prepare=self.prepare, failure=azure_failure), outside)

    async def _with_token(self, request: ChatRequest, endpoint: Endpoint) -> ChatRequest:  # noqa: ARG002 - of one shape
        """A token that lasts."""
        if self._keeper is not None:
            await self._keeper.fresh()
        return request

    def _head(self, deployment: str, call: str = "chat/completions") -> bytes:
        token = self._keeper.token if self._keeper is not None else ""
        if token != self._shown or len(self._heads) >= _MOST_HEADS:
            self._heads.clear()
            self._shown = token
        head = self._heads.get((deployment, call))
        if head is None:
            bare = msgspec.structs.replace(
                self._provider,
                base_url=self._site.origin,
                credential=None,
                headers=(*_shown(self._provider, token), *self._provider.headers),
            )
            head = self._heads[deployment, call] = request_head(bare, self._site.path(deployment, call))
        return head


@final
class _Site:
    """Where the deployments of one resource stand.

    The address may be the resource's bare host, or end in ``/openai``, in ``/openai/v1``, or, for models of others in
    a Foundry, in ``/models``. ``version`` is the date of the API, empty for the one that has none.
    """

    def __init__(self, provider: Provider) -> None:
        parts = urlsplit(provider.base_url)
        self.origin = urlunsplit((parts.scheme, parts.netloc, "", "", ""))
        path, stated = parts.path.rstrip("/"), (provider.api_version or "").strip()
        self.inference = path.endswith("/models")
        self._query = ""
        if self.inference:
            self.version = stated if stated not in {*_UNDATED, _PREVIEW} else _INFERENCE
            self._base = path
        else:
            undated = path.endswith("/v1") or stated in {*_UNDATED, _PREVIEW}
            self.version = "" if undated else stated
            self._base = path.removesuffix("/v1").removesuffix("/openai") + "/openai"
            if undated and stated == _PREVIEW:
                self._query = f"?api-version={_PREVIEW}"
        if self.version:
            self._query = f"?api-version={quote(self.version, safe='')}"

    def path(self, deployment: str, call: str) -> str:
        """Where that deployment is called."""
        if self.inference:
            return f"{self._base}/{call}{self._query}"
        if self.version:
            return f"{self._base}/deployments/{quote(deployment, safe='')}/{call}{self._query}"
        return f"{self._base}/v1/{call}{self._query}"


def _shown(provider: Provider, token: str) -> tuple[tuple[str, str], ...]:
    """The header that carries the credential: a key under Azure's own name, a token as usual."""
    text = "" if provider.credential is None else provider.credential.reveal().strip()
    if text.startswith("{") or not text:
        return (("Authorization", f"Bearer {token}"),) if token else ()
    if text.startswith("eyJ") and text.count(".") == 2:  # a token that somebody else has had
        return (("Authorization", f"Bearer {text}"),)
    return (("api-key", text),)


def _usable(provider: Provider) -> bool:
    shows = provider.credential is not None or bool(provider.credentials_file) or bool(provider.headers)
    return bool(provider.base_url) and shows


DIALECT: Final = Dialect(
    name="azure",
    skills=frozenset({"files"}),
    adapter=AzureAdapter,
    embedder=lambda provider, outside: AzureAdapter(provider, outside).embedder(),
    errands=lambda provider, outside: AzureAdapter(provider, outside).errands(outside),
    providers=(
        KnownProvider(
            slug="azure",
            name="Azure",
            base_url="",
            aliases=("azure-openai", "azure-cognitive-services"),
            headquarters="US",
            privacy_policy_url="https://www.microsoft.com/privacy/privacystatement",
            terms_of_service_url="https://azure.microsoft.com/support/legal/",
            status_page_url="https://azure.status.microsoft/status",
        ),
    ),
    usable=_usable,
)
