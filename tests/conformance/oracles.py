"""Two foreign translators, asked the same, and their words brought into one form: what they mean is compared."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import linguafranca
import llm_rosetta

__all__ = ["ANSWERS", "REQUESTS", "differences", "normal"]

Body = dict[str, Any]
_CHAT = linguafranca.FormatName.OPENAI_CHAT_COMPLETIONS
_MESSAGES = linguafranca.FormatName.ANTHROPIC_MESSAGES
_RESPONSES = linguafranca.FormatName.OPEN_RESPONSES
_TOP = {"systemInstruction", "tools", "toolConfig", "safetySettings"}
_SCHEMAS = {"parameters", "parametersJsonSchema", "responseSchema", "responseJsonSchema", "response_schema"}
_ABSENT = "—"
_ASKED: Body = {"model": "tiny", "messages": [{"role": "user", "content": "Hello"}]}


def _lingua(target: linguafranca.FormatName) -> Callable[[Body], Body]:
    return lambda body: linguafranca.convert_request_json(body, source_format=_CHAT, target_format=target).value


def _lingua_answer(source: linguafranca.FormatName) -> Callable[[Body], Body]:
    return lambda body: linguafranca.convert_response_json(body, source_format=source, target_format=_CHAT).value


def _rosetta(target: str) -> Callable[[Body], Body]:
    return _quiet(lambda body: llm_rosetta.convert(body, target, source_provider="openai_chat"))


def _rosetta_answer(source: str) -> Callable[[Body], Body]:
    return _quiet(lambda body: llm_rosetta.convert_response(body, _ASKED, "openai_chat", source))


def _quiet(translate: Callable[[Body], Body]) -> Callable[[Body], Body]:
    """It warns of what it leaves out, which is of no interest here."""

    def quietly(body: Body) -> Body:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return translate(body)

    return quietly


REQUESTS: Mapping[tuple[str, str], Callable[[Body], Body]] = {
    ("anthropic", "linguafranca"): _lingua(_MESSAGES),
    ("anthropic", "rosetta"): _rosetta("anthropic"),
    ("google", "rosetta"): _rosetta("google"),
    ("openai-responses", "linguafranca"): _lingua(_RESPONSES),
    ("openai-responses", "rosetta"): _rosetta("openai_responses"),
}
"""From a chat request to the body of a dialect, by dialect and oracle."""

ANSWERS: Mapping[tuple[str, str], Callable[[Body], Body]] = {
    ("anthropic", "linguafranca"): _lingua_answer(_MESSAGES),
    ("anthropic", "rosetta"): _rosetta_answer("anthropic"),
    ("google", "rosetta"): _rosetta_answer("google"),
    ("openai-responses", "linguafranca"): _lingua_answer(_RESPONSES),
    ("openai-responses", "rosetta"): _rosetta_answer("openai_responses"),
}
"""From an answer in a dialect to a chat completion."""


def normal(dialect: str, body: Body) -> Body:
    """*body* in the one form of its dialect: what may be said in two ways is said in one."""
    return _NORMAL[dialect](body)


def differences(ours: Body, theirs: Body) -> Iterator[tuple[str, Any, Any]]:
    """Where two bodies differ: the path, and what either holds there."""
    one, other = dict(_flat(ours)), dict(_flat(theirs))
    for path in sorted(one.keys() | other.keys()):
        if one.get(path, _ABSENT) != other.get(path, _ABSENT):
            yield path, one.get(path, _ABSENT), other.get(path, _ABSENT)


def _flat(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - JSON
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for name, value in inner:
        yield from _flat(value, f"{path}[{name}]" if isinstance(name, int) else f"{path}.{name}" if path else name)
    if not inner:
        yield path, node


def _messages(body: Body) -> Body:
    """Texts are lists of blocks, results are texts."""
    for message in body["messages"]:
        if isinstance(message["content"], str):
            message["content"] = [{"type": "text", "text": message["content"]}]
        for block in message["content"]:
            inner = block.get("content")
            if (
                block["type"] == "tool_result"
                and isinstance(inner, list)
                and [one["type"] for one in inner] == ["text"]
            ):
                block["content"] = inner[0]["text"]
    if isinstance(body.get("system"), str):
        body["system"] = [{"type": "text", "text": body["system"]}]
    return body


def _gemini(body: Body) -> Body:
    """The REST form of what one oracle says in the words of Google's Python library."""
    body = _camel(body)
    config = body.pop("config", {})
    for name, value in config.items():
        if name in _TOP:
            body[name] = value
        else:
            body.setdefault("generationConfig", {})[name] = value
    if "tools" in body:
        declared = [one for tool in body["tools"] for one in tool.pop("functionDeclarations", [])]
        body["tools"] = [*([{"functionDeclarations": declared}] if declared else []), *filter(None, body["tools"])]
    return body


def _responses(body: Body) -> Body:
    """Texts and instructions are items, in parts; what a type says by default is not said."""
    given = body["input"]
    items: list[Body] = [{"role": "user", "content": given}] if isinstance(given, str) else given
    if instructions := body.pop("instructions", None):
        items = [{"role": "system", "content": instructions}, *items]
    for item in items:
        if item.get("type") == "message":
            del item["type"]
        if isinstance(item.get("content"), str):
            kind = "output_text" if item["role"] == "assistant" else "input_text"
            item["content"] = [{"type": kind, "text": item["content"]}]
    return body | {"input": items}


def _camel(node: Any, name: str = "") -> Any:  # noqa: ANN401 - JSON
    if name in _SCHEMAS:
        return _lower_types(node)
    if isinstance(node, dict):
        named = {re.sub(r"_(\w)", lambda match: match[1].upper(), key): (key, value) for key, value in node.items()}
        return {_renamed(new): _camel(value, key) for new, (key, value) in named.items()}
    return [_camel(one) for one in node] if isinstance(node, list) else node


def _renamed(name: str) -> str:
    return {"parameters": "parametersJsonSchema", "responseSchema": "responseJsonSchema"}.get(name, name)


def _lower_types(node: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(node, dict):
        return {
            key: value.lower() if key == "type" and isinstance(value, str) else _lower_types(value)
            for key, value in node.items()
        }
    return [_lower_types(one) for one in node] if isinstance(node, list) else node


_NORMAL: Mapping[str, Callable[[Body], Body]] = {
    "anthropic": _messages,
    "google": _gemini,
    "openai-responses": _responses,
}
