"""A chat request as a body of the Responses API."""

from __future__ import annotations

from typing import Any, Final

from msgspec import Raw, Struct

from turnout.base.errors import BadRequest
from turnout.base.jsons import BadJSON, encode, reader
from turnout.domain.catalog import Endpoint
from turnout.domain.chat import ChatRequest
from turnout.domain.completion import NULL
from turnout.providers.conversation import (
    FunctionTool,
    NamedTool,
    ServerTool,
    read_messages,
    read_schema,
    read_tool_choice,
    read_tools,
)
from turnout.providers.dialects.openai_responses.items import OWN_PARTS, Names, input_of
from turnout.providers.dialects.openai_responses.manners import Manners
from turnout.providers.failures import unsaid
from turnout.providers.reasoning import asked_effort

__all__ = ["write_letter"]

_OWN_FIELDS: Final = ("context_management", "moderation", "prompt_cache_key", "prompt_cache_options",
                      "prompt_cache_retention", "safety_identifier", "truncation")  # fmt: skip
"""The provider's own, which go on as the client sent them."""
_SAID: Final = frozenset({
    "debug", "image_config", "include", "include_reasoning", "logprobs", "max_completion_tokens", "max_tokens",
    "max_tool_calls", "messages", "metadata", "modalities", "model", "models", "n", "parallel_tool_calls", "plugins",
    "preset", "prompt", "provider", "reasoning", "reasoning_effort", "response_format", "route", "service_tier",
    "session_id", "stop_server_tools_when", "stream", "stream_options", "temperature", "tool_choice", "tools",
    "top_logprobs", "top_p", "trace", "transforms", "usage", "user", "verbosity", "web_search_options", *_OWN_FIELDS,
})  # fmt: skip
"""Fields that are said in other words, or are for the gateway; any other is dropped."""
_OPTIONAL: Final = ("temperature", "top_p", "top_logprobs", "user", "service_tier", "parallel_tool_calls", "truncation")
_SAMPLERS: Final = ("temperature", "top_p")
_THOUGHTS: Final = "reasoning.encrypted_content"
_LOGPROBS: Final = "message.output_text.logprobs"
_LEAST_LIMIT: Final = 16  # tokens; the provider refuses less
_EFFORTS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_VERBOSITIES: Final = {"low": "low", "medium": "medium"}  # whatever is more is high
_REASONING_WORDS: Final = ("summary", "generate_summary", "context", "mode")
_NO_PARAMETERS: Final = Raw(b'{"type":"object","properties":{}}')
_NO_STORE: Final = Raw(b"false")


class _Function(Struct, tag_field="type", tag="function", omit_defaults=True):
    name: str
    parameters: Raw
    strict: bool | None
    description: str | None = None
    defer_loading: bool | None = None


class _Chosen(Struct):
    type: str
    name: str


class _WireCustom(Struct):
    name: str = ""
    description: str | None = None
    format: dict[str, Any] | None = None


class _WireInner(Struct):
    name: str = ""
    defer_loading: bool | None = None


class _WireTool(Struct):
    """A tool that is no function of the client's, as far as it is looked into."""

    name: str | None = None
    custom: _WireCustom | None = None
    tools: list[_WireInner] | None = None


class _WireAllowedTool(Struct):
    type: str = "function"
    function: _WireInner | None = None


class _WireAllowed(Struct):
    mode: str = "auto"
    tools: list[_WireAllowedTool] = []


class _WireChoice(Struct):
    type: str = ""
    allowed_tools: _WireAllowed | None = None
    custom: _WireCustom | None = None


class _Location(Struct):
    approximate: dict[str, str | None] | None = None


class _WireSearch(Struct):
    search_context_size: str | None = None
    user_location: _Location | None = None


_tool = reader(_WireTool)
_choice = reader(_WireChoice)
_search = reader(_WireSearch)
_fields = reader(dict[str, Raw])
_texts = reader(list[str])


def write_letter(
    request: ChatRequest, endpoint: Endpoint, manners: Manners, model: Raw, unwanted: frozenset[str] = frozenset()
) -> tuple[bytes, tuple[str, ...]]:
    """The body for *request* and the parameters that are not in it; ``model`` is the provider's name of it as JSON.

    *unwanted* are parameters left out. The provider is told to keep nothing.

    Raises:
        BadRequest: it makes no sense.
        UpstreamError: it holds what this provider does not take and what must not be dropped.
    """
    fields = request.fields
    dropped = [name for name in fields.keys() - _SAID if bytes(fields[name]) != b"null"]
    body: dict[str, Any] = {"model": model, "store": _NO_STORE}
    tools, names = _tools_of(request)
    instructions, body["input"] = input_of(read_messages(request, OWN_PARTS), names, apart=not _asks_for_json(request))
    if instructions is not None:
        body["instructions"] = instructions
    tools += _implied(request, endpoint, tools, dropped)
    _put_tools(body, request, tools, dropped)
    if limit := request.max_tokens:
        body["max_output_tokens"] = max(limit, _LEAST_LIMIT)
    effort = _put_reasoning(body, request, manners, dropped)
    _put_text(body, request, manners, dropped)
    _put_samplers(body, request, manners, effort, dropped)
    _put_rest(body, request, endpoint)
    _take_back(body, endpoint, unwanted, dropped)
    return encode(body), tuple(sorted(set(dropped)))


