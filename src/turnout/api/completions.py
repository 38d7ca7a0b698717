"""``POST /completions``, the legacy family: a prompt in, text out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import msgspec
from msgspec import Raw, Struct

from turnout.api.chat import hides_reasoning
from turnout.api.decode import PLAIN, chat_request, prompt_as_messages, read_fields
from turnout.api.errors import OneShape, chunk_error
from turnout.api.figures import usage_json
from turnout.base.errors import BadRequest, TurnoutError
from turnout.base.jsons import encode
from turnout.domain.chat import ChatRequest
from turnout.domain.completion import Chunk, Completion
from turnout.domain.usage import Cost, Usage

__all__ = ["CompletionsSurface"]

_DONE = b"data: [DONE]\n\n"
_UNSUPPORTED = ("best_of", "echo", "suffix")
_DEFAULTS = {"best_of": b"1", "echo": b"false", "suffix": b"null"}


class _Text(Struct):
    content: str | list[dict[str, object]] | None = None
    reasoning: str | None = None


_read_text = msgspec.json.Decoder(_Text).decode


@final
class CompletionsSurface(OneShape):
    """The legacy family. Its prompt travels as one user message; what only a text model could do is refused."""

    name = "completions"

    def decode(self, body: bytes) -> ChatRequest:
        """The request in *body*. Raises BadRequest, also for several prompts, ``suffix``, ``echo`` and ``best_of``."""
        fields = read_fields(body)
        if "prompt" not in fields:
            raise BadRequest("`prompt` is missing")
        for name in _UNSUPPORTED:
            value = fields.pop(name, None)
            if value is not None and bytes(value) not in {b"null", _DEFAULTS[name]}:
                raise BadRequest(f"`{name}` is not supported: the prompt is sent as a chat message")
        fields["messages"] = prompt_as_messages(_single_prompt(fields.pop("prompt")))
        logprobs = fields.pop("logprobs", None)
        if logprobs is not None and bytes(logprobs).isdigit():
            fields["logprobs"], fields["top_logprobs"] = Raw(b"true"), logprobs
        elif logprobs is not None:
            fields["logprobs"] = logprobs
        return chat_request(fields, PLAIN)

    def encoder(self, generation_id: str, created: int, request: ChatRequest) -> CompletionsEncoder:
        """A fresh encoder for one answer."""
        return CompletionsEncoder(generation_id, created, request)


@final
class CompletionsEncoder:
    """One answer as ``text_completion``: the same object for the whole and for each chunk."""

    def __init__(self, generation_id: str, created: int, request: ChatRequest) -> None:
        self._id = generation_id
        self._created = created
        self._model = request.parameters.model or ""
        self._provider = ""
        self._hide_reasoning = hides_reasoning(request)

    def served_by(self, model: str, provider_name: str) -> None:
        """Note who answers."""
        self._model, self._provider = model, provider_name

    def whole(self, completion: Completion, usage: Usage, price: Cost) -> bytes:
        """The body of an answer in one piece."""
        choices = [
            self._choice(choice.index, Raw(encode(choice.message)), choice.finish_reason, choice.native_finish_reason)
            for choice in completion.choices
        ]
        return self._object(choices, usage=Raw(usage_json(usage, price)))

    def chunks(self, chunks: Sequence[Chunk]) -> bytes:
        """One event per chunk that carries choices."""
        return b"".join(
            [
                b"data: %b\n\n"
                % self._object(
                    [
                        self._choice(choice.index, choice.delta, choice.finish_reason, choice.native_finish_reason)
                        for choice in chunk.choices
                    ]
                )
                for chunk in chunks
                if chunk.choices
            ]
        )

    def end(self, usage: Usage, price: Cost) -> bytes:
        """The usage chunk and the end mark."""
        return b"data: %b\n\n%b" % (self._object([], usage=Raw(usage_json(usage, price))), _DONE)

    def failed(self, error: TurnoutError) -> bytes:
        """One chunk that carries *error*, and the end mark."""
        choice = self._choice(0, Raw(b"{}"), "error", None)
        return b"data: %b\n\n%b" % (self._object([choice], error=Raw(chunk_error(error))), _DONE)

    def _object(self, choices: list[dict[str, object]], **extras: Raw) -> bytes:
        return encode(
            {
                "id": self._id,
                "object": "text_completion",
                "created": self._created,
                "model": self._model,
                "provider": self._provider,
                "system_fingerprint": None,
                "choices": choices,
                **extras,
            }
        )

    def _choice(self, index: int, message: Raw, finish: str | None, native: str | None) -> dict[str, object]:
        text = _read_text(message)
        content = text.content if isinstance(text.content, str) else ""
        choice: dict[str, object] = {
            "index": index,
            "text": content,
            "finish_reason": finish,
            "native_finish_reason": native,
            "logprobs": None,
        }
        if text.reasoning and not self._hide_reasoning:
            choice["reasoning"] = text.reasoning
        return choice


def _single_prompt(prompt: Raw) -> Raw:
    """The one text of a prompt that may come as a list."""
    try:
        value = msgspec.json.decode(prompt, type=str | list[str])
    except msgspec.DecodeError:
        raise BadRequest("`prompt` must be a text; tokens are not supported") from None
    if isinstance(value, list):
        if len(value) != 1:
            raise BadRequest("`prompt` must hold exactly one text")
        value = value[0]
    return Raw(encode(value))
