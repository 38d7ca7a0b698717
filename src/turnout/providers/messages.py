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
    """The same messages, or new ones where needed: the role ``developer``, cache marks and earlier reasoning.

    A provider that takes OpenRouter's ``reasoning`` object gets everything unmodified and in order.

    Raises:
        BadRequest: a number in the messages is out of range.
    """
    developer = traits.developer and not capabilities.developer_role
    if capabilities.reasoning == "object" or not (developer or traits.reasoning or traits.cache_marks):
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
        content = message.get("content")
        for part in content if isinstance(content, list) else []:
            if isinstance(part, dict):
                part.pop("cache_control", None)
    return Raw(encode(decoded))


def _move_reasoning(message: dict[str, Any], capabilities: Capabilities) -> None:
    """Earlier reasoning goes back under the name that the provider uses, or not at all."""
    details = message.pop("reasoning_details", None)
    native = message.pop("reasoning_content", None)
    thought = message.pop("reasoning", None) or native
    if not thought and isinstance(details, list):
        thought = "".join(d["text"] for d in details if isinstance(d, dict) and isinstance(d.get("text"), str))
    if capabilities.reasoning in {"thinking", "enable_thinking"} and (thought or native is not None):
        message["reasoning_content"] = thought or native
