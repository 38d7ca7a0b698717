"""A provider's language: one request out, an answer, a stream or a failure in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple, Protocol

from msgspec import Struct

from turnout.base.errors import UpstreamError
from turnout.domain.catalog import Endpoint
from turnout.domain.chat import ChatRequest
from turnout.domain.completion import Chunk, Completion
from turnout.domain.embedding import EmbeddingRequest
from turnout.domain.provider import Provider, Skill

__all__ = [
    "Adapter",
    "Batch",
    "ChunkDecoder",
    "Dialect",
    "Embedder",
    "Fetched",
    "KnownProvider",
    "Listing",
    "Outgoing",
    "Outside",
    "Prepare",
    "PrepareEmbedding",
    "VerbatimDecoder",
]

Prepare = Callable[[ChatRequest, Endpoint], Awaitable[ChatRequest]]
PrepareEmbedding = Callable[[EmbeddingRequest, Endpoint], Awaitable[EmbeddingRequest]]


class Outgoing(Struct, frozen=True):
    """One upstream request: the head up to and including ``Content-Length: ``, and the body.

    ``dropped`` names the parameters that the client sent and this provider does not get. ``verbatim``: it says what the
    client wrote, in the same language, and so the client reads the answer as it comes; the adapter's decoders are
    :class:`VerbatimDecoder` then.
    """

    head: bytes
    body: bytes
    dropped: tuple[str, ...] = ()
    verbatim: bool = False


class ChunkDecoder(Protocol):
    """Turns the bytes of one upstream stream into chunks. One instance per stream."""

    ended: bool
    """The provider has said that the stream is over."""

    def feed(self, piece: bytes) -> list[Chunk]:
        """The chunks that *piece* completes; bytes of unfinished events are kept.

        Raises:
            UpstreamError: the stream carries an error, or is not what it should be.
        """

    def flush(self) -> list[Chunk]:
        """What the end of the stream completes: the last event may lack its blank line."""


class VerbatimDecoder(ChunkDecoder, Protocol):
    """A decoder whose chunks can carry what the provider sent."""

    verbatim: bool
    """They shall: set before the first piece."""


class Adapter(Protocol):
    """One configured provider spoken to in its dialect. All methods but ``prepare`` are pure, but for their decoder's
    state.
    """

    prepare: Prepare | None
    """What must be waited for before :meth:`outgoing`: a fresh access token, a foreign file to put inline. It returns
    the request as :meth:`outgoing` shall have it, and raises BadRequest or UpstreamError. None: nothing, ever."""

    def outgoing(self, request: ChatRequest, endpoint: Endpoint) -> Outgoing:
        """The provider's own form of *request*. Client headers are never forwarded."""

    def completion(self, body: bytes) -> Completion:
        """A whole answer from the body of a 200.

        Raises:
            UpstreamError: the body is broken, or carries an error.
        """

    def decoder(self) -> ChunkDecoder:
        """A fresh decoder for one stream."""

    def failure(self, status: int, retry_after: str | None, body: bytes) -> UpstreamError:
        """What a status other than 200 means."""


class Batch(NamedTuple):
    """What one call takes: so many inputs, and so many tokens in them, None for any number."""

    inputs: int
    tokens: int | None = None


class Embedder(Protocol):
    """One configured provider asked for vectors in its dialect. All methods but ``prepare`` are pure."""

    prepare: PrepareEmbedding | None
    """As an adapter's."""

    def batch(self, endpoint: Endpoint, request: EmbeddingRequest) -> Batch:
        """The most that one call of *endpoint* may hold."""

    def outgoing(self, request: EmbeddingRequest, part: slice, endpoint: Endpoint) -> Outgoing:
        """The provider's own form of the inputs in *part*.

        Raises:
            UpstreamError: it has no words for something that changes what the vectors mean.
            BadRequest: an input is not what it says it is.
        """

    def vectors(self, body: bytes, headers: Mapping[bytes, bytes]) -> Completion:
        """A completion with one choice per input, in their order, each with a message whose ``embedding`` is a list of
        numbers, or float32 in base64.

        Raises:
            UpstreamError: the body of the 200 is no such answer.
        """

    def failure(self, status: int, retry_after: str | None, body: bytes) -> UpstreamError:
        """What a status other than 200 means."""


