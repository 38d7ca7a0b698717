"""Google's requests as a client of the gateway writes them, and what Google's answers say: by Google's schema alone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from answers import Inexpressible

__all__ = ["Told", "as_chat", "normal", "tell", "turns_of"]

_FORMAT = "google-gemini-v1"
_SERVER_PARTS = ("executableCode", "codeExecutionResult", "toolCall", "toolResponse")
_FREE = frozenset({"args", "response", "parameters", "parametersJsonSchema", "responseJsonSchema", "responseSchema"})
"""Keys whose values are the client's own, and are not in Google's words."""
_SAMPLING = {
    "temperature": "temperature",
    "topP": "top_p",
    "topK": "top_k",
    "seed": "seed",
    "maxOutputTokens": "max_tokens",
    "presencePenalty": "presence_penalty",
    "frequencyPenalty": "frequency_penalty",
    "stopSequences": "stop",
    "candidateCount": "n",
    "responseLogprobs": "logprobs",
    "logprobs": "top_logprobs",
}
_ENDS = {"STOP": "stop", "MAX_TOKENS": "length"}
_FILTERS = {
    "SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "MODEL_ARMOR",
}  # fmt: skip
_FAILURES = {
    "OTHER", "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "NO_IMAGE", "IMAGE_OTHER",
    "MISSING_THOUGHT_SIGNATURE", "MALFORMED_RESPONSE",
}  # fmt: skip


def normal(value: Any) -> Any:  # noqa: ANN401 - JSON
    """*value* with Google's keys in camel case, as its servers read either; the client's own schemas stay."""
    if isinstance(value, list):
        return [normal(one) for one in value]
    if not isinstance(value, dict):
        return value
    named = {re.sub(r"_([a-z])", lambda found: found[1].upper(), key): one for key, one in value.items()}
    return {key: one if key in _FREE else normal(one) for key, one in named.items()}


def as_chat(request: Mapping[str, Any]) -> dict[str, Any]:
    """The chat request that says the same, without its model.

    Raises:
        Inexpressible: there is none.
    """
    request = normal(request)
    chat: dict[str, Any] = {"messages": _messages(request)}
    tools, choice = _tools(request)
    if tools:
        chat["tools"] = tools
    if choice is not None:
        chat["tool_choice"] = choice
    chat |= _parameters(dict(request.get("generationConfig") or {}))
    for name in ("cachedContent", "safetySettings"):
        if name in request:
            chat[name] = request[name]
    unknown = request.keys() - {
        "contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "cachedContent", "safetySettings"
    }  # fmt: skip
    if unknown:
        raise Inexpressible(f"request fields {sorted(unknown)}")
    return chat


def turns_of(request: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The contents in normal form: turns of the user in a row are one, as the servers read them."""
    turns: list[dict[str, Any]] = []
    for content in normal(request)["contents"]:
        role = content.get("role", "user")
        if turns and role == "user" == turns[-1]["role"]:
            turns[-1]["parts"] += content["parts"]
        else:
            turns.append({"role": role, "parts": list(content["parts"])})
    return turns


@dataclass
class Told:
    """What an answer, or a stream of them, says."""

    text: str = ""
    thoughts: str = ""
    calls: list[tuple[str | None, str, Any]] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    signatures: list[str] = field(default_factory=list)
    parts: list[dict[str, Any]] = field(default_factory=list)
    native: str | None = None
    blocked: str | None = None
    usage: dict[str, Any] = field(default_factory=dict)
    sources: list[str] = field(default_factory=list)

    @property
    def finish(self) -> str:
        """The normal finish reason."""
        if self.native is None and self.blocked is not None:
            return "content_filter"
        if self.native in _FILTERS:
            return "content_filter"
        if self.native in _FAILURES:
            return "error"
        finish = _ENDS[self.native or "STOP"]
        return "tool_calls" if finish == "stop" and self.calls else finish

    @property
    def tokens(self) -> tuple[int, int, int, int]:
        """Prompt, completion, reasoning and cached tokens."""
        count = self.usage.get
        thoughts = count("thoughtsTokenCount", 0)
        prompt = count("promptTokenCount", 0) + count("toolUsePromptTokenCount", 0)
        return prompt, count("candidatesTokenCount", 0) + thoughts, thoughts, count("cachedContentTokenCount", 0)


