"""A chat request as a body of the Responses API."""

from __future__ import annotations

from typing import Any, Final

from msgspec import Raw

from turnout.base.errors import BadRequest
from turnout.base.jsons import BadJSON, encode, reader
from turnout.domain.catalog import Endpoint
from turnout.domain.chat import ChatRequest
from turnout.domain.completion import NULL
from turnout.providers.conversation import read_messages
from turnout.providers.dialects.openai_responses.items import OWN_PARTS, input_of
from turnout.providers.dialects.openai_responses.manners import Manners, manners_of
from turnout.providers.dialects.openai_responses.tools import implied_tools, put_tools, tools_of
from turnout.providers.failures import unsaid
from turnout.providers.letters import SAID, put_own, take_back, unknown
from turnout.providers.reasoning import asked_effort
from turnout.providers.tools import read_schema

__all__ = ["OWN_FIELDS", "THOUGHTS", "write_letter"]

OWN_FIELDS: Final = ("context_management", "moderation", "prompt_cache_key", "prompt_cache_options",
                     "prompt_cache_retention", "safety_identifier", "truncation")  # fmt: skip
"""The provider's own, which go on as the client sent them."""
_SAID: Final = SAID | {
    "include", "logprobs", "modalities", "n", "parallel_tool_calls", "service_tier", "top_logprobs", "user",
    "verbosity", "web_search_options", *OWN_FIELDS,
}  # fmt: skip
"""Fields that are said in other words, or are for the gateway; any other is dropped."""
_OPTIONAL: Final = {
    name: name
    for name in ("temperature", "top_p", "top_logprobs", "user", "service_tier", "parallel_tool_calls", "truncation")
}
_SAMPLERS: Final = ("temperature", "top_p")
THOUGHTS: Final = "reasoning.encrypted_content"
_LOGPROBS: Final = "message.output_text.logprobs"
_LEAST_LIMIT: Final = 16  # tokens; the provider refuses less
_EFFORTS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_VERBOSITIES: Final = {"low": "low", "medium": "medium"}  # whatever is more is high
_REASONING_WORDS: Final = ("summary", "generate_summary", "context", "mode")
_NO_STORE: Final = Raw(b"false")


_fields = reader(dict[str, Raw])
_texts = reader(list[str])


def write_letter(request: ChatRequest, endpoint: Endpoint, unwanted: frozenset[str]) -> tuple[bytes, tuple[str, ...]]:
    """The body for *request*, and the parameters that are not in it; *unwanted* are left out. The provider is told to
    keep nothing.

    Raises:
        BadRequest: it makes no sense.
        UpstreamError: it holds what this provider does not take and what must not be dropped.
    """
    manners = manners_of(endpoint.upstream_model)
    dropped = unknown(request, _SAID)
    body: dict[str, Any] = {"model": endpoint.upstream_model, "store": _NO_STORE}
    tools, names = tools_of(request)
    instructions, body["input"] = input_of(read_messages(request, OWN_PARTS), names, apart=not _asks_for_json(request))
    if instructions is not None:
        body["instructions"] = instructions
    tools += implied_tools(request, endpoint, tools, dropped)
    put_tools(body, request, tools, dropped)
    if limit := request.max_tokens:
        body["max_output_tokens"] = max(limit, _LEAST_LIMIT)
    effort = _put_reasoning(body, request, manners, dropped)
    _put_text(body, request, manners, dropped)
    _put_samplers(body, request, manners, effort, dropped)
    _put_rest(body, request, endpoint)
    take_back(body, _OPTIONAL, endpoint, unwanted, dropped)
    if endpoint.service_tier is not None:
        body["service_tier"] = endpoint.service_tier
    return encode(body), tuple(sorted(set(dropped)))


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
            include.append(THOUGHTS)
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
    thinking = manners.thinks and effort != "none" and not (effort is None and manners.idle)
    for name in _SAMPLERS:
        if getattr(parameters, name) is None:
            continue
        if manners.samples or not thinking:
            body[name] = fields[name]
        else:
            dropped.append(name)
    if parameters.n is not None and parameters.n > 1:
        dropped.append("n")
    if thinking:
        dropped += [name for name in ("logprobs", "top_logprobs") if getattr(parameters, name)]
        return
    if parameters.logprobs:
        body["include"] = [*body.get("include", []), _LOGPROBS]
    if parameters.top_logprobs is not None:
        body["top_logprobs"] = parameters.top_logprobs


def _put_rest(body: dict[str, Any], request: ChatRequest, endpoint: Endpoint) -> None:
    """What is passed on as it is."""
    parameters = request.parameters
    put_own(body, request, OWN_FIELDS)
    if parameters.user:
        body["user"] = parameters.user
    if parameters.service_tier is not None and endpoint.service_tier is None:
        body["service_tier"] = parameters.service_tier
    if request.stream:
        body["stream"] = True
