"""A body of the Messages API as a chat request."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Raw, Struct
from msgspec.structs import replace

from turnout.api.decode import chat_request
from turnout.api.messages.turns import BadTurns, as_chat, read_turns, system_message
from turnout.base.errors import BadRequest
from turnout.base.jsons import BadJSON, decode_fields_with, encode, reader, refuse_duplicates
from turnout.domain.chat import ChatRequest, Original
from turnout.domain.completion import NULL

__all__ = ["message_request"]

_LANGUAGE: Final = "anthropic"
_KIN: Final = frozenset({"anthropic", "bedrock", "vertex"})
_AS_IN_CHATS: Final = frozenset({
    "cache_control", "debug", "max_tokens", "model", "models", "plugins", "preset", "provider", "route", "session_id",
    "stop_server_tools_when", "stream", "temperature", "top_k", "top_p", "trace", "transforms", "usage", "user",
})  # fmt: skip
"""Fields that mean the same in a chat."""
_NOT_JUDGED: Final = _AS_IN_CHATS | {"messages"}
_JUDGED: Final = ("thinking", "output_config", "metadata", "tool_choice")
_CHOICES: Final = {"auto": b'"auto"', "any": b'"required"', "none": b'"none"'}
_TIERS: Final = {"standard": b'"default"', "standard_only": b'"default"'}
_CUSTOM: Final = frozenset({None, "custom"})
_OURS: Final = "openrouter:"
"""How the names of tools begin that the gateway runs."""
_LONGEST_USER: Final = 256
_MOST_STOPS: Final = 4
_MOST_FALLBACKS: Final = 3


class _Thinking(Struct):
    type: Literal["enabled", "adaptive", "disabled"]
    budget_tokens: Annotated[int, Meta(ge=0)] | None = None
    display: str | None = None


class _Format(Struct):
    type: str
    schema: Raw = NULL


class _Output(Struct):
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    format: _Format | None = None


class _Choice(Struct):
    type: str
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class _Metadata(Struct):
    user_id: str | None = None


class _Fallback(Struct):
    model: str


class _Asked(Struct):
    """The fields that a chat says in other words."""

    system: Raw = NULL
    thinking: _Thinking | None = None
    output_config: _Output | None = None
    output_format: _Format | None = None
    tool_choice: _Choice | None = None
    metadata: _Metadata | None = None
    stop_sequences: list[str] | None = None
    service_tier: str | None = None
    fallbacks: list[_Fallback] | None = None
    tools: list[Raw] | None = None
    container: Raw = NULL
    mcp_servers: Raw = NULL


class _Tool(Struct):
    type: str | None = None
    name: str | None = None
    description: str | None = None
    input_schema: Raw = NULL
    strict: bool | None = None
    user_location: Raw = NULL


_asked = reader(_Asked)
_tool = reader(_Tool)
_schema = msgspec.json.Decoder(dict[str, Any]).decode


def message_request(body: bytes) -> ChatRequest:
    """The request in *body*, which goes with it for endpoints that speak its language.

    Raises:
        BadRequest: it is none; the message names the field.
    """
    try:
        fields, turns = decode_fields_with(body, "messages", read_turns)
    except BadTurns as error:
        raise BadRequest(str(error)) from None
    except BadJSON as error:
        raise BadRequest(f"Invalid JSON: {error}") from None
    if turns is None:
        raise BadRequest("`messages` is missing")
    asked = _judged(fields)
    talk = as_chat(fields["messages"], turns)
    system = system_message(asked.system)
    messages = talk.messages if system is None else [system, *talk.messages]
    chat = {name: value for name, value in fields.items() if name in _AS_IN_CHATS}
    chat["messages"] = Raw(b"[%b]" % b",".join(messages))
    peculiar = _tell_tools(chat, asked) or talk.peculiar
    _tell_choice(chat, asked)
    _tell_reasoning(chat, asked)
    _tell_rest(chat, asked)
    marked = talk.traits.cache_marks or b'"cache_control"' in bytes(asked.system)
    traits = talk.traits if marked is talk.traits.cache_marks else replace(talk.traits, cache_marks=marked)
    request = chat_request(chat, traits)
    stops = asked.stop_sequences
    if stops is not None and len(stops) > _MOST_STOPS:  # the limit is that of chats, not of this language
        request.fields["stop"] = Raw(encode(stops))
        request = replace(request, parameters=replace(request.parameters, stop=stops))
    if not peculiar:
        peculiar = next((f"`{name}`" for name in ("container", "mcp_servers") if _is_there(getattr(asked, name))), "")
    own = fields if talk.own is None else fields | {"messages": talk.own}
    return replace(request, original=Original(_LANGUAGE, own, request.fields, peculiar, _KIN))


def _judged(fields: dict[str, Raw]) -> _Asked:
    try:
        asked = _asked(encode({name: value for name, value in fields.items() if name not in _NOT_JUDGED}))
        for name in _JUDGED:
            if name in fields:
                refuse_duplicates(bytes(fields[name]))
    except BadJSON as error:
        raise BadRequest(str(error)) from None
    return asked


def _tell_tools(chat: dict[str, Raw], asked: _Asked) -> str:
    """The tools; one that only the language's own models know is named."""
    if not asked.tools:
        return ""
    told: list[Any] = []
    peculiar = ""
    for place, raw in enumerate(asked.tools):
        try:
            tool = _tool(raw)
        except BadJSON as error:
            raise BadRequest(f"`tools[{place}]`: {error}") from None
        if tool.type in _CUSTOM:
            told.append({"type": "function", "function": _function(tool, place)})
        elif tool.type is not None and tool.type.startswith("web_search_"):
            chat["web_search_options"] = _search(tool)
        else:
            told.append(raw)
            if tool.type is not None and not tool.type.startswith(_OURS):
                peculiar = peculiar or f"a tool of type {tool.type[:40]!r}"
    if told:
        chat["tools"] = Raw(encode(told))
    return peculiar


