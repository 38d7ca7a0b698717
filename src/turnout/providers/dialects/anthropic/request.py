"""A chat request as a body of the Messages API."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from turnout.base.errors import BadRequest
from turnout.base.jsons import BadJSON, encode, reader
from turnout.domain.catalog import Endpoint
from turnout.domain.chat import ChatRequest
from turnout.domain.completion import NULL
from turnout.providers.claude_manners import Manners, manners_of
from turnout.providers.claude_thinking import Mind, make_up_mind, take_samplers
from turnout.providers.conversation import read_messages
from turnout.providers.dialects.anthropic.parts import OWN_BLOCKS, TextBlock
from turnout.providers.dialects.anthropic.schemas import fitted
from turnout.providers.dialects.anthropic.turns import Talk, talk_of
from turnout.providers.failures import unsaid
from turnout.providers.letters import ANSWER_TOOL, ANY_OBJECT, SAID, put_own, structure_of, take_back, unknown
from turnout.providers.schemas import is_object_schema, object_schema
from turnout.providers.tools import Choice, FunctionTool, NamedTool, Schema, ServerTool, read_calling

__all__ = ["OWN_FIELDS", "Letter", "betas_of", "write_letter"]

OWN_FIELDS: Final = ("cache_control", "container", "context_management", "inference_geo", "mcp_servers", "speed")
"""The provider's own, which go on as the client sent them."""
_SAID: Final = SAID | {
    "output_config", "parallel_tool_calls", "prompt_cache_key", "prompt_cache_options", "service_tier", "stop",
    "thinking", "top_k", "user", "verbosity", "web_search_options", *OWN_FIELDS,
}  # fmt: skip
"""Fields that are said in other words, or are for the gateway; any other is dropped."""
_OPTIONAL: Final = {name: name for name in ("temperature", "top_p", "top_k", "service_tier", "cache_control")} | {
    "stop": "stop_sequences", "user": "metadata",
}  # fmt: skip
"""What an endpoint may do without, and what it is called here."""
_TIERS: Final = {"auto": "auto", "priority": "auto", "default": "standard_only", "standard": "standard_only",
                 "standard_only": "standard_only"}  # fmt: skip
_BETAS: Final = (
    ("code_execution_20250522", "code-execution-2025-05-22"),
    ("code_execution_20250825", "code-execution-2025-08-25"),
    ("computer_20241022", "computer-use-2024-10-22"),
    ("computer_20250124", "computer-use-2025-01-24"),
    ("computer_20251124", "computer-use-2025-11-24"),
    ("memory_20250818", "context-management-2025-06-27"),
    ("web_fetch_20250910", "web-fetch-2025-09-10"),
    ("advisor_20260301", "advisor-tool-2026-03-01"),
    ("mcp_toolset", "mcp-client-2025-11-20"),
)
"""Tools that are tried out, and what must be sent along for them."""
_OWN_CHOICES: Final = frozenset({"any", "auto", "none", "tool"})
_SEARCH: Final = "web_search_20250305"


class Letter(Struct):
    """A body, the beta features that it uses, and the parameters that are not in it."""

    body: bytes
    betas: frozenset[str] = frozenset()
    dropped: tuple[str, ...] = ()


class _Tool(Struct, omit_defaults=True):
    name: str
    input_schema: Raw
    description: str | None = None
    strict: bool | None = None
    defer_loading: bool | None = None
    cache_control: Raw | None = None


class _Choice(Struct):
    type: str = ""


class _Location(Struct):
    approximate: dict[str, str | None] | None = None


class _Filters(Struct):
    allowed_domains: list[str] | None = None
    blocked_domains: list[str] | None = None


class _Options(Struct):
    user_location: _Location | None = None
    max_uses: int | None = None
    filters: _Filters | None = None


_choice = reader(_Choice)
_options = reader(_Options)
_fields = reader(dict[str, Raw])