def tell(answers: Sequence[Mapping[str, Any]]) -> Told:
    """All *answers* of one stream, or the one that came whole, put together; of the first candidate."""
    told = Told()
    for answer in answers:
        told.usage = answer.get("usageMetadata") or told.usage
        told.blocked = (answer.get("promptFeedback") or {}).get("blockReason") or told.blocked
        for candidate in answer.get("candidates") or []:
            told.native = candidate.get("finishReason") or told.native
            grounding = candidate.get("groundingMetadata") or {}
            told.sources += [
                chunk["web"]["uri"] for chunk in grounding.get("groundingChunks") or [] if "uri" in chunk.get("web", {})
            ]
            for part in (candidate.get("content") or {}).get("parts") or []:
                _add(told, part)
    return told


def _add(told: Told, part: dict[str, Any]) -> None:
    told.parts.append(part)
    if "thoughtSignature" in part:
        told.signatures.append(part["thoughtSignature"])
    if part.get("thought"):
        told.thoughts += part.get("text", "")
    elif "text" in part:
        told.text += part["text"]
    elif "functionCall" in part:
        call = part["functionCall"]
        told.calls.append((call.get("id"), call["name"], call.get("args", {})))
    elif "inlineData" in part:
        told.images.append(f"data:{part['inlineData']['mimeType']};base64,{part['inlineData']['data']}")


def _messages(request: Mapping[str, Any]) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    instruction = request.get("systemInstruction")
    if instruction:
        messages.append({"role": "system", "content": _content(instruction["parts"])})
    names = _Names()
    for content in request["contents"]:
        if content.get("role") == "model":
            messages.append(_assistant(content["parts"], names))
        else:
            messages += _from_user(content["parts"], names)
    return messages


class _Names:
    """Ids of calls, made where Google has none: results then follow in the order of the calls."""

    def __init__(self) -> None:
        self.made = 0
        self.open: list[str] = []

    def call(self, stated: str | None) -> str:
        self.made += 1
        name = stated or f"call_{self.made}"
        self.open.append(name)
        return name

    def result(self, stated: str | None) -> str:
        if stated is None:
            return self.open.pop(0)
        if stated in self.open:
            self.open.remove(stated)
        return stated


def _assistant(parts: Sequence[dict[str, Any]], names: _Names) -> dict[str, Any]:
    texts: list[dict[str, Any]] = []
    calls: list[dict[str, Any]] = []
    details: list[dict[str, Any]] = []
    images: list[dict[str, Any]] = []
    for part in parts:
        signature = part.get("thoughtSignature")
        if part.get("thought"):
            details.append(_detail("reasoning.text", text=part["text"], signature=signature, index=len(details)))
        elif "text" in part:
            texts.append({"type": "text", "text": part["text"]})
            if signature:
                details.append(_detail("reasoning.text", signature=signature, index=len(details)))
        elif "functionCall" in part:
            call = part["functionCall"]
            name = names.call(call.get("id"))
            function = {"name": call["name"], "arguments": json.dumps(call.get("args", {}))}
            calls.append({"id": name, "type": "function", "function": function})
            if signature:
                details.append(_detail("reasoning.encrypted", data=signature, id=name, index=len(details)))
        elif "inlineData" in part:
            images.append({"type": "image_url", "image_url": {"url": _data_url(part["inlineData"])}})
        else:
            details.append(_server_detail(part, signature))
    message: dict[str, Any] = {"role": "assistant", "content": texts or None}
    extras = {"tool_calls": calls, "reasoning_details": details, "images": images}
    return message | {name: value for name, value in extras.items() if value}


