"""An answer as JSON of the OpenAI dialect: whole, or as the events of a stream."""

import json
from base64 import b64encode
from collections.abc import Iterator
from itertools import cycle, zip_longest
from struct import pack
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import Struct

from turnout.providers.fake.answers import Answer, Choice, Token

__all__ = ["Envelope", "Event", "embedding_reply", "error_object", "events", "whole"]

_ERROR_KINDS: Final = {
    400: ("invalid_request_error", "bad_request"),
    401: ("authentication_error", "invalid_api_key"),
    402: ("insufficient_quota", "insufficient_quota"),
    403: ("permission_error", "permission_denied"),
    404: ("not_found_error", "model_not_found"),
    429: ("rate_limit_error", "rate_limit_exceeded"),
}


class Envelope(Struct, frozen=True):
    """What all chunks of one reply share."""

    id: str
    created: int
    model: str
    chat: bool = True
    """False for a legacy completion."""
    logprobs: int | None = None
    """Alternatives to show per token; None shows no logprobs."""


class Event(Struct, frozen=True):
    """One event of a stream. Its *kind* is ``role``, ``content`` (text, reasoning, tool call) or ``closing``."""

    payload: bytes
    kind: str = "closing"


def whole(envelope: Envelope, answer: Answer) -> bytes:
    """The reply of a request that does not stream."""
    reply: dict[str, Any] = {
        "id": envelope.id,
        "object": "chat.completion" if envelope.chat else "text_completion",
        "created": envelope.created,
        "model": envelope.model,
        "choices": [_whole_choice(envelope, number, choice) for number, choice in enumerate(answer.choices)],
        "system_fingerprint": "fp_fake",
    }
    if answer.usage is not None:
        reply["usage"] = msgspec.Raw(_loose(answer.usage))
    return msgspec.json.encode(reply)


