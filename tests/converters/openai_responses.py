"""The Responses API as its schema defines it: a request told as a chat request, an answer told as what was said."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from answers import Answer, Inexpressible, Said, Tokens, ToolCall

__all__ = [
    "FORMAT",
    "chat_request",
    "joined_details",
    "normal_request",
    "read_events",
    "read_response",
]

FORMAT = "openai-responses-v1"
_SAME = ("context_management", "moderation", "parallel_tool_calls", "prompt_cache_key", "service_tier", "stream",
         "temperature", "top_p", "truncation", "user")  # fmt: skip
_STORED = {
    "background": "an answer that is fetched later",
    "conversation": "a conversation that the provider keeps",
    "previous_response_id": "an answer that the provider keeps",
}
_LATE_TOOLS = "tools that come amid the conversation"
_OUTPUTS = frozenset({"function_call_output", "custom_tool_call_output"})
_ASKED_BY_US = frozenset({"reasoning.encrypted_content"})
"""What the gateway asks for by itself."""


def chat_request(request: Mapping[str, Any]) -> dict[str, Any]:
    """The chat request that asks for the same, without ``model``. Raises Inexpressible."""
    for name, what in _STORED.items():
        if request.get(name):
            raise Inexpressible(what)
    chat: dict[str, Any] = {name: request[name] for name in _SAME if request.get(name) is not None}
    given = request["input"]
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    messages = [{"role": "system", "content": request["instructions"]}] if request.get("instructions") else []
    chat["messages"] = messages + _messages(items)
    if request.get("tools"):
        chat["tools"] = [_tool(tool) for tool in request["tools"]]
    if (choice := request.get("tool_choice")) is not None:
        chat["tool_choice"] = _choice(choice)
    if limit := request.get("max_output_tokens"):
        chat["max_completion_tokens"] = limit
    if include := [name for name in request.get("include") or () if name not in _ASKED_BY_US]:
        chat["include"] = include
    return chat | _reasoning(request.get("reasoning") or {}) | _text(request.get("text") or {})


def _reasoning(stated: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: value for name, value in stated.items() if value is not None}
    return {"reasoning": told} if told else {}


def _text(text: Mapping[str, Any]) -> dict[str, Any]:
    chat = {"verbosity": text["verbosity"]} if "verbosity" in text else {}
    form = text.get("format") or {"type": "text"}
    if form["type"] == "text":
        return chat
    if form["type"] == "json_schema":
        schema = {name: value for name, value in form.items() if name != "type"}
        return chat | {"response_format": {"type": "json_schema", "json_schema": schema}}
    return chat | {"response_format": {"type": form["type"]}}


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    if tool["type"] != "function":
        return dict(tool)
    function = {
        name: tool[name] for name in ("name", "description", "parameters", "strict") if tool.get(name) is not None
    }
    return {"type": "function", "function": function} | (
        {"defer_loading": tool["defer_loading"]} if "defer_loading" in tool else {}
    )


def _choice(choice: Any) -> Any:  # noqa: ANN401 - a word or an object
    if isinstance(choice, str):
        return choice
    if choice["type"] == "function":
        return {"type": "function", "function": {"name": choice["name"]}}
    if choice["type"] == "allowed_tools":
        tools = [{"type": "function", "function": {"name": one["name"]}} for one in choice["tools"]]
        return {"type": "allowed_tools", "allowed_tools": {"mode": choice["mode"], "tools": tools}}
    return dict(choice)


def _messages(items: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Items that the model has made in one go are one message: details, then what was said, then calls."""
    messages: list[dict[str, Any]] = []
    turn: _Turn | None = None
    for item in items:
        kind = item.get("type", "message")
        if kind == "additional_tools":
            raise Inexpressible(_LATE_TOOLS)
        if kind in _OUTPUTS or (kind == "message" and item["role"] != "assistant"):
            turn = None
            messages.append(_other(kind, item))
            continue
        if turn is None or not turn.may_hold(kind, item):
            turn = _Turn()
            messages.append(turn.message)
        turn.add(kind, item)
    return messages


