"""What an adapter has made of a provider's answer, put together for comparison."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from turnout.contracts.provider import Adapter
from turnout.domain.completion import FINISH_REASONS, Chunk, Completion
from turnout.domain.usage import Usage

__all__ = ["Heard", "hear_stream", "hear_whole", "heard_of"]


@dataclass
class Heard:
    """One choice of an answer. Tool calls are pairs of name and arguments, by id, in order."""

    text: str = ""
    thought: str = ""
    calls: dict[str, tuple[str, Any]] = field(default_factory=dict)
    finish: str | None = None
    usage: Usage | None = None
    details: list[dict[str, Any]] = field(default_factory=list)


def hear_whole(adapter: Adapter, body: bytes) -> Heard:
    """A whole answer; every value of it must be JSON."""
    return heard_of(adapter.completion(body))


def heard_of(completion: Completion) -> Heard:
    """The first choice of *completion*."""
    choices = [
        {name: json.loads(bytes(value)) for name, value in choice.message.items()} for choice in completion.choices
    ]
    finishes = {choice.finish_reason for choice in completion.choices}
    assert finishes <= FINISH_REASONS
    message = choices[0]
    calls = message.get("tool_calls") or []
    return Heard(
        message.get("content") or "",
        message.get("reasoning") or "",
        {one["id"]: (one["function"]["name"], json.loads(one["function"]["arguments"])) for one in calls},
        completion.choices[0].finish_reason,
        completion.usage,
        message.get("reasoning_details") or [],
    )


def hear_stream(adapter: Adapter, pieces: Iterable[bytes]) -> Heard:
    """A stream that comes in these pieces, to its end."""
    decoder = adapter.decoder()
    chunks: list[Chunk] = []
    for piece in pieces:
        chunks += decoder.feed(piece)
    return _joined([*chunks, *decoder.flush()])


def _joined(chunks: Sequence[Chunk]) -> Heard:
    heard = Heard()
    calls: dict[int, dict[str, str]] = {}
    for chunk in chunks:
        heard.usage = chunk.usage or heard.usage
        for choice in chunk.choices:
            assert choice.finish_reason is None or choice.finish_reason in FINISH_REASONS
            delta = json.loads(bytes(choice.delta))
            if choice.index:
                continue
            heard.text += delta.get("content") or ""
            heard.thought += delta.get("reasoning") or ""
            heard.finish = choice.finish_reason or heard.finish
            heard.details += delta.get("reasoning_details") or []
            for piece in delta.get("tool_calls") or []:
                call = calls.setdefault(piece["index"], {"id": "", "name": "", "arguments": ""})
                call["id"] = call["id"] or piece.get("id") or ""
                function = piece.get("function") or {}
                call["name"] = call["name"] or function.get("name") or ""
                call["arguments"] += function.get("arguments") or ""
    for _, call in sorted(calls.items()):
        heard.calls[call["id"]] = (call["name"], json.loads(call["arguments"] or "{}"))
    return heard
