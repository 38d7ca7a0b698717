"""Tools, their choice and the schema of an answer read from a chat request, for dialects of other words."""

from __future__ import annotations

from typing import Literal

from msgspec import Raw, Struct

from turnout.base.errors import BadRequest
from turnout.base.jsons import BadJSON, reader
from turnout.domain.chat import ChatRequest
from turnout.domain.completion import NULL

__all__ = [
    "AllowedTools",
    "Choice",
    "FunctionTool",
    "NamedTool",
    "Schema",
    "ServerTool",
    "read_calling",
    "read_schema",
    "read_tool_choice",
    "read_tools",
]


class FunctionTool(Struct, frozen=True):
    """A function of the client's. ``parameters`` is a JSON schema, or null.

    ``defer_loading``: the model finds it by searching among the tools.
    """

    name: str
    description: str | None = None
    parameters: Raw = NULL
    strict: bool | None = None
    cache: Raw = NULL
    defer_loading: bool | None = None


class ServerTool(Struct, frozen=True):
    """A tool that the provider runs, as the client sent it. ``type`` is empty where the client names none."""

    type: str
    raw: Raw


class NamedTool(Struct, frozen=True):
    """The one tool that must be called."""

    name: str


class AllowedTools(Struct, frozen=True):
    """Functions by their names and other tools by their types, of which one may, or must, be called."""

    mode: Literal["auto", "required"]
    names: tuple[str, ...]
    types: tuple[str, ...]


class Schema(Struct, frozen=True):
    """The JSON schema of a structured answer."""

    name: str
    schema: Raw
    strict: bool | None = None
    description: str | None = None


Choice = Literal["none", "auto", "required"] | NamedTool | None


class _WireDefinition(Struct):
    name: str
    description: str | None = None
    parameters: Raw = NULL
    strict: bool | None = None


class _WireTool(Struct):
    type: str = ""
    function: _WireDefinition | None = None
    cache_control: Raw = NULL
    defer_loading: bool | None = None


class _Word(Struct, array_like=True):
    said: Literal["none", "auto", "required"]


class _WireNamed(Struct):
    name: str


class _WireAllowedTool(Struct):
    type: str = "function"
    name: str = ""
    function: _WireNamed | None = None


class _WireAllowed(Struct):
    mode: Literal["auto", "required"] = "auto"
    tools: list[_WireAllowedTool] = []


class _WireChoice(Struct):
    type: str = "function"
    function: _WireNamed | None = None
    allowed_tools: _WireAllowed | None = None


class _WireSchema(Struct):
    name: str = "answer"
    schema: Raw = NULL
    strict: bool | None = None
    description: str | None = None


class _WireFormat(Struct):
    type: str
    json_schema: _WireSchema | None = None


_tool = reader(_WireTool)
_word = reader(_Word)
_choice = reader(_WireChoice)
_format = reader(_WireFormat)


def read_tools(request: ChatRequest) -> list[FunctionTool | ServerTool]:
    """The tools of *request*, in their order.

    Raises:
        BadRequest: a function has no name, or a field of a wrong type.
    """
    found: list[FunctionTool | ServerTool] = []
    for place, raw in enumerate(request.parameters.tools or ()):
        try:
            tool = _tool(raw)
        except BadJSON as error:
            raise BadRequest(f"`tools[{place}]`: {error}") from None
        if tool.type != "function" and (tool.type or tool.function is None):
            found.append(ServerTool(tool.type, raw))
        elif tool.function is None:
            raise BadRequest(f"`tools[{place}].function` is missing")
        else:
            own = tool.function
            found.append(
                FunctionTool(
                    own.name, own.description, own.parameters, own.strict, tool.cache_control, tool.defer_loading
                )
            )
    return found


def read_tool_choice(request: ChatRequest) -> Choice | AllowedTools:
    """What *request* says of calling tools; None when it says nothing.

    Raises:
        BadRequest: it makes no sense.
    """
    raw = request.fields.get("tool_choice", NULL)
    if bytes(raw) == b"null":
        return None
    try:
        if bytes(raw)[:1] == b'"':
            return _word(b"[%b]" % bytes(raw)).said
        choice = _choice(raw)
    except BadJSON as error:
        raise BadRequest(f"`tool_choice`: {error}") from None
    if choice.function is not None:
        return NamedTool(choice.function.name)
    return None if choice.allowed_tools is None else _allowed(choice.allowed_tools)


def read_calling(request: ChatRequest) -> tuple[list[FunctionTool | ServerTool], Choice]:
    """The tools of *request*, and what it says of calling them. Tools that are not allowed are left out.

    Raises:
        BadRequest: a tool or the choice makes no sense, or no tool is left.
    """
    tools, choice = read_tools(request), read_tool_choice(request)
    if not isinstance(choice, AllowedTools):
        return tools, choice
    allowed = [
        tool
        for tool in tools
        if (tool.name in choice.names if isinstance(tool, FunctionTool) else tool.type in choice.types)
    ]
    if not allowed:
        raise BadRequest("`tool_choice.allowed_tools` names none of the tools")
    return allowed, choice.mode


def read_schema(request: ChatRequest) -> Schema | None:
    """The schema of ``response_format``, when it is of type ``json_schema``.

    Raises:
        BadRequest: it has no schema.
    """
    wanted = request.parameters.response_format
    if wanted is None or wanted.type != "json_schema":
        return None
    try:
        stated = _format(request.fields["response_format"]).json_schema
    except BadJSON as error:
        raise BadRequest(f"`response_format`: {error}") from None
    if stated is None or bytes(stated.schema) == b"null":
        raise BadRequest("`response_format.json_schema.schema` is missing")
    return Schema(stated.name, stated.schema, stated.strict, stated.description)


def _allowed(wire: _WireAllowed) -> AllowedTools:
    functions = [one.function.name if one.function is not None else one.name for one in wire.tools]
    return AllowedTools(wire.mode, tuple(filter(None, functions)), tuple(one.type for one in wire.tools))