def write_letter(request: ChatRequest, endpoint: Endpoint, unwanted: frozenset[str]) -> Letter:
    """The body for *request*; *unwanted* are parameters left out.

    Raises:
        BadRequest: it makes no sense.
        UpstreamError: it holds what this provider does not take and what must not be dropped.
    """
    manners = manners_of(endpoint.upstream_model)
    dropped = unknown(request, _SAID)
    talk = talk_of(read_messages(request, OWN_BLOCKS), system_turns=manners.system_turns)
    limit = request.max_tokens or endpoint.max_completion_tokens or manners.limit
    mind = make_up_mind(request, manners, limit, dropped)
    tools, choice = read_calling(request)
    if "web_search_options" in request.fields and (search := _search(request, tools, endpoint, dropped)) is not None:
        tools.append(search)
    body: dict[str, Any] = {"model": endpoint.upstream_model, "max_tokens": 0, "messages": talk.turns}
    structure = structure_of(request)
    chosen = _choice_of(request, choice, tools, manners, dropped)
    if mind.budgeted and not talk.thought:
        _think_less(mind, request, limit, dropped)  # the provider wants the thoughts that led to a call, or none at all
    native = structure is not None and manners.schemas and bytes(structure.schema) != ANY_OBJECT
    if structure is not None and not native:
        forcible = manners.forcible and not mind.budgeted
        chosen = _emulate(structure, body, talk, chosen, forcible=forcible, alone=not tools)
    elif mind.budgeted and chosen is not None and chosen["type"] in {"any", "tool"}:
        _think_less(mind, request, limit, dropped)  # a tool that must be called weighs more
    _put_tools(body, tools, chosen, manners)
    body["max_tokens"] = mind.limit
    if talk.system:
        plain = len(talk.system) == 1 and talk.system[0].cache_control is None
        body["system"] = talk.system[0].text if plain else talk.system
    if mind.thinking is not None:
        body["thinking"] = mind.thinking
    _put_output(body, request, mind, structure if native else None)
    dropped += take_samplers(body, request, manners, mind)
    _put_rest(body, request, dropped)
    take_back(body, _OPTIONAL, endpoint, unwanted, dropped)
    named = frozenset(tool.type for tool in tools if isinstance(tool, ServerTool))
    found = betas_of(named, request.fields, files=talk.files, tool_changes=talk.tool_changes)
    return Letter(encode(body), found, tuple(sorted(set(dropped))))


def betas_of(
    kinds: Collection[str], fields: Mapping[str, Raw], *, files: bool = False, tool_changes: bool = False
) -> frozenset[str]:
    """What must be sent along for tools of these *kinds*, for the provider's own *fields*, for *files* named by their
    ids and for tools that come or go amid the conversation.
    """
    found = {beta for kind in kinds for start, beta in _BETAS if kind.startswith(start)}
    if files:
        found.add("files-api-2025-04-14")
    if tool_changes:
        found.add("mid-conversation-tool-changes-2026-07-01")
    if "mcp_servers" in fields:
        found.add("mcp-client-2025-11-20" if "mcp-client-2025-11-20" in found else "mcp-client-2025-04-04")
    if "context_management" in fields:
        found.add("context-management-2025-06-27")
    return frozenset(found)


def _think_less(mind: Mind, request: ChatRequest, limit: int, dropped: list[str]) -> None:
    mind.thinking, mind.budgeted, mind.limit = None, False, limit
    dropped.append("thinking" if "thinking" in request.fields else "reasoning")


def _search(
    request: ChatRequest, tools: list[FunctionTool | ServerTool], endpoint: Endpoint, dropped: list[str]
) -> ServerTool | None:
    """The provider's own search for ``web_search_options``, unless the client has named it among the tools."""
    try:
        stated = _options(request.fields["web_search_options"])
    except BadJSON:
        return None
    supported = endpoint.supported_parameters
    if supported is not None and "web_search_options" not in supported:
        dropped.append("web_search_options")
        return None
    if any(isinstance(tool, ServerTool) and tool.type.startswith("web_search") for tool in tools):
        return None
    tool: dict[str, Any] = {"type": _SEARCH, "name": "web_search"}
    if stated.user_location is not None and stated.user_location.approximate:
        tool["user_location"] = {"type": "approximate"} | stated.user_location.approximate
    if stated.max_uses is not None:
        tool["max_uses"] = stated.max_uses
    if stated.filters is not None:
        tool |= {name: hosts for name, hosts in msgspec.structs.asdict(stated.filters).items() if hosts}
    return ServerTool(_SEARCH, Raw(encode(tool)))


