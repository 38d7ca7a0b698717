"""Messages and deltas of the OpenAI dialect put right: our names, the types clients expect, no empty shells."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Final

from msgspec import Raw

from turnout.base.jsons import BadJSON, encode, reader
from turnout.providers.failures import decoded, nonsense

__all__ = ["ToolCalls", "is_plain", "mend_delta", "mend_message"]

_read_object = reader(dict[str, Raw])
_TEXT: Final = b'{"content":"'
_TEXT_BEGINS: Final = len(_TEXT)
_FIRST_TEXT: Final = b'{"role":"assistant","content":"'
_TEXT_ONLY = frozenset({"content", "refusal", "role"})
_KEPT_NULLS = frozenset({"content", "refusal"})
_SHELLS = frozenset({"audio", "function_call"})
"""Objects that some providers always send, with nothing in them."""


class ToolCalls:
    """What one stream has said of its tool calls: gives an index to those that come without.

    ``seen`` tells whether there was any.
    """

    def __init__(self) -> None:
        self.seen = False
        self._index_by_id: dict[str, int] = {}
        self._last = -1

    def index(self, call: dict[str, Any]) -> int:
        """The stated index; else a call with an id or a name of its own is a new one, any other piece continues."""
        stated = call.get("index")
        if isinstance(stated, int) and stated >= 0:
            self._last = max(self._last, stated)
            return stated
        name = call.get("id")
        if isinstance(name, str) and name in self._index_by_id:
            return self._index_by_id[name]
        function = call.get("function")
        if name or self._last < 0 or (isinstance(function, dict) and function.get("name")):
            self._last += 1
            if isinstance(name, str) and name:
                self._index_by_id[name] = self._last
        return self._last


def is_plain(delta: bytes) -> bool:
    """Whether *delta* holds a text and at most the role beside it, and so needs no mending. Quick."""
    if delta[:_TEXT_BEGINS] == _TEXT:
        return delta.find(b'":', _TEXT_BEGINS) < 0
    return delta.startswith(_FIRST_TEXT) and delta.find(b'":', len(_FIRST_TEXT)) < 0


def mend_message(fields: dict[str, Raw], upstream_id: str | None) -> dict[str, Raw]:
    """A whole message in our words.

    *upstream_id* seeds the ids of tool calls that have none. Raises UpstreamError when the tool calls make no sense.
    """
    if _TEXT_ONLY.issuperset(fields) and _is_text(fields):
        fields.pop("role", None)
        return fields
    message = _mend(fields)
    calls = [_whole_call(call, upstream_id, place) for place, call in enumerate(_calls(message))]
    if calls:
        message["tool_calls"] = Raw(encode(calls))
    if bytes(message.get("refusal", b"")) == b'""':
        del message["refusal"]
    return message


def _is_text(fields: dict[str, Raw]) -> bool:
    """Whether a message says a text and refuses nothing."""
    content, refusal = fields.get("content"), fields.get("refusal")
    return content is not None and bytes(content)[:1] == b'"' and (refusal is None or bytes(refusal) == b"null")


def mend_delta(delta: bytes, tools: ToolCalls, upstream_id: str | None) -> Raw:
    """A delta in our words. Raises UpstreamError when it is no object."""
    try:
        fields = _read_object(delta) if delta != b"null" else {}
    except BadJSON:
        raise nonsense() from None
    message = _mend(fields)
    calls = [_streamed_call(call, tools, upstream_id) for call in _calls(message)]
    if calls:
        tools.seen = True
        message["tool_calls"] = Raw(encode(calls))
    return Raw(encode(message))


def _mend(fields: dict[str, Raw]) -> dict[str, Raw]:
    message = {
        name: value
        for name, value in fields.items()
        if (bytes(value) != b"null" or name in _KEPT_NULLS) and not (name in _SHELLS and _is_shell(value))
    }
    if bytes(message.get("role", b"")) != b'"assistant"':
        message.pop("role", None)
    _name_reasoning(message)
    content = bytes(message.get("content", b"null"))
    if content[:1] != b'"' and content != b"null":
        _flatten(message, decoded(content))
    details = message.get("reasoning_details")
    if details is not None and (bytes(details)[:1] != b"[" or bytes(details) == b"[]"):
        del message["reasoning_details"]
    _complete_reasoning(message)
    return message


def _name_reasoning(message: dict[str, Raw]) -> None:
    """One key for thoughts, and only where there are some."""
    for name in ("reasoning", "reasoning_content"):
        thought = message.pop(name, None)
        if thought is None or "reasoning" in message:
            continue
        if bytes(thought)[:1] != b'"':
            thought = Raw(encode(_plain_text(decoded(thought))))
        if bytes(thought) != b'""':
            message["reasoning"] = thought


def _complete_reasoning(message: dict[str, Raw]) -> None:
    """Thoughts stand both as text and as details."""
    if "reasoning" in message and "reasoning_details" not in message:
        text = bytes(message["reasoning"])
        message["reasoning_details"] = Raw(b'[{"type":"reasoning.text","text":%b,"format":"unknown","index":0}]' % text)
    elif "reasoning_details" in message and "reasoning" not in message:
        thought = "".join(_detail(detail) for detail in decoded(message["reasoning_details"]))
        if thought:
            message["reasoning"] = Raw(encode(thought))


def _detail(detail: object) -> str:
    if not isinstance(detail, dict):
        return ""
    return next((text for name in ("text", "summary") if isinstance(text := detail.get(name), str)), "")


def _flatten(message: dict[str, Raw], content: object) -> None:
    """Content in parts becomes a text, thoughts and images; any other value becomes its JSON."""
    if isinstance(content, dict) and not isinstance(content.get("text"), str):
        message["content"] = Raw(encode(encode(content).decode()))
        return
    texts: list[str] = []
    thoughts: list[str] = []
    images: list[object] = []
    for part in content if isinstance(content, list) else [content]:
        if not isinstance(part, dict):
            texts.append(part if isinstance(part, str) else encode(part).decode())
        elif part.get("type") in ("thinking", "reasoning"):  # what stands there may have no hash
            thoughts.append(_plain_text(part.get("thinking") or part.get("reasoning") or part.get("text")))
        elif "image_url" in part:
            images.append(part)
        else:
            texts.append(_plain_text(part.get("text")))
    message["content"] = Raw(encode("".join(texts)))
    if "reasoning" not in message and any(thoughts):
        message["reasoning"] = Raw(encode("".join(thoughts)))
    if "images" not in message and images:
        message["images"] = Raw(encode(images))


def _plain_text(value: object) -> str:
    """The text in a value that should be one: itself, its ``text`` or ``content``, or those of its parts."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(_plain_text(part) for part in value)
    if isinstance(value, dict):
        return _plain_text(value.get("text") or value.get("content") or value.get("summary"))
    return ""


