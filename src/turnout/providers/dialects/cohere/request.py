"""A chat request as a body of Cohere's chat API."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

from turnout.base.jsons import encode
from turnout.domain.catalog import Endpoint
from turnout.domain.chat import ChatRequest
from turnout.domain.completion import NULL
from turnout.providers.conversation import read_messages
from turnout.providers.dialects.cohere.turns import OWN_PARTS, turns_of
from turnout.providers.failures import unsaid
from turnout.providers.letters import SAID, function_letters, put_own, take_back, unknown
from turnout.providers.reasoning import asked_effort
from turnout.providers.tools import NamedTool, read_calling, read_schema

__all__ = ["write_letter"]

_OWN_FIELDS: Final = ("citation_options", "documents", "priority", "raw_prompting", "safety_mode", "strict_tools")
"""The provider's own, which go on as the client sent them."""
_SAID: Final = SAID | {
    "frequency_penalty", "logprobs", "modalities", "n", "presence_penalty", "seed", "stop", "thinking", "top_k",
    *_OWN_FIELDS,
}  # fmt: skip
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
_THOUGHTLESS: Final = re.compile(r"command-(?:r|light|nightly|a-(?:03|vision|translate))|^command$|aya")


def write_letter(request: ChatRequest, endpoint: Endpoint, unwanted: frozenset[str]) -> tuple[bytes, tuple[str, ...]]:
    """The body for *request*, and the parameters that are not in it; *unwanted* are left out.

    Raises:
        BadRequest: it makes no sense.
        UpstreamError: it holds what this provider does not take and what must not be dropped.
    """
    thinking = _thinks(endpoint.upstream_model)
    dropped = unknown(request, _SAID)
    turns = turns_of(read_messages(request, OWN_PARTS), thinking=thinking)
    body: dict[str, Any] = {"model": endpoint.upstream_model, "messages": turns, "stream": request.stream}
    _put_tools(body, request, dropped)
    _put_form(body, request)
    _put_thinking(body, request, thinking, dropped)
    _put_samplers(body, request, dropped)
    _put_shape(body, request, dropped)
    put_own(body, request, _OWN_FIELDS)
    take_back(body, _NAMES, endpoint, unwanted, dropped)
    return encode(body), tuple(sorted(set(dropped)))


@lru_cache(1024)
def _thinks(model: str) -> bool:
    """Whether a model by this name takes ``thinking``; one that nothing is known of does.

    Source: the vendor's guide to reasoning and its list of models, as of October 2026.
    """
    return _THOUGHTLESS.search(model.lower()) is None


def _put_tools(body: dict[str, Any], request: ChatRequest, dropped: list[str]) -> None:
    """Calls are required, forbidden, or the model's own choice, of which nothing is said; none can be named of many."""
    asked, wanted = read_calling(request)
    tools = function_letters(asked, strict=False)
    if tools:
        body["tools"] = tools
    if wanted is None and bytes(request.fields.get("tool_choice", NULL)) != b"null":
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
