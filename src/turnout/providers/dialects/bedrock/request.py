"""A chat request as a body of Converse."""

from __future__ import annotations

from typing import Any, Final

from msgspec import Raw

from turnout.base.errors import BadRequest
from turnout.base.jsons import BadJSON, encode, reader
from turnout.domain.catalog import Endpoint
from turnout.domain.chat import ChatRequest
from turnout.providers.conversation import read_messages
from turnout.providers.dialects.bedrock.families import Family, family_of
from turnout.providers.dialects.bedrock.thinking import sampling, steer, think_less
from turnout.providers.dialects.bedrock.tools import put_tools
from turnout.providers.dialects.bedrock.turns import cache_point, talk_of
from turnout.providers.letters import SAID, put_own, unknown

__all__ = ["write_letter"]

_OWN_FIELDS: Final = (
    "additionalModelResponseFieldPaths", "guardrailConfig", "performanceConfig", "promptVariables", "requestMetadata",
)  # fmt: skip
"""The provider's own, which go on as the client sent them."""
_MODELS_OWN: Final = "additionalModelRequestFields"
_SAID: Final = SAID | {
    "cache_control", "parallel_tool_calls", "prompt_cache_key", "prompt_cache_options", "serviceTier", "service_tier",
    "stop", "thinking", "top_k", "verbosity", _MODELS_OWN, *_OWN_FIELDS,
}  # fmt: skip
"""Fields that are said in other words, or are for the gateway; any other is dropped."""
_OPTIONAL: Final = frozenset({"cache_control", "service_tier", "stop", "temperature", "top_k", "top_p"})
_NAMES: Final = {"temperature": "temperature", "top_p": "topP"}
_TIERS: Final = {"auto": "default", "default": "default", "standard": "default", "priority": "priority", "flex": "flex",
                 "reserved": "reserved"}  # fmt: skip

_fields = reader(dict[str, Raw])


def write_letter(request: ChatRequest, endpoint: Endpoint, unwanted: frozenset[str]) -> tuple[bytes, tuple[str, ...]]:
    """The body for *request*, and the parameters that are not in it; *unwanted* are left out.

    Raises:
        BadRequest: it makes no sense.
        UpstreamError: it holds what this provider does not take and what must not be dropped.
    """
    family = family_of(endpoint.upstream_model, endpoint.model_id)
    dropped = unknown(request, _SAID)
    unfit = _unfit(request, endpoint, unwanted)
    talk = talk_of(read_messages(request), family)
    steering = steer(request, endpoint, family, dropped)
    if steering.budgeted and not talk.thought:
        think_less(steering, request, dropped)  # the provider wants the thoughts that led to a call, or none at all
    body: dict[str, Any] = {"messages": talk.turns}
    put_tools(body, request, talk, family, steering, dropped)
    if talk.system:
        body["system"] = talk.system
    asked = sampling(request, family, steering, dropped)
    own = steering.own
    dropped += asked.keys() & unfit
    top_k = asked.get("top_k")
    if top_k is not None and "top_k" not in unfit:
        own |= {"top_k": top_k} if family.top_k == "own" else {"inferenceConfig": {"topK": top_k}}
    inference = {_NAMES[name]: value for name, value in asked.items() if name in _NAMES and name not in unfit}
    if steering.bound and request.max_tokens:
        dropped.append("max_tokens")
    elif steering.limit is not None:
        inference["maxTokens"] = steering.limit
    if "stop" in request.fields and (stops := _stops(request, unfit, dropped)):
        inference["stopSequences"] = stops
    body["inferenceConfig"] = inference
    _put_rest(body, request, unfit, dropped)
    if (tier := endpoint.service_tier) is not None and tier in _TIERS:
        body["serviceTier"] = {"type": _TIERS[tier]}
    _cache_all(body, request, family, unfit, dropped)
    if (stated := request.fields.get(_MODELS_OWN)) is not None and bytes(stated) != b"null":
        own |= _object(stated)
    if own:
        body[_MODELS_OWN] = own
    return encode(body), tuple(sorted(set(dropped)))


def _unfit(request: ChatRequest, endpoint: Endpoint, unwanted: frozenset[str]) -> frozenset[str]:
    """Parameters that the endpoint or the operator rules out, and that can be done without."""
    supported = endpoint.supported_parameters
    ruled_out = _OPTIONAL & unwanted if supported is None else _OPTIONAL & (unwanted | _OPTIONAL.difference(supported))
    return frozenset(ruled_out & request.fields.keys())


def _stops(request: ChatRequest, unfit: frozenset[str], dropped: list[str]) -> list[str]:
    stated = request.parameters.stop
    if stated is None:
        return []
    every = [stated] if isinstance(stated, str) else stated
    stops = [] if "stop" in unfit else [one for one in every if one.strip()]
    if len(stops) < len(every):
        dropped.append("stop")  # the provider refuses those of white space
    return stops


def _put_rest(body: dict[str, Any], request: ChatRequest, unfit: frozenset[str], dropped: list[str]) -> None:
    """What is said in one word or passed on as it is."""
    fields, tier = request.fields, request.parameters.service_tier
    if (own := fields.get("serviceTier")) is not None and bytes(own) != b"null":
        body["serviceTier"] = own
    elif tier is not None:
        if tier in _TIERS and "service_tier" not in unfit:
            body["serviceTier"] = {"type": _TIERS[tier]}
        else:
            dropped.append("service_tier")
    put_own(body, request, _OWN_FIELDS)


def _cache_all(
    body: dict[str, Any], request: ChatRequest, family: Family, unfit: frozenset[str], dropped: list[str]
) -> None:
    """A mark on the whole request is one at its end."""
    mark = request.fields.get("cache_control")
    if mark is None or bytes(mark) == b"null":
        return
    last = body["messages"][-1] if body["messages"] else None
    if not family.caches or "cache_control" in unfit or last is None or last["role"] != "user":
        dropped.append("cache_control")
    elif "cachePoint" not in last["content"][-1]:
        last["content"].append(cache_point(mark))


def _object(stated: Raw) -> dict[str, Raw]:
    try:
        return _fields(stated)
    except BadJSON as error:
        raise BadRequest(f"`{_MODELS_OWN}`: {error}") from None
