"""Messages as a provider of the OpenAI dialect takes them: rewritten only where they hold what it would refuse."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw

from turnout.base.errors import BadRequest
from turnout.base.jsons import encode
from turnout.domain.chat import Traits
from turnout.domain.provider import Capabilities

__all__ = ["rewrite_messages"]


def rewrite_messages(messages: Raw, traits: Traits, capabilities: Capabilities) -> Raw:
    """The same messages, or new ones where needed: the role ``developer``, cache marks, earlier reasoning, names of
    models that wrote them, and results of tools that are no texts.

    A provider that takes OpenRouter's ``reasoning`` object gets everything unmodified and in order.

    Raises:
        BadRequest: a number in the messages is out of range.
    """
    developer = traits.developer and not capabilities.developer_role
    plain = not (developer or traits.reasoning or traits.cache_marks or traits.rich_results or traits.signed)
    if capabilities.reasoning == "object" or plain:
        return messages
    try:
        decoded: Any = msgspec.json.decode(messages)
    except msgspec.DecodeError:  # the text was judged when it came in, but not what its numbers are
        raise BadRequest("`messages`: a number is out of range") from None
    for message in decoded:
        if not isinstance(message, dict):
            continue
        if developer and message.get("role") == "developer":
            message["role"] = "system"
        _move_reasoning(message, capabilities)
        message.pop("cache_control", None)
        message.pop("model", None)
        content = message.get("content")
        for part in content if isinstance(content, list) else []:
            if isinstance(part, dict):
                part.pop("cache_control", None)
    return Raw(encode(_with_plain_results(decoded) if traits.rich_results else decoded))


def _with_plain_results(messages: list[Any]) -> list[Any]:
    """*messages* with results of tools as texts: what else they hold, the user says after the last one of a turn."""
    told: list[Any] = []
    waiting: list[Any] = []
    for message in messages:
        is_result = isinstance(message, dict) and message.get("role") == "tool"
        if waiting and not is_result:
            told.append({"role": "user", "content": waiting})
            waiting = []
        told.append(message)
        if is_result:
            message.pop("is_error", None)
            parts = message.get("content")
            if isinstance(parts, list):
                texts = [part.get("text") for part in parts if isinstance(part, dict)]
                message["content"] = "".join(text for text in texts if isinstance(text, str))
                waiting += [part for part in parts if isinstance(part, dict) and part.get("type") != "text"]
    return [*told, {"role": "user", "content": waiting}] if waiting else told


def _move_reasoning(message: dict[str, Any], capabilities: Capabilities) -> None:
    """Earlier reasoning goes back under the name that the provider uses, or not at all."""
    details = message.pop("reasoning_details", None)
    native = message.pop("reasoning_content", None)
    thought = message.pop("reasoning", None) or native
    if not thought and isinstance(details, list):
        thought = "".join(d["text"] for d in details if isinstance(d, dict) and isinstance(d.get("text"), str))
    if capabilities.reasoning in {"thinking", "enable_thinking"} and (thought or native is not None):
        message["reasoning_content"] = thought or native