class Fetched(Struct, frozen=True):
    """A foreign file: its media type without parameters, lower-case, its bytes, and where redirects led to."""

    media_type: str
    data: bytes
    url: str = ""


async def _get_nothing(_url: str, _headers: Mapping[str, str]) -> tuple[int, bytes]:
    raise UpstreamError("Nothing can be read from here")


async def _order_nothing(_url: str, _headers: Mapping[str, str], _body: bytes) -> tuple[int, bytes]:
    raise UpstreamError("Nothing can be ordered from here")


class Outside(Struct, frozen=True):
    """What an adapter may reach besides its arguments.

    Attributes:
        wall: unix seconds.
        fetch: the guarded read of a foreign URL (http, https); raises BadRequest with a message for the client.
        post: a form or JSON body to an address that the operator or a table of ours names, never a client:
            ``await post(url, headers, body)`` gives status and body; raises UpstreamError.
        get: the same without a body, ``await get(url, headers)``. Neither follows redirects.
        order: as ``post``, for services that need minutes for a large answer.
    """

    wall: Callable[[], float]
    fetch: Callable[[str], Awaitable[Fetched]]
    post: Callable[[str, Mapping[str, str], bytes], Awaitable[tuple[int, bytes]]]
    get: Callable[[str, Mapping[str, str]], Awaitable[tuple[int, bytes]]] = _get_nothing
    order: Callable[[str, Mapping[str, str], bytes], Awaitable[tuple[int, bytes]]] = _order_nothing


class KnownProvider(Struct, frozen=True, kw_only=True):
    """A provider that needs nothing but its credential. ``credential`` are names of variables, the first set one wins.

    ``aliases`` are the names under which catalogs list it.
    """

    slug: str
    name: str
    base_url: str
    credential: tuple[str, ...] = ()
    models_path: str = ""
    aliases: tuple[str, ...] = ()
    headquarters: str | None = None
    privacy_policy_url: str | None = None
    terms_of_service_url: str | None = None
    status_page_url: str | None = None


class Listing(Struct, frozen=True, kw_only=True):
    """How a dialect's providers list their models.

    Attributes:
        version: what stands before the path, unless the provider's address has a version of its own.
        path: below that, with its query; None: what the provider itself says.
        credential: the header that carries the credential, and what stands before it there.
        version_header: a header that the API's version goes into, and the version unless the operator states one.
    """

    version: str = ""
    path: str | None = None
    credential: tuple[str, str] = ("Authorization", "Bearer ")
    version_header: tuple[str, str] | None = None


class Dialect(Struct, frozen=True, kw_only=True):
    """A wire dialect, found by standing in ``providers/dialects`` as the module's ``DIALECT``.

    Attributes:
        name: what ``dialect`` says in the configuration.
        adapter: makes the adapter of one provider; raises ValueError for settings that make none.
        providers: those that are known to speak it.
        usable: whether a provider can be called with what is configured; None: when it has a credential.
        address: the base URL of a provider that states none, such as one made of its region; "" where it cannot be.
        errands: makes what does the other things that the provider can, an adapter for each kind of
            :mod:`turnout.domain.errand`.
        embedder: makes what asks one provider for vectors, as ``adapter``; None: it has none. The result of the call
            may be None too.
        recalls: its models want their reasoning back with the tool calls that it led to; where a client drops it, the
            gateway puts it back as ``reasoning_details``.
        listing: how models are listed; None: by nothing that a plain credential opens.
        headers: of answers, in lower case, that it reads beside the usual ones.
        skills: what it has words for beyond a chat; plugins do the rest.
    """

    name: str
    adapter: Callable[[Provider, Outside], Adapter]
    providers: tuple[KnownProvider, ...] = ()
    usable: Callable[[Provider], bool] | None = None
    address: Callable[[Provider], str] | None = None
    embedder: Callable[[Provider, Outside], Embedder | None] | None = None
    errands: Callable[[Provider, Outside], Mapping[str, Adapter]] | None = None
    recalls: bool = False
    listing: Listing | None = None
    headers: frozenset[bytes] = frozenset()
    skills: frozenset[Skill] = frozenset()
