"""The OpenAI chat-completions dialect, spoken by OpenAI and, with small habits of their own, by most providers."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

import msgspec
from msgspec import Raw, Struct

from turnout.base.errors import UpstreamError
from turnout.base.jsons import BadJSON, encode, reader
from turnout.contracts.provider import ChunkDecoder, Outgoing, Prepare
from turnout.domain.catalog import Endpoint
from turnout.domain.chat import ChatRequest
from turnout.domain.completion import NULL, Choice, Chunk, ChunkChoice, Completion, normal_finish_reason
from turnout.domain.provider import Provider
from turnout.providers.events import EventDecoder
from turnout.providers.failures import failure_from_status, nonsense, refuse_error, retry_after_seconds
from turnout.providers.heads import request_head
from turnout.providers.mending import ToolCalls, is_plain, mend_delta, mend_message
from turnout.providers.messages import rewrite_messages
from turnout.providers.reading import read_again, refuse_broken_text
from turnout.providers.reasoning import steer_reasoning
from turnout.providers.sources import Sources, put_sources
from turnout.providers.usage import read_usage

__all__ = ["OpenAIAdapter"]

_GATEWAY_FIELDS = frozenset({
    "cache_control", "debug", "image_config", "include_reasoning", "max_completion_tokens", "max_tokens",
    "max_tool_calls", "metadata", "models", "plugins", "preset", "prompt", "provider", "reasoning",
    "reasoning_effort", "route", "session_id", "stop_server_tools_when", "stream_options", "trace", "transforms",
    "usage",
})  # fmt: skip
"""Read by the gateway, or sent on in another form."""

_TUNING = frozenset({
    "frequency_penalty", "logit_bias", "logprobs", "min_p", "parallel_tool_calls", "prediction", "presence_penalty",
    "repetition_penalty", "seed", "stop", "temperature", "top_a", "top_k", "top_logprobs", "top_p", "verbosity",
    "web_search_options",
})  # fmt: skip
"""Parameters that an endpoint without them may do without; a contract such as ``tools`` is never dropped."""

_NULL = b"null"
_LF = ord("\n")
_WITH_USAGE = Raw(b'{"include_usage":true}')


class _WireChoice(Struct, gc=False):
    message: dict[str, Raw] | None = None
    index: int | None = None
    finish_reason: str | None = None
    native_finish_reason: str | None = None
    logprobs: Raw = NULL
    error: Raw = NULL


class _WireCompletion(Struct, gc=False):
    choices: list[_WireChoice] | None = None
    usage: Raw = NULL
    error: Raw = NULL
    id: str | None = None
    service_tier: str | None = None
    system_fingerprint: str | None = None
    search_results: Raw = NULL
    citations: Raw = NULL


class _WireGroq(Struct):
    usage: Raw = NULL
    error: Raw = NULL
    id: str | None = None


class _WireEvent(Struct, gc=False):
    choices: list[ChunkChoice] | None = None
    usage: Raw = NULL
    error: Raw = NULL
    id: str | None = None
    service_tier: str | None = None
    system_fingerprint: str | None = None
    x_groq: _WireGroq | None = None
    search_results: Raw = NULL
    citations: Raw = NULL


class _WireRest(Struct):
    usage: Raw = NULL
    error: Raw = NULL


class _WireRests(Struct):
    choices: list[_WireRest]


_read_completion = reader(_WireCompletion)
_read_rests = reader(_WireRests)
_read_event: Callable[[bytes], _WireEvent] = msgspec.json.Decoder(_WireEvent).decode


@final
class OpenAIAdapter:
    """One OpenAI-compatible provider. Its habits come as :class:`~turnout.domain.provider.Capabilities`."""

    prepare: Prepare | None = None

    def __init__(self, provider: Provider, wall: Callable[[], float]) -> None:
        """Prepare the request head. Raises ValueError for header text with control characters."""
        self._capabilities = provider.capabilities
        self._wall = wall
        self._unwanted = _GATEWAY_FIELDS | provider.capabilities.drop
        self._head = request_head(provider, "/chat/completions")
        self._model_names: dict[str, Raw] = {}

    def outgoing(self, request: ChatRequest, endpoint: Endpoint) -> Outgoing:
        """The body with the provider's model name and habits; whatever is not ours goes on byte for byte."""
        capabilities, unwanted, parameters = self._capabilities, self._unwanted, request.parameters
        fields = request.fields.copy()
        for name in unwanted.intersection(fields):
            del fields[name]
        dropped = tuple(sorted(capabilities.drop & request.fields.keys())) if capabilities.drop else ()
        supported = endpoint.supported_parameters
        if supported is not None:
            for name in sorted(_TUNING.intersection(fields).difference(supported)):
                del fields[name]
                dropped += (name,)
        fields["model"] = self._model_name(endpoint.upstream_model)
        fields["messages"] = rewrite_messages(fields["messages"], request.traits, capabilities)
        if parameters.stream and capabilities.stream_usage:
            fields["stream_options"] = _WITH_USAGE
        if limit := parameters.max_completion_tokens or parameters.max_tokens:
            fields[capabilities.max_tokens_field] = Raw(b"%d" % limit)
        if endpoint.service_tier is not None:
            fields["service_tier"] = Raw(encode(endpoint.service_tier))
        steer_reasoning(fields, request, capabilities)
        return Outgoing(self._head, encode(fields), dropped)

    def completion(self, body: bytes) -> Completion:
        """A whole answer in our words.

        Raises:
            UpstreamError: the body is no answer, or carries an error.
        """
        refuse_broken_text(body)
        try:
            wire = _read_completion(body)
        except BadJSON:
            wire = read_again(_read_completion, body)
        refuse_error(wire.error)
        if not wire.choices:
            raise nonsense()
        choices: list[Choice] = []
        for place, choice in enumerate(wire.choices):
            refuse_error(choice.error)
            choices.append(_choice(choice, place, wire.id))
        if wire.search_results is not NULL or wire.citations is not NULL:
            put_sources(choices, wire.search_results, wire.citations)
        return Completion(
            choices=choices,
            usage=read_usage(wire.usage),
            upstream_id=wire.id or None,
            service_tier=wire.service_tier or None,
            system_fingerprint=wire.system_fingerprint or None,
        )

    def decoder(self) -> ChunkDecoder:
        """A fresh decoder for one stream."""
        return _Decoder()

    def failure(self, status: int, retry_after: str | None, body: bytes) -> UpstreamError:
        """What a status other than 200 means."""
        return failure_from_status(status, body, retry_after_seconds(retry_after, self._wall()))

    def _model_name(self, upstream_model: str) -> Raw:
        name = self._model_names.get(upstream_model)
        if name is None:
            name = self._model_names[upstream_model] = Raw(encode(upstream_model))
        return name


