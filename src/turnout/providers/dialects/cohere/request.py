"""A chat request as a body of Cohere's chat API."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

from msgspec import Raw, Struct

from turnout.base.jsons import encode
from turnout.domain.catalog import Endpoint
from turnout.domain.chat import ChatRequest
from turnout.domain.completion import NULL
from turnout.providers.conversation import (
    FunctionTool,
    NamedTool,
    read_messages,
    read_schema,
    read_tool_choice,
    read_tools,
)
from turnout.providers.dialects.cohere.turns import OWN_PARTS, turns_of
from turnout.providers.failures import unsaid
from turnout.providers.reasoning import asked_effort

__all__ = ["write_letter"]

_OWN_FIELDS: Final = ("citation_options", "documents", "priority", "raw_prompting", "safety_mode", "strict_tools")
"""The provider's own, which go on as the client sent them."""
_SAID: Final = frozenset({
    "debug", "frequency_penalty", "image_config", "include_reasoning", "logprobs", "max_completion_tokens",
    "max_tokens", "max_tool_calls", "messages", "metadata", "modalities", "model", "models", "n", "plugins",
    "presence_penalty", "preset", "prompt", "provider", "reasoning", "reasoning_effort", "response_format", "route",
    "seed", "session_id", "stop", "stop_server_tools_when", "stream", "stream_options", "temperature", "thinking",
    "tool_choice", "tools", "top_k", "top_p", "trace", "transforms", "usage", *_OWN_FIELDS,
})  # fmt: skip
"""Fields that are said in other words, or are for the gateway; any other is dropped."""
_NAMES: Final = {"top_p": "p", "top_k": "k", "stop": "stop_sequences", "seed": "seed", "temperature": "temperature",
                 "frequency_penalty": "frequency_penalty", "presence_penalty": "presence_penalty",
                 "logprobs": "logprobs"}  # fmt: skip
"""What an endpoint may do without, and what it is called here."""
_LOWEST_P: Final = 0.01
_HIGHEST_P: Final = 0.99
_HIGHEST_K: Final = 500
_HIGHEST_PENALTY: Final = 1.0
_RATIOS: Final = {"max": 0.95, "xhigh": 0.95, "high": 0.8, "medium": 0.5, "low": 0.2, "minimal": 0.1}
_NO_PARAMETERS: Final = Raw(b'{"type":"object","properties":{}}')
_THOUGHTLESS: Final = re.compile(r"command-(?:r|light|nightly|a-(?:03|vision|translate))|^command$|aya")


class _Function(Struct, omit_defaults=True):
    name: str
    parameters: Raw
    description: str | None = None


class _Tool(Struct, tag_field="type", tag="function"):
    function: _Function


def write_letter(request: ChatRequest, endpoint: Endpoint, unwanted: frozenset[str]) -> tuple[bytes, tuple[str, ...]]:
    """The body for *request*, and the parameters that are not in it; *unwanted* are left out.

    Raises:
        BadRequest: it makes no sense.
        UpstreamError: it holds what this provider does not take and what must not be dropped.
    """
    fields, thinking = request.fields, _thinks(endpoint.upstream_model)
    dropped = [name for name in fields.keys() - _SAID if bytes(fields[name]) != b"null"]
    turns = turns_of(read_messages(request, OWN_PARTS), thinking=thinking)
    body: dict[str, Any] = {"model": endpoint.upstream_model, "messages": turns, "stream": request.stream}
    tools = _tools_of(request)
    if tools:
        body["tools"] = tools
    _put_choice(body, request, tools, dropped)
    _put_form(body, request)
    _put_thinking(body, request, thinking, dropped)
    _put_samplers(body, request, dropped)
    _put_shape(body, request, dropped)
    for name in _OWN_FIELDS:
        if name in fields and bytes(fields[name]) != b"null":
            body[name] = fields[name]
    supported = endpoint.supported_parameters
    for name, own in _NAMES.items():
        unfit = name in unwanted or (supported is not None and name not in supported)
        if unfit and body.pop(own, None) is not None:
            dropped.append(name)
    return encode(body), tuple(sorted(set(dropped)))


@lru_cache(1024)
def _thinks(model: str) -> bool:
    """Whether a model by this name takes ``thinking``; one that nothing is known of does.

    Source: the vendor's guide to reasoning and its list of models, as of October 2026.
    """
    return _THOUGHTLESS.search(model.lower()) is None


