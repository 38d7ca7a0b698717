"""Converse as its schema defines it: a request told as a chat request, an answer told as what was said."""

from __future__ import annotations

import json
from binascii import crc32
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import groupby
from struct import unpack
from typing import Any
from urllib.parse import unquote

from answers import Answer, Inexpressible, Said, Tokens, ToolCall
from converters import anthropic

__all__ = [
    "chat_request",
    "joined_details",
    "model_of",
    "normal_request",
    "read_events",
    "read_frames",
    "read_message",
]

_FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
    "malformed_model_output": "error",
    "malformed_tool_use": "error",
}
_PASSED_ON = ("guardrailConfig", "performanceConfig", "requestMetadata", "additionalModelResponseFieldPaths",
              "serviceTier")  # fmt: skip
_OFFICE = "application/vnd.openxmlformats-officedocument"
_MEDIA_TYPES = {
    "png": "image/png", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp", "pdf": "application/pdf",
    "csv": "text/csv", "html": "text/html", "txt": "text/plain", "md": "text/markdown", "doc": "application/msword",
    "docx": f"{_OFFICE}.wordprocessingml.document", "xls": "application/vnd.ms-excel",
    "xlsx": f"{_OFFICE}.spreadsheetml.sheet", "mp4": "video/mp4", "mov": "video/quicktime", "webm": "video/webm",
    "mkv": "video/x-matroska", "mpeg": "video/mpeg", "three_gp": "video/3gpp", "flv": "video/x-flv",
    "wmv": "video/x-ms-wmv",
}  # fmt: skip
_MARK = {"cache_control": {"type": "ephemeral"}}


def model_of(path: str) -> str:
    """The model that a path names."""
    return unquote(path.split("/")[2])


def chat_request(request: Mapping[str, Any], *, stream: bool) -> dict[str, Any]:
    """The chat request that asks for the same, without ``model``. Raises Inexpressible."""
    chat: dict[str, Any] = {name: request[name] for name in _PASSED_ON if name in request}
    messages: list[dict[str, Any]] = []
    if request.get("system"):
        messages.append({"role": "system", "content": _parts(request["system"])})
    for turn in request["messages"]:
        messages += [_assistant(turn["content"])] if turn["role"] == "assistant" else _others(turn["content"])
    chat["messages"] = messages
    chat |= _limits(request.get("inferenceConfig") or {}) | _own(request.get("additionalModelRequestFields") or {})
    if config := request.get("toolConfig"):
        chat["tools"] = _tools(config["tools"])
        if choice := config.get("toolChoice"):
            chat["tool_choice"] = _choice(choice)
    if wanted := (request.get("outputConfig") or {}).get("textFormat"):
        stated = wanted["structure"]["jsonSchema"]
        schema = {"name": stated["name"], "strict": True, "schema": json.loads(stated["schema"])}
        schema |= {"description": stated["description"]} if "description" in stated else {}
        chat["response_format"] = {"type": "json_schema", "json_schema": schema}
    return chat | ({"stream": True} if stream else {})


def _limits(config: Mapping[str, Any]) -> dict[str, Any]:
    names = {"maxTokens": "max_tokens", "temperature": "temperature", "topP": "top_p", "stopSequences": "stop"}
    return {names[name]: value for name, value in config.items()}


def _own(fields: Mapping[str, Any]) -> dict[str, Any]:
    """What only some models know, in the words of a chat request; the rest is passed on."""
    rest = dict(fields)
    chat: dict[str, Any] = {}
    if "top_k" in rest:
        chat["top_k"] = rest.pop("top_k")
    if set(rest.get("inferenceConfig") or {}) == {"topK"}:
        chat["top_k"] = rest.pop("inferenceConfig")["topK"]
    thinking, effort = rest.pop("thinking", None), (rest.pop("output_config", None) or {}).get("effort")
    if thinking is not None:
        kinds: dict[str, dict[str, Any]] = {
            "enabled": {"max_tokens": thinking.get("budget_tokens")},
            "disabled": {"enabled": False},
            "adaptive": {"effort": effort} if effort else {"enabled": True},
        }
        chat["reasoning"] = kinds[thinking["type"]]
    word = rest.pop("reasoning_effort", None) or rest.pop("reasoning_config", None)
    if word is not None:
        chat["reasoning"] = {"effort": word}
    if (config := rest.pop("reasoningConfig", None)) is not None:
        enabled = config["type"] == "enabled"
        chat["reasoning"] = {"effort": config["maxReasoningEffort"]} if enabled else {"enabled": False}
    return chat | ({"additionalModelRequestFields": rest} if rest else {})