@final
class _Decoder(EventDecoder):
    """Events of a chat-completions stream to chunks."""

    __slots__ = ("_finished", "_sources", "_tools")

    def __init__(self) -> None:
        super().__init__()
        self._tools = ToolCalls()
        self._finished = False
        self._sources: Sources | None = None

    def take(self, event: bytes, chunks: list[Chunk]) -> None:
        if event == b"[DONE]":
            self._end(chunks)
            return
        if not event:
            return
        if _LF in event or not event.isascii():
            refuse_broken_text(event)
            event = event.replace(b"\n", b" ")  # it came in several lines, and leaves in one
        try:
            wire = _read_event(event)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            wire = read_again(_read_event, event)
        usage = wire.usage
        if wire.error is not NULL or wire.x_groq is not None:
            usage = _beside(wire)
        choices = wire.choices or []
        for choice in choices:
            if not is_plain(delta := bytes(choice.delta)):
                choice.delta = mend_delta(delta, self._tools, wire.id)
            if choice.finish_reason is not None:
                self._finish(choice)
                usage = usage if usage is not NULL else _rest_of_choices(event)
        if wire.citations is not NULL or wire.search_results is not NULL or self._sources is not None:
            self._sources = self._sources or Sources()
            self._sources.take(choices, wire.search_results, wire.citations)
        counts = None if usage is NULL or bytes(usage) == _NULL else read_usage(usage)
        chunks.append(Chunk(choices, counts, wire.id, wire.service_tier or None, wire.system_fingerprint or None))

    def _end(self, chunks: list[Chunk]) -> None:
        """The end mark; a stream may have left out why it ends."""
        self.ended = True
        if not self._finished:
            chunks.append(Chunk([ChunkChoice(finish_reason="tool_calls" if self._tools.seen else "stop")]))

    def _finish(self, choice: ChunkChoice) -> None:
        """Our word for the provider's; an empty one says nothing."""
        choice.native_finish_reason = choice.native_finish_reason or choice.finish_reason or None
        choice.finish_reason = normal_finish_reason(choice.finish_reason or None)
        self._finished = self._finished or choice.finish_reason is not None


def _beside(wire: _WireEvent) -> Raw:
    """The usage of *wire*, which Groq keeps in an object of its own. Raises UpstreamError for an error in either."""
    usage = wire.usage
    if (groq := wire.x_groq) is not None:
        refuse_error(groq.error)
        usage = usage if usage is not NULL else groq.usage
    refuse_error(wire.error)
    return usage


def _choice(wire: _WireChoice, place: int, upstream_id: str | None) -> Choice:
    message = mend_message(wire.message or {}, upstream_id)
    native = wire.finish_reason or None
    finish = normal_finish_reason(native) or ("tool_calls" if "tool_calls" in message else "stop")
    index = place if wire.index is None else wire.index
    return Choice(message, index, finish, wire.native_finish_reason or native, wire.logprobs)


def _rest_of_choices(event: bytes) -> Raw:
    """Usage where Moonshot puts it, inside the last chunk's choice. Raises UpstreamError for an error there."""
    if b'"usage"' not in event and b'"error"' not in event:
        return NULL
    try:
        rests = _read_rests(event).choices
    except BadJSON:
        return NULL
    for rest in rests:
        refuse_error(rest.error)
    return next((rest.usage for rest in rests if rest.usage is not NULL), NULL)
