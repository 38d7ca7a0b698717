"""From the body of a chat request to the fields that the line judges."""

from __future__ import annotations

from msgspec import Raw, Struct

from turnout.base.errors import BadRequest
from turnout.base.jsons import BadJSON, decode_fields, encode, reader, refuse_duplicates
from turnout.domain.chat import ChatParameters, ChatRequest, Traits
from turnout.domain.completion import NULL

__all__ = ["chat_request", "read_fields"]

_read_parameters = reader(ChatParameters)


class _Message(Struct):
    """As much of a message as is judged; its content stays bytes."""

    role: str
    content: Raw = NULL
    reasoning: Raw = NULL
    reasoning_content: Raw = NULL
    reasoning_details: Raw = NULL
    cache_control: Raw = NULL


_read_messages = reader(list[_Message])
_PLAIN = Traits()
_LIST = ord("[")
_JUDGED_FIELDS = ("provider", "reasoning", "plugins", "response_format", "metadata", "logit_bias")


def read_fields(body: bytes) -> dict[str, Raw]:
    """The top level of the body.

    Raises:
        BadRequest: it is no JSON object, or not a strict one.
    """
    try:
        return decode_fields(body)
    except BadJSON as error:
        raise BadRequest(f"Invalid JSON: {error}") from None


def chat_request(fields: dict[str, Raw]) -> ChatRequest:
    """The request in *fields*, with the parameters judged; ``messages`` must be there by now.

    Raises:
        BadRequest: a field has a wrong type or value; the message names it.
    """
    messages = fields.pop("messages", None)
    try:
        parameters = _read_parameters(encode(fields))
        for name in _JUDGED_FIELDS:
            if name in fields:
                refuse_duplicates(bytes(fields[name]))
    except BadJSON as error:
        raise BadRequest(str(error)) from None
    if messages is None:
        raise BadRequest("`messages` is missing")
    traits = _traits(messages)
    effort = parameters.reasoning.effort if parameters.reasoning is not None else None
    if effort is not None and parameters.reasoning_effort is not None and effort != parameters.reasoning_effort:
        raise BadRequest("`reasoning_effort` and `reasoning.effort` say different things")
    fields["messages"] = messages
    return ChatRequest(parameters, fields, len(memoryview(messages)), traits)


def _traits(messages: Raw) -> Traits:
    """What the messages hold. Raises BadRequest when they are no list of messages, or an empty one."""
    try:
        found = _read_messages(messages)
    except BadJSON as error:
        raise BadRequest(f"`messages`: {error}") from None
    if not found:
        raise BadRequest("`messages` is empty")
    developer = reasoning = cache_marks = False
    for message in found:
        developer = developer or message.role == "developer"
        reasoning = reasoning or not (
            message.reasoning is NULL and message.reasoning_content is NULL and message.reasoning_details is NULL
        )
        content = memoryview(message.content)
        cache_marks = cache_marks or message.cache_control is not NULL
        if content[0] == _LIST and not cache_marks:
            cache_marks = b'"cache_control"' in bytes(content)
    return Traits(developer, reasoning, cache_marks) if developer or reasoning or cache_marks else _PLAIN
