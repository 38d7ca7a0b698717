"""The tools of a request, which of them to call, and the schema of the answer, as Converse takes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec
from msgspec import Raw

from turnout.base.errors import BadRequest
from turnout.base.jsons import BadJSON, reader
from turnout.domain.chat import ChatRequest
from turnout.domain.completion import NULL
from turnout.providers.dialects.bedrock.families import Family
from turnout.providers.dialects.bedrock.schemas import fitted
from turnout.providers.dialects.bedrock.thinking import Steering, think_less
from turnout.providers.dialects.bedrock.turns import Talk, cache_point
from turnout.providers.failures import unsaid
from turnout.providers.letters import ANSWER_TOOL, ANY_OBJECT, structure_of
from turnout.providers.schemas import object_schema
from turnout.providers.tools import Choice, FunctionTool, NamedTool, Schema, ServerTool, read_calling

__all__ = ["put_tools"]

_OWN_TOOLS: Final = frozenset({"toolSpec", "systemTool", "cachePoint"})
_OWN_CHOICES: Final = frozenset({"auto", "any", "tool"})
_AUTO: Final[dict[str, Any]] = {"auto": {}}
_ANY: Final[dict[str, Any]] = {"any": {}}
_NO_CALLS: Final = "Do not call any tool. Answer in words."
_ONLY_ANSWER: Final = f"Give your answer by calling the tool `{ANSWER_TOOL}`, and say nothing else."

_fields = reader(dict[str, Raw])


def put_tools(
    body: dict[str, Any],
    request: ChatRequest,
    talk: Talk,
    family: Family,
    steering: Steering,
    dropped: list[str],
) -> None:
    """Put tools, choice and schema of *request* into *body*; what cannot be said is *dropped*.

    There is no way to forbid calls, and none to leave out tools that the conversation has called: where that meets,
    the model is told in words.

    Raises:
        BadRequest: a tool, a choice or a schema that is none.
        UpstreamError: one that the provider does not take.
    """
    structure = structure_of(request)
    if structure is not None and family.schemas and bytes(structure.schema) != ANY_OBJECT:
        body["outputConfig"] = {"textFormat": _text_format(structure)}
        structure = None
    asked, wanted = read_calling(request)
    tools = _tools(asked, family, steering)
    choice = _choice(request, wanted)
    if "none" in choice or not tools:
        if choice and "none" not in choice and not tools:
            dropped.append("tool_choice")
        choice = {}
        kept = tools or [_spec(name, None, ANY_OBJECT) for name in talk.called]
        tools = kept if talk.called else []
        if tools and structure is None:
            talk.system.append({"text": _NO_CALLS})
    if structure is not None:
        choice = _emulated(structure, tools, choice, family, talk, thinks=steering.budgeted)
    elif steering.budgeted and choice.keys() & {"any", "tool"}:
        think_less(steering, request, dropped)  # a tool that must be called weighs more
    if tools:
        body["toolConfig"] = {"tools": tools}
        if choice and (family.chooses or "auto" not in choice):
            body["toolConfig"]["toolChoice"] = choice
    if request.parameters.parallel_tool_calls is False and not _one_by_one(choice, family, steering):
        dropped.append("parallel_tool_calls")


def _text_format(structure: Schema) -> dict[str, Any]:
    told = {"schema": fitted(bytes(structure.schema)).decode(), "name": structure.name}
    if structure.description is not None:
        told["description"] = structure.description
    return {"type": "json_schema", "structure": {"jsonSchema": told}}


def _choice(request: ChatRequest, wanted: Choice) -> dict[str, Any]:
    """``tool_choice`` in the provider's words, and ``none``, which it has none for; empty where nothing is said."""
    if isinstance(wanted, NamedTool):
        return {"tool": {"name": wanted.name}}
    if wanted is not None:
        return {"any" if wanted == "required" else wanted: {}}
    raw = request.fields.get("tool_choice", NULL)
    if bytes(raw) == b"null":
        return {}
    try:
        own = _fields(raw)
    except BadJSON as error:
        raise BadRequest(f"`tool_choice`: {error}") from None
    if len(own) == 1 and own.keys() <= _OWN_CHOICES:
        return dict(own)
    raise unsaid("such a `tool_choice`")


def _tools(asked: Iterable[FunctionTool | ServerTool], family: Family, steering: Steering) -> list[Any]:
    written: list[Any] = []
    for tool in asked:
        if isinstance(tool, FunctionTool):
            written.append(_function(tool, family))
            if tool.cache is not NULL and bytes(tool.cache) != b"null" and family.caches_tools:
                written.append(cache_point(tool.cache))
        elif not tool.type and len(own := _fields(tool.raw)) == 1 and own.keys() <= _OWN_TOOLS:
            written.append(tool.raw)
        elif family.claude is not None and tool.type and ":" not in tool.type:
            _put_claudes_own(tool, steering)
        else:
            raise unsaid(f"tools of type {tool.type[:80]!r}")
    return written


def _put_claudes_own(tool: ServerTool, steering: Steering) -> None:
    """Tools that Claudes know by themselves go among the fields of the model's own."""
    steering.own.setdefault("tools", []).append(tool.raw)


def _function(tool: FunctionTool, family: Family) -> dict[str, Any]:
    strict = tool.strict if family.schemas else None
    schema = object_schema(bytes(tool.parameters))
    return _spec(tool.name, tool.description, fitted(schema) if strict else schema, strict=strict)


def _spec(name: str, description: str | None, schema: bytes, *, strict: bool | None = None) -> dict[str, Any]:
    spec: dict[str, Any] = {"name": name, "inputSchema": {"json": Raw(schema)}}
    if description:  # an empty one is refused
        spec["description"] = description
    if strict is not None:
        spec["strict"] = strict
    return {"toolSpec": spec}


def _emulated(
    structure: Schema, tools: list[Any], choice: dict[str, Any], family: Family, talk: Talk, *, thinks: bool
) -> dict[str, Any]:
    """Have the model give its answer as the input of a tool, which stands alone or beside the client's."""
    alone = not tools
    told = structure.description or "Gives the answer to the user in JSON. Call it once, with the whole answer."
    try:
        schema = object_schema(bytes(structure.schema))
    except msgspec.DecodeError:
        raise BadRequest("`response_format.json_schema.schema` is no object") from None
    tools.append(_spec(ANSWER_TOOL, told, schema))
    if choice.keys() & {"any", "tool"}:
        return choice
    if thinks or not family.chooses or (family.claude is not None and not family.claude.forcible):
        talk.system.append({"text": _ONLY_ANSWER})
        return _AUTO
    return {"tool": {"name": ANSWER_TOOL}} if alone else _ANY


def _one_by_one(choice: dict[str, Any], family: Family, steering: Steering) -> bool:
    """Ask for one call at a time, if the model can be asked."""
    if family.claude is None or not family.schemas or choice.keys() & {"any", "tool"}:
        return False
    steering.own["tool_choice"] = {"type": "auto", "disable_parallel_tool_use": True}
    return True