def _choice_of(
    request: ChatRequest, wanted: Choice, tools: list[FunctionTool | ServerTool], manners: Manners, dropped: list[str]
) -> dict[str, Any] | None:
    """``tool_choice`` in the provider's words. Without tools it means nothing, and is left out."""
    chosen: dict[str, Any] | None = None
    if isinstance(wanted, NamedTool):
        chosen = {"type": "tool", "name": wanted.name}
    elif wanted is not None:
        chosen = {"type": "any" if wanted == "required" else wanted}
    elif (raw := request.fields.get("tool_choice", NULL)) is not NULL and bytes(raw) != b"null":
        if _choice(raw).type not in _OWN_CHOICES:
            raise unsaid("such a `tool_choice`")
        chosen = msgspec.json.decode(raw)
    if chosen is not None and not tools:
        chosen = None
        dropped.append("tool_choice")
    if chosen is not None and chosen["type"] in {"any", "tool"} and not manners.forcible:
        raise unsaid("a `tool_choice` that forces this model")
    if request.parameters.parallel_tool_calls is False and tools and (chosen is None or chosen["type"] != "none"):
        chosen = (chosen or {"type": "auto"}) | {"disable_parallel_tool_use": True}
    return chosen


def _emulate(
    structure: Schema, body: dict[str, Any], talk: Talk, chosen: dict[str, Any] | None, *, forcible: bool, alone: bool
) -> dict[str, Any]:
    """Have the model give its answer as the input of a tool, which stands *alone* or beside the client's."""
    schema = object_schema(bytes(structure.schema))
    if not is_object_schema(schema):
        raise unsaid("a `response_format` whose schema is no object")
    told = structure.description or "Gives the answer to the user in JSON. Call it once, with the whole answer."
    body["tools"] = [_Tool(ANSWER_TOOL, Raw(schema), told)]
    if chosen is not None and chosen["type"] in {"any", "tool"}:
        return chosen
    if not forcible:
        talk.system.append(TextBlock(f"Give your answer by calling the tool `{ANSWER_TOOL}`, and say nothing else."))
        return {"type": "auto"}
    if alone or (chosen is not None and chosen["type"] == "none"):
        return {"type": "tool", "name": ANSWER_TOOL, "disable_parallel_tool_use": True}
    return (chosen or {}) | {"type": "any"}


def _put_tools(
    body: dict[str, Any], tools: list[FunctionTool | ServerTool], chosen: dict[str, Any] | None, manners: Manners
) -> None:
    written = [tool.raw if isinstance(tool, ServerTool) else _tool(tool, manners) for tool in tools]
    if written or "tools" in body:
        body["tools"] = written + body.get("tools", [])
    if chosen is not None:
        body["tool_choice"] = chosen


def _tool(tool: FunctionTool, manners: Manners) -> _Tool:
    strict = tool.strict if manners.schemas else None
    schema = bytes(tool.parameters)
    return _Tool(
        tool.name,
        Raw(fitted(object_schema(schema)) if strict else object_schema(schema)),
        tool.description,
        strict,
        tool.defer_loading,
        tool.cache if tool.cache is not NULL else None,
    )


def _put_output(body: dict[str, Any], request: ChatRequest, mind: Mind, structure: Schema | None) -> None:
    """Effort and schema, beside what the client says of its output itself."""
    output: dict[str, Any] = {}
    if structure is not None:
        output["format"] = {"type": "json_schema", "schema": Raw(fitted(bytes(structure.schema)))}
    if mind.effort is not None:
        output["effort"] = mind.effort
    if (own := request.fields.get("output_config")) is not None and bytes(own) != b"null":
        try:
            output |= _fields(own)
        except BadJSON as error:
            raise BadRequest(f"`output_config`: {error}") from None
    if output:
        body["output_config"] = output


def _put_rest(body: dict[str, Any], request: ChatRequest, dropped: list[str]) -> None:
    """What is said in one word or passed on as it is."""
    parameters = request.parameters
    if parameters.stop is not None:
        stated = [parameters.stop] if isinstance(parameters.stop, str) else parameters.stop
        stops = [one for one in stated if one.strip()]
        if len(stops) < len(stated):
            dropped.append("stop")  # the provider refuses those of white space
        if stops:
            body["stop_sequences"] = stops
    if parameters.user:
        body["metadata"] = {"user_id": parameters.user}
    if parameters.service_tier is not None:
        tier = _TIERS.get(parameters.service_tier)
        if tier is None:
            dropped.append("service_tier")
        else:
            body["service_tier"] = tier
    put_own(body, request, OWN_FIELDS)
    if request.stream:
        body["stream"] = True
