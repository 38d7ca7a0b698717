"""Embeddings as OpenAI has them, and most providers with small habits of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Final, final

from msgspec import Raw, Struct

from turnout.base.errors import UpstreamError
from turnout.base.jsons import BadJSON, encode, reader
from turnout.contracts.provider import Batch, Outgoing, PrepareEmbedding
from turnout.domain.catalog import Endpoint
from turnout.domain.completion import NULL, Completion
from turnout.domain.embedding import EmbeddingRequest
from turnout.domain.provider import Provider
from turnout.domain.usage import Usage
from turnout.providers.embeddings.habits import Habit, habit_of
from turnout.providers.embeddings.words import completion_of, has_media, purpose_of
from turnout.providers.failures import failure_from_status, nonsense, refuse_error, retry_after_seconds
from turnout.providers.heads import request_head
from turnout.providers.usage import first_count

__all__ = ["OpenAIEmbedder", "openai_embedder"]

HeadOf = Callable[[str], bytes]
Failure = Callable[[int, bytes, int | None], UpstreamError]

_GATEWAY_FIELDS: Final = frozenset({
    "dimensions", "encoding_format", "input", "input_type", "messages", "metadata", "model", "models", "plugins",
    "preset", "provider", "route", "session_id", "stream", "trace", "transforms", "usage", "user",
})  # fmt: skip
"""Read by the gateway, or sent on in another form."""


class _Vector(Struct):
    embedding: Raw
    index: int | None = None


class _Counts(Struct):
    prompt_tokens: object = None
    total_tokens: object = None
    input_tokens: object = None


class _Answer(Struct):
    data: list[_Vector] | None = None
    usage: Raw = NULL
    error: Raw = NULL
    id: str | None = None


_read_answer = reader(_Answer)
_read_counts = reader(_Counts)


@final
class OpenAIEmbedder:
    """One provider of OpenAI's embeddings. *head* makes the head for a model, up to ``Content-Length``'s value."""

    def __init__(
        self,
        head: HeadOf,
        wall: Callable[[], float],
        habit: Habit,
        *,
        prepare: PrepareEmbedding | None = None,
        failure: Failure = failure_from_status,
    ) -> None:
        self.prepare = prepare
        self._head = head
        self._wall = wall
        self._habit = habit
        self._failure = failure

    def batch(self, endpoint: Endpoint, request: EmbeddingRequest) -> Batch:  # noqa: ARG002 - of one shape
        """As the provider documents it."""
        return self._habit.batch

    def outgoing(self, request: EmbeddingRequest, part: slice, endpoint: Endpoint) -> Outgoing:
        """The body with the provider's names for things; whatever is not ours goes on byte for byte."""
        habit = self._habit
        fields = {name: value for name, value in request.fields.items() if name not in _GATEWAY_FIELDS}
        dropped: list[str] = []
        fields["model"] = Raw(encode(endpoint.upstream_model))
        fields["input"] = _inputs(request, part)
        if request.dimensions is not None:
            fields[habit.dimensions] = Raw(b"%d" % request.dimensions)
        if request.base64 and habit.base64:
            fields["encoding_format"] = Raw(b'"base64"')
        elif habit.names_floats and "encoding_format" in request.fields:
            fields["encoding_format"] = Raw(b'"float"')
        if (purpose := purpose_of(request)) is not None or habit.default_purpose is not None:
            word = habit.word_for(purpose, request.input_type)
            if word is not None:
                fields["input_type"] = Raw(encode(word))
            else:
                dropped.append("input_type")
        if "user" in request.fields:
            if habit.user:
                fields["user"] = request.fields["user"]
            else:
                dropped.append("user")
        return Outgoing(self._head(endpoint.upstream_model), encode(fields), tuple(dropped))

    def vectors(self, body: bytes, headers: Mapping[bytes, bytes]) -> Completion:  # noqa: ARG002 - of one shape
        """The vectors in the order of their indexes. Raises UpstreamError: the body is no answer, or has an error."""
        try:
            answer = _read_answer(body)
        except BadJSON:
            raise nonsense() from None
        refuse_error(answer.error)
        found = answer.data
        if not found:
            raise nonsense()
        if all(one.index is not None for one in found):
            found.sort(key=attrgetter("index"))
            if found[0].index != 0 or found[-1].index != len(found) - 1:
                raise nonsense()
        return completion_of([one.embedding for one in found], _usage(answer.usage), answer.id or None)

    def failure(self, status: int, retry_after: str | None, body: bytes) -> UpstreamError:
        """What a status other than 200 means."""
        return self._failure(status, body, retry_after_seconds(retry_after, self._wall()))


def openai_embedder(provider: Provider, wall: Callable[[], float], habit: str | None = None) -> OpenAIEmbedder:
    """The embedder of a provider whose embeddings stand below its base URL; *habit* as :func:`habit_of` has it."""
    head = request_head(provider, "/embeddings")
    return OpenAIEmbedder(lambda _model: head, wall, habit_of(provider, habit))


def _inputs(request: EmbeddingRequest, part: slice) -> Raw:
    """The inputs in *part*; all of them as they came."""
    if part.start == 0 and part.stop >= len(request.inputs):
        return request.fields["input"]
    if not has_media(request):
        return Raw(encode(request.inputs[part]))
    return Raw(encode(_read_list(request.fields["input"])[part]))


_read_list = reader(list[Raw])


def _usage(raw: Raw) -> Usage | None:
    """What went in; None where nothing usable is said."""
    try:
        counts = _read_counts(raw)
    except BadJSON:
        return None
    read = first_count(counts.prompt_tokens, counts.total_tokens, counts.input_tokens)
    return None if read is None else Usage(fresh=read)
