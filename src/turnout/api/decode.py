"""From the body of a chat request to the fields that the line judges."""

from __future__ import annotations

from typing import Literal

from msgspec import Raw, Struct

from turnout.base.errors import BadRequest
from turnout.base.jsons import BadJSON, decode_fields, decode_fields_with, encode, reader, refuse_duplicates
from turnout.domain.chat import ChatParameters, ChatRequest, Traits
from turnout.domain.completion import NULL

__all__ = ["PLAIN", "chat_request", "chat_request_in", "prompt_as_messages", "read_fields"]

_read_parameters = reader(ChatParameters)


class _Message(Struct, gc=False):
    """As much of a message as is judged; its content stays bytes."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Raw = NULL
    reasoning: Raw = NULL
    reasoning_content: Raw = NULL
    reasoning_details: Raw = NULL
    cache_control: Raw = NULL
    annotations: Raw = NULL
    model: Raw = NULL


class _BadMessages(BadJSON):
    """The messages are wrong, the JSON around them is not."""


_read_messages = reader(list[_Message])
PLAIN = Traits()
"""Messages that every provider takes."""
_LIST = ord("[")
_FILE = b'"file"'
_JUDGED_FIELDS = frozenset({"provider", "reasoning", "plugins", "response_format", "metadata", "logit_bias"})


def chat_request_in(body: bytes) -> ChatRequest:
    """The request in *body*, a JSON object with ``messages`` or a legacy ``prompt``.

    Raises:
        BadRequest: it is none; the message names the field.
    """
    try:
        fields, traits = decode_fields_with(body, "messages", _read_traits)
    except _BadMessages as error:
        raise BadRequest(str(error)) from None
    except BadJSON as error:
        raise BadRequest(f"Invalid JSON: {error}") from None
    if traits is None and "prompt" in fields:
        fields["messages"] = prompt_as_messages(fields["prompt"])
        traits = PLAIN
    return chat_request(fields, traits)


def prompt_as_messages(prompt: Raw) -> Raw:
    """The messages that stand for a legacy ``prompt``: one from the user."""
    return Raw(b'[{"role":"user","content":%b}]' % bytes(prompt))


def read_fields(body: bytes) -> dict[str, Raw]:
    """The top level of the body.

    Raises:
        BadRequest: it is no JSON object, or not a strict one.
    """
    try:
        return decode_fields(body)
    except BadJSON as error:
        raise BadRequest(f"Invalid JSON: {error}") from None


def chat_request(fields: dict[str, Raw], traits: Traits | None) -> ChatRequest:
    """The request in *fields*, with the parameters judged; *traits* are those of its messages, None without any.

    Raises:
        BadRequest: a field has a wrong type or value; the message names it.
    """
    messages = fields.pop("messages", None)
    try:
        parameters = _read_parameters(encode(fields))
        if not _JUDGED_FIELDS.isdisjoint(fields):
            for name in _JUDGED_FIELDS.intersection(fields):
                refuse_duplicates(bytes(fields[name]))
    except BadJSON as error:
        raise BadRequest(str(error)) from None
    if messages is None or traits is None:
        raise BadRequest("`messages` is missing")
    reasoning, effort = parameters.reasoning, parameters.reasoning_effort
    if reasoning is not None and effort is not None and reasoning.effort not in {None, effort}:
        raise BadRequest("`reasoning_effort` and `reasoning.effort` say different things")
    fields["messages"] = messages
    return ChatRequest(parameters, fields, len(memoryview(messages)), traits)


def _read_traits(messages: Raw) -> Traits:
    """What the messages hold. Raises _BadMessages when they are no list of messages, or an empty one."""
    try:
        found = _read_messages(messages)
    except BadJSON as error:
        raise _BadMessages(f"`messages`: {error}") from None
    if not found:
        raise _BadMessages("`messages` is empty")
    developer = reasoning = cache_marks = files = signed = False
    for message in found:
        developer = developer or message.role == "developer"
        signed = signed or message.model is not NULL
        if not (message.reasoning is message.reasoning_content is message.reasoning_details is NULL):
            reasoning = True
        if message.cache_control is not NULL:
            cache_marks = True
        content = memoryview(message.content)
        if content[0] == _LIST and not (cache_marks and files):
            parts = bytes(content)
            cache_marks = cache_marks or b'"cache_control"' in parts
            files = files or _FILE in parts
        if message.annotations is not NULL:
            files = files or _FILE in bytes(message.annotations)
    if not (developer or reasoning or cache_marks or files or signed):
        return PLAIN
    return Traits(developer, reasoning, cache_marks, files=files, signed=signed)