def _tools_of(request: ChatRequest) -> list[_Tool]:
    tools: list[_Tool] = []
    for tool in read_tools(request) if request.parameters.tools else ():
        if not isinstance(tool, FunctionTool):
            raise unsaid(f"a tool of type {tool.type[:40]!r}")
        parameters = tool.parameters if tool.parameters is not NULL else _NO_PARAMETERS
        tools.append(_Tool(_Function(tool.name, parameters, tool.description)))
    return tools


def _put_choice(body: dict[str, Any], request: ChatRequest, tools: list[_Tool], dropped: list[str]) -> None:
    """Calls are required, forbidden, or the model's own choice, of which nothing is said; none can be named of many."""
    if "tool_choice" not in request.fields:
        return
    wanted = read_tool_choice(request)
    if wanted is None and bytes(request.fields["tool_choice"]) != b"null":
        raise unsaid("such a `tool_choice`")
    if wanted is not None and not tools:
        dropped.append("tool_choice")
    elif isinstance(wanted, NamedTool):
        if [tool.function.name for tool in tools] != [wanted.name]:
            raise unsaid("a `tool_choice` that names one tool of several")
        body["tool_choice"] = "REQUIRED"
    elif wanted in {"required", "none"}:
        body["tool_choice"] = str(wanted).upper()


def _put_form(body: dict[str, Any], request: ChatRequest) -> None:
    """The form of the answer, which goes neither with tools nor with documents."""
    wanted = request.parameters.response_format
    if wanted is None or wanted.type == "text":
        return
    if wanted.type not in {"json_object", "json_schema"}:
        raise unsaid(f"a `response_format` of type {wanted.type}")
    if "tools" in body or "documents" in request.fields:
        raise unsaid("a `response_format` beside tools or documents")
    schema = read_schema(request)
    form: dict[str, Any] = {"type": "json_object"}
    body["response_format"] = form if schema is None else form | {"json_schema": schema.schema}


def _put_thinking(body: dict[str, Any], request: ChatRequest, thinking: bool, dropped: list[str]) -> None:  # noqa: FBT001 - a fact about the model
    """How much to think. A client that sends the provider's own ``thinking`` is not corrected."""
    parameters = request.parameters
    asked = [name for name in ("reasoning", "reasoning_effort") if getattr(parameters, name) is not None]
    own = request.fields.get("thinking", NULL)
    if bytes(own) != b"null":
        body["thinking"] = own
        return
    effort = asked_effort(request)
    if not asked or not thinking or effort in {None, "default"}:
        dropped += asked
        return
    if effort == "none":
        body["thinking"] = {"type": "disabled"}
        return
    spent: dict[str, Any] = {"type": "enabled"}
    budget = parameters.reasoning.max_tokens if parameters.reasoning is not None else None
    if budget is None and (limit := request.max_tokens) is not None:
        budget = int(limit * _RATIOS.get(str(effort), _RATIOS["medium"]))
    body["thinking"] = spent | ({"token_budget": budget} if budget else {})


def _put_samplers(body: dict[str, Any], request: ChatRequest, dropped: list[str]) -> None:
    """Sampling, within the provider's bounds; a penalty below zero is a reward that it does not know."""
    fields, parameters = request.fields, request.parameters
    for name in ("temperature", "seed"):
        if getattr(parameters, name) is not None:
            body[name] = fields[name]
    if parameters.top_p is not None:
        body["p"] = min(max(parameters.top_p, _LOWEST_P), _HIGHEST_P)
    if parameters.top_k is not None:
        body["k"] = min(parameters.top_k, _HIGHEST_K)
    for name in ("frequency_penalty", "presence_penalty"):
        penalty = getattr(parameters, name)
        if penalty is not None and penalty < 0:
            dropped.append(name)
        elif penalty is not None:
            body[name] = min(penalty, _HIGHEST_PENALTY)
    if parameters.stop is not None:
        body["stop_sequences"] = [parameters.stop] if isinstance(parameters.stop, str) else parameters.stop


def _put_shape(body: dict[str, Any], request: ChatRequest, dropped: list[str]) -> None:
    """How much is answered and shown, of which the provider knows little."""
    parameters = request.parameters
    if limit := request.max_tokens:
        body["max_tokens"] = limit
    if parameters.logprobs:
        body["logprobs"] = True
    if parameters.n is not None and parameters.n > 1:
        dropped.append("n")
    if parameters.modalities and set(parameters.modalities) != {"text"}:
        dropped.append("modalities")
