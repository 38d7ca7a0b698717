"""The dialect of Anthropic's Messages API."""

from __future__ import annotations

from typing import Final, final

import msgspec

from turnout.base.errors import UpstreamError
from turnout.contracts.provider import Dialect, KnownProvider, Listing, Outgoing, Outside
from turnout.domain.catalog import Endpoint
from turnout.domain.chat import ChatRequest
from turnout.domain.provider import Provider
from turnout.providers.adapter import DialectAdapter
from turnout.providers.dialects.anthropic.answer import read_answer
from turnout.providers.dialects.anthropic.original import pass_on, with_own_words
from turnout.providers.dialects.anthropic.parts import must_be_inline
from turnout.providers.dialects.anthropic.request import write_letter
from turnout.providers.dialects.anthropic.stream import AnswerDecoder
from turnout.providers.failures import failure_from_status
from turnout.providers.heads import request_head

__all__ = ["DIALECT", "AnthropicAdapter"]

_VERSION: Final = "2023-06-01"
_LENGTH: Final = b"Content-Length: "
_MOST_HEADS: Final = 256
_PAYMENT_REQUIRED: Final = 402
_BAD_REQUEST: Final = 400
_OUR_ACCOUNT: Final = (b"credit balance is too low", b"specified API usage limits", b"specified workspace API usage")
"""What the provider says with a 400, though the client can do nothing about it."""


@final
class AnthropicAdapter(DialectAdapter):
    """One provider of the Messages API."""

    language = "anthropic"

    def __init__(self, provider: Provider, outside: Outside) -> None:
        """Prepare the request head. Raises ValueError for header text with control characters."""
        super().__init__(outside, read_answer, AnswerDecoder, must_be_inline, _failure_of)
        self._drop = provider.capabilities.drop
        self._head = _head(provider)
        self._heads: dict[frozenset[str], bytes] = {frozenset(): self._head}

    def outgoing(self, request: ChatRequest, endpoint: Endpoint) -> Outgoing:
        """The provider's own form of *request*, which is the client's where the client speaks its language."""
        original = request.as_written(self.language)
        if original is not None:
            letter = pass_on(original, request, endpoint, self._drop)
        else:
            letter = write_letter(with_own_words(request, self.language), endpoint, self._drop)
        return Outgoing(self._head_with(letter.betas), letter.body, letter.dropped, verbatim=original is not None)

    def _head_with(self, betas: frozenset[str]) -> bytes:
        head = self._heads.get(betas)
        if head is None:
            line = b"anthropic-beta: %b\r\n" % ",".join(sorted(betas)).encode()
            head = self._head.removesuffix(_LENGTH) + line + _LENGTH
            if len(self._heads) < _MOST_HEADS:  # clients may name what they like
                self._heads[betas] = head
        return head


def _failure_of(status: int, body: bytes, retry_after: int | None) -> UpstreamError:
    """What a status other than 200 means."""
    if status == _BAD_REQUEST and any(words in body for words in _OUR_ACCOUNT):
        status = _PAYMENT_REQUIRED
    return failure_from_status(status, body, retry_after)


def _head(provider: Provider) -> bytes:
    """The head of a request: the key under the provider's own name, and the version of the protocol."""
    headers = [("anthropic-version", provider.api_version or _VERSION)]
    if provider.credential is not None:
        headers.append(("x-api-key", provider.credential.reveal()))
    plain = msgspec.structs.replace(
        provider,
        base_url=provider.base_url.rstrip("/").removesuffix("/v1"),
        credential=None,
        headers=(*headers, *provider.headers),
    )
    return request_head(plain, "/v1/messages")


DIALECT: Final = Dialect(
    name="anthropic",
    skills=frozenset({"search", "allowed_domains", "blocked_domains", "files"}),
    listing=Listing(
        version="/v1",
        path="/models?limit=1000",
        credential=("x-api-key", ""),
        version_header=("anthropic-version", "2023-06-01"),
    ),
    recalls=True,
    adapter=AnthropicAdapter,
    providers=(
        KnownProvider(
            slug="anthropic",
            name="Anthropic",
            base_url="https://api.anthropic.com",
            credential=("ANTHROPIC_API_KEY",),
            headquarters="US",
            privacy_policy_url="https://www.anthropic.com/legal/privacy",
            terms_of_service_url="https://www.anthropic.com/legal/commercial-terms",
            status_page_url="https://status.anthropic.com",
        ),
    ),
)
