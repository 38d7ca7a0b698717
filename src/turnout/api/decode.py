"""From the body of a chat request to the fields that the line judges."""

from __future__ import annotations

from msgspec import Raw

from turnout.base.errors import BadRequest
from turnout.base.jsons import BadJSON, decode_fields, encode, reader, refuse_duplicates
from turnout.domain.chat import ChatParameters, ChatRequest

__all__ = ["chat_request", "read_fields"]

_read_parameters = reader(ChatParameters)
_read_messages = reader(list[Raw])
_JUDGED_OBJECTS = ("provider", "reasoning")


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
        for name in _JUDGED_OBJECTS:
            if name in fields and bytes(fields[name])[:1] == b"{":
                refuse_duplicates(bytes(fields[name]))
    except BadJSON as error:
        raise BadRequest(str(error)) from None
    if messages is None:
        raise BadRequest("`messages` is missing")
    text = bytes(messages)
    if text[:1] != b"[":
        raise BadRequest("`messages` must be a list of messages")
    if text[1:].lstrip()[:1] == b"]":
        raise BadRequest("`messages` is empty")
    effort = parameters.reasoning.effort if parameters.reasoning is not None else None
    if effort is not None and parameters.reasoning_effort is not None and effort != parameters.reasoning_effort:
        raise BadRequest("`reasoning_effort` and `reasoning.effort` say different things")
    fields["messages"] = messages
    return ChatRequest(parameters, fields, len(text))
