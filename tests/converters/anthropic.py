"""The Messages API as its schema defines it: a request told as a chat request, an answer told as what was said."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby, pairwise
from typing import Any

from answers import Answer, Inexpressible, Said, Tokens, ToolCall

__all__ = ["FORMAT", "chat_request", "joined_details", "normal_request", "read_events", "read_message"]

FORMAT = "anthropic-claude-v1"
_FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
_OWN_PARTS = frozenset({"container_upload", "search_result", "tool_addition", "tool_reference", "tool_removal"})
"""Blocks that no part of a chat says, and that a client may send as they are."""
_PASSED_ON = ("cache_control", "container", "mcp_servers", "max_tokens", "temperature", "top_p", "top_k", "stream")


def chat_request(request: Mapping[str, Any]) -> dict[str, Any]:
    """The chat request that asks for the same, without ``model``. Raises Inexpressible."""
    chat: dict[str, Any] = {name: request[name] for name in _PASSED_ON if name in request}
    system = request.get("system")
    messages: list[dict[str, Any]] = [] if system is None else [{"role": "system", "content": system}]
    for turn in request["messages"]:
        content = turn["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        messages += _assistant(blocks) if turn["role"] == "assistant" else _others(turn["role"], blocks)
    chat["messages"] = messages
    if request.get("tools"):
        chat["tools"] = [_tool(tool) for tool in request["tools"]]
    if choice := request.get("tool_choice"):
        words: dict[str, Any] = {"any": "required", "auto": "auto", "none": "none"}
        named = {"type": "function", "function": {"name": choice.get("name")}}
        chat["tool_choice"] = words.get(choice["type"], named)
        if choice.get("disable_parallel_tool_use"):
            chat["parallel_tool_calls"] = False
    if stops := request.get("stop_sequences"):
        chat["stop"] = stops
    if user := (request.get("metadata") or {}).get("user_id"):
        chat["user"] = user
    return chat | _reasoning(request) | _format(request)


def _reasoning(request: Mapping[str, Any]) -> dict[str, Any]:
    thinking = request.get("thinking")
    effort = (request.get("output_config") or {}).get("effort")
    if thinking is None:
        return {"verbosity": effort} if effort else {}
    if thinking["type"] == "disabled":
        return {"reasoning": {"enabled": False}} | ({"verbosity": effort} if effort else {})
    if thinking["type"] == "enabled":
        return {"reasoning": {"max_tokens": thinking["budget_tokens"]}} | ({"verbosity": effort} if effort else {})
    return {"reasoning": {"effort": effort} if effort else {"enabled": True}}


def _format(request: Mapping[str, Any]) -> dict[str, Any]:
    wanted = (request.get("output_config") or {}).get("format") or request.get("output_format")
    if not wanted:
        return {}
    schema = {"name": "answer", "strict": True, "schema": wanted["schema"]}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    if tool.get("type", "custom") != "custom":
        return dict(tool)
    function = {"name": tool["name"], "parameters": tool["input_schema"]}
    function |= {name: tool[name] for name in ("description", "strict") if name in tool}
    outer = {name: tool[name] for name in ("cache_control", "defer_loading") if name in tool}
    return {"type": "function", "function": function} | outer


def _others(role: str, blocks: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Turns of the user and of the system: the results of tools are messages of their own."""
    messages: list[dict[str, Any]] = []
    for is_result, group in groupby(blocks, key=lambda block: block["type"] == "tool_result"):
        if not is_result:
            messages.append({"role": role, "content": [_part(block) for block in group]})
            continue
        for block in group:
            content = block.get("content", "")
            parts = content if isinstance(content, str) else [_part(inner) for inner in content]
            result = {"role": "tool", "tool_call_id": block["tool_use_id"], "content": parts}
            messages.append(result | ({"is_error": True} if block.get("is_error") else {}))
    return messages


