"""The OpenAI chat-completions dialect, spoken by OpenAI and, with small habits of their own, by most providers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final
from urllib.parse import urlsplit

import msgspec
from msgspec import Raw, Struct

from turnout.base.errors import UpstreamError
from turnout.base.jsons import BadJSON, encode, reader
from turnout.contracts.provider import ChunkDecoder, Outgoing
from turnout.domain.catalog import Endpoint
from turnout.domain.chat import ChatRequest
from turnout.domain.completion import NULL, Choice, Chunk, ChunkChoice, Completion, normal_finish_reason
from turnout.domain.provider import Provider
from turnout.net.sse import EventSplitter, EventTooLarge
from turnout.providers.failures import failure_from_status, failure_in_stream, retry_after_seconds
from turnout.providers.messages import rewrite_messages
from turnout.providers.reasoning import steer_reasoning
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
_WITH_USAGE = Raw(b'{"include_usage":true}')


class _WireChoice(Struct):
    message: dict[str, Raw] = {}
    index: int = 0
    finish_reason: str | None = None
    native_finish_reason: str | None = None
    logprobs: Raw = NULL


class _WireCompletion(Struct):
    choices: list[_WireChoice] | None = None
    usage: Raw = NULL
    error: Raw = NULL
    id: str | None = None
    service_tier: str | None = None
    system_fingerprint: str | None = None


class _WireGroq(Struct):
    usage: Raw = NULL
    error: Raw = NULL
    id: str | None = None


class _WireEvent(Struct):
    choices: list[ChunkChoice] | None = None
    usage: Raw = NULL
    error: Raw = NULL
    id: str | None = None
    service_tier: str | None = None
    system_fingerprint: str | None = None
    x_groq: _WireGroq | None = None


_read_completion = reader(_WireCompletion)
_read_event: Callable[[bytes], _WireEvent] = msgspec.json.Decoder(_WireEvent).decode
_read_object = reader(dict[str, Raw])


@final
class OpenAIAdapter:
    """One OpenAI-compatible provider. Its habits come as :class:`~turnout.domain.provider.Capabilities`."""

    def __init__(self, provider: Provider, wall: Callable[[], float]) -> None:
        """Prepare the request head. Raises ValueError for header text with control characters."""
        self._capabilities = provider.capabilities
        self._wall = wall
        self._unwanted = _GATEWAY_FIELDS | provider.capabilities.drop
        self._head = request_head(provider, "/chat/completions")
        self._model_names: dict[str, Raw] = {}

    def outgoing(self, request: ChatRequest, endpoint: Endpoint) -> Outgoing:
        """The body with the provider's model name and habits; whatever is not ours goes on byte for byte."""
        capabilities = self._capabilities
        fields = dict(request.fields)
        for name in fields.keys() & self._unwanted:
            del fields[name]
        dropped = tuple(sorted(capabilities.drop & request.fields.keys())) if capabilities.drop else ()
        supported = endpoint.supported_parameters
        if supported is not None:
            for name in (fields.keys() & _TUNING).difference(supported):
                del fields[name]
                dropped += (name,)
        fields["model"] = self._model_name(endpoint.upstream_model)
        fields["messages"] = rewrite_messages(fields["messages"], capabilities)
        if request.stream and capabilities.stream_usage:
            fields["stream_options"] = _WITH_USAGE
        if limit := request.max_tokens:
            fields[capabilities.max_tokens_field] = Raw(b"%d" % limit)
        steer_reasoning(fields, request, capabilities)
        return Outgoing(self._head, encode(fields), dropped)

    def completion(self, body: bytes) -> Completion:
        """A whole answer in our words.

        Raises:
            UpstreamError: the body is no answer, or carries an error.
        """
        try:
            wire = _read_completion(body)
        except BadJSON:
            raise _nonsense() from None
        _refuse_error(wire.error)
        if not wire.choices:
            raise _nonsense()
        return Completion(
            choices=[_choice(choice) for choice in wire.choices],
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
class _Decoder:
    """Events of a chat-completions stream to chunks."""

    __slots__ = ("_splitter", "ended")

    def __init__(self) -> None:
        self._splitter = EventSplitter()
        self.ended = False

    def feed(self, piece: bytes) -> list[Chunk]:
        try:
            events = self._splitter.feed(piece)
        except EventTooLarge as error:
            raise UpstreamError(str(error), may_be_billed=True) from None
        return self._chunks(events)

    def flush(self) -> list[Chunk]:
        return self._chunks(self._splitter.flush())

    def _chunks(self, events: list[bytes]) -> list[Chunk]:
        chunks: list[Chunk] = []
        for event in events:
            if self.ended:
                break
            if event == b"[DONE]":
                self.ended = True
            elif event:
                chunks.append(_chunk(event))
        return chunks


def request_head(provider: Provider, path: str) -> bytes:
    """The head of a POST to *path* below the provider's base URL, up to the value of ``Content-Length``."""
    parts = urlsplit(provider.base_url)
    headers = {"Host": parts.netloc}
    if provider.credential is not None:
        headers["Authorization"] = f"Bearer {provider.credential.reveal()}"
    headers |= {"Content-Type": "application/json", "Accept-Encoding": "identity", "User-Agent": "turnout"}
    headers |= dict(provider.headers)
    lines = [f"POST {parts.path}{path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if not all(line.isprintable() for line in lines):
        raise ValueError(f"provider {provider.slug}: control characters in its address, credential or headers")
    return ("\r\n".join(lines) + "\r\nContent-Length: ").encode("latin-1")


def _chunk(event: bytes) -> Chunk:
    try:
        wire = _read_event(event)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _nonsense() from None
    usage = wire.usage
    if (groq := wire.x_groq) is not None:
        _refuse_error(groq.error)
        usage = usage if usage is not NULL else groq.usage
    if wire.error is not NULL:
        _refuse_error(wire.error)
    choices = wire.choices or []
    for choice in choices:
        _mend_choice(choice)
    return Chunk(
        choices,
        None if usage is NULL else read_usage(usage),
        wire.id,
        wire.service_tier or None,
        wire.system_fingerprint or None,
    )


def _refuse_error(error: Raw) -> None:
    """Raise what an error object inside a 200 stands for."""
    if bytes(error) != _NULL:
        raise failure_in_stream(msgspec.json.decode(error))


def _mend_choice(choice: ChunkChoice) -> None:
    """Our names and types in the places where providers differ; a plain text delta is left as it is."""
    delta = bytes(choice.delta)
    if b'"reasoning' in delta or b'"tool_calls"' in delta or delta == _NULL:
        fields = _read_object(delta) if delta != _NULL else {}
        choice.delta = Raw(encode(_mend_message(fields, streamed=True)))
    if choice.finish_reason is not None:
        choice.native_finish_reason = choice.native_finish_reason or choice.finish_reason or None
        choice.finish_reason = normal_finish_reason(choice.finish_reason or None)


def _choice(wire: _WireChoice) -> Choice:
    message = _mend_message(wire.message, streamed=False)
    native = wire.finish_reason or None
    finish = normal_finish_reason(native) or ("tool_calls" if "tool_calls" in message else "stop")
    return Choice(message, wire.index, finish, wire.native_finish_reason or native, wire.logprobs)


def _mend_message(fields: dict[str, Raw], *, streamed: bool) -> dict[str, Raw]:
    """A message or delta with our names: ``reasoning`` and its details, tool calls as they should be."""
    fields = {name: value for name, value in fields.items() if bytes(value) != _NULL or name in {"content", "refusal"}}
    thought = fields.pop("reasoning_content", None)
    if thought is not None and "reasoning" not in fields:
        fields["reasoning"] = thought
    if "reasoning" in fields and "reasoning_details" not in fields and bytes(fields["reasoning"]) != b'""':
        text = bytes(fields["reasoning"])
        fields["reasoning_details"] = Raw(b'[{"type":"reasoning.text","text":%b,"format":"unknown","index":0}]' % text)
    if "tool_calls" in fields:
        calls = _mend_tool_calls(msgspec.json.decode(fields["tool_calls"]), streamed=streamed)
        if calls:
            fields["tool_calls"] = Raw(encode(calls))
        else:
            del fields["tool_calls"]
    return fields


def _mend_tool_calls(calls: Any, *, streamed: bool) -> list[dict[str, Any]]:  # noqa: ANN401 - JSON enters here
    """Tool calls with an index in streams, a type, and arguments that are a string."""
    mended: list[dict[str, Any]] = []
    for position, call in enumerate(calls if isinstance(calls, list) else []):
        if not isinstance(call, dict):
            continue
        if streamed and not isinstance(call.get("index"), int):
            call["index"] = position
        if not streamed:
            call.setdefault("type", "function")
        function = call.get("function")
        if isinstance(function, dict) and not isinstance(arguments := function.get("arguments", ""), str):
            function["arguments"] = "" if arguments is None else encode(arguments).decode()
        mended.append(call)
    return mended


def _nonsense() -> UpstreamError:
    return UpstreamError("The provider's answer makes no sense", may_be_billed=True)
