"""What a model thought, and what its provider's own tools did: details sent back, as Converse's blocks."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any, Final

from msgspec import Raw

from turnout.providers.details import Told, claude_details, is_object

__all__ = ["thought_blocks"]

_BASE64: Final = re.compile(rb"[A-Za-z0-9+/_-]+={0,2}")
_FIRST_BYTE: Final = b"\x12"


def thought_blocks(details: Sequence[Raw]) -> list[Any]:
    """The blocks that *details* were made of, as they were."""
    blocks: list[Any] = []
    for detail in claude_details(details):
        if detail.type == "reasoning.text":
            thought = {"text": detail.text or "", "signature": detail.signature}
            blocks.append({"reasoningContent": {"reasoningText": thought}})
        elif detail.type == "reasoning.encrypted":
            blocks.append({"reasoningContent": {"redactedContent": _wrapped(detail.data or "")}})
        else:
            blocks += _server_call(detail)
    return blocks


def _server_call(detail: Told) -> list[Any]:
    """A call of the provider's own tool, and what came of it; either may stand in another turn."""
    blocks: list[Any] = []
    if detail.tool_name:
        stated = detail.arguments or "{}"
        if not is_object(stated):
            return []
        asked = {"toolUseId": detail.tool_call_id or "", "name": detail.tool_name}
        blocks.append({"toolUse": asked | {"input": Raw(stated.encode()), "type": "server_tool_use"}})
    result = detail.result or ""
    return [*blocks, {"toolResult": Raw(result.encode())}] if is_object(result) else blocks


def _wrapped(data: str) -> str:
    """*data* as this provider gave it. What came from Claude's maker, it wants wrapped in base64 once more."""
    try:
        inner = b64decode(data)
    except ValueError:
        return data
    if inner.startswith(_FIRST_BYTE) and not _BASE64.fullmatch(inner):
        return b64encode(data.encode()).decode()
    return data