def _part(block: Mapping[str, Any]) -> dict[str, Any]:
    kind, source = block["type"], block.get("source") or {}
    mark = {"cache_control": block["cache_control"]} if "cache_control" in block else {}
    if kind == "text":
        return {"type": "text", "text": block["text"]} | mark
    if kind == "image":
        return {"type": "image_url", "image_url": {"url": _url(source)}} | mark
    if kind == "document":
        file = {"file_id": source["file_id"]} if source["type"] == "file" else {"file_data": _url(source)}
        return {"type": "file", "file": file} | mark
    if kind in _OWN_PARTS:
        return dict(block)
    raise Inexpressible(f"a block of type {kind} in what the user or the system says")


def _url(source: Mapping[str, Any]) -> str:
    if source["type"] == "url":
        return str(source["url"])
    return f"data:{source['media_type']};base64,{source['data']}"


def _assistant(blocks: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A turn of the model: what it thought, said and called. Thoughts amid the text tell their position in it."""
    kinds = [_rank(block["type"]) for block in blocks]
    if 2 in kinds and set(kinds[kinds.index(2) :]) != {2}:
        raise Inexpressible("text or thoughts after a call")
    amid = [kind for kind in kinds if kind < 2] != sorted(kind for kind in kinds if kind < 2)
    if amid and (1, 1) in pairwise(kinds):
        raise Inexpressible("texts in pieces between thoughts")
    results = {block["tool_use_id"]: block for block in blocks if block["type"].endswith("_tool_result")}
    message: dict[str, Any] = {"role": "assistant", "content": None}
    details: list[dict[str, Any]] = []
    length = 0
    for block in blocks:
        if block["type"] == "text":
            length += len(block["text"])
        elif _rank(block["type"]) == 0 and (detail := _detail(block, results)) is not None:
            details.append(detail | {"format": FORMAT, "index": len(details), "position": length})
    if details:
        message["reasoning_details"] = details
    if parts := [_part(block) for block in blocks if block["type"] == "text"]:
        message["content"] = "".join(part["text"] for part in parts) if amid else parts
    if calls := [_call(block) for block in blocks if block["type"] == "tool_use"]:
        message["tool_calls"] = calls
    return [message]


def _rank(kind: str) -> int:
    return {"text": 1, "tool_use": 2}.get(kind, 0)


def _call(block: Mapping[str, Any]) -> dict[str, Any]:
    function = {"name": block["name"], "arguments": json.dumps(block["input"])}
    return {"id": block["id"], "type": "function", "function": function}


def _detail(block: Mapping[str, Any], results: Mapping[str, Mapping[str, Any]]) -> dict[str, Any] | None:
    """The entry of ``reasoning_details`` that carries a block."""
    kind = block["type"]
    if kind == "thinking":
        return {"type": "reasoning.text", "text": block["thinking"], "signature": block["signature"]}
    if kind == "redacted_thinking":
        return {"type": "reasoning.encrypted", "data": block["data"]}
    if kind in {"server_tool_use", "mcp_tool_use"}:
        result = results.get(block["id"])
        told = {
            "type": "reasoning.server_tool_call",
            "tool_name": block["name"],
            "tool_call_id": block["id"],
            "arguments": json.dumps(block["input"]),
            "result": json.dumps(result) if result is not None else "",
        }
        return told | ({"server_name": block["server_name"]} if "server_name" in block else {})
    return None


def normal_request(request: Mapping[str, Any]) -> dict[str, Any]:
    """*request* without differences that mean nothing: defaults spelled out, a text in place of its only block."""
    fields = {name: value for name, value in request.items() if value not in (None, False)}
    if isinstance(fields.get("system"), str):
        fields["system"] = [{"type": "text", "text": fields["system"]}]
    fields["messages"] = [_normal_turn(turn) for turn in fields["messages"]]
    return fields


def _normal_turn(turn: Mapping[str, Any]) -> dict[str, Any]:
    content = turn["content"]
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return {"role": turn["role"], "content": [_normal_block(block) for block in blocks]}


def _normal_block(block: Mapping[str, Any]) -> dict[str, Any]:
    normal = dict(block)
    if normal["type"] == "tool_result":
        if not normal.get("is_error"):
            normal.pop("is_error", None)
        if isinstance(normal.get("content"), str):
            normal["content"] = [{"type": "text", "text": normal["content"]}]
    return normal


def read_message(message: Mapping[str, Any]) -> Answer:
    """What a whole answer says."""
    said = Said()
    for block in message["content"]:
        kind = block["type"]
        if kind == "text":
            start = len(said.text)
            said.text += block["text"]
            _cite(said, block.get("citations") or [], start)
        elif kind == "thinking":
            said.reasoning += block["thinking"]
            said.details.append({"type": "reasoning.text", "text": block["thinking"], "signature": block["signature"]})
        elif kind == "redacted_thinking":
            said.details.append({"type": "reasoning.encrypted", "data": block["data"]})
        elif kind == "tool_use":
            said.tool_calls.append(ToolCall(block["id"], block["name"], json.dumps(block["input"])))
    said.native = message["stop_reason"]
    said.finish = _FINISH[message["stop_reason"]]
    return Answer({0: said}, _tokens(message["usage"]))


def read_events(events: Iterable[Mapping[str, Any]]) -> Answer:
    """What a stream says, once its blocks are put together again."""
    message: dict[str, Any] = {"content": []}
    for event in events:
        kind = event["type"]
        if kind == "message_start":
            message |= {"usage": dict(event["message"]["usage"]), "stop_reason": event["message"].get("stop_reason")}
        elif kind == "content_block_start":
            message["content"].append(dict(event["content_block"]) | {"pieces": ""})
        elif kind == "content_block_delta":
            _grow(message["content"][event["index"]], event["delta"])
        elif kind == "message_delta":
            message["stop_reason"] = event["delta"]["stop_reason"]
            message["usage"] |= event["usage"]
    for block in message["content"]:
        if block["pieces"]:
            block["input"] = json.loads(block["pieces"])
    return read_message(message)


def _grow(block: dict[str, Any], delta: Mapping[str, Any]) -> None:
    kind = delta["type"]
    if kind == "citations_delta":
        block["citations"] = [*(block.get("citations") or []), delta["citation"]]
    elif kind == "input_json_delta":
        block["pieces"] += delta["partial_json"]
    else:
        name = kind.removesuffix("_delta")
        block[name] = block.get(name, "") + delta[name]


def _cite(said: Said, citations: Sequence[Mapping[str, Any]], start: int) -> None:
    for one in citations:
        cited = {"url": one["url"], "title": one["title"], "content": one["cited_text"]}
        place = {"start_index": start, "end_index": len(said.text)}
        said.extras.setdefault("annotations", []).append({"type": "url_citation", "url_citation": cited | place})


def _tokens(usage: Mapping[str, Any]) -> Tokens:
    cached = usage.get("cache_read_input_tokens") or 0
    prompt = usage["input_tokens"] + cached + (usage.get("cache_creation_input_tokens") or 0)
    thoughts = (usage.get("output_tokens_details") or {}).get("thinking_tokens") or 0
    return Tokens(prompt, usage["output_tokens"], thoughts, cached)


def joined_details(details: Iterable[Mapping[str, Any]], unsealed: str = FORMAT) -> list[dict[str, Any]]:
    """Details of thoughts with the pieces of a stream put together, without their marks, and without server tools;
    *unsealed* is the format of pieces without a seal.
    """
    joined: list[dict[str, Any]] = []
    last: Mapping[str, Any] = {}
    for detail in details:
        kind = detail["type"]
        if kind == "reasoning.server_tool_call":
            last = {}
            continue
        sealed = "signature" in detail or kind == "reasoning.encrypted"
        assert detail["format"] == (FORMAT if sealed else unsealed)
        if kind == "reasoning.text":
            if last.get("type") == kind and last.get("index") == detail["index"]:
                joined[-1]["text"] += detail.get("text") or ""
            else:
                joined.append({"type": kind, "text": detail.get("text") or ""})
            if detail.get("signature"):
                joined[-1]["signature"] = detail["signature"]
        else:
            joined.append({"type": kind, "data": detail["data"]})
        last = detail
    return joined