# -- tools --


def _put_tools(body: dict[str, Any], request: ChatRequest, tools: list[Any], dropped: list[str]) -> None:
    """The tools and how they may be called, which means nothing without any."""
    chosen = _choice_of(request)
    stated = {"tool_choice": chosen, "parallel_tool_calls": request.parameters.parallel_tool_calls}
    stated = {name: value for name, value in stated.items() if value is not None}
    if tools:
        body["tools"] = tools
        body |= stated
    else:
        dropped += stated


def _tools_of(request: ChatRequest) -> tuple[list[Any], Names]:
    """The tools in the provider's words, and what their names say of calls in earlier turns."""
    tools: list[Any] = []
    custom: set[str] = set()
    spaces: dict[str, str] = {}
    for tool in read_tools(request) if request.parameters.tools else ():
        if isinstance(tool, FunctionTool):
            tools.append(_function(tool))
            if tool.defer_loading:
                spaces[tool.name] = tool.name
            continue
        try:
            wire = _tool(tool.raw)
        except BadJSON:
            wire = _WireTool()
        if tool.type == "custom" and (named := wire.custom or _WireCustom(wire.name or "")).name:
            custom.add(named.name)
            tools.append(tool.raw if wire.custom is None else _custom(wire.custom))
            continue
        if tool.type == "namespace" and wire.name:
            spaces |= {inner.name: wire.name for inner in wire.tools or ()}
        tools.append(tool.raw)
    return tools, Names(frozenset(custom), spaces)


def _function(tool: FunctionTool) -> _Function:
    """A function. Where the client does not ask for strictness there is none, which is not this provider's default."""
    parameters = tool.parameters if tool.parameters is not NULL else _NO_PARAMETERS
    return _Function(tool.name, parameters, tool.strict or False, tool.description, tool.defer_loading)


def _custom(tool: _WireCustom) -> dict[str, Any]:
    """A tool that takes plain text; what its grammar is stands one level higher here."""
    written: dict[str, Any] = {"type": "custom", "name": tool.name}
    if tool.description is not None:
        written["description"] = tool.description
    if tool.format is not None:
        grammar = tool.format.get("grammar")
        written["format"] = {"type": "grammar"} | grammar if isinstance(grammar, dict) else tool.format
    return written


def _implied(request: ChatRequest, endpoint: Endpoint, tools: list[Any], dropped: list[str]) -> list[Any]:
    """The provider's own tools that other fields ask for, unless the client has named them among the tools."""
    named = {tool.type for tool in read_tools(request) if isinstance(tool, ServerTool)} if tools else set()
    implied: list[Any] = []
    if "web_search_options" in request.fields and bytes(request.fields["web_search_options"]) != b"null":
        supported = endpoint.supported_parameters
        if supported is not None and "web_search_options" not in supported:
            dropped.append("web_search_options")
        elif not any(kind.startswith("web_search") for kind in named):
            implied.append(_web_search(request))
    wanted = request.parameters.modalities or ()
    if "audio" in wanted:
        raise unsaid("`modalities` with sound")
    if "image" in wanted and "image_generation" not in named:
        implied.append({"type": "image_generation"})
    return implied


def _web_search(request: ChatRequest) -> dict[str, Any]:
    try:
        stated = _search(request.fields["web_search_options"])
    except BadJSON as error:
        raise BadRequest(f"`web_search_options`: {error}") from None
    tool: dict[str, Any] = {"type": "web_search"}
    if stated.search_context_size is not None:
        tool["search_context_size"] = stated.search_context_size
    if stated.user_location is not None and stated.user_location.approximate:
        tool["user_location"] = {"type": "approximate"} | stated.user_location.approximate
    return tool


def _choice_of(request: ChatRequest) -> Any:  # noqa: ANN401 - a word or an object
    """``tool_choice`` in the provider's words, None where nothing is said."""
    if "tool_choice" not in request.fields:
        return None
    wanted = read_tool_choice(request)
    if isinstance(wanted, NamedTool):
        return _Chosen("function", wanted.name)
    raw = request.fields["tool_choice"]
    if wanted is not None or bytes(raw) == b"null":
        return wanted
    choice = _choice(raw)
    if choice.type == "function":
        raise BadRequest("`tool_choice.function` is missing")
    if choice.custom is not None:
        return _Chosen("custom", choice.custom.name)
    if choice.allowed_tools is not None:
        allowed = [_Chosen(one.type, one.function.name) for one in choice.allowed_tools.tools if one.function]
        return {"type": "allowed_tools", "mode": choice.allowed_tools.mode, "tools": allowed}
    return raw


