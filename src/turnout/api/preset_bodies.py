"""From the body of an inference request to what a preset keeps of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import Raw

from turnout.api.decode import PLAIN, chat_request, read_fields
from turnout.base.errors import BadRequest
from turnout.base.jsons import encode
from turnout.domain.chat import ChatParameters

__all__ = ["READERS", "Draft"]

_OF_ONE_REQUEST: Final = frozenset({"preset", "stream", "user", "session_id", "metadata"})
_UNJUDGED: Final = frozenset({
    "audio", "cache_control", "image_config", "max_tool_calls", "prediction", "prompt_cache_options",
    "stop_server_tools_when", "tool_choice", "transforms", "web_search_options",
})  # fmt: skip
_KEPT: Final = frozenset(ChatParameters.__struct_fields__) - _OF_ONE_REQUEST | _UNJUDGED
_SYSTEM: Final = frozenset({"system", "developer"})
_LONGEST_TTL: Final = 86_400  # seconds
_LONGEST_PROMPT: Final = 200_000  # characters

_decode = msgspec.json.decode


class Draft(NamedTuple):
    """What a version is made of: the fields in the words of chat completions as JSON, and the system prompt."""

    config: str
    system_prompt: str | None


def _chat(fields: dict[str, Raw]) -> tuple[dict[str, Raw], object]:
    messages = _value(fields, "messages")
    said: list[str] = []
    for message in messages if isinstance(messages, list) else ():
        if isinstance(message, dict) and message.get("role") in _SYSTEM:
            said += _texts(message.get("content"))
    return fields, "\n\n".join(said)


def _messages(fields: dict[str, Raw]) -> tuple[dict[str, Raw], object]:
    """A body of Anthropic's family."""
    kept = dict(fields)
    tools = _value(fields, "tools")
    if isinstance(tools, list):
        kept["tools"] = Raw(encode([_tool(tool, "input_schema") for tool in tools]))
    for name in ("tool_choice", "thinking", "metadata"):
        kept.pop(name, None)
    thinking = _value(fields, "thinking")
    if isinstance(thinking, dict) and isinstance(thinking.get("budget_tokens"), int):
        kept["reasoning"] = Raw(encode({"max_tokens": thinking["budget_tokens"]}))
    if "stop_sequences" in fields:
        kept["stop"] = fields["stop_sequences"]
    return kept, "\n\n".join(_texts(_value(fields, "system")))


def _responses(fields: dict[str, Raw]) -> tuple[dict[str, Raw], object]:
    """A body of OpenAI's Responses family."""
    kept = dict(fields)
    tools = _value(fields, "tools")
    if isinstance(tools, list):
        kept["tools"] = Raw(encode([_tool(tool, "parameters") for tool in tools]))
    kept.pop("tool_choice", None)
    if "max_output_tokens" in fields:
        kept["max_tokens"] = fields["max_output_tokens"]
    text = _value(fields, "text")
    if isinstance(text, dict):
        shape = text.get("format")
        if isinstance(shape, dict) and shape.get("type") == "json_schema":
            named = {name: value for name, value in shape.items() if name != "type"}
            kept["response_format"] = Raw(encode({"type": "json_schema", "json_schema": named}))
        elif isinstance(shape, dict):
            kept["response_format"] = Raw(encode(shape))
        if isinstance(text.get("verbosity"), str):
            kept["verbosity"] = Raw(encode(text["verbosity"]))
    return kept, _value(fields, "instructions")


def _reading(family: Callable[[dict[str, Raw]], tuple[dict[str, Raw], object]]) -> Callable[[bytes], Draft]:
    def read(body: bytes) -> Draft:
        kept, prompt = family(read_fields(body))
        if prompt is not None and not isinstance(prompt, str):
            raise BadRequest("The system prompt must be a text")
        if prompt is not None and len(prompt) > _LONGEST_PROMPT:
            raise BadRequest(f"The system prompt is longer than {_LONGEST_PROMPT} characters")
        return Draft(_config(kept), prompt or None)

    return read


READERS: Final[Mapping[str, Callable[[bytes], Draft]]] = {
    "chat/completions": _reading(_chat),
    "messages": _reading(_messages),
    "responses": _reading(_responses),
}
"""By the path of a family: what a preset keeps of one of its bodies. Each raises BadRequest, and names the field."""


def _config(fields: Mapping[str, Raw]) -> str:
    """The fields that a preset keeps, judged as those of a request."""
    kept = {name: value for name, value in fields.items() if name in _KEPT and bytes(value) != b"null"}
    parameters = chat_request({**kept, "messages": Raw(b"[]")}, PLAIN).parameters
    if any("@preset/" in name for name in (parameters.model or "", *(parameters.models or ()))):
        raise BadRequest("`model`: a preset does not name a preset")
    enabled, seconds = _value(fields, "cache_enabled"), _value(fields, "cache_ttl_seconds")
    if enabled is not None:
        if not isinstance(enabled, bool):
            raise BadRequest("`cache_enabled` must be true or false")
        kept["cache_enabled"] = Raw(encode(enabled))
    if seconds is not None:
        if isinstance(seconds, bool) or not isinstance(seconds, int) or not 1 <= seconds <= _LONGEST_TTL:
            raise BadRequest(f"`cache_ttl_seconds` must be from 1 to {_LONGEST_TTL}")
        kept["cache_ttl_seconds"] = Raw(encode(seconds))
    return encode(kept).decode()


def _tool(tool: Any, schema: str) -> Any:  # noqa: ANN401 - JSON
    """A function in the words of chat completions; tools of other kinds, and what is none, stay as they are."""
    if not isinstance(tool, dict) or "name" not in tool or tool.get("type", "function") not in {"function", "custom"}:
        return tool
    function = {name: tool[name] for name in ("name", "description", "strict") if name in tool}
    return {"type": "function", "function": function | {"parameters": tool.get(schema) or {"type": "object"}}}


def _texts(content: Any) -> list[str]:  # noqa: ANN401 - JSON
    """The texts of a message's content: of itself, or of its parts."""
    if isinstance(content, str):
        return [content]
    parts = content if isinstance(content, list) else []
    return [part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str)]


def _value(fields: Mapping[str, Raw], name: str) -> Any:  # noqa: ANN401 - JSON
    return _decode(fields[name]) if name in fields else None