def _choice(choice: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
    if "tool" in choice:
        return {"type": "function", "function": {"name": choice["tool"]["name"]}}
    return "required" if "any" in choice else "auto"


def _tools(tools: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    chat: list[dict[str, Any]] = []
    for tool in tools:
        if "cachePoint" in tool:
            chat[-1] |= _mark_of(tool)
        elif "toolSpec" in tool:
            spec = tool["toolSpec"]
            function = {name: spec[name] for name in ("name", "description", "strict") if name in spec}
            chat.append({"type": "function", "function": function | {"parameters": spec["inputSchema"]["json"]}})
        else:
            chat.append(dict(tool))
    return chat


def _mark_of(block: Mapping[str, Any]) -> dict[str, Any]:
    ttl = block["cachePoint"].get("ttl")
    return {"cache_control": _MARK["cache_control"] | {"ttl": ttl}} if ttl else _MARK


def _others(blocks: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A turn of the user: the results of tools are messages of their own."""
    messages: list[dict[str, Any]] = []
    for is_result, group in groupby(blocks, key=lambda block: "toolResult" in block):
        if not is_result:
            rest = list(group)
            while messages and rest and "cachePoint" in rest[0]:
                messages[-1] |= _mark_of(rest.pop(0))
            messages += [{"role": "user", "content": _parts(rest)}] if rest else []
            continue
        for block in group:
            told = block["toolResult"]
            message = {"role": "tool", "tool_call_id": told["toolUseId"], "content": _parts(told["content"])}
            messages.append(message | ({"is_error": True} if told.get("status") == "error" else {}))
    return messages


def _parts(blocks: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    for block in blocks:
        if "cachePoint" in block:
            if not parts:
                raise Inexpressible("a cache point before anything")
            parts[-1] |= _mark_of(block)
        else:
            parts.append(_part(block))
    return parts


def _part(block: Mapping[str, Any]) -> dict[str, Any]:
    [(kind, value)] = block.items()
    if kind == "text":
        return {"type": "text", "text": value}
    if kind == "json":
        return {"type": "text", "text": json.dumps(value)}
    if kind in {"image", "video", "document"}:
        if "bytes" not in value["source"]:
            raise Inexpressible("a file in the provider's own storage, which the gateway reads for nobody")
        url = f"data:{_MEDIA_TYPES[value['format']]};base64,{value['source']['bytes']}"
        if kind == "document":
            return {"type": "file", "file": {"filename": value["name"], "file_data": url}}
        return {"type": f"{kind}_url", f"{kind}_url": {"url": url}}
    raise Inexpressible(f"a block of kind {kind} in what the user or the system says")


def _assistant(blocks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A turn of the model: what it thought, said and called, which a chat message holds in this order only."""
    ranks = [_rank(block) for block in blocks]
    if ranks != sorted(ranks):
        raise Inexpressible("text or thoughts after a call")
    results = {block["toolResult"]["toolUseId"]: block["toolResult"] for block in blocks if "toolResult" in block}
    message: dict[str, Any] = {"role": "assistant", "content": None}
    details = [one for block in blocks if (one := _detail(block, results)) is not None]
    if details:
        message["reasoning_details"] = [
            detail | {"format": anthropic.FORMAT, "index": index} for index, detail in enumerate(details)
        ]
    if parts := _parts(block for block in blocks if _rank(block) == 1):
        message["content"] = parts
    if calls := [_call(block["toolUse"]) for block in blocks if _rank(block) == 2]:
        message["tool_calls"] = calls
    return message


def _rank(block: Mapping[str, Any]) -> int:
    if "reasoningContent" in block or "toolResult" in block:
        return 0
    if "toolUse" in block:
        return 0 if block["toolUse"].get("type") == "server_tool_use" else 2
    return 1


def _call(use: Mapping[str, Any]) -> dict[str, Any]:
    function = {"name": use["name"], "arguments": json.dumps(use["input"])}
    return {"id": use["toolUseId"], "type": "function", "function": function}


def _detail(block: Mapping[str, Any], results: Mapping[str, Any]) -> dict[str, Any] | None:
    """The entry of ``reasoning_details`` that carries a block."""
    if "reasoningContent" in block:
        thought = block["reasoningContent"]
        if "redactedContent" in thought:
            return {"type": "reasoning.encrypted", "data": thought["redactedContent"]}
        return {"type": "reasoning.text"} | dict(thought["reasoningText"])
    if "toolUse" in block and _rank(block) == 0:
        use = block["toolUse"]
        result = results.get(use["toolUseId"])
        return {
            "type": "reasoning.server_tool_call",
            "tool_name": use["name"],
            "tool_call_id": use["toolUseId"],
            "arguments": json.dumps(use["input"]),
            "result": json.dumps(result) if result is not None else "",
        }
    return None


def normal_request(request: Mapping[str, Any]) -> dict[str, Any]:
    """*request* without differences that mean nothing: defaults spelled out, schemas as values, empty lists gone."""
    fields = {name: value for name, value in request.items() if value not in (None, [], {})}
    fields["messages"] = [
        {"role": turn["role"], "content": [_normal_block(block) for block in turn["content"]]}
        for turn in fields["messages"]
    ]
    if "outputConfig" in fields:
        stated = fields["outputConfig"]["textFormat"]
        schema = stated["structure"]["jsonSchema"]
        read = schema | {"schema": json.loads(schema["schema"])}
        fields["outputConfig"] = {"textFormat": stated | {"structure": {"jsonSchema": read}}}
    return fields


def _normal_block(block: Mapping[str, Any]) -> dict[str, Any]:
    normal = dict(block)
    if "toolResult" in normal and normal["toolResult"].get("status") == "success" and "type" not in block["toolResult"]:
        normal["toolResult"] = {name: value for name, value in block["toolResult"].items() if name != "status"}
    return normal


def read_message(body: Mapping[str, Any]) -> Answer:
    """What a whole answer says."""
    said = Said()
    for block in body["output"]["message"]["content"]:
        if "text" in block:
            said.text += block["text"]
        elif "reasoningContent" in block:
            _add_thought(said, block["reasoningContent"])
        elif "toolUse" in block and _rank(block) == 2:
            use = block["toolUse"]
            said.tool_calls.append(ToolCall(use["toolUseId"], use["name"], json.dumps(use["input"])))
    said.native = body["stopReason"]
    said.finish = _FINISH[body["stopReason"]]
    return Answer({0: said}, _tokens(body["usage"]))


def _add_thought(said: Said, thought: Mapping[str, Any]) -> None:
    if "redactedContent" in thought:
        said.details.append({"type": "reasoning.encrypted", "data": thought["redactedContent"]})
        return
    told = thought["reasoningText"]
    said.reasoning += told["text"]
    said.details.append({"type": "reasoning.text"} | dict(told))


def read_frames(stream: bytes) -> list[tuple[dict[str, str], Any]]:
    """The messages of an event stream, headers and JSON, each with both checksums right."""
    messages: list[tuple[dict[str, str], Any]] = []
    while stream:
        length, head, checksum = unpack(">III", stream[:12])
        message, stream = stream[:length], stream[length:]
        assert crc32(message[:8]) == checksum
        assert crc32(message[:-4]) == unpack(">I", message[-4:])[0]
        block, headers = message[12 : 12 + head], {}
        while block:
            name, block = block[1 : 1 + block[0]], block[1 + block[0] :]
            kind, size = unpack(">BH", block[:3])
            assert kind == 7
            headers[name.decode()], block = block[3 : 3 + size].decode(), block[3 + size :]
        messages.append((headers, json.loads(message[12 + head : -4])))
    return messages


def read_events(stream: bytes) -> Answer:
    """What a stream says, once its blocks are put together again."""
    blocks: dict[int, dict[str, Any]] = {}
    body: dict[str, Any] = {}
    for headers, event in read_frames(stream):
        kind, block = headers[":event-type"], blocks.setdefault(event.get("contentBlockIndex", -1), {})
        if kind == "contentBlockStart":
            block |= {name: dict(value) | {"input": ""} for name, value in event["start"].items()}
        elif kind == "contentBlockDelta":
            _grow(block, event["delta"])
        elif kind in {"messageStop", "metadata"}:
            body |= event
    blocks.pop(-1, None)
    for block in blocks.values():
        if "toolUse" in block:
            block["toolUse"]["input"] = json.loads(block["toolUse"]["input"] or "{}")
    return read_message(body | {"output": {"message": {"content": [blocks[index] for index in sorted(blocks)]}}})


def _grow(block: dict[str, Any], delta: Mapping[str, Any]) -> None:
    if "text" in delta:
        block["text"] = block.get("text", "") + delta["text"]
    elif "toolUse" in delta:
        block["toolUse"]["input"] += delta["toolUse"]["input"]
    elif "redactedContent" in delta.get("reasoningContent", {}):
        block["reasoningContent"] = dict(delta["reasoningContent"])
    elif "reasoningContent" in delta:
        told = block.setdefault("reasoningContent", {"reasoningText": {"text": ""}})["reasoningText"]
        for name, value in delta["reasoningContent"].items():
            told[name] = told.get(name, "") + value


def _tokens(usage: Mapping[str, Any]) -> Tokens:
    cached = usage.get("cacheReadInputTokens") or 0
    prompt = usage["inputTokens"] + cached + (usage.get("cacheWriteInputTokens") or 0)
    return Tokens(prompt, usage["outputTokens"], 0, cached)


joined_details = partial(anthropic.joined_details, unsealed="unknown")
