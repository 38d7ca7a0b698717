"""A conversation as the ``contents`` of a Gemini request: turns of the user and of the model, made of parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec import Raw

from turnout.base.errors import BadRequest
from turnout.base.jsons import BadJSON, reader
from turnout.providers.conversation import Message, Text, ToolCall
from turnout.providers.gemini.media import media_part
from turnout.providers.gemini.memory import Memory, Span, recall, spread

__all__ = ["contents_of"]

_UNSIGNED: Final = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="
"""Stands for a signature where a call was made by another model. Source: Gemini API, "Thought signatures", FAQ."""
_SIGNED_GENERATION = 3.0
_NOTHING: Final = Memory([], [], [], {}, {}, [])

_read_object = reader(dict[str, Raw])


def contents_of(messages: Sequence[Message], generation: float) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The turns, and the parts of the system instruction. Results of parallel calls are one turn.

    Raises:
        BadRequest: a part holds nothing that could be sent, or a system message something else than text.
    """
    contents: list[dict[str, Any]] = []
    system: list[dict[str, Any]] = []
    names: dict[str, str] = {}
    results: list[dict[str, Any]] | None = None
    for message in messages:
        role = message.role
        if role == "tool":
            if results is None:
                results = []
                contents.append({"role": "user", "parts": results})
            results += _result(message, names, generation)
            continue
        results = None
        if role == "assistant":
            names |= {call.id: call.name for call in message.tool_calls}
            if parts := _model_parts(message, generation):
                contents.append({"role": "model", "parts": parts})
        elif role == "user":
            contents.append({"role": "user", "parts": _parts(message) or [{"text": ""}]})
        else:
            system += _system_parts(message)
    if not contents and system:  # there must be something to answer to
        return [{"role": "user", "parts": system}], []
    return contents, system


def _system_parts(message: Message) -> list[dict[str, Any]]:
    if not all(isinstance(part, Text) for part in message.parts):
        raise BadRequest("this provider takes nothing but text in system messages")
    return _parts(message)


def _parts(message: Message) -> list[dict[str, Any]]:
    """The parts of a message that is not the model's, with its author's name before them."""
    parts: list[dict[str, Any]] = [
        {"text": part.text} if isinstance(part, Text) else media_part(part) for part in message.parts
    ]
    if message.name and parts:
        if "text" in parts[0]:
            parts[0] = {"text": f"{message.name}: {parts[0]['text']}"}
        else:
            parts.insert(0, {"text": f"{message.name}: "})
    return parts


def _model_parts(message: Message, generation: float) -> list[dict[str, Any]]:
    """An earlier answer: thoughts, text, pictures and calls, each with the signature that it came with."""
    memory = _NOTHING
    if message.reasoning_details or message.reasoning:
        memory = recall(message.reasoning_details, message.reasoning)
    parts: list[dict[str, Any]] = []
    for one in memory.thoughts:
        part: dict[str, Any] = {"text": one.text, "thought": True}
        parts.append(part | {"thoughtSignature": one.signature} if one.signature else part)
    calls, loose = _calls(message.tool_calls, memory, generation)
    parts += _said(message, memory, loose)
    return parts + calls


def _said(message: Message, memory: Memory, loose: Sequence[str]) -> list[dict[str, Any]]:
    spans = memory.spans + [Span(signature) for signature in loose]
    parts = _parts(message) + [media_part(image) for image in message.images]
    if not parts and message.refusal:
        parts = [{"text": message.refusal}]
    if not spans and not memory.server and not memory.images:
        return parts
    texts = [part for part in parts if "text" in part]
    if len(texts) > 1 and all(span.end is None for span in spans):  # which of them was signed is not known
        texts[-1]["thoughtSignature"] = spans[-1].signature if spans else None
        parts = [{name: value for name, value in part.items() if value is not None} for part in parts]
        return [one.part for one in memory.server] + parts
    others = [part for part in parts if "text" not in part]
    for number, part in enumerate(others):
        if signature := memory.images.get(number):
            part["thoughtSignature"] = signature
    shift = len(message.name) + 2 if message.name and texts else 0  # the name that now stands before it
    if shift:
        spans = [Span(one.signature, one.start and one.start + shift, one.end and one.end + shift) for one in spans]
    return spread("".join(part["text"] for part in texts), spans, memory.server) + others


def _calls(made: Sequence[ToolCall], memory: Memory, generation: float) -> tuple[list[dict[str, Any]], list[str]]:
    """The calls of one turn, and the signatures that belong to none of them."""
    if not made:
        return [], memory.loose
    loose = list(memory.loose)
    signatures = [memory.calls.get(call.id) for call in made]
    if signatures[0] is None and not any(signatures):
        if loose:
            signatures[0] = loose.pop(0)
        elif generation >= _SIGNED_GENERATION:
            signatures[0] = _UNSIGNED
    parts: list[dict[str, Any]] = []
    for call, signature in zip(made, signatures, strict=True):
        stated: dict[str, Any] = {"id": call.id, "name": call.name, "args": _object(call.arguments, "arguments")}
        if not call.id:
            del stated["id"]
        part: dict[str, Any] = {"functionCall": stated}
        parts.append(part | {"thoughtSignature": signature} if signature else part)
    return parts, loose


def _result(message: Message, names: Mapping[str, str], generation: float) -> list[dict[str, Any]]:
    """What a function gave back. What it gave besides text stands beside it, or within where the model takes that."""
    call_id = message.tool_call_id or ""
    answer: dict[str, Any] = {"name": names.get(call_id) or message.name or call_id or "function"}
    if call_id:
        answer = {"id": call_id, **answer}
    media = [media_part(part) for part in message.parts if not isinstance(part, Text)]
    answer["response"] = _object(message.text, "error" if message.is_error else "output")
    if media and generation >= _SIGNED_GENERATION:
        answer["parts"] = media
        media = []
    return [{"functionResponse": answer}, *media]


def _object(text: str, otherwise: str) -> Raw | dict[str, Any]:
    """*text* where it is a JSON object, else an object that holds it under that name."""
    stripped = text.strip()
    if stripped[:1] == "{":
        raw = stripped.encode()
        try:
            _read_object(raw)
        except BadJSON:
            pass
        else:
            return Raw(raw)
    return {otherwise: text} if stripped else {}