def _function(tool: _Tool, place: int) -> dict[str, Any]:
    if not tool.name:
        raise BadRequest(f"`tools[{place}].name` is missing")
    function: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    schema = bytes(tool.input_schema)
    if schema[:1] == b"{":
        function["parameters"] = tool.input_schema
    elif schema != b"null":
        raise BadRequest(f"`tools[{place}].input_schema`: an object is expected")
    if tool.strict is not None:
        function["strict"] = tool.strict
    return function


def _search(tool: _Tool) -> Raw:
    """The language's own search as the one that every provider has in its own way."""
    location = bytes(tool.user_location)
    if location[:1] != b"{":
        return Raw(b"{}")
    place = {name: value for name, value in _schema(location).items() if name != "type"}
    return Raw(encode({"user_location": {"type": "approximate", "approximate": place}}))


def _tell_choice(chat: dict[str, Raw], asked: _Asked) -> None:
    choice = asked.tool_choice
    if choice is None:
        return
    if choice.type == "tool":
        if not choice.name:
            raise BadRequest("`tool_choice.name` is missing")
        chat["tool_choice"] = Raw(encode({"type": "function", "function": {"name": choice.name}}))
    elif choice.type in _CHOICES:
        chat["tool_choice"] = Raw(_CHOICES[choice.type])
    else:
        raise BadRequest("`tool_choice.type` must be one of `auto`, `any`, `tool`, `none`")
    if "tools" not in chat:
        del chat["tool_choice"]  # its only tool is a search
    elif choice.disable_parallel_tool_use is not None and choice.type != "none":
        chat["parallel_tool_calls"] = Raw(b"false" if choice.disable_parallel_tool_use else b"true")


def _tell_reasoning(chat: dict[str, Raw], asked: _Asked) -> None:
    """How much to think: by tokens, by effort, or not at all; an effort without thinking is how much to say."""
    thinking, output = asked.thinking, asked.output_config
    effort = output.effort if output is not None else None
    reasoning: dict[str, Any] = {}
    if thinking is not None and thinking.type == "enabled":
        reasoning = {"max_tokens": thinking.budget_tokens} if thinking.budget_tokens else {"enabled": True}
    elif thinking is not None and thinking.type == "adaptive":
        reasoning = {"effort": effort} if effort is not None else {"enabled": True}
        effort = None
    elif thinking is not None:
        reasoning = {"enabled": False}
    if reasoning:
        if thinking is not None and thinking.display == "omitted":
            reasoning["exclude"] = True
        chat["reasoning"] = Raw(encode(reasoning))
    if effort is not None:
        chat["verbosity"] = Raw(encode("high" if effort in {"xhigh", "max"} else effort))


def _tell_rest(chat: dict[str, Raw], asked: _Asked) -> None:
    if asked.stop_sequences:
        chat["stop"] = Raw(encode(asked.stop_sequences[:_MOST_STOPS]))
    if asked.service_tier not in {None, "auto"}:  # which is what nobody has to say, and not every provider knows
        chat["service_tier"] = Raw(_TIERS.get(asked.service_tier) or encode(asked.service_tier))
    if asked.metadata is not None and asked.metadata.user_id and "user" not in chat:
        chat["user"] = Raw(encode(asked.metadata.user_id[:_LONGEST_USER]))
    if asked.fallbacks:
        if _is_there(chat.get("models", NULL)):
            raise BadRequest("`fallbacks` and `models` say the same: send one of them")
        if len(asked.fallbacks) > _MOST_FALLBACKS:
            raise BadRequest(f"`fallbacks`: at most {_MOST_FALLBACKS} models")
        chat["models"] = Raw(encode([one.model for one in asked.fallbacks]))
    wanted = asked.output_config.format if asked.output_config is not None else None
    wanted = wanted or asked.output_format
    if wanted is not None and wanted.type == "json_schema":
        if bytes(wanted.schema)[:1] != b"{":
            raise BadRequest("`output_config.format.schema`: an object is expected")
        stated = {"name": "answer", "strict": _is_strict(_schema(wanted.schema)), "schema": wanted.schema}
        chat["response_format"] = Raw(encode({"type": "json_schema", "json_schema": stated}))
    elif wanted is not None:
        raise BadRequest("`output_config.format.type` must be `json_schema`")


def _is_strict(schema: object) -> bool:
    """Whether each object is closed and wants all that it names, as strict schemas of other providers must."""
    if isinstance(schema, list):
        return all(map(_is_strict, schema))
    if not isinstance(schema, dict):
        return True
    named = schema.get("properties")
    if isinstance(named, dict) and not (
        schema.get("additionalProperties") is False and named.keys() <= set(map(str, schema.get("required") or ()))
    ):
        return False
    return all(map(_is_strict, schema.values()))


def _is_there(raw: Raw) -> bool:
    return bytes(raw) not in {b"null", b"[]"}
