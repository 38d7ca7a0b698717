"""The chunks of a stream, put together to the answer that they are pieces of."""

from __future__ import annotations

from typing import Any, final

import msgspec
from msgspec import Raw

from turnout.base.jsons import encode
from turnout.domain.completion import NULL, Choice, Chunk, Completion

__all__ = ["Merge"]

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_decode_logprobs = msgspec.json.Decoder(dict[str, Any] | None).decode
_TEXTS = ("content", "reasoning", "refusal")


@final
class Merge:
    """Takes the chunks of one answer, of any number of choices."""

    def __init__(self) -> None:
        self._choices: dict[int, _Growing] = {}
        self._first: Chunk | None = None

    def take(self, chunk: Chunk) -> None:
        """One more chunk."""
        if self._first is None:
            self._first = chunk
        for choice in chunk.choices:
            growing = self._choices.get(choice.index)
            if growing is None:
                growing = self._choices[choice.index] = _Growing()
            growing.take(_decode(choice.delta))
            if choice.finish_reason is not None:
                growing.finish_reason = choice.finish_reason
                growing.native_finish_reason = choice.native_finish_reason
            if choice.logprobs is not NULL:
                growing.logprobs(_decode_logprobs(choice.logprobs))

    def completion(self) -> Completion:
        """All of it."""
        first = self._first or Chunk([])
        return Completion(
            [growing.choice(index) for index, growing in sorted(self._choices.items())],
            None,
            first.upstream_id,
            first.service_tier,
            first.system_fingerprint,
        )


@final
class _Growing:
    """One choice so far."""

    def __init__(self) -> None:
        self.finish_reason: str | None = None
        self.native_finish_reason: str | None = None
        self._texts: dict[str, list[str]] = {}
        self._calls: dict[int, dict[str, Any]] = {}
        self._others: dict[str, Any] = {}
        self._tokens: list[Any] = []

    def take(self, delta: dict[str, Any]) -> None:
        """One more piece."""
        for name, value in delta.items():
            if name in _TEXTS:
                if value:
                    self._texts.setdefault(name, []).append(value)
            elif name == "tool_calls":
                for call in value or ():
                    self._call(call)
            elif isinstance(value, list):
                self._others[name] = [*self._others.get(name, ()), *value]
            elif value is not None:
                self._others[name] = value

    def logprobs(self, logprobs: dict[str, Any] | None) -> None:
        """The probabilities of one more piece."""
        if logprobs is not None:
            self._tokens += logprobs.get("content") or ()

    def choice(self, index: int) -> Choice:
        """The whole choice."""
        message: dict[str, Raw] = {name: Raw(encode(value)) for name, value in self._others.items()}
        message |= {name: Raw(encode("".join(parts))) for name, parts in self._texts.items()}
        if self._calls:
            calls = [call for _, call in sorted(self._calls.items())]
            message["tool_calls"] = Raw(encode(calls))
        logprobs = Raw(encode({"content": self._tokens})) if self._tokens else NULL
        return Choice(message, index, self.finish_reason, self.native_finish_reason, logprobs)

    def _call(self, piece: dict[str, Any]) -> None:
        place = piece.get("index", 0)
        function = piece.get("function") or {}
        call = self._calls.get(place)
        if call is None:
            call = self._calls[place] = {"id": "", "type": "function", "function": {"name": "", "arguments": ""}}
        call["id"] = piece.get("id") or call["id"]
        call["function"]["name"] += function.get("name") or ""
        call["function"]["arguments"] += function.get("arguments") or ""
