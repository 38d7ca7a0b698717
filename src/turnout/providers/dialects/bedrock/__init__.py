"""The dialect of Amazon Bedrock: Converse, with signed requests or an API key."""

from __future__ import annotations

import re
from typing import Final, final
from urllib.parse import quote, urlsplit

import msgspec

from turnout.contracts.provider import Dialect, Embedder, KnownProvider, Outgoing, Outside
from turnout.domain.catalog import Endpoint
from turnout.domain.chat import ChatRequest
from turnout.domain.provider import Provider
from turnout.providers.adapter import DialectAdapter, every_part
from turnout.providers.dialects.bedrock.answer import read_answer
from turnout.providers.dialects.bedrock.failures import failure_of
from turnout.providers.dialects.bedrock.request import write_letter
from turnout.providers.dialects.bedrock.stream import AnswerDecoder
from turnout.providers.embeddings.bedrock import COUNT_HEADER, BedrockEmbedder
from turnout.providers.embeddings.words import inlining
from turnout.providers.heads import request_head
from turnout.providers.sigv4 import Signer

__all__ = ["DIALECT", "BedrockAdapter"]

_SERVICE: Final = "bedrock"
_LENGTH: Final = b"Content-Length: "
_REGION: Final = re.compile(r"[a-z]{2,4}(?:-[a-z]{2,12}){1,3}-\d{1,2}")
_HOST: Final = re.compile(r"bedrock-runtime(?:-fips)?\.([a-z0-9-]+)\.")
_MOST_HEADS: Final = 10_000


@final
class BedrockAdapter(DialectAdapter):
    """One account in one region."""

    def __init__(self, provider: Provider, outside: Outside) -> None:
        """Prepare what signs. Raises ValueError for a region that is none, or header text with control characters."""
        super().__init__(outside, read_answer, AnswerDecoder, every_part, failure_of)
        self._provider = provider
        self._drop = provider.capabilities.drop
        self._signer = _signer(provider)
        self._base = urlsplit(provider.base_url).path.rstrip("/")
        self._host = dict(provider.headers).get("Host") or urlsplit(provider.base_url).netloc.rpartition("@")[2]
        self._heads: dict[tuple[str, str], tuple[str, bytes]] = {}
        self._head_of("model", "converse")  # what cannot be sent is found before anything is

    def outgoing(self, request: ChatRequest, endpoint: Endpoint) -> Outgoing:
        """The provider's own form of *request*, signed as of now. Raises BadRequest or UpstreamError."""
        body, dropped = write_letter(request, endpoint, self._drop)
        call = "converse-stream" if request.stream else "converse"
        return Outgoing(self._signed(endpoint.upstream_model, call, body), body, dropped)

    def embedder(self) -> Embedder:
        """What asks the same account for vectors."""

        def head(model: str, body: bytes) -> bytes:
            return self._signed(model, "invoke", body)

        return BedrockEmbedder(head, self.failure, inlining(every_part, self._outside.fetch))

    def _signed(self, model: str, call: str, body: bytes) -> bytes:
        """The head for a call of a model with *body*, signed as of now."""
        target, head = self._head_of(model, call)
        if self._signer is None:
            return head
        added = self._signer.headers("POST", target, {"Host": self._host}, body, self._outside.wall())
        lines = "".join([f"{name}: {value}\r\n" for name, value in added.items()])
        return head.removesuffix(_LENGTH) + lines.encode("latin-1") + _LENGTH

    def _head_of(self, model: str, call: str) -> tuple[str, bytes]:
        """Where a model is called, and the head for it without a signature."""
        known = self._heads.get((model, call))
        if known is None:
            path = f"/model/{quote(model, safe='')}/{call}"
            plain = msgspec.structs.replace(self._provider, base_url=self._provider.base_url.rstrip("/"))
            if self._signer is not None:
                plain = msgspec.structs.replace(plain, credential=None)
            if len(self._heads) >= _MOST_HEADS:
                self._heads.clear()
            known = self._heads[model, call] = (self._base + path, request_head(plain, path))
        return known


def _signer(provider: Provider) -> Signer | None:
    """Who signs; nobody where there is an API key, which wins."""
    key, secret = provider.access_key_id, provider.secret_access_key
    if provider.credential is not None or key is None or secret is None:
        return None
    region = _region(provider)
    token = provider.session_token
    shown = key.reveal() + (token.reveal() if token is not None else "")
    if not region or not (shown.isascii() and shown.isprintable()):
        raise ValueError(f"provider {provider.slug}: its region is none, or its keys hold what no head can")
    return Signer(key.reveal(), secret, region, _SERVICE, token)


def _region(provider: Provider) -> str:
    """The region as stated, else as the host names it; empty where there is none."""
    stated = provider.region or provider.location
    if stated is None and (named := _HOST.match(urlsplit(provider.base_url).netloc)):
        stated = named[1]
    return stated if stated is not None and _REGION.fullmatch(stated) else ""


def _usable(provider: Provider) -> bool:
    signs = provider.access_key_id is not None and provider.secret_access_key is not None and bool(_region(provider))
    return bool(provider.base_url) and (provider.credential is not None or signs)


def _address(provider: Provider) -> str:
    region = _region(provider)
    if not region:
        return ""
    return f"https://bedrock-runtime.{region}.amazonaws.com" + (".cn" if region.startswith("cn-") else "")


DIALECT: Final = Dialect(
    name="bedrock",
    skills=frozenset({"files", "archives"}),
    headers=frozenset({COUNT_HEADER}),
    recalls=True,
    adapter=BedrockAdapter,
    embedder=lambda provider, outside: BedrockAdapter(provider, outside).embedder(),
    providers=(
        KnownProvider(
            slug="bedrock",
            name="Amazon Bedrock",
            base_url="",
            aliases=("amazon-bedrock", "aws-bedrock"),
            headquarters="US",
            privacy_policy_url="https://aws.amazon.com/privacy/",
            terms_of_service_url="https://aws.amazon.com/service-terms/",
            status_page_url="https://health.aws.amazon.com/health/status",
        ),
    ),
    usable=_usable,
    address=_address,
)