def _detail(kind: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {"type": kind, "format": _FORMAT} | {name: value for name, value in fields.items() if value is not None}


def _server_detail(part: Mapping[str, Any], signature: str | None) -> dict[str, Any]:
    kind = next((one for one in _SERVER_PARTS if one in part), None)
    if kind is None:
        raise Inexpressible(f"a part of the model's with {sorted(part)}")
    name = "result" if kind in {"codeExecutionResult", "toolResponse"} else "arguments"
    detail = {"tool_name": kind, "arguments": "", "result": "", name: json.dumps(part[kind])}
    return _detail("reasoning.server_tool_call", id=f"{kind}_0", signature=signature, **detail)


def _from_user(parts: Sequence[dict[str, Any]], names: _Names) -> Iterator[dict[str, Any]]:
    rest = []
    for part in parts:
        if "functionResponse" in part:
            given = part["functionResponse"]
            call = names.result(given.get("id"))
            content: Any = json.dumps(given["response"])
            if media := given.get("parts"):
                content = [{"type": "text", "text": content}, *(_user_part(one) for one in media)]
            yield {"role": "tool", "tool_call_id": call, "content": content}
        else:
            rest.append(part)
    if rest:
        yield {"role": "user", "content": _content(rest)}


def _content(parts: Sequence[dict[str, Any]]) -> Any:  # noqa: ANN401 - a text or parts
    if len(parts) == 1 and parts[0].keys() == {"text"}:
        return parts[0]["text"]
    return [_user_part(part) for part in parts]


def _user_part(part: Mapping[str, Any]) -> dict[str, Any]:
    if "videoMetadata" in part:
        raise Inexpressible("`videoMetadata`: how a video is sampled")
    if "text" in part:
        return {"type": "text", "text": part["text"]}
    blob = part.get("inlineData") or part.get("fileData")
    if blob is None:
        raise Inexpressible(f"a part of the user's with {sorted(part)}")
    url = _data_url(blob) if "data" in blob else blob["fileUri"]
    kind = str(blob.get("mimeType", ""))
    if kind.startswith("image/"):
        return {"type": "image_url", "image_url": {"url": url}}
    if kind.startswith("audio/") and "data" in blob:
        return {"type": "input_audio", "input_audio": {"data": blob["data"], "format": kind.partition("/")[2]}}
    if kind.startswith("video/"):
        return {"type": "video_url", "video_url": {"url": url}}
    return {"type": "file", "file": {"filename": "file", "file_data": url}}


def _data_url(blob: Mapping[str, Any]) -> str:
    return f"data:{blob['mimeType']};base64,{blob['data']}"


def _tools(request: Mapping[str, Any]) -> tuple[list[dict[str, Any]], Any]:
    stated = request.get("tools") or []
    config = dict((request.get("toolConfig") or {}).get("functionCallingConfig") or {})
    mode, allowed = config.get("mode"), config.get("allowedFunctionNames")
    tools: list[dict[str, Any]] = []
    for group in stated if isinstance(stated, list) else [stated]:
        for name, value in group.items():
            if name != "functionDeclarations":
                tools.append({name: value})
                continue
            for one in value:
                schema = one.get("parametersJsonSchema", one.get("parameters"))
                function = {"name": one["name"], "description": one.get("description"), "parameters": schema}
                if mode == "VALIDATED" and not allowed:
                    function["strict"] = True
                kept = {key: item for key, item in function.items() if item is not None}
                tools.append({"type": "function", "function": kept})
    return tools, _choice(mode, allowed)


def _choice(mode: str | None, allowed: Sequence[str] | None) -> Any:  # noqa: ANN401 - a word or an object
    if mode == "ANY" and allowed and len(allowed) == 1:
        return {"type": "function", "function": {"name": allowed[0]}}
    if allowed:
        some = [{"type": "function", "function": {"name": name}} for name in allowed]
        wish = "required" if mode == "ANY" else "auto"
        return {"type": "allowed_tools", "allowed_tools": {"mode": wish, "tools": some}}
    return {"AUTO": "auto", "VALIDATED": "auto", "ANY": "required", "NONE": "none"}.get(mode or "")


def _parameters(config: dict[str, Any]) -> dict[str, Any]:
    chat: dict[str, Any] = {}
    for name, ours in _SAMPLING.items():
        if name in config:
            chat[ours] = config.pop(name)
    if modalities := config.pop("responseModalities", None):
        chat["modalities"] = [one.lower() for one in modalities]
    schema = config.pop("responseJsonSchema", config.pop("responseSchema", None))
    if kind := config.pop("responseMimeType", None):
        if kind != "application/json":
            raise Inexpressible(f"`responseMimeType` {kind}")
        chat["response_format"] = {"type": "json_object"}
        if schema is not None:
            chat["response_format"] = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    if thinking := config.pop("thinkingConfig", None):
        chat["reasoning"] = _reasoning(thinking)
    if image := config.pop("imageConfig", None):
        chat["image_config"] = _image_config(image)
    if config:
        raise Inexpressible(f"`generationConfig` {sorted(config)}")
    return chat


def _image_config(image: Mapping[str, Any]) -> dict[str, Any]:
    names = {"aspectRatio": "aspect_ratio", "imageSize": "image_size"}
    if image.keys() - names.keys():
        raise Inexpressible(f"`imageConfig` {sorted(image)}")
    return {names[key]: value for key, value in image.items()}


def _reasoning(thinking: Mapping[str, Any]) -> dict[str, Any]:
    shown = thinking.get("includeThoughts") is True
    if "thinkingLevel" in thinking:
        return {"effort": thinking["thinkingLevel"].lower(), "exclude": not shown}
    budget = thinking.get("thinkingBudget")
    if budget == -1:
        raise Inexpressible("a `thinkingBudget` that the model chooses")
    if budget == 0:
        return {"effort": "none"}
    if budget is not None:
        return {"max_tokens": budget, "exclude": not shown}
    return {"enabled": shown}
