"""A request that its client wrote in the words of the Responses API, passed on as it is."""

from __future__ import annotations

from typing import Any, Final

from msgspec import Raw, Struct
from msgspec.structs import replace

from turnout.base.jsons import BadJSON, encode, reader
from turnout.domain.catalog import Endpoint
from turnout.domain.chat import ChatRequest, Original
from turnout.domain.completion import NULL
from turnout.providers.dialects.openai_responses.manners import manners_of
from turnout.providers.dialects.openai_responses.request import OWN_FIELDS, THOUGHTS
from turnout.providers.reasoning import asked_effort

__all__ = ["pass_on", "with_own_words"]

_FOR_THE_GATEWAY: Final = frozenset({
    "cache_control", "debug", "frequency_penalty", "image_config", "modalities", "models", "plugins", "preset",
    "presence_penalty", "provider", "route", "session_id", "stop_server_tools_when", "top_k", "trace", "transforms",
    "usage",
})  # fmt: skip
"""Also what OpenRouter has added to the language, for models of other makers."""
_FOR_THE_GATEWAY_IN_REASONING: Final = frozenset({"enabled", "exclude", "max_tokens"})
_NAMES: Final = {"max_tokens": "max_output_tokens", "response_format": "text"}
_KEPT_WORDS: Final = (*OWN_FIELDS, "include")
_OWN_CHOICES: Final = frozenset({"allowed_tools", "custom"})
_RETOLD: Final = ("function", "openrouter:", "web_search")
_NO_STORE: Final = Raw(b"false")


class _Named(Struct):
    type: str = ""
    name: str = ""
    tools: list[_Named] | None = None
    function: _Named | None = None


_texts = reader(list[str])
_fields = reader(dict[str, Raw])
_raws = reader(list[Raw])
_named = reader(_Named)


def pass_on(
    original: Original, request: ChatRequest, endpoint: Endpoint, unwanted: frozenset[str]
) -> tuple[bytes, tuple[str, ...]]:
    """The body of *original* with the provider's name of the model, and the parameters that are not in it.

    What is for the gateway is left out, and so are *unwanted* parameters, by the names that they have in a chat. The
    provider is told to keep nothing, so thoughts are asked for as sealed.
    """
    fields: dict[str, Any] = {
        name: value for name, value in original.fields.items() if name not in _FOR_THE_GATEWAY and value != NULL
    }
    fields |= {"model": endpoint.upstream_model, "store": _NO_STORE}
    if manners_of(endpoint.upstream_model).seals:
        included = _texts(fields.get("include", b"[]"))
        fields["include"] = included if THOUGHTS in included else [*included, THOUGHTS]
    if "reasoning" in fields:
        reasoning = _reasoning(fields["reasoning"], request)
        if reasoning is not None:
            fields["reasoning"] = reasoning
    if endpoint.service_tier is not None:
        fields["service_tier"] = endpoint.service_tier
    dropped = [name for name in unwanted if fields.pop(_NAMES.get(name, name), None) is not None]
    return encode(fields), tuple(sorted(dropped))


def with_own_words(request: ChatRequest, language: str) -> ChatRequest:
    """*request*, of which something has been changed since it was written, with the words that no chat has."""
    original = request.original
    if original is None or original.language != language:
        return request
    own = {name: original.fields[name] for name in _KEPT_WORDS if original.fields.get(name, NULL) != NULL}
    tools = _own_tools(request, original)
    parameters = request.parameters if tools is None else replace(request.parameters, tools=tools)
    if tools is not None:
        own["tools"] = Raw(encode(tools))
    choice = original.fields.get("tool_choice", NULL)
    if "tool_choice" in request.fields and bytes(choice)[:1] == b"{" and _kind(choice).type in _OWN_CHOICES:
        own["tool_choice"] = choice
    return replace(request, parameters=parameters, fields=request.fields | own) if own else request


def _reasoning(stated: Raw, request: ChatRequest) -> dict[str, Any] | None:
    """``reasoning`` without what OpenRouter has added to it; None where nothing has been."""
    said: dict[str, Any] = dict(_fields(stated))
    if not said.keys() & _FOR_THE_GATEWAY_IN_REASONING:
        return None
    said = {name: value for name, value in said.items() if name not in _FOR_THE_GATEWAY_IN_REASONING}
    effort = asked_effort(request)
    return said if effort is None else said | {"effort": effort}


def _own_tools(request: ChatRequest, original: Original) -> list[Raw] | None:
    """The tools with those that only the language has as they were written; None where there are none."""
    stated = original.fields.get("tools", NULL)
    written = [] if stated == NULL else _raws(stated)
    own = [raw for raw in written if not _kind(raw).type.startswith(_RETOLD)]
    if not own:
        return None
    covered: set[str] = set()
    for tool in map(_kind, own):
        covered |= {tool.name, *(one.name for one in tool.tools or ())}
    return own + [raw for raw in request.parameters.tools or () if _function_of(raw) not in covered]


def _function_of(raw: Raw) -> str:
    function = _kind(raw).function
    return "" if function is None else function.name


def _kind(raw: Raw) -> _Named:
    try:
        return _named(raw)
    except BadJSON:
        return _Named()
