"""Cohere's chat API as its schema defines it: a request told as a chat request, an answer told as what was said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from answers import Answer, Inexpressible, Said, Tokens, ToolCall

__all__ = ["chat_request", "normal_request", "read_answer"]

_NAMES = {"p": "top_p", "k": "top_k", "stop_sequences": "stop"}
_SAME = ("temperature", "seed", "frequency_penalty", "presence_penalty", "max_tokens", "stream", "documents",
         "citation_options", "safety_mode", "logprobs", "thinking")  # fmt: skip
_FINISH = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_calls",
    "ERROR": "error",
}


def chat_request(request: Mapping[str, Any]) -> dict[str, Any]:
    """The chat request that asks for the same, without ``model``. Raises Inexpressible."""
    unknown = request.keys() - {*_NAMES, *_SAME, "model", "messages", "tools", "tool_choice", "response_format"}
    if unknown:
        raise Inexpressible(f"the fields {', '.join(sorted(unknown))}")
    chat = {name: request[name] for name in _SAME if name in request}
    chat |= {ours: request[name] for name, ours in _NAMES.items() if name in request}
    chat["messages"] = [_message(turn) for turn in request["messages"]]
    if request.get("tools"):
        chat["tools"] = request["tools"]
    if choice := request.get("tool_choice"):
        chat["tool_choice"] = choice.lower()
    form = request.get("response_format") or {"type": "text"}
    if form["type"] == "json_object" and (schema := form.get("json_schema") or form.get("schema")):
        form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    return chat | ({} if form["type"] == "text" else {"response_format": form})


def _message(turn: Mapping[str, Any]) -> dict[str, Any]:
    message = {name: turn[name] for name in ("role", "tool_calls", "tool_call_id") if name in turn}
    content = turn.get("content")
    details: list[dict[str, Any]] = []
    if isinstance(content, list):
        thoughts = [part["thinking"] for part in content if part["type"] == "thinking"]
        details = [{"type": "reasoning.text", "text": text, "index": place} for place, text in enumerate(thoughts)]
        content = [part for part in content if part["type"] != "thinking"]
    if plan := turn.get("tool_plan"):
        details.append({"type": "reasoning.text", "text": plan, "id": "tool_plan", "index": len(details)})
    return message | {"content": content} | ({"reasoning_details": details} if details else {})


def normal_request(request: Mapping[str, Any]) -> dict[str, Any]:
    """*request* without null and false, its contents in parts."""
    fields = {name: value for name, value in request.items() if value not in (None, False)}
    fields["messages"] = [_normal_turn(turn) for turn in fields["messages"]]
    return fields


def _normal_turn(turn: Mapping[str, Any]) -> dict[str, Any]:
    content = turn.get("content")
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return {name: value for name, value in (dict(turn) | {"content": parts}).items() if value}


def read_answer(body: Mapping[str, Any]) -> Answer:
    """What a whole answer says; the plan for calls is a thought."""
    message, usage = body["message"], body["usage"]
    said = Said(finish=_FINISH[body["finish_reason"]], native=body["finish_reason"])
    for part in message.get("content") or ():
        said.text += part.get("text") or ""
        said.reasoning += part.get("thinking") or ""
    said.reasoning += message.get("tool_plan") or ""
    said.tool_calls = [
        ToolCall(call["id"], call["function"]["name"], call["function"]["arguments"])
        for call in message.get("tool_calls") or ()
    ]
    read = usage["tokens"]
    return Answer({0: said}, Tokens(read["input_tokens"], read["output_tokens"], 0, usage.get("cached_tokens") or 0))
