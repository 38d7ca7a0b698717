"""What a Claude thought, and what its provider's own tools did: details sent back, as the blocks that they were."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from turnout.base.jsons import BadJSON, encode, reader
from turnout.providers.dialects.anthropic.parts import TextBlock

__all__ = ["FORMAT", "input_of", "interleaved", "is_thought", "thoughts_of"]

FORMAT: Final = "anthropic-claude-v1"
"""How ``reasoning_details`` name the form of a Claude's thoughts."""


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


class _WireDetail(Struct):
    type: str = ""
    format: str | None = None
    index: int | None = None
    text: str | None = None
    signature: str | None = None
    data: str | None = None
    tool_call_id: str | None = None
    tool_name: str | None = None
    server_name: str | None = None
    arguments: str | None = None
    result: str | None = None
    position: int | None = None


_detail = reader(_WireDetail)
_object = msgspec.json.Decoder(dict[str, Raw]).decode


def thoughts_of(details: Sequence[Raw]) -> list[tuple[int, Any]]:
    """The blocks that *details* were made of, as they were, each with the number of characters that came before it.

    Those of other makers and those without a seal are left out. Clients that collect a stream's deltas in a list send
    them in pieces, which are joined again.
    """
    blocks: list[tuple[int, Any]] = []
    open_index: int | None = None
    for raw in details:
        try:
            detail = _detail(raw)
        except BadJSON:
            continue
        if detail.format not in {FORMAT, None, "unknown"}:
            continue
        place = max(detail.position or 0, 0)
        if detail.type == "reasoning.text":
            last = blocks[-1][1] if blocks else None
            if isinstance(last, _Thinking) and not last.signature and detail.index == open_index:
                last.thinking += detail.text or ""
                last.signature = detail.signature or ""
            else:
                blocks.append((place, _Thinking(detail.text or "", detail.signature or "")))
                open_index = detail.index
        elif detail.type == "reasoning.encrypted" and detail.data:
            blocks.append((place, _Redacted(detail.data)))
        elif detail.type == "reasoning.server_tool_call":
            blocks += [(place, block) for block in _server_call(detail)]
    return [(place, block) for place, block in blocks if not isinstance(block, _Thinking) or block.signature]


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


def input_of(arguments: str) -> Raw:
    """The arguments of a call, which must be an object; what is none, as in a call that was cut off, is put in one."""
    text = arguments.encode()
    try:
        _object(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Raw(b"{}") if not text.strip() else Raw(encode({"arguments": arguments}))
    return Raw(text)


def is_thought(block: object) -> bool:
    """Whether *block* is a thought, hidden or not."""
    return isinstance(block, _Thinking | _Redacted)


def _server_call(detail: _WireDetail) -> list[Any]:
    """A call of the provider's own tool, and what came of it; either may stand in another turn."""
    call_id, name = detail.tool_call_id or "", detail.tool_name or ""
    blocks: list[Any] = []
    if name:
        asked = input_of(detail.arguments or "{}")
        own = detail.server_name
        blocks.append(_McpCall(call_id, name, own, asked) if own else _ServerCall(call_id, name, asked))
    result = (detail.result or "").encode()
    try:
        _object(result)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return blocks
    return [*blocks, Raw(result)]
