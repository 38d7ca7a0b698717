"""What the adapters of all errands have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from msgspec import Raw, Struct

from turnout.base.errors import UpstreamError
from turnout.base.jsons import BadJSON, encode, reader
from turnout.contracts.provider import ChunkDecoder, Outgoing, Prepare
from turnout.domain.catalog import Endpoint
from turnout.domain.completion import NULL
from turnout.domain.errand import ErrandRequest
from turnout.domain.usage import Units, Usage
from turnout.providers.failures import failure_from_status, nonsense, retry_after_seconds
from turnout.providers.usage import first_count

__all__ = [
    "Errand",
    "Failure",
    "HeadOf",
    "Site",
    "as_form",
    "milliseconds",
    "read_or_refuse",
    "read_usage",
]

HeadOf = Callable[[str, str], bytes]
"""The head of a POST for a model to a path, up to the value of ``Content-Length``."""
Failure = Callable[[int, bytes, int | None], UpstreamError]

_GATEWAY_FIELDS: Final = frozenset({
    "messages", "metadata", "model", "models", "plugins", "preset", "provider", "route", "session_id", "stream",
    "trace", "transforms", "usage",
})  # fmt: skip
"""Read by the gateway, or sent on in another form."""
_LONGEST_MS: Final = 10**9


class Site(Struct, frozen=True):
    """One provider as its errands see it. ``habit`` is the name of its habits, as embeddings know them."""

    head: HeadOf
    wall: Callable[[], float]
    habit: str = "openai"
    prepare: Prepare | None = None
    failure: Failure = failure_from_status


class Errand:
    """An adapter for requests of one kind, answered in one piece unless a subclass says otherwise."""

    path: str

    def __init__(self, site: Site) -> None:
        self.site = site
        self.prepare = site.prepare

    def decoder(self) -> ChunkDecoder:
        """There are no streams of it."""
        raise UpstreamError("The provider has no streams of this kind")

    def failure(self, status: int, retry_after: str | None, body: bytes) -> UpstreamError:
        """What a status other than 200 means."""
        return self.site.failure(status, body, retry_after_seconds(retry_after, self.site.wall()))

    def letter(
        self,
        request: ErrandRequest,
        endpoint: Endpoint,
        fields: dict[str, Any],
        *,
        retold: frozenset[str] = frozenset(),
        without: frozenset[str] = frozenset(),
    ) -> Outgoing:
        """A JSON body of *fields*, and of what the client said beside: it goes on byte for byte. But what is *retold*
        in other words stays here, and so does what stands in *without*: that is told to the client.
        """
        others = request.fields.keys() - _GATEWAY_FIELDS - fields.keys() - retold
        body = {name: value for name, value in request.fields.items() if name in others and name not in without}
        body |= {"model": endpoint.upstream_model} | fields
        head = self.site.head(endpoint.upstream_model, self.path)
        return Outgoing(head, encode(body), tuple(sorted(others & without)))


class _Details(Struct):
    text_tokens: object = None
    image_tokens: object = None
    audio_tokens: object = None


class _Counts(Struct):
    """Token counts under all the names that are met."""

    prompt_tokens: object = None
    input_tokens: object = None
    total_tokens: object = None
    completion_tokens: object = None
    output_tokens: object = None
    input_token_details: _Details | None = None
    prompt_tokens_details: _Details | None = None
    seconds: object = None
    prompt_audio_seconds: object = None
    search_units: object = None


_read_counts = reader(_Counts)


def read_usage(raw: Raw, *, makes: str = "completion") -> Usage | None:
    """The counts in *raw*; what came out is counted as *makes*. None where nothing usable is said."""
    if raw is NULL or bytes(raw) == b"null":
        return None
    try:
        counts = _read_counts(raw)
    except BadJSON:
        return None
    written = first_count(counts.completion_tokens, counts.output_tokens) or 0
    total = first_count(counts.total_tokens)
    read = first_count(counts.prompt_tokens, counts.input_tokens)
    if read is None and total is not None:
        read = max(0, total - written)
    details = counts.input_token_details or counts.prompt_tokens_details
    heard = 0 if details is None else first_count(details.audio_tokens) or 0
    sound = milliseconds(counts.seconds) or milliseconds(counts.prompt_audio_seconds)
    searches = first_count(counts.search_units)
    units = Units(searches=searches or 0, sound_ms=sound or 0)
    known = sound is not None or searches is not None
    if read is None and not written and not known:
        return None
    heard = min(heard, read or 0)
    usage: dict[str, Any] = {"fresh": (read or 0) - heard, "audio_prompt": heard, makes: written}
    return Usage(**usage, units=units if known else None)


def milliseconds(seconds: object) -> int | None:
    """*seconds* as whole milliseconds, rounded up; None where they are no duration."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= _LONGEST_MS / 1000:
        return None
    return -int(-seconds * 1000 // 1) if isinstance(seconds, int) else -int(-round(seconds * 1000, 6) // 1)


def read_or_refuse(read: Callable[[bytes], Any], body: bytes) -> Any:  # noqa: ANN401 - whatever is read
    """What *read* finds in *body*. Raises UpstreamError: it makes no sense."""
    try:
        return read(body)
    except BadJSON:
        raise nonsense() from None


def as_form(head: bytes, media_type: bytes) -> bytes:
    """*head*, which announces JSON, for a body of *media_type*."""
    return head.replace(b"Content-Type: application/json", b"Content-Type: " + media_type, 1)
