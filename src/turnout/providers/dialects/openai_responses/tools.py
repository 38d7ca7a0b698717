"""The tools of a chat request in the words of the Responses API."""

from __future__ import annotations

from typing import Any, Final

from msgspec import Raw, Struct

from turnout.base.errors import BadRequest
from turnout.base.jsons import BadJSON, reader
from turnout.domain.catalog import Endpoint
from turnout.domain.chat import ChatRequest
from turnout.domain.completion import NULL
from turnout.providers.dialects.openai_responses.items import Names
from turnout.providers.failures import unsaid
from turnout.providers.tools import AllowedTools, FunctionTool, NamedTool, ServerTool, read_tool_choice, read_tools

__all__ = ["implied_tools", "put_tools", "tools_of"]

_NO_PARAMETERS: Final = Raw(b'{"type":"object","properties":{}}')


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


class _WireFilters(Struct):
    allowed_domains: list[str] | None = None


class _WireSearch(Struct):
    search_context_size: str | None = None
    user_location: _Location | None = None
    filters: _WireFilters | None = None


_tool = reader(_WireTool)
_choice = reader(_WireChoice)
_search = reader(_WireSearch)


def put_tools(body: dict[str, Any], request: ChatRequest, tools: list[Any], dropped: list[str]) -> None:
    """The tools and how they may be called, which means nothing without any."""
    chosen = _choice_of(request)
    stated = {"tool_choice": chosen, "parallel_tool_calls": request.parameters.parallel_tool_calls}
    stated = {name: value for name, value in stated.items() if value is not None}
    if tools:
        body["tools"] = tools
        body |= stated
    else:
        dropped += stated


def tools_of(request: ChatRequest) -> tuple[list[Any], Names]:
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


def implied_tools(request: ChatRequest, endpoint: Endpoint, tools: list[Any], dropped: list[str]) -> list[Any]:
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
    if stated.filters is not None and stated.filters.allowed_domains:
        tool["filters"] = {"allowed_domains": stated.filters.allowed_domains}
    return tool


def _choice_of(request: ChatRequest) -> Any:  # noqa: ANN401 - a word or an object
    """``tool_choice`` in the provider's words, None where nothing is said."""
    if "tool_choice" not in request.fields:
        return None
    wanted = read_tool_choice(request)
    if isinstance(wanted, NamedTool):
        return _Chosen("function", wanted.name)
    raw = request.fields["tool_choice"]
    if bytes(raw) == b"null" or not (wanted is None or isinstance(wanted, AllowedTools)):
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
