"""Thoughts of a model between ``reasoning_details`` and Converse's blocks, both ways."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from turnout.base.jsons import BadJSON, reader

__all__ = ["FORMAT", "UNSEALED", "thought_blocks"]

FORMAT: Final = "anthropic-claude-v1"
"""How details name the form of thoughts that go back: Claude's, whose seals hold wherever it is served."""
UNSEALED: Final = "unknown"
"""The form of thoughts that carry no seal, and do not go back."""

_READ: Final = frozenset({FORMAT, UNSEALED, None})
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/_-]+={0,2}")
_FIRST_BYTE: Final = b"\x12"


class _WireDetail(Struct):
    type: str = ""
    format: str | None = None
    index: int | None = None
    text: str | None = None
    signature: str | None = None
    data: str | None = None
    arguments: str | None = None
    result: str | None = None
    tool_call_id: str | None = None
    tool_name: str | None = None


_detail = reader(_WireDetail)
_object = msgspec.json.Decoder(dict[str, Raw]).decode


class _Open(Struct):
    """A thought that may have come in pieces."""

    text: str
    signature: str
    index: int | None


def thought_blocks(details: Sequence[Raw]) -> list[Any]:
    """The blocks that *details* were made of, as they were; those of other makers and without a seal are left out.

    Clients that collect a stream's deltas in a list send them in pieces, which are joined again.
    """
    blocks: list[Any] = []
    for raw in details:
        try:
            detail = _detail(raw)
        except BadJSON:
            continue
        if detail.format not in _READ:
            continue
        if detail.type == "reasoning.text":
            last = blocks[-1] if blocks else None
            if isinstance(last, _Open) and not last.signature and detail.index == last.index:
                last.text += detail.text or ""
                last.signature = detail.signature or ""
            else:
                blocks.append(_Open(detail.text or "", detail.signature or "", detail.index))
        elif detail.type == "reasoning.encrypted" and detail.data:
            blocks.append({"reasoningContent": {"redactedContent": _wrapped(detail.data)}})
        elif detail.type == "reasoning.server_tool_call":
            blocks += _server_call(detail)
    return [
        {"reasoningContent": {"reasoningText": {"text": block.text, "signature": block.signature}}}
        if isinstance(block, _Open)
        else block
        for block in blocks
        if not isinstance(block, _Open) or block.signature
    ]


def _server_call(detail: _WireDetail) -> list[Any]:
    """A call of the provider's own tool, and what came of it; either may stand in another turn."""
    blocks: list[Any] = []
    if detail.tool_name:
        asked = {"toolUseId": detail.tool_call_id or "", "name": detail.tool_name}
        try:
            _object((detail.arguments or "{}").encode())
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return []
        stated = Raw((detail.arguments or "{}").encode())
        blocks.append({"toolUse": asked | {"input": stated, "type": "server_tool_use"}})
    try:
        _object((detail.result or "").encode())
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return blocks
    return [*blocks, {"toolResult": Raw((detail.result or "").encode())}]


def _wrapped(data: str) -> str:
    """*data* as this provider gave it. What came from Claude's maker, it wants wrapped in base64 once more."""
    try:
        inner = b64decode(data)
    except ValueError:
        return data
    if inner.startswith(_FIRST_BYTE) and not _BASE64.fullmatch(inner):
        return b64encode(data.encode()).decode()
    return data
