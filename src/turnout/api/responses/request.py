"""A body of the Responses API as a chat request."""

from __future__ import annotations

from typing import Annotated, Any, Final

from msgspec import Meta, Raw, Struct
from msgspec.structs import replace

from turnout.api.decode import chat_request
from turnout.api.responses.items import BadItems, as_chat, read_items
from turnout.api.responses.tools import Told, tell_choice, tell_tools, word
from turnout.base.errors import BadRequest
from turnout.base.jsons import BadJSON, decode_fields_with, encode, reader
from turnout.base.limits import MAX_TOKENS
from turnout.domain.chat import ChatRequest, Original
from turnout.domain.completion import NULL

__all__ = ["response_request"]

_LANGUAGE: Final = "openai-responses"
_KIN: Final = frozenset({_LANGUAGE})
_AS_IN_CHATS: Final = frozenset({
    "cache_control", "debug", "frequency_penalty", "image_config", "max_tool_calls", "metadata", "modalities", "model",
    "models", "parallel_tool_calls", "plugins", "presence_penalty", "preset", "prompt_cache_key",
    "prompt_cache_options", "provider", "reasoning", "route", "safety_identifier", "service_tier", "session_id",
    "stop_server_tools_when", "stream", "temperature", "top_k", "top_p", "trace", "transforms", "usage", "user",
})  # fmt: skip
"""Fields that mean the same in a chat."""
_LOGPROBS: Final = "message.output_text.logprobs"
_FORMS: Final = ("text", "json_object", "json_schema")


class _Format(Struct):
    type: str
    name: str = "answer"
    schema: Raw = NULL
    strict: bool | None = None
    description: str | None = None


class _Text(Struct):
    format: _Format | None = None
    verbosity: str | None = None


class _Asked(Struct):
    """The fields that a chat says in other words."""

    instructions: str | None = None
    max_output_tokens: Annotated[int, Meta(ge=1, le=MAX_TOKENS)] | None = None
    text: _Text | None = None
    tools: list[Raw] | None = None
    tool_choice: Raw = NULL
    include: list[str] | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    store: bool | None = None
    background: bool | None = None
    prompt: Raw = NULL


_ASKED: Final = frozenset(_Asked.__struct_fields__)
_KEPT: Final = ("previous_response_id", "conversation")
_KNOWN: Final = _AS_IN_CHATS | _ASKED | {*_KEPT, "input", "stream_options", "prompt_cache_retention"}
_asked = reader(_Asked)


def response_request(body: bytes) -> ChatRequest:
    """The request in *body*, which goes with it for endpoints that speak its language.

    Raises:
        BadRequest: it is none, or asks for something that is kept; the message names the field.
    """
    try:
        fields, items = decode_fields_with(body, "input", read_items)
    except BadItems as error:
        raise BadRequest(str(error)) from None
    except BadJSON as error:
        raise BadRequest(f"Invalid JSON: {error}") from None
    asked = _judged(fields)
    if items is None:
        raise BadRequest("`input` is missing")
    told = tell_tools(asked.tools)
    chat = {name: value for name, value in fields.items() if name in _AS_IN_CHATS and bytes(value) != b"null"}
    if bytes(chat.get("service_tier", NULL)) == b'"auto"':  # SDKs say so unasked, and not every provider knows it
        del chat["service_tier"]
    _tell_tools(chat, asked, told)
    _tell_rest(chat, asked)
    talk = as_chat(fields["input"], items, told)
    system = [b'{"role":"system","content":%b}' % encode(asked.instructions)] if asked.instructions else []
    messages = [*system, *talk.messages]
    if not messages:
        raise BadRequest("`input` says nothing")
    chat["messages"] = Raw(b"[%b]" % b",".join(messages))
    request = chat_request(chat, talk.traits)
    strange = [word(name) for name in fields.keys() - _KNOWN if bytes(fields[name]) != b"null"]
    unsaid = (*told.unsaid, *talk.unsaid, *sorted(strange))
    own = fields if talk.own is None else fields | {"input": talk.own}
    return replace(request, original=Original(_LANGUAGE, own, request.fields, talk.peculiar, _KIN, unsaid=unsaid))


def _judged(fields: dict[str, Raw]) -> _Asked:
    try:
        asked = _asked(encode({name: fields[name] for name in _ASKED if name in fields}))
    except BadJSON as error:
        raise BadRequest(str(error)) from None
    for name in _KEPT:
        if name in fields and bytes(fields[name]) != b"null":
            raise BadRequest(f"`{name}` is not supported: no response is kept. Send the whole conversation as `input`")
    if asked.store:
        raise BadRequest("`store` must be false: no response is kept")
    if asked.background:
        raise BadRequest("`background` must be false: no response is kept to be fetched later")
    if bytes(asked.prompt) != b"null":
        raise BadRequest("`prompt` is not supported: no prompt is kept. Send it as `instructions`, or name a `preset`")
    return asked


def _tell_tools(chat: dict[str, Raw], asked: _Asked, told: Told) -> None:
    choice = tell_choice(asked.tool_choice, told)
    if not told.tools:  # then nothing can be said of calling them
        chat.pop("parallel_tool_calls", None)
        return
    chat["tools"] = Raw(encode(list(told.tools.values())))
    if choice is not None:
        chat["tool_choice"] = Raw(encode(choice))


def _tell_rest(chat: dict[str, Raw], asked: _Asked) -> None:
    if asked.max_output_tokens is not None:
        chat["max_tokens"] = Raw(b"%d" % asked.max_output_tokens)
    if _LOGPROBS in (asked.include or ()):
        chat["logprobs"] = Raw(b"true")
        if asked.top_logprobs is not None:
            chat["top_logprobs"] = Raw(b"%d" % asked.top_logprobs)
    text = asked.text or _Text()
    if text.verbosity is not None:
        chat["verbosity"] = Raw(encode(text.verbosity))
    wanted = text.format
    if wanted is None or wanted.type == "text":
        return
    if wanted.type not in _FORMS:
        raise BadRequest("`text.format.type` must be one of `text`, `json_object`, `json_schema`")
    form: dict[str, Any] = {"type": wanted.type}
    if wanted.type == "json_schema":
        if bytes(wanted.schema)[:1] != b"{":
            raise BadRequest("`text.format.schema`: an object is expected")
        stated = {"name": wanted.name, "schema": wanted.schema}
        more = {"strict": wanted.strict, "description": wanted.description}
        form["json_schema"] = stated | {name: value for name, value in more.items() if value is not None}
    chat["response_format"] = Raw(encode(form))
