"""A chat request as a body of Mistral's chat API."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

from msgspec import Struct

from turnout.base.jsons import encode
from turnout.domain.catalog import Endpoint
from turnout.domain.chat import ChatRequest
from turnout.domain.completion import NULL
from turnout.providers.conversation import read_messages
from turnout.providers.dialects.mistral.turns import OWN_PARTS, turns_of
from turnout.providers.failures import unsaid
from turnout.providers.letters import SAID, function_letters, put_own, take_back, unknown
from turnout.providers.reasoning import asked_effort
from turnout.providers.tools import NamedTool, read_calling, read_schema

__all__ = ["write_letter"]

_PASSED_ON: Final = ("frequency_penalty", "n", "parallel_tool_calls", "prediction", "presence_penalty", "stop",
                     "temperature", "top_p")  # fmt: skip
"""Parameters that have the same name and meaning here."""
_OWN_FIELDS: Final = ("guardrails", "prompt_cache_key", "prompt_mode", "random_seed", "safe_prompt")
"""The provider's own, which go on as the client sent them."""
_AS_SENT: Final = (*_PASSED_ON, *_OWN_FIELDS)
_SAID: Final = SAID | {"modalities", "seed", *_AS_SENT}
"""Fields that are said in other words, or are for the gateway; any other is dropped."""
_OPTIONAL: Final = {"seed": "random_seed"} | {name: name for name in _PASSED_ON if name != "n"}
"""What an endpoint may do without, and what it is called here."""
_ALWAYS_THINKS: Final = re.compile(r"magistral")
_NEVER_THINKS: Final = re.compile(
    r"(?:mini|min)istral|codestral|pixtral|voxtral|devstral|mathstral|open-mi|mistral-(?:tiny|saba|nemo|ocr|moderation)"
    r"|mistral-large-2[45]|mistral-(?:small|medium)-(?:23|24|25)"
)
_HIGHEST_TEMPERATURE: Final = 1.5


class _Named(Struct):
    name: str


class _Chosen(Struct, tag_field="type", tag="function"):
    function: _Named


class _Manners(Struct, frozen=True):
    """How a model is spoken to: whether it takes thoughts, and an effort for them. A Magistral always thinks."""

    thinks: bool = True
    efforts: bool = True


def write_letter(request: ChatRequest, endpoint: Endpoint, unwanted: frozenset[str]) -> tuple[bytes, tuple[str, ...]]:
    """The body for *request*, and the parameters that are not in it; *unwanted* are left out.

    Raises:
        BadRequest: it makes no sense.
        UpstreamError: it holds what this provider does not take and what must not be dropped.
    """
    parameters, manners = request.parameters, _manners_of(endpoint.upstream_model)
    dropped = unknown(request, _SAID)
    turns = turns_of(read_messages(request, OWN_PARTS), thinking=manners.thinks)
    body: dict[str, Any] = {"model": endpoint.upstream_model, "messages": turns}
    put_own(body, request, _AS_SENT)
    if parameters.temperature is not None and parameters.temperature > _HIGHEST_TEMPERATURE:
        body["temperature"] = _HIGHEST_TEMPERATURE
    if parameters.seed is not None:
        _put_seed(body, parameters.seed, dropped)
    if limit := request.max_tokens:
        body["max_tokens"] = limit
    if request.stream:
        body["stream"] = True
    if parameters.modalities and set(parameters.modalities) != {"text"}:
        dropped.append("modalities")
    _put_tools(body, request, dropped)
    _put_form(body, request)
    _put_effort(body, request, manners, dropped)
    take_back(body, _OPTIONAL, endpoint, unwanted, dropped)
    return encode(body), tuple(sorted(set(dropped)))


@lru_cache(1024)
def _manners_of(model: str) -> _Manners:
    """The manners of a model by its name; one that nothing is known of thinks when it is asked to.

    Source: the vendor's guide to reasoning and its list of models, as of October 2026.
    """
    name = model.lower()
    if _ALWAYS_THINKS.search(name):
        return _Manners(efforts=False)
    thinks = _NEVER_THINKS.search(name) is None
    return _Manners(thinks, thinks)


def _put_seed(body: dict[str, Any], seed: int, dropped: list[str]) -> None:
    """A seed below zero is refused there."""
    if seed < 0:
        dropped.append("seed")
    else:
        body["random_seed"] = seed


def _put_tools(body: dict[str, Any], request: ChatRequest, dropped: list[str]) -> None:
    """The tools and how they may be called, which means nothing without any."""
    asked, wanted = read_calling(request)
    tools = function_letters(asked, strict=True)
    if tools:
        body["tools"] = tools
    elif body.pop("parallel_tool_calls", None) is not None:
        dropped.append("parallel_tool_calls")
    if wanted is None and bytes(request.fields.get("tool_choice", NULL)) != b"null":
        raise unsaid("such a `tool_choice`")
    if wanted is not None and not tools:
        dropped.append("tool_choice")
    elif isinstance(wanted, NamedTool):
        body["tool_choice"] = _Chosen(_Named(wanted.name))
    elif wanted is not None:
        body["tool_choice"] = "any" if wanted == "required" else wanted


def _put_form(body: dict[str, Any], request: ChatRequest) -> None:
    """The form of the answer, in OpenAI's words."""
    wanted = request.parameters.response_format
    if wanted is None:
        return
    if wanted.type not in {"text", "json_object", "json_schema"}:
        raise unsaid(f"a `response_format` of type {wanted.type}")
    if (schema := read_schema(request)) is None:
        body["response_format"] = {"type": wanted.type}
        return
    form: dict[str, Any] = {"name": schema.name, "schema": schema.schema}
    if schema.strict is not None:
        form["strict"] = schema.strict
    if schema.description is not None:
        form["description"] = schema.description
    body["response_format"] = {"type": "json_schema", "json_schema": form}


def _put_effort(body: dict[str, Any], request: ChatRequest, manners: _Manners, dropped: list[str]) -> None:
    """Whether to think: the provider knows all or nothing."""
    parameters = request.parameters
    asked = [name for name in ("reasoning", "reasoning_effort") if getattr(parameters, name) is not None]
    effort = asked_effort(request)
    if not asked:
        return
    if effort in {None, "default"} or not manners.thinks:
        dropped += asked
    elif manners.efforts:
        body["reasoning_effort"] = "none" if effort == "none" else "high"
    elif effort == "none":
        dropped += asked
    else:
        body.setdefault("prompt_mode", "reasoning")