def events(envelope: Envelope, answer: Answer, *, usage: str, endless: bool = False) -> Iterator[Event]:
    """The events of a stream, without the closing ``[DONE]``.

    *usage* is ``no``, ``yes`` (one last event without choices) or ``twice`` (a second one with smaller numbers).
    An *endless* stream repeats its content and never comes to its finish.
    """
    head = _chunk_head(envelope)
    if envelope.chat:
        for number in range(len(answer.choices)):
            yield _event(head, number, {"role": "assistant", "content": ""}, None)
    for row in _rows(envelope, answer, endless=endless):
        for number, (delta, logprobs) in row:
            yield _event(head, number, delta, logprobs, chat=envelope.chat)
    for number, choice in enumerate(answer.choices):
        if choice.finish is not None:
            yield _finish(head, number, choice.finish, chat=envelope.chat)
    if usage != "no" and answer.usage is not None:
        smaller = answer.usage | {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        for counts in (answer.usage, smaller) if usage == "twice" else (answer.usage,):
            yield Event(b'%b,"choices":[],"usage":%b}' % (head, _loose(counts)))


def embedding_reply(model: str, vectors: list[list[float]], usage: dict[str, Any] | None, *, base64: bool) -> bytes:
    """The reply to an embedding request; with *base64* the vectors are little-endian float32 in base64."""
    rows = [
        {
            "object": "embedding",
            "index": number,
            "embedding": b64encode(pack(f"<{len(vector)}f", *vector)).decode() if base64 else vector,
        }
        for number, vector in enumerate(vectors)
    ]
    reply: dict[str, Any] = {"object": "list", "data": rows, "model": model}
    if usage is not None:
        reply["usage"] = msgspec.Raw(_loose(usage))
    return msgspec.json.encode(reply)


def error_object(status: int, message: str) -> bytes:
    """An error of the OpenAI dialect: ``{"error": {message, type, param, code}}``."""
    kind, code = _ERROR_KINDS.get(
        status, ("server_error", "server_error") if status >= 500 else ("invalid_request_error", "invalid_request")
    )
    return msgspec.json.encode({"error": {"message": message, "type": kind, "param": None, "code": code}})


def _whole_choice(envelope: Envelope, number: int, choice: Choice) -> dict[str, Any]:
    shared: dict[str, Any] = {
        "index": number,
        "finish_reason": choice.finish,
        "logprobs": _logprobs(envelope, choice.tokens),
    }
    if not envelope.chat:
        return shared | {"text": choice.text}
    call = choice.tool_call
    message: dict[str, Any] = {"role": "assistant", "content": choice.text if call is None else None, "refusal": None}
    if choice.reasoning:
        message["reasoning_content"] = "".join(choice.reasoning)
    if call is not None:
        function = {"name": call.name, "arguments": "".join(call.fragments)}
        message["tool_calls"] = [{"id": call.id, "type": "function", "function": function}]
    return shared | {"message": message}


_Logprobs: TypeAlias = dict[str, Any] | None
_Delta: TypeAlias = tuple[dict[str, Any], _Logprobs]
"""A delta and the logprobs object that goes with it."""


def _rows(envelope: Envelope, answer: Answer, *, endless: bool) -> Iterator[list[tuple[int, _Delta]]]:
    """The next delta of each choice that has one, with the choice's number."""
    deltas = [_deltas(envelope, choice) for choice in answer.choices]
    if endless:
        deltas = [cycle(list(each) or [({"content": " "}, None)]) for each in deltas]
    for row in zip_longest(*deltas):
        yield [(number, delta) for number, delta in enumerate(row) if delta is not None]


def _deltas(envelope: Envelope, choice: Choice) -> Iterator[_Delta]:
    for piece in choice.reasoning:
        yield {"reasoning_content": piece}, None
    for token in choice.tokens:
        yield {"content": token.text}, _logprobs(envelope, (token,))
    call = choice.tool_call
    if call is not None:
        function = {"name": call.name, "arguments": ""}
        yield {"tool_calls": [{"index": 0, "id": call.id, "type": "function", "function": function}]}, None
        for fragment in call.fragments:
            yield {"tool_calls": [{"index": 0, "function": {"arguments": fragment}}]}, None


def _chunk_head(envelope: Envelope) -> bytes:
    head = {
        "id": envelope.id,
        "object": "chat.completion.chunk" if envelope.chat else "text_completion",
        "created": envelope.created,
        "model": envelope.model,
        "system_fingerprint": "fp_fake",
    }
    return msgspec.json.encode(head)[:-1]


def _event(head: bytes, number: int, delta: dict[str, Any], logprobs: _Logprobs, *, chat: bool = True) -> Event:
    kind = "role" if "role" in delta else "content"
    body = {"delta": delta} if chat else {"text": delta.get("content", "")}
    choice = {"index": number, **body, "logprobs": logprobs, "finish_reason": None}
    return Event(b'%b,"choices":[%b]}' % (head, msgspec.json.encode(choice)), kind)


def _finish(head: bytes, number: int, reason: str, *, chat: bool) -> Event:
    body: dict[str, Any] = {"delta": {}} if chat else {"text": ""}
    choice = {"index": number, **body, "logprobs": None, "finish_reason": reason}
    return Event(b'%b,"choices":[%b]}' % (head, msgspec.json.encode(choice)))


def _logprobs(envelope: Envelope, tokens: tuple[Token, ...]) -> _Logprobs:
    if envelope.logprobs is None:
        return None
    return {"content": [_token_logprobs(token, envelope.logprobs) for token in tokens], "refusal": None}


def _token_logprobs(token: Token, shown: int) -> dict[str, Any]:
    alternatives = token.alternatives or ((token.text, 0.0),)
    return _one_logprob(token.text, token.logprob) | {
        "top_logprobs": [_one_logprob(text, logprob) for text, logprob in alternatives[:shown]]
    }


def _one_logprob(text: str, logprob: float) -> dict[str, Any]:
    return {"token": text, "logprob": logprob, "bytes": list(text.encode("utf-8", "surrogatepass"))}


def _loose(value: dict[str, Any]) -> bytes:
    """JSON by the rules of sloppy servers: integers of any size, and NaN."""
    return json.dumps(value, separators=(",", ":")).encode()
