"""A request completed from a preset: what it leaves out is taken from there."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Raw, Struct
from msgspec.structs import replace

from turnout.accounts.presets import PresetBook
from turnout.base.errors import BadRequest
from turnout.base.jsons import BadJSON, encode, reader
from turnout.domain.chat import ChatParameters, ChatRequest
from turnout.domain.errand import ErrandRequest
from turnout.domain.preset import Recipe

__all__ = ["names_preset", "with_preset"]

_MARK = "@preset/"
_NULL = b"null"
_SYNONYMS = (
    frozenset({"max_tokens", "max_completion_tokens"}),
    frozenset({"reasoning", "reasoning_effort", "include_reasoning"}),
)
"""Fields that mean the same: a request that has one of them has said it all."""
_OF_VECTORS = frozenset({"model", "provider"})
"""What requests for embeddings, and errands, take from a preset."""
_OF_ERRANDS = _OF_VECTORS | {"user", "session_id", "stream"}
_SYSTEM = frozenset({"system", "developer"})


class _Named(Struct):
    name: str = ""


class _Tool(Struct):
    """As much of a tool as tells it from others."""

    type: str = "function"
    name: str = ""
    function: _Named | None = None
    parameters: _Named | None = None


class _Spoken(Struct):
    role: str


_read_parameters = reader(ChatParameters)
_read_tools = reader(list[Raw])
_read_tool = reader(_Tool)
_read_roles = reader(list[_Spoken])
_read_messages = reader(list[Raw])


def names_preset(request: ChatRequest) -> bool:
    """Whether *request* is to be completed from a preset."""
    parameters = request.parameters
    return parameters.preset is not None or (parameters.model is not None and _MARK in parameters.model)


async def with_preset(request: ChatRequest, book: PresetBook, account_id: str) -> ChatRequest:
    """*request* with what it leaves out taken from the preset of *account_id* that it names.

    Fields of the request win, each as a whole; null is as good as left out. Tools of both are offered, those of the
    request where they bear the same name. The system prompt of the preset goes first, unless the request has one.

    Raises:
        BadRequest: it names two presets, or what comes together does not fit together.
        NotFound: there is no such preset.
        Unavailable: the preset is not at hand and the store cannot be asked.
    """
    parameters = request.parameters
    model, slug = parameters.model, parameters.preset
    if model is not None and _MARK in model:
        base, _, named = model.partition(_MARK)
        if slug is not None and slug.removeprefix(_MARK) != named:
            raise BadRequest("`model` and `preset` name two presets: one is enough")
        model, slug = base or None, named
    recipe = await book.find(account_id, (slug or "").removeprefix(_MARK))
    own = {name: value for name, value in request.fields.items() if bytes(value) != _NULL and name != "preset"}
    if model is None:
        own.pop("model", None)
    else:
        own["model"] = Raw(encode(model))
    fields = own if request.wants != "text" else _tooled(own, recipe.fields)
    fields = _left_out(recipe.fields, own, vectors=request.wants != "text") | fields
    if "model" not in fields and "models" not in fields:
        raise BadRequest(f"`model` is missing: the preset {recipe.applied.slug} names none either")
    if recipe.system_prompt is not None and request.wants == "text":
        fields["messages"] = _prompted(fields["messages"], recipe.system_prompt)
    return _judged(request, fields, recipe)


def _judged(request: ChatRequest, fields: dict[str, Raw], recipe: Recipe) -> ChatRequest:
    judged = {name: value for name, value in fields.items() if name not in {"messages", "input"}}
    if isinstance(request, ErrandRequest):  # whose fields bear names that mean other things in a conversation
        judged = {name: value for name, value in judged.items() if name in _OF_ERRANDS}
    try:
        parameters = _read_parameters(encode(judged))
    except BadJSON as error:
        raise BadRequest(f"With the preset {recipe.applied.slug}: {error}") from None
    if parameters.model is not None and _MARK in parameters.model:
        raise BadRequest(f"The preset {recipe.applied.slug} names another preset")
    size = len(memoryview(fields["messages"]))
    return replace(request, parameters=parameters, fields=fields, prompt_bytes=size, preset=recipe.applied)


def _left_out(preset: Mapping[str, Raw], own: Mapping[str, Raw], *, vectors: bool) -> dict[str, Raw]:
    """The fields of *preset* that *own* does not have by any name."""
    said = set(own)
    for group in _SYNONYMS:
        if said & group:
            said |= group
    return {name: value for name, value in preset.items() if name not in said and (not vectors or name in _OF_VECTORS)}


def _tooled(own: dict[str, Raw], preset: Mapping[str, Raw]) -> dict[str, Raw]:
    """*own* with the tools of both; what is no list of tools is left for the judge."""
    if "tools" not in own or "tools" not in preset:
        return own
    try:
        ours = {_identity(tool): tool for tool in _read_tools(own["tools"])}
        theirs = {_identity(tool): tool for tool in _read_tools(preset["tools"])}
    except BadJSON:
        return own
    tools = [tool for name, tool in theirs.items() if name not in ours] + _read_tools(own["tools"])
    return own | {"tools": Raw(encode(tools))}


def _identity(tool: Raw) -> tuple[str, str]:
    """By what two tools are the same: kind and name. Raises BadJSON: it is no tool."""
    found = _read_tool(tool)
    named = found.function or found.parameters
    return found.type, found.name or ("" if named is None else named.name)


def _prompted(messages: Raw, system_prompt: str) -> Raw:
    """*messages* after the system prompt, unless they bring one."""
    if any(message.role in _SYSTEM for message in _read_roles(messages)):
        return messages
    return Raw(encode([{"role": "system", "content": system_prompt}, *_read_messages(messages)]))