def _is_shell(value: Raw) -> bool:
    held = decoded(value)
    return not isinstance(held, dict) or not any(held.values())


def _calls(message: dict[str, Raw]) -> list[dict[str, Any]]:
    """The tool calls, taken out of *message*."""
    raw = message.pop("tool_calls", None)
    calls = None if raw is None else decoded(raw)
    if isinstance(calls, dict):
        calls = [calls]  # text-generation-inference streams a single one
    return [call for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []


def _whole_call(call: dict[str, Any], upstream_id: str | None, place: int) -> dict[str, Any]:
    _tidy(call)
    if not call.get("type"):
        call["type"] = "function"
    if not isinstance(call.get("id"), str) or not call["id"]:
        call["id"] = _made_up_id(upstream_id, place)
    function = call.get("function")
    if isinstance(function, dict):
        function.setdefault("arguments", "")
    return call


def _streamed_call(call: dict[str, Any], tools: ToolCalls, upstream_id: str | None) -> dict[str, Any]:
    _tidy(call)
    call["index"] = tools.index(call)
    function = call.get("function")
    named = isinstance(function, dict) and bool(function.get("name"))
    if not call.get("id"):
        call.pop("id", None)
        if named:
            call["id"] = _made_up_id(upstream_id, call["index"])
    if not call.get("type"):
        call.pop("type", None)
        if named:
            call["type"] = "function"
    return call


def _tidy(call: dict[str, Any]) -> None:
    """Arguments are a string, names are not null, and a function call carries no empty custom call.

    Raises UpstreamError for a function that is none, or whose name is no text.
    """
    custom = call.get("custom")
    if custom is None or (isinstance(custom, dict) and not any(custom.values())):
        call.pop("custom", None)
    function = call.get("function")
    if not isinstance(function, dict):
        if function is not None:
            raise nonsense()
        call.pop("function", None)
        return
    name = function.get("name", "")
    if name is None:
        del function["name"]
    elif not isinstance(name, str):
        raise nonsense()
    arguments = function.get("arguments", "")
    if not isinstance(arguments, str):
        function["arguments"] = "" if arguments is None else encode(arguments).decode()


def _made_up_id(upstream_id: str | None, place: int) -> str:
    return "call_" + sha256(f"{upstream_id}/{place}".encode()).hexdigest()[:24]
