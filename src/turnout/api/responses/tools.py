"""The tools of the Responses API as those of a chat, and what becomes of their names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from msgspec import Raw, Struct, field

from turnout.base.errors import BadRequest
from turnout.base.jsons import BadJSON, reader
from turnout.domain.completion import NULL

__all__ = ["Told", "tell_choice", "tell_tools", "word"]

_WORD: Final = re.compile(r"[\w:.-]{1,64}", re.ASCII)
_SEARCHES: Final = ("web_search", "web_search_preview")
_WORDS_OF_SEARCH: Final = ("type", "search_context_size", "user_location", "filters")
_CHOICES: Final = frozenset({"auto", "none", "required"})
_INPUT: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {"input": {"type": "string", "description": "The whole input of the tool, as plain text."}},
    "required": ["input"],
    "additionalProperties": False,
}
_HOW: Final = "Put the input, as plain text, into the field `input`."


class _Tool(Struct):
    type: str
    name: str | None = None
    description: str | None = None
    parameters: Raw = NULL
    strict: bool | None = None
    defer_loading: bool | None = None
    format: Raw = NULL
    tools: list[Raw] | None = None
    external_web_access: bool | None = None


class _Choice(Struct):
    type: str = ""
    name: str | None = None
    mode: str = "auto"
    tools: list[dict[str, Any]] = []


class _Grammar(Struct):
    type: str = ""
    syntax: str = ""
    definition: str = ""


class Told(Struct):
    """The tools in the words of a chat.

    Attributes:
        tools: entries of a chat's ``tools``, by name; those without one by their type.
        custom: names of functions that stand for tools which take plain text.
        spaces: by the name of a function, the namespace it was found in and its name there.
        unsaid: types of tools that no chat has.
    """

    tools: dict[str, Any] = field(default_factory=dict)
    custom: set[str] = field(default_factory=set)
    spaces: dict[str, tuple[str, str]] = field(default_factory=dict)
    unsaid: list[str] = field(default_factory=list)

    def called(self, name: str, space: str) -> str:
        """The function that stands for the tool *name* of the namespace *space*."""
        other = f"{space}__{name}"
        return other if self.spaces.get(other) == (space, name) else name


_tool = reader(_Tool)
_choice = reader(_Choice)
_grammar = reader(_Grammar)
_fields = reader(dict[str, Raw])
_text = reader(str)


def tell_tools(tools: list[Raw] | None) -> Told:
    """What *tools* are to a chat: functions, and what the gateway or every provider knows by its type.

    Raises:
        BadRequest: one has no type or no name.
    """
    told = Told()
    for place, raw in enumerate(tools or ()):
        _add(told, raw, f"tools[{place}]")
    return told


def _add(told: Told, raw: Raw, place: str, space: str | None = None) -> None:
    try:
        tool = _tool(raw)
    except BadJSON as error:
        raise BadRequest(f"`{place}`: {error}") from None
    kind = tool.type
    if kind == "namespace" and space is None:
        for at, one in enumerate(tool.tools or ()):
            _add(told, one, f"{place}.tools[{at}]", tool.name or "")
    elif kind in {"function", "custom"}:
        if not tool.name:
            raise BadRequest(f"`{place}.name` is missing")
        name = tool.name
        if space is not None:
            name = name if name not in told.tools else f"{space}__{name}"
            told.spaces[name] = (space, tool.name)
        if kind == "custom":
            told.custom.add(name)
        told.tools[name] = _function(tool, name, place) if kind == "function" else _custom(tool, name)
    elif kind.startswith("openrouter:"):
        told.tools[kind] = raw
    elif kind.startswith(_SEARCHES) and tool.external_web_access is not False:
        fields = _fields(raw)
        told.tools[kind] = {name: fields[name] for name in _WORDS_OF_SEARCH if fields.get(name, NULL) != NULL}
    else:
        told.unsaid.append(f"tools.{word(kind)}")


def _function(tool: _Tool, name: str, place: str) -> dict[str, Any]:
    function: dict[str, Any] = {"name": name}
    if tool.description is not None:
        function["description"] = tool.description
    schema = bytes(tool.parameters)
    if schema[:1] == b"{":
        function["parameters"] = tool.parameters
    elif schema != b"null":
        raise BadRequest(f"`{place}.parameters`: an object is expected")
    if tool.strict is not None:
        function["strict"] = tool.strict
    told: dict[str, Any] = {"type": "function", "function": function}
    return told if tool.defer_loading is None else told | {"defer_loading": tool.defer_loading}


def _custom(tool: _Tool, name: str) -> dict[str, Any]:
    """A function with one field for the text; a grammar is told in words."""
    try:
        grammar = _grammar(tool.format) if bytes(tool.format)[:1] == b"{" else _Grammar()
    except BadJSON:
        grammar = _Grammar()
    how = _HOW
    if grammar.type == "grammar":
        how += f" It must follow this {grammar.syntax} grammar:\n{grammar.definition}"
    description = f"{tool.description}\n\n{how}" if tool.description else how
    return {"type": "function", "function": {"name": name, "description": description, "parameters": _INPUT}}


def tell_choice(choice: Raw, told: Told) -> Any:  # noqa: ANN401 - a word or an object
    """``tool_choice`` in the words of a chat; None: nothing is said. Tools that are not allowed are taken from *told*.

    Raises:
        BadRequest: it makes no sense.
    """
    raw = bytes(choice)
    if raw == b"null":
        return None
    try:
        if raw[:1] == b'"':
            stated = _text(raw)
            if stated not in _CHOICES:
                raise BadRequest("`tool_choice` must be `auto`, `none`, `required` or an object")
            return stated
        wanted = _choice(raw)
    except BadJSON as error:
        raise BadRequest(f"`tool_choice`: {error}") from None
    if wanted.type == "allowed_tools":
        allowed = {one.get("name") or one.get("type") for one in wanted.tools}
        told.tools = {name: one for name, one in told.tools.items() if name in allowed}
        return wanted.mode if wanted.mode in _CHOICES else "auto"
    if wanted.type in {"function", "custom"}:
        if not wanted.name:
            raise BadRequest("`tool_choice.name` is missing")
        return {"type": "function", "function": {"name": wanted.name}}
    if wanted.type.startswith(("openrouter:", *_SEARCHES)):
        return {"type": wanted.type} if wanted.type in told.tools else None
    told.unsaid.append("tool_choice")
    return None


def word(stated: str) -> str:
    """*stated*, if it is a word that can stand in a header; else a word for that."""
    return stated if _WORD.fullmatch(stated) else "other"
