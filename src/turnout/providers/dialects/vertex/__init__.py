"""Google's cloud: Gemini below a project, with access tokens, and models of other houses beside it."""

from __future__ import annotations

import re
from typing import Final, final
from urllib.parse import urlsplit

from msgspec.structs import replace

from turnout.base.errors import UpstreamError
from turnout.contracts.provider import (
    Adapter,
    ChunkDecoder,
    Dialect,
    Embedder,
    KnownProvider,
    Outgoing,
    Outside,
    Prepare,
)
from turnout.domain.catalog import Endpoint
from turnout.domain.chat import ChatRequest
from turnout.domain.completion import Completion
from turnout.domain.embedding import EmbeddingRequest
from turnout.domain.provider import Provider
from turnout.providers.adapter import every_part
from turnout.providers.conversation import File, Image, Part
from turnout.providers.dialects.anthropic import AnthropicAdapter
from turnout.providers.dialects.anthropic.request import write_letter
from turnout.providers.dialects.vertex.houses import (
    House,
    HouseDecoder,
    as_vertex_claude,
    house_of,
    house_path,
    house_that_spoke,
)
from turnout.providers.dialects.vertex.tokens import GoogleTokenKeeper
from turnout.providers.embeddings.google import Call, GoogleEmbedder
from turnout.providers.embeddings.words import inlined
from turnout.providers.errands.chat_images import ChatImages
from turnout.providers.gemini.adapter import GeminiAdapter, call_path, model_path
from turnout.providers.gemini.media import address_of, is_taken_by_url
from turnout.providers.heads import head_of
from turnout.providers.media import inline
from turnout.providers.openai import OpenAIAdapter

__all__ = ["DIALECT"]

_VERSION = "v1beta1"  # it has all that the other has, and what Google still tries out
_VERSION_FOR_OTHERS = "v1"
_EVERYWHERE = "global"
_CONTINENTS = frozenset({"eu", "us"})
_LOCATION = re.compile(r"[a-z0-9-]{1,40}")
_PROJECT = re.compile(r"[A-Za-z0-9.:_-]{1,100}")
_KEY_STARTS = ("AIza", "AQ.")
_SHARED_TIERS = frozenset({"flex", "priority"})


@final
class _Line:
    """Where one project's models stand, and what is shown there: a token that ends, a token as it is, or a key."""

    def __init__(self, provider: Provider, outside: Outside) -> None:
        """Raises ValueError for a location or a project that is none, and for letters that a head cannot hold."""
        self._provider = provider
        self._location = provider.location or provider.region or _EVERYWHERE
        if not _LOCATION.fullmatch(self._location):
            raise ValueError(f"provider {provider.slug}: its location is none")
        if provider.project and not _PROJECT.fullmatch(provider.project):
            raise ValueError(f"provider {provider.slug}: its project is none")
        self.keeper = GoogleTokenKeeper.of(provider, outside)
        self._heads: dict[tuple[str, bool, str | None, frozenset[str]], bytes] = {}
        self._shown = ""  # the token in those heads
        self._outside = outside
        head_of(provider, "/", self._credential())  # what cannot be sent is found before anything is

    async def prepare(self, request: ChatRequest, endpoint: Endpoint) -> ChatRequest:
        """A token that lasts, and inline what cannot be named by its address."""
        if self.keeper is not None:
            await self.keeper.fresh()
        ours = house_of(endpoint.upstream_model) == "google"
        return await inline(request, _must_be_inline if ours else every_part, self._outside.fetch)

    def head(self, request: ChatRequest, endpoint: Endpoint, betas: frozenset[str] = frozenset()) -> bytes:
        """The head for one model, made once for each token. *betas* are features of Claude that are tried out."""
        token = self.keeper.token if self.keeper is not None else ""
        if token != self._shown:
            self._heads.clear()
            self._shown = token
        tier = endpoint.service_tier or request.parameters.service_tier
        tier = tier if tier in _SHARED_TIERS else None
        key = (endpoint.upstream_model, request.stream, tier, betas)
        found = self._heads.get(key)
        if found is None:
            shown = self._credential()
            if tier is not None:
                shown["X-Vertex-AI-LLM-Shared-Request-Type"] = tier
            if betas:
                shown["anthropic-beta"] = ",".join(sorted(betas))
            house = house_of(endpoint.upstream_model)
            path = f"{self._base(house)}/{_model(endpoint.upstream_model, stream=request.stream)}"
            found = self._heads[key] = head_of(self._provider, path, shown)
        return found

    async def prepare_embedding(self, request: EmbeddingRequest, endpoint: Endpoint) -> EmbeddingRequest:  # noqa: ARG002 - of one shape
        """The same for embeddings."""
        if self.keeper is not None:
            await self.keeper.fresh()
        return await inlined(request, _must_be_inline, self._outside.fetch)

    def embedding_head(self, model: str, call: Call) -> bytes:
        """The head for a call of a model of Google's. It is made each time: tokens end, and such calls are few."""
        name = model.removeprefix("google/").removeprefix("models/")
        named = model if model.startswith(("publishers/", "endpoints/")) else f"publishers/google/models/{name}"
        return head_of(self._provider, f"{self._base('google')}/{call_path(named, call)}", self._credential())

    def _base(self, house: House) -> str:
        path = urlsplit(self._provider.base_url).path.rstrip("/")
        if not path.rpartition("/")[2].startswith("v1"):
            usual = _VERSION if house == "google" else _VERSION_FOR_OTHERS
            path = f"{path}/{self._provider.api_version or usual}"
        project = self._provider.project or (self.keeper.project if self.keeper is not None else "")
        if not project:  # an API key may do without
            return path
        return f"{path}/projects/{project}/locations/{self._location}"

    def _credential(self) -> dict[str, str]:
        if self.keeper is not None:
            return {"Authorization": f"Bearer {self.keeper.token}"}
        if self._provider.credential is None:
            return {}
        text = self._provider.credential.reveal()
        return {"x-goog-api-key": text} if text.startswith(_KEY_STARTS) else {"Authorization": f"Bearer {text}"}


