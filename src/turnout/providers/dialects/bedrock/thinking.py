"""How much a model on Bedrock should think, and what that rules out."""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct

from turnout.domain.catalog import Endpoint
from turnout.domain.chat import ChatRequest
from turnout.providers.claude_thinking import Mind, make_up_mind, take_samplers
from turnout.providers.dialects.bedrock.families import Family

__all__ = ["Steering", "sampling", "steer", "think_less"]

_SHARES: Final = {"high": 0.8, "medium": 0.5, "low": 0.2}
_WORDS: Final = {"max": "high", "xhigh": "high", "high": "high", "medium": "medium", "low": "low", "minimal": "low",
                 "default": None}  # fmt: skip
_UNSTATED_LIMIT: Final = 32_000


class Steering(Struct):
    """What a request asks of thinking, in the provider's words.

    ``own`` are fields of the model's own. ``mind`` is set for Claudes alone. ``limit`` is the output limit to send,
    None for the model's own. ``bound``: the model thinks so hard that it takes neither limits nor samplers.
    """

    own: dict[str, Any]
    limit: int | None = None
    mind: Mind | None = None
    bound: bool = False

    @property
    def budgeted(self) -> bool:
        """Whether a Claude thinks by a budget of tokens, which rules out forced tools and lost thoughts."""
        return self.mind is not None and self.mind.budgeted


def steer(request: ChatRequest, endpoint: Endpoint, family: Family, dropped: list[str]) -> Steering:
    """What *request* says of thinking; what cannot be said is *dropped*."""
    if family.claude is None:
        return _steer_others(request, family, dropped)
    stated = request.max_tokens
    reasoning = request.parameters.reasoning
    budget = (reasoning.max_tokens or 0) if reasoning is not None else 0
    limit = stated or max(endpoint.max_completion_tokens or family.claude.limit, 2 * budget)
    mind = make_up_mind(request, family.claude, limit, dropped)
    own: dict[str, Any] = {}
    if mind.thinking is not None:
        own["thinking"] = mind.thinking
    if mind.effort is not None:
        own["output_config"] = {"effort": mind.effort}
    return Steering(own, mind.limit if stated or mind.limit > limit else None, mind)


def think_less(steering: Steering, request: ChatRequest, dropped: list[str]) -> None:
    """Take back what was asked of thinking."""
    steering.own.pop("thinking", None)
    steering.limit = request.max_tokens
    if steering.mind is not None:
        steering.mind.thinking, steering.mind.budgeted = None, False
    dropped.append("thinking" if "thinking" in request.fields else "reasoning")


def sampling(request: ChatRequest, family: Family, steering: Steering, dropped: list[str]) -> dict[str, Any]:
    """The sampling parameters that can be said, by our names; those that cannot are *dropped*."""
    asked: dict[str, object] = {}
    if family.claude is not None and steering.mind is not None:
        dropped += take_samplers(asked, request, family.claude, steering.mind)
        return asked
    parameters = request.parameters
    for name in ("temperature", "top_p", "top_k"):
        value = getattr(parameters, name)
        if value is None:
            continue
        if steering.bound or (name == "top_k" and family.top_k is None):
            dropped.append(name)
        else:
            asked[name] = 1.0 if name == "temperature" and value > 1 else request.fields[name]
    return asked


def _steer_others(request: ChatRequest, family: Family, dropped: list[str]) -> Steering:
    steering = Steering({}, request.max_tokens)
    if request.parameters.verbosity is not None:
        dropped.append("verbosity")
    asked = _asked(request)
    if asked is None:
        return steering
    effort = _WORDS.get(asked)
    if family.thinking == "nova":
        config: dict[str, Any] = {"type": "disabled"}
        if effort is not None:
            effort = "medium" if effort == "high" and request.max_tokens else effort  # the limit weighs more
            config = {"type": "enabled", "maxReasoningEffort": effort}
        steering.own["reasoningConfig"] = config
        steering.bound = effort == "high"
    elif effort is not None and family.thinking == "effort":
        steering.own["reasoning_effort"] = effort
    elif effort is not None and family.thinking == "config":
        steering.own["reasoning_config"] = effort
    elif asked != "default" and (asked != "none" or family.thinking == "effort"):
        parameters = request.parameters
        dropped += [name for name in ("reasoning", "reasoning_effort") if getattr(parameters, name) is not None]
    return steering


def _asked(request: ChatRequest) -> str | None:
    """The effort, ``none`` for no thoughts at all, None where nothing is said."""
    parameters = request.parameters
    reasoning = parameters.reasoning
    effort: str | None = parameters.reasoning_effort
    if reasoning is None:
        return effort
    if reasoning.enabled is False or reasoning.max_tokens == 0:
        return "none"
    effort = reasoning.effort or effort
    if effort is None and reasoning.max_tokens:
        share = reasoning.max_tokens / (request.max_tokens or _UNSTATED_LIMIT)
        return min(_SHARES, key=lambda word: abs(_SHARES[word] - share))
    return effort or ("medium" if reasoning.enabled else None)
