"""``POST /chat/completions``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import final

from msgspec import Raw

from turnout.api.decode import chat_request_in, read_fields
from turnout.api.errors import OneShape, chunk_error
from turnout.api.figures import usage_json
from turnout.base.errors import TurnoutError, UpstreamError
from turnout.base.jsons import encode, json_text
from turnout.domain.chat import ChatRequest
from turnout.domain.completion import NULL, Choice, Chunk, ChunkChoice, Completion
from turnout.domain.usage import Cost, Usage

__all__ = ["ChatSurface", "hides_reasoning"]

_NULL = b"null"
_DONE = b"data: [DONE]\n\n"
_WHOLE = (
    b'{"id":"%b","provider":%b,"model":%b,"object":"chat.completion","created":%d,"choices":[%b],'
    b'"system_fingerprint":%b%b,"usage":%b}'
)
_CHUNK_HEAD = b'data: {"id":"%b","object":"chat.completion.chunk","created":%d,"model":%b,"provider":%b,%b"choices":['


@final
class ChatSurface(OneShape):
    """The chat-completions family of OpenAI as OpenRouter extends it."""

    name = "chat"

    def decode(self, body: bytes) -> ChatRequest:
        """The request in *body*. A legacy ``prompt`` counts as one user message. Raises BadRequest."""
        return chat_request_in(body)

    def encoder(self, generation_id: str, created: int, request: ChatRequest) -> ChatEncoder:
        """A fresh encoder for one answer."""
        return ChatEncoder(generation_id, created, request)


@final
class ChatEncoder:
    """One answer in OpenRouter's chat shape, compulsory nulls included."""

    def __init__(self, generation_id: str, created: int, request: ChatRequest) -> None:
        self._id = generation_id
        self._created = created
        self._hide_reasoning = hides_reasoning(request)
        self._roles_given: tuple[int, ...] = ()
        self._head = b""
        self._model = request.parameters.model
        self._provider = ""

    def served_by(self, model: str, provider_name: str) -> None:
        """Note what every chunk repeats."""
        self._model, self._provider = model, provider_name
        self._head = b""

    def whole(self, completion: Completion, usage: Usage, price: Cost) -> bytes:
        """The body of an answer in one piece."""
        tier = b',"service_tier":%b' % json_text(completion.service_tier) if completion.service_tier else b""
        return _WHOLE % (
            self._id.encode(),
            json_text(self._provider),
            json_text(self._model),
            self._created,
            b",".join([self._choice(choice) for choice in completion.choices]),
            json_text(completion.system_fingerprint),
            tier,
            usage_json(usage, price),
        )

    def chunks(self, chunks: Sequence[Chunk]) -> bytes:
        """One event per chunk that carries choices or an echo."""
        head = self._head or self._make_head(chunks)
        events: list[bytes] = []
        for chunk in chunks:
            choices = chunk.choices
            if len(choices) == 1:
                events += (head, *self._delta(choices[0]), _CHUNK_END)
            elif choices:
                deltas = [b"".join(self._delta(choice)) for choice in choices]
                events += (head, b",".join(deltas), _CHUNK_END)
            elif chunk.echo is not None:
                events += (head, b'],"debug":{"echo_upstream_body":', chunk.echo, b"}}\n\n")
        return b"".join(events)

    def end(self, usage: Usage, price: Cost) -> bytes:
        """The usage chunk and the end mark."""
        return b'%b],"usage":%b}\n\n%b' % (self._head or self._make_head(()), usage_json(usage, price), _DONE)

    def failed(self, error: TurnoutError) -> bytes:
        """One chunk that carries *error*, and the end mark."""
        return b'%b{"index":0,"delta":{"content":""},"finish_reason":"error"}],"error":%b}\n\n%b' % (
            self._head or self._make_head(()),
            chunk_error(error),
            _DONE,
        )

    def _make_head(self, chunks: Sequence[Chunk]) -> bytes:
        fingerprint = next((chunk.system_fingerprint for chunk in chunks if chunk.system_fingerprint), None)
        tier = next((chunk.service_tier for chunk in chunks if chunk.service_tier), None)
        extras = b"".join(
            (
                b'"system_fingerprint":%b,' % json_text(fingerprint) if fingerprint else b"",
                b'"service_tier":%b,' % json_text(tier) if tier else b"",
            )
        )
        self._head = _CHUNK_HEAD % (
            self._id.encode(),
            self._created,
            json_text(self._model),
            json_text(self._provider),
            extras,
        )
        return self._head

    def _delta(self, choice: ChunkChoice) -> tuple[bytes, ...]:
        delta = bytes(choice.delta)
        if choice.index not in self._roles_given:
            self._roles_given += (choice.index,)
            if b'"role"' not in delta:
                rest = delta.lstrip()[1:].lstrip()
                delta = b'{"role":"assistant"%b%b' % (b"" if rest[:1] == b"}" else b",", rest)
        if self._hide_reasoning and b'"reasoning' in delta:
            delta = _without_reasoning(delta)
        reason = choice.finish_reason
        if reason is None and (choice.logprobs is NULL or bytes(choice.logprobs) == _NULL):
            return (_indexed(choice.index), delta, _UNFINISHED)
        told = (json_text(reason), json_text(choice.native_finish_reason), _logprobs(choice.logprobs))
        return (_indexed(choice.index), delta, _FINISHED % told)

    def _choice(self, choice: Choice) -> bytes:
        message: dict[str, Raw] = choice.message
        if self._hide_reasoning:
            message = {name: value for name, value in message.items() if not name.startswith("reasoning")}
        return b'{"index":%d,"logprobs":%b,"finish_reason":%b,"native_finish_reason":%b,"message":%b%b}' % (
            choice.index,
            _logprobs(choice.logprobs),
            json_text(choice.finish_reason),
            json_text(choice.native_finish_reason),
            encode(_COMPULSORY | message),
            b',"error":%b' % chunk_error(_BROKEN_OFF) if choice.finish_reason == "error" else b"",
        )


_BROKEN_OFF = UpstreamError("The provider ended its answer with an error")
_COMPULSORY: dict[str, Raw | str | None] = {"role": "assistant", "content": None, "refusal": None, "reasoning": None}


_CHUNK_END = b"]}\n\n"
_UNFINISHED = b',"finish_reason":null,"native_finish_reason":null,"logprobs":null}'
_FINISHED = b',"finish_reason":%b,"native_finish_reason":%b,"logprobs":%b}'


@lru_cache(128)
def _indexed(index: int) -> bytes:
    return b'{"index":%d,"delta":' % index


def hides_reasoning(request: ChatRequest) -> bool:
    """Whether the client wants to pay for thoughts, but not to see them."""
    reasoning = request.parameters.reasoning
    return request.parameters.include_reasoning is False or (reasoning is not None and reasoning.exclude is True)


def _without_reasoning(delta: bytes) -> bytes:
    fields = read_fields(delta)
    return encode({name: value for name, value in fields.items() if not name.startswith("reasoning")})


def _logprobs(raw: Raw) -> bytes:
    """Log probabilities as sent, or null where a provider sends an object without any."""
    if raw is NULL or (text := bytes(raw)) == _NULL:
        return _NULL
    return text if b'"content"' in text else _NULL