class _Turn:
    """One message of the model."""

    def __init__(self) -> None:
        self.message: dict[str, Any] = {"role": "assistant", "content": None}

    def may_hold(self, kind: str, item: Mapping[str, Any]) -> bool:
        """Nothing but calls follows a call, and no text a text without a mark of its own."""
        if kind == "function_call":
            return True
        plain_text = kind == "message" and "phase" not in item
        return not ("tool_calls" in self.message or (plain_text and self.message["content"]))

    def add(self, kind: str, item: Mapping[str, Any]) -> None:
        if kind == "function_call":
            function = {"name": item["name"], "arguments": item["arguments"]}
            call = {"id": item["call_id"], "type": "function", "function": function}
            self.message.setdefault("tool_calls", []).append(call)
        elif kind == "message":
            if "phase" in item:
                self._tell("message", {"type": "message", "id": item["id"], "phase": item["phase"]})
            self.message["content"] = (self.message["content"] or "") + _said_in(item)
        elif kind == "reasoning":
            self._think(item)
        else:
            self._tell(kind.removesuffix("_call"), item)

    def _think(self, item: Mapping[str, Any]) -> None:
        for part in item["summary"]:
            self._detail({"type": "reasoning.summary", "summary": part["text"], "id": item["id"]})
        self._detail({"type": "reasoning.encrypted", "data": item["encrypted_content"], "id": item["id"]})

    def _tell(self, name: str, item: Mapping[str, Any]) -> None:
        call_id = item.get("id") or item.get("call_id") or ""
        told = {"tool_name": name, "arguments": "{}", "result": json.dumps(item), "tool_call_id": call_id}
        self._detail({"type": "reasoning.server_tool_call"} | told)

    def _detail(self, detail: dict[str, Any]) -> None:
        details = self.message.setdefault("reasoning_details", [])
        details.append(
            detail | {"format": FORMAT, "index": len(details), "position": len(self.message["content"] or "")}
        )


def _said_in(item: Mapping[str, Any]) -> str:
    content = item["content"]
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def _other(kind: str, item: Mapping[str, Any]) -> dict[str, Any]:
    """What the user, the system or a tool says."""
    if kind in _OUTPUTS:
        return {"role": "tool", "tool_call_id": item["call_id"], "content": _parts(item["output"])}
    return {"role": item["role"], "content": _parts(item["content"])}


def _parts(content: Any) -> Any:  # noqa: ANN401 - a text, or parts
    return content if isinstance(content, str) else [_part(part) for part in content]


def _part(part: Mapping[str, Any]) -> dict[str, Any]:
    kind = part["type"]
    if kind == "input_text":
        return {"type": "text", "text": part["text"]}
    if kind == "input_image" and "image_url" in part:
        image = {name: part[name] for name in ("detail",) if name in part}
        return {"type": "image_url", "image_url": {"url": part["image_url"]} | image}
    if kind == "input_file":
        names = {"file_data": "file_data", "file_url": "url", "file_id": "file_id", "filename": "filename"}
        return {"type": "file", "file": {names[name]: part[name] for name in names if name in part}}
    if kind == "input_audio":
        return dict(part)
    raise Inexpressible(f"a part of type {kind}")


def normal_request(request: Mapping[str, Any]) -> dict[str, Any]:
    """*request* without differences that mean nothing.

    Left out: that nothing shall be stored, null and false; names of items and their states, which the provider needs
    for what it stores; whether instructions stand apart; the sealed thoughts that the gateway asks every model for that
    thinks; the model's empty texts.
    """
    unsaid = ("store", "conversation", "previous_response_id")
    fields = {
        name: value for name, value in request.items() if value not in (None, False, "", []) and name not in unsaid
    }
    if include := [name for name in fields.pop("include", ()) if name not in _ASKED_BY_US]:
        fields["include"] = include
    if reasoning := {name: value for name, value in (fields.pop("reasoning", None) or {}).items() if value is not None}:
        fields["reasoning"] = reasoning
    given = fields["input"]
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    if instructions := fields.pop("instructions", None):
        items = [{"role": "system", "content": instructions}, *items]
    fields["input"] = [_normal_item(item) for item in items if not _is_silent(item)]
    if "tools" in fields:
        fields["tools"] = [
            {name: value for name, value in tool.items() if value is not None} for tool in fields["tools"]
        ]
        defaults = {"strict": False}
        fields["tools"] = [defaults | tool if tool["type"] == "function" else tool for tool in fields["tools"]]
    return fields