@final
class _VertexAdapter:
    """One project's models, of whichever house. An answer tells by its words whose it is."""

    prepare: Prepare | None

    def __init__(self, provider: Provider, outside: Outside) -> None:
        """Raises ValueError for settings that make no address, and for letters that a head cannot hold."""
        line = _Line(provider, outside)
        plain = replace(provider, credential=None)
        self.prepare = line.prepare
        self._line = line
        self._drop = provider.capabilities.drop
        self._google = GeminiAdapter(line.head, outside, None, vertex=True)
        self._houses: dict[House, Adapter] = {
            "google": self._google,
            "anthropic": AnthropicAdapter(plain, outside),
            "open": OpenAIAdapter(plain, outside.wall),
        }

    def outgoing(self, request: ChatRequest, endpoint: Endpoint) -> Outgoing:
        """The request in the words of the model's house. Raises BadRequest or UpstreamError as its adapter does."""
        house = house_of(endpoint.upstream_model)
        if house == "google":
            return self._google.outgoing(request, endpoint)
        if house == "open":
            open_model = self._houses[house].outgoing(request, endpoint)
            return Outgoing(self._line.head(request, endpoint), open_model.body, open_model.dropped)
        letter = write_letter(request, endpoint, self._drop)
        return Outgoing(self._line.head(request, endpoint, letter.betas), as_vertex_claude(letter.body), letter.dropped)

    def completion(self, body: bytes) -> Completion:
        """A whole answer in our words. Raises UpstreamError: the body is no answer, or carries an error."""
        return self._houses[house_that_spoke(body)].completion(body)

    def decoder(self) -> ChunkDecoder:
        """A fresh decoder for one stream."""
        return HouseDecoder(lambda house: self._houses[house].decoder())

    def failure(self, status: int, retry_after: str | None, body: bytes) -> UpstreamError:
        """What a status other than 200 means."""
        return self._houses[house_that_spoke(body)].failure(status, retry_after, body)


def _embedder(provider: Provider, outside: Outside) -> Embedder:
    line = _Line(provider, outside)
    return GoogleEmbedder(line.embedding_head, outside.wall, prepare=line.prepare_embedding, vertex=True)


def _model(upstream_model: str, *, stream: bool) -> str:
    """The model below its publisher; one's own tuned model is an endpoint, and names it."""
    if upstream_model.startswith(("publishers/google/", "endpoints/")):
        return model_path(upstream_model, stream=stream)
    house = house_of(upstream_model)
    if house != "google":
        return house_path(upstream_model, house, stream=stream)
    name = upstream_model.removeprefix("google/").removeprefix("models/")
    return model_path(f"publishers/google/models/{name}", stream=stream)


def _must_be_inline(part: Part) -> bool:
    """Public addresses are read by Google, if the address tells what the file is."""
    address = address_of(part)
    if address is None or is_taken_by_url(address):
        return False
    return isinstance(part, (Image, File)) and "." not in urlsplit(address).path.rpartition("/")[2]


def _usable(provider: Provider) -> bool:
    return bool(provider.base_url) and (provider.credential is not None or bool(provider.credentials_file))


def _address(provider: Provider) -> str:
    """The host of the provider's location; its own where none is stated."""
    location = provider.location or provider.region or _EVERYWHERE
    if location == _EVERYWHERE:
        return "https://aiplatform.googleapis.com"
    if location in _CONTINENTS:
        return f"https://aiplatform.{location}.rep.googleapis.com"
    return f"https://{location}-aiplatform.googleapis.com" if _LOCATION.fullmatch(location) else ""


DIALECT: Final = Dialect(
    name="vertex",
    skills=frozenset({"search", "files"}),
    adapter=_VertexAdapter,
    embedder=_embedder,
    errands=lambda provider, outside: {"image": ChatImages(_VertexAdapter(provider, outside))},
    providers=(
        KnownProvider(
            slug="vertex",
            name="Google Vertex",
            base_url="",
            credential=("VERTEX_CREDENTIALS", "VERTEX_API_KEY"),
            aliases=("google-vertex",),
            headquarters="US",
            privacy_policy_url="https://cloud.google.com/terms/cloud-privacy-notice",
            terms_of_service_url="https://cloud.google.com/terms",
            status_page_url="https://status.cloud.google.com",
        ),
    ),
    recalls=True,
    usable=_usable,
    address=_address,
)
