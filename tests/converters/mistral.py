"""Mistral's chat API as its schema defines it: a request told as a chat request, an answer told as what was said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from answers import Answer, Inexpressible, Said, Tokens, ToolCall

__all__ = ["chat_request", "normal_request", "read_answer"]

_NAMES = {"random_seed": "seed", "max_tokens": "max_completion_tokens"}
_SAME = ("frequency_penalty", "n", "parallel_tool_calls", "prediction", "presence_penalty", "prompt_cache_key",
         "reasoning_effort", "response_format", "safe_prompt", "stop", "stream", "temperature", "tools", "top_p",
         "prompt_mode")  # fmt: skip


def chat_request(request: Mapping[str, Any]) -> dict[str, Any]:
    """The chat request that asks for the same, without ``model``. Raises Inexpressible."""
    told = {name: value for name, value in request.items() if value is not None}
    unknown = told.keys() - {*_NAMES, *_SAME, "model", "messages", "tool_choice"}
    if unknown:
        raise Inexpressible(f"the fields {', '.join(sorted(unknown))}")
    chat = {name: told[name] for name in _SAME if name in told}
    chat |= {ours: told[name] for name, ours in _NAMES.items() if name in told}
    chat["messages"] = [_message(turn) for turn in request["messages"]]
    if "tools" in chat:
        chat["tools"] = [{"type": "function"} | tool for tool in chat["tools"]]
    if choice := told.get("tool_choice"):
        chat["tool_choice"] = "required" if choice == "any" else choice
    return chat


def _message(turn: Mapping[str, Any]) -> dict[str, Any]:
    message = {name: turn[name] for name in ("role", "tool_call_id", "name") if name in turn}
    content = turn.get("content")
    if calls := turn.get("tool_calls"):
        message["tool_calls"] = calls
    if isinstance(content, list):
        texts = [one["text"] for part in content if part["type"] == "thinking" for one in part["thinking"]]
        if texts:
            message["reasoning_details"] = [
                {"type": "reasoning.text", "text": text, "index": place} for place, text in enumerate(texts)
            ]
        content = [_part(part) for part in content if part["type"] != "thinking"]
    return message | {"content": content}


def _part(part: Mapping[str, Any]) -> dict[str, Any]:
    if part["type"] in {"text", "image_url"}:
        return dict(part)
    if part["type"] == "document_url":
        named = {"filename": part["document_name"]} if part.get("document_name") else {}
        return {"type": "file", "file": {"file_data": part["document_url"]} | named}
    if part["type"] == "input_audio":
        return {"type": "input_audio", "input_audio": {"data": part["input_audio"], "format": "wav"}}
    raise Inexpressible(f"a part of type {part['type']}")


def normal_request(request: Mapping[str, Any]) -> dict[str, Any]:
    """*request* without null and false, its contents in parts, its tools and calls with their only type."""
    fields = {name: value for name, value in request.items() if value not in (None, False)}
    fields["messages"] = [_normal_turn(turn) for turn in fields["messages"]]
    if "tools" in fields:
        fields["tools"] = [_normal_tool(tool) for tool in fields["tools"]]
    return fields


def _normal_tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    function = {name: value for name, value in tool["function"].items() if value not in (None, "")}
    return {"type": "function", "function": function}


def _normal_turn(turn: Mapping[str, Any]) -> dict[str, Any]:
    content = turn.get("content")
    parts = [{"type": "text", "text": content}] if isinstance(content, str) and content else content
    calls = [{name: call[name] for name in ("id", "function")} for call in turn.get("tool_calls") or ()]
    return {name: value for name, value in (dict(turn) | {"content": parts, "tool_calls": calls}).items() if value}


def read_answer(body: Mapping[str, Any]) -> Answer:
    """What a whole answer says."""
    usage = body["usage"]
    cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
    answer = Answer(tokens=Tokens(usage["prompt_tokens"], usage["completion_tokens"], 0, cached))
    for choice in body["choices"]:
        message, native = choice["message"], choice["finish_reason"]
        said = answer.choices[choice["index"]] = Said(native=native)
        said.finish = "length" if native == "model_length" else native
        content = message["content"]
        parts: list[dict[str, Any]] = [{"type": "text", "text": content}] if isinstance(content, str) else content
        for part in parts:
            if part["type"] == "thinking":
                said.reasoning += "".join(one["text"] for one in part["thinking"])
            elif part["type"] == "text":
                said.text += part["text"]
        said.tool_calls = [
            ToolCall(call["id"], call["function"]["name"], call["function"]["arguments"])
            for call in message.get("tool_calls") or ()
        ]
    return answer