def _is_silent(item: Mapping[str, Any]) -> bool:
    return item.get("role") == "assistant" and not item["content"]


def _normal_item(item: Mapping[str, Any]) -> dict[str, Any]:
    normal = dict(item)
    if normal.get("type", "message") == "message":
        if normal["role"] == "assistant":
            phase = {"phase": normal["phase"]} if "phase" in normal else {}
            return {"role": "assistant", "content": _said_in(normal)} | phase
        if isinstance(normal["content"], list):
            normal["content"] = [
                {"detail": "auto"} | part if part["type"] == "input_image" else part for part in normal["content"]
            ]
        normal.pop("type", None)
    if normal.get("type") == "function_call":
        normal.pop("id", None)
        normal.pop("status", None)
    return normal


def read_response(response: Mapping[str, Any]) -> Answer:
    """What a whole answer says."""
    said = Said()
    summaries: list[str] = []
    for item in response["output"]:
        kind = item["type"]
        if kind == "message":
            for part in item["content"]:
                _say(said, part)
        elif kind == "reasoning":
            summaries += [part["text"] for part in item["summary"]]
            said.details += [
                {"type": "reasoning.summary", "summary": part["text"], "id": item["id"]} for part in item["summary"]
            ]
            if item.get("encrypted_content"):
                said.details.append(
                    {"type": "reasoning.encrypted", "data": item["encrypted_content"], "id": item["id"]}
                )
        elif kind == "function_call":
            said.tool_calls.append(ToolCall(item["call_id"], item["name"], item["arguments"]))
    said.reasoning = "".join(summaries)
    reason = (response.get("incomplete_details") or {}).get("reason")
    cut = {"max_output_tokens": "length", "content_filter": "content_filter"}
    said.finish = cut[reason] if reason else "tool_calls" if said.tool_calls else "stop"
    said.native = reason or response["status"]
    return Answer({0: said}, _tokens(response["usage"]))


def read_events(events: Iterable[Mapping[str, Any]]) -> Answer:
    """What a stream says: its last event holds the whole answer, whose thoughts are sealed anew there."""
    told = list(events)
    response = [event["response"] for event in told if "response" in event][-1]
    items = {event["output_index"]: event["item"] for event in told if event["type"] == "response.output_item.done"}
    return read_response(response | {"output": [items[index] for index in range(len(response["output"]))]})


def _say(said: Said, part: Mapping[str, Any]) -> None:
    if part["type"] == "refusal":
        said.refusal += part["refusal"]
        return
    start = len(said.text)
    said.text += part["text"]
    for one in part.get("annotations") or ():
        if one["type"] == "url_citation":
            place = {"start_index": start + one["start_index"], "end_index": start + one["end_index"]}
            cited = {"url": one["url"], "title": one["title"]} | place
            said.extras.setdefault("annotations", []).append({"type": "url_citation", "url_citation": cited})


def _tokens(usage: Mapping[str, Any]) -> Tokens:
    cached = (usage.get("input_tokens_details") or {}).get("cached_tokens") or 0
    thoughts = (usage.get("output_tokens_details") or {}).get("reasoning_tokens") or 0
    return Tokens(usage["input_tokens"], usage["output_tokens"], thoughts, cached)


def joined_details(details: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Details of thoughts with the pieces of a stream put together, without their marks, and without server tools."""
    joined: list[dict[str, Any]] = []
    last: Any = None
    for detail in details:
        if detail["type"] == "reasoning.server_tool_call":
            continue
        assert detail["format"] == FORMAT
        if detail["type"] == "reasoning.summary" and last == (detail["id"], detail["index"]):
            joined[-1]["summary"] += detail["summary"]
        else:
            joined.append(
                {name: value for name, value in detail.items() if name not in {"format", "index", "position"}}
            )
        last = (detail["id"], detail["index"])
    return joined
