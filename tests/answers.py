"""What an answer of the chat dialect says, whatever its shape: for comparing a provider's with ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

__all__ = ["Answer", "Inexpressible", "Said", "ToolCall", "read_stream", "read_whole", "tokens_of"]

_TOLD_APART = frozenset(
    {"role", "content", "reasoning", "reasoning_content", "reasoning_details", "tool_calls", "refusal"}
)


class Inexpressible(Exception):
    """A chat request cannot say this; the text tells what."""


class ToolCall(NamedTuple):
    """One call; ``arguments`` is the string of JSON that the model wrote."""

    id: str
    name: str
    arguments: str


class Tokens(NamedTuple):
    """The counts of one answer."""

    prompt: int
    completion: int
    reasoning: int
    cached: int


@dataclass
class Said:
    """One choice."""

    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    details: list[Any] = field(default_factory=list)
    tool_calls: list[ToolCall] = field(default_factory=list)
    extras: dict[str, Any] = field(default_factory=dict)
    finish: str | None = None
    native: str | None = None


@dataclass
class Answer:
    """All choices by index, the counts, and the error that took the answer's place or broke it off."""

    choices: dict[int, Said] = field(default_factory=dict)
    tokens: Tokens | None = None
    error: Mapping[str, Any] | None = None


def read_whole(body: Mapping[str, Any]) -> Answer:
    """An answer in one piece, or an error."""
    answer = Answer(tokens=tokens_of(body.get("usage")), error=body.get("error"))
    for choice in body.get("choices") or []:
        said = answer.choices.setdefault(choice.get("index", 0), Said())
        _add(said, choice["message"])
        said.tool_calls = [_whole_call(call) for call in choice["message"].get("tool_calls") or []]
        _finish(said, choice)
    return answer


def read_stream(events: Sequence[Mapping[str, Any]]) -> Answer:
    """The chunks of a stream, put together."""
    answer = Answer()
    pieces: dict[tuple[int, int], dict[str, str]] = {}
    for event in events:
        groq = event.get("x_groq") or {}
        answer.tokens = tokens_of(event.get("usage") or groq.get("usage")) or answer.tokens
        answer.error = event.get("error") or answer.error
        for choice in event.get("choices") or []:
            index = choice.get("index", 0)
            said = answer.choices.setdefault(index, Said())
            delta = choice.get("delta") or {}
            _add(said, delta)
            for place, call in enumerate(delta.get("tool_calls") or []):
                piece = pieces.setdefault((index, call.get("index", place)), {"id": "", "name": "", "arguments": ""})
                piece["id"] = piece["id"] or call.get("id") or ""
                function = call.get("function") or {}
                piece["name"] += function.get("name") or ""
                piece["arguments"] += function.get("arguments") or ""
            _finish(said, choice)
    for (index, _), piece in sorted(pieces.items()):
        answer.choices[index].tool_calls.append(ToolCall(**piece))
    return answer


def tokens_of(usage: Mapping[str, Any] | None) -> Tokens | None:
    """The counts in a usage object, with the places where providers put cached and reasoning tokens."""
    if not usage:
        return None
    incoming = usage.get("prompt_tokens_details") or {}
    outgoing = usage.get("completion_tokens_details") or {}
    cached = incoming.get("cached_tokens") or usage.get("prompt_cache_hit_tokens") or usage.get("cached_tokens") or 0
    reasoning = outgoing.get("reasoning_tokens") or usage.get("reasoning_tokens") or 0
    return Tokens(usage["prompt_tokens"], usage["completion_tokens"], reasoning, cached)


def _add(said: Said, message: Mapping[str, Any]) -> None:
    """A message or one more delta. What is null or empty says nothing."""
    said.text += message.get("content") or ""
    said.reasoning += message.get("reasoning") or message.get("reasoning_content") or ""
    said.refusal += message.get("refusal") or ""
    details = message.get("reasoning_details") or []
    said.details += [detail for detail in details if detail != _plain_detail(message)]
    for name, value in message.items():
        shell = isinstance(value, dict) and not any(value.values())
        if name not in _TOLD_APART and value not in (None, "", []) and not shell:
            said.extras.setdefault(name, []).append(value)


def _plain_detail(message: Mapping[str, Any]) -> dict[str, Any]:
    """The detail that the gateway makes of reasoning without any: it says no more than the text."""
    return {"type": "reasoning.text", "text": message.get("reasoning"), "format": "unknown", "index": 0}


def _finish(said: Said, choice: Mapping[str, Any]) -> None:
    said.finish = choice.get("finish_reason") or said.finish
    said.native = choice.get("native_finish_reason") or said.native


def _whole_call(call: Mapping[str, Any]) -> ToolCall:
    function = call["function"]
    return ToolCall(call["id"], function["name"], function["arguments"])
