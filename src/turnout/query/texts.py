"""Messages as text: what a voter reads of a candidate answer, and what an embedding is made of."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

__all__ = ["answer_text", "content_text", "prompt_text"]


def content_text(content: object) -> str:
    """The text of a message's content; parts that are no text are left out."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    texts = [part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text"]
    return "".join(text for text in texts if isinstance(text, str))


def answer_text(message: Mapping[str, Any], *, reasoning: bool = True) -> str:
    """An assistant's message for those who judge it: reasoning, content, refusal and tool calls, a blank line between.

    Without *reasoning* that is left out.
    """
    thought = message.get("reasoning") or message.get("reasoning_content") if reasoning else None
    parts = [thought, content_text(message.get("content")), message.get("refusal")]
    texts = [part for part in parts if isinstance(part, str) and part]
    calls = message.get("tool_calls")
    if isinstance(calls, list):
        texts += [_call_text(call) for call in calls]
    return "\n\n".join(texts)


def prompt_text(messages: Sequence[Mapping[str, Any]]) -> str:
    """A conversation as one text, a line for each message: ``role (name): text``.

    Only text counts; a tool's message shows the id of its call, an assistant's calls stand as JSON in a tag.
    """
    return "\n".join(_line(message) for message in messages)


def _line(message: Mapping[str, Any]) -> str:
    role, name = message.get("role"), message.get("name")
    if role == "tool":
        name = message.get("tool_call_id")
    line = f"{role} ({name}): " if name else f"{role}: "
    line += content_text(message.get("content"))
    calls = message.get("tool_calls")
    if isinstance(calls, list) and calls:
        line += f"<tool_calls>{json.dumps(calls, ensure_ascii=False)}</tool_calls>"
    return line


def _call_text(call: object) -> str:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict):
        return json.dumps(call, ensure_ascii=False, indent=2)
    arguments = function.get("arguments")
    with suppress(ValueError, RecursionError):  # else it is shown as it was written
        arguments = json.loads(arguments) if isinstance(arguments, str) else arguments
    return json.dumps({"name": function.get("name"), "arguments": arguments}, ensure_ascii=False, indent=2)
