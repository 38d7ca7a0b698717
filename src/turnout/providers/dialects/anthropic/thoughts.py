"""What a Claude thought, and what its provider's own tools did: details sent back, as the blocks that they were."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Raw, Struct

from turnout.providers.details import Told, claude_details, input_of, is_object
from turnout.providers.dialects.anthropic.parts import TextBlock

__all__ = ["interleaved", "is_thought", "thoughts_of"]


class _Thinking(Struct, tag_field="type", tag="thinking"):
    thinking: str
    signature: str


class _Redacted(Struct, tag_field="type", tag="redacted_thinking"):
    data: str


class _ServerCall(Struct, tag_field="type", tag="server_tool_use"):
    id: str
    name: str
    input: Raw


class _McpCall(Struct, tag_field="type", tag="mcp_tool_use"):
    id: str
    name: str
    server_name: str
    input: Raw


def thoughts_of(details: Sequence[Raw]) -> list[tuple[int, Any]]:
    """The blocks that *details* were made of, as they were, each with the number of characters that came before it."""
    blocks: list[tuple[int, Any]] = []
    for detail in claude_details(details):
        if detail.type == "reasoning.text":
            blocks.append((detail.place, _Thinking(detail.text or "", detail.signature or "")))
        elif detail.type == "reasoning.encrypted":
            blocks.append((detail.place, _Redacted(detail.data or "")))
        else:
            blocks += [(detail.place, block) for block in _server_call(detail)]
    return blocks


def interleaved(thoughts: Sequence[tuple[int, Any]], said: list[Any]) -> list[Any]:
    """What was thought among what was said, where the client has left the text in one piece, else before it."""
    whole = said[0] if len(said) == 1 and isinstance(said[0], TextBlock) else None
    if whole is None or not any(place for place, _ in thoughts):
        return [block for _, block in thoughts] + said
    blocks: list[Any] = []
    done = 0
    for place, block in thoughts:
        if whole.text[done:place].strip():
            blocks.append(TextBlock(whole.text[done:place]))
        blocks.append(block)
        done = max(done, place)
    whole.text = whole.text[done:]
    return [*blocks, whole] if whole.text.strip() else blocks


def is_thought(block: object) -> bool:
    """Whether *block* is a thought, hidden or not."""
    return isinstance(block, _Thinking | _Redacted)


def _server_call(detail: Told) -> list[Any]:
    """A call of the provider's own tool, and what came of it; either may stand in another turn."""
    call_id, name = detail.tool_call_id or "", detail.tool_name or ""
    blocks: list[Any] = []
    if name:
        asked = input_of(detail.arguments or "{}")
        own = detail.server_name
        blocks.append(_McpCall(call_id, name, own, asked) if own else _ServerCall(call_id, name, asked))
    result = detail.result or ""
    return [*blocks, Raw(result.encode())] if is_object(result) else blocks