# -- the rest --


def _put_reasoning(body: dict[str, Any], request: ChatRequest, manners: Manners, dropped: list[str]) -> str | None:
    """How much to think and what to show of it; the thoughts are asked for as sealed. The effort comes back."""
    include = _included(request)
    parameters = request.parameters
    effort: str | None = None
    if not manners.thinks:
        stated = {"reasoning": parameters.reasoning, "reasoning_effort": parameters.reasoning_effort}
        dropped += [name for name, value in stated.items() if value is not None]
    else:
        if manners.seals:
            include.append(_THOUGHTS)
        effort = asked_effort(request)
        effort = None if effort in {None, "default"} else _nearest(str(effort), manners.efforts)
        reasoning: dict[str, Any] = {} if effort is None else {"effort": effort}
        if parameters.reasoning is not None:
            own = _fields(request.fields["reasoning"])
            reasoning |= {name: own[name] for name in _REASONING_WORDS if bytes(own.get(name, NULL)) != b"null"}
        if reasoning:
            body["reasoning"] = reasoning
        elif parameters.reasoning is not None:
            dropped.append("reasoning")
        elif parameters.reasoning_effort is not None:
            dropped.append("reasoning_effort")
    if parameters.logprobs and not manners.thinks:
        include.append(_LOGPROBS)
    if include:
        body["include"] = list(dict.fromkeys(include))
    return effort


def _included(request: ChatRequest) -> list[str]:
    """What the client wants to see besides."""
    try:
        return _texts(request.fields["include"]) if "include" in request.fields else []
    except BadJSON as error:
        raise BadRequest(f"`include`: {error}") from None


def _nearest(effort: str, efforts: tuple[str, ...]) -> str:
    """The one of *efforts* that is closest to *effort*, the stronger of two."""
    if not efforts or effort in efforts:
        return effort
    wanted = _EFFORTS.index(effort)
    return min(efforts, key=lambda one: (abs(_EFFORTS.index(one) - wanted), -_EFFORTS.index(one)))


def _asks_for_json(request: ChatRequest) -> bool:
    """Whether any JSON will do: the provider insists that the word stands in the input, where instructions are not."""
    wanted = request.parameters.response_format
    return wanted is not None and wanted.type == "json_object"


def _put_text(body: dict[str, Any], request: ChatRequest, manners: Manners, dropped: list[str]) -> None:
    """The form of the answer, and how wordy it is."""
    text: dict[str, Any] = {}
    wanted = request.parameters.response_format
    if wanted is not None and wanted.type == "json_object":
        text["format"] = {"type": "json_object"}
    elif (schema := read_schema(request)) is not None:
        form: dict[str, Any] = {"type": "json_schema", "name": schema.name, "schema": schema.schema}
        if schema.strict is not None:
            form["strict"] = schema.strict
        if schema.description is not None:
            form["description"] = schema.description
        text["format"] = form
    elif wanted is not None and wanted.type != "text":
        raise unsaid(f"a `response_format` of type {wanted.type}")
    if (verbosity := request.parameters.verbosity) is not None:
        if manners.verbose:
            text["verbosity"] = _VERBOSITIES.get(verbosity, "high")
        else:
            dropped.append("verbosity")
    if text:
        body["text"] = text


def _put_samplers(
    body: dict[str, Any], request: ChatRequest, manners: Manners, effort: str | None, dropped: list[str]
) -> None:
    """Temperature and the like, which models that think refuse."""
    fields, parameters = request.fields, request.parameters
    for name in _SAMPLERS:
        if getattr(parameters, name) is None:
            continue
        if manners.samples or effort == "none":
            body[name] = fields[name]
        else:
            dropped.append(name)
    if parameters.n is not None and parameters.n > 1:
        dropped.append("n")
    if manners.thinks:
        dropped += [name for name in ("logprobs", "top_logprobs") if getattr(parameters, name)]
    elif parameters.top_logprobs is not None:
        body["top_logprobs"] = parameters.top_logprobs


def _put_rest(body: dict[str, Any], request: ChatRequest, endpoint: Endpoint) -> None:
    """What is passed on as it is."""
    fields, parameters = request.fields, request.parameters
    for name in _OWN_FIELDS:
        if name in fields and bytes(fields[name]) != b"null":
            body[name] = fields[name]
    if parameters.user:
        body["user"] = parameters.user
    tier = endpoint.service_tier or parameters.service_tier
    if tier is not None:
        body["service_tier"] = tier
    if request.stream:
        body["stream"] = True


def _take_back(body: dict[str, Any], endpoint: Endpoint, unwanted: frozenset[str], dropped: list[str]) -> None:
    """What this endpoint does not support is not sent after all; a tier that it is itself stays."""
    supported = endpoint.supported_parameters
    for name in _OPTIONAL:
        unfit = name in unwanted or (supported is not None and name not in supported)
        if unfit and name in body and not (name == "service_tier" and endpoint.service_tier is not None):
            del body[name]
            dropped.append(name)
