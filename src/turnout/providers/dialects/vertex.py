"""Gemini models on Google's cloud: the same language below a project, with access tokens."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, final
from urllib.parse import urlsplit

from turnout.contracts.provider import Adapter, Dialect, KnownProvider, Outside
from turnout.domain.catalog import Endpoint
from turnout.domain.chat import ChatRequest
from turnout.domain.provider import Provider
from turnout.providers.conversation import File, Image, Part
from turnout.providers.gemini import GeminiAdapter, head_of, model_path
from turnout.providers.gemini_media import address_of, is_taken_by_url
from turnout.providers.google_tokens import TokenKeeper
from turnout.providers.media import inline

__all__ = ["DIALECT"]

_VERSION = "v1"
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
        self.keeper = _keeper(provider, outside)
        self._heads: dict[tuple[str, bool, str | None], bytes] = {}
        self._shown = ""  # the token in those heads
        self._outside = outside
        head_of(provider, "/", self._credential())  # what cannot be sent is found before anything is

    async def prepare(self, request: ChatRequest, endpoint: Endpoint) -> ChatRequest:  # noqa: ARG002 - of one shape
        """A token that lasts, and inline what cannot be named by its address."""
        if self.keeper is not None:
            await self.keeper.fresh()
        return await inline(request, _must_be_inline, self._outside.fetch)

    def head(self, request: ChatRequest, endpoint: Endpoint) -> bytes:
        """The head for one model, made once for each token."""
        token = self.keeper.token if self.keeper is not None else ""
        if token != self._shown:
            self._heads.clear()
            self._shown = token
        tier = request.parameters.service_tier
        tier = tier if tier in _SHARED_TIERS else None
        key = (endpoint.upstream_model, request.stream, tier)
        found = self._heads.get(key)
        if found is None:
            path = f"{self._base()}/{_model(endpoint.upstream_model, stream=request.stream)}"
            shown = self._credential() | ({"X-Vertex-AI-LLM-Shared-Request-Type": tier} if tier else {})
            found = self._heads[key] = head_of(self._provider, path, shown)
        return found

    def _base(self) -> str:
        path = urlsplit(self._provider.base_url).path.rstrip("/")
        if not path.rpartition("/")[2].startswith("v1"):
            path = f"{path}/{self._provider.api_version or _VERSION}"
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


def _keeper(provider: Provider, outside: Outside) -> TokenKeeper | None:
    credential = provider.credential.reveal().strip() if provider.credential is not None else ""
    if credential.startswith("{"):
        return TokenKeeper(credential, outside)
    if provider.credentials_file and not credential:
        return TokenKeeper(Path(provider.credentials_file).expanduser(), outside)
    return None


def _model(upstream_model: str, *, stream: bool) -> str:
    """The model below its publisher; one's own tuned model is an endpoint, and names it."""
    if upstream_model.startswith(("publishers/", "endpoints/")):
        return model_path(upstream_model, stream=stream)
    name = upstream_model.removeprefix("google/").removeprefix("models/")
    return model_path(f"publishers/google/models/{name}", stream=stream)


def _must_be_inline(part: Part) -> bool:
    """Public addresses are read by Google, if the address tells what the file is."""
    address = address_of(part)
    if address is None or is_taken_by_url(address):
        return False
    return isinstance(part, (Image, File)) and "." not in urlsplit(address).path.rpartition("/")[2]


def _adapter(provider: Provider, outside: Outside) -> Adapter:
    line = _Line(provider, outside)
    return GeminiAdapter(line.head, outside.wall, prepare=line.prepare, vertex=True)


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
    adapter=_adapter,
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
