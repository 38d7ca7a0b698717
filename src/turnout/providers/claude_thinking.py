"""How much a Claude should think, and which parameters that rules out."""

from __future__ import annotations

from typing import Final

from msgspec import Raw, Struct

from turnout.base.jsons import BadJSON, reader
from turnout.domain.chat import ChatRequest
from turnout.providers.claude_manners import Manners

__all__ = ["Mind", "make_up_mind", "take_samplers"]

_RATIOS: Final = {"max": 0.95, "xhigh": 0.95, "high": 0.8, "medium": 0.5, "low": 0.2, "minimal": 0.1}
_LEAST_BUDGET: Final = 1024
_MOST_BUDGET: Final = 128_000
_LOWEST_TOP_P: Final = 0.95
_SAMPLERS: Final = ("temperature", "top_p", "top_k")
_DISABLED: Final = {"type": "disabled"}


class _Stated(Struct):
    type: str = ""


_stated = reader(_Stated)


class Mind(Struct):
    """What a request asks of thinking, in the provider's words.

    ``thinking`` and ``effort`` are None where nothing is said. ``budgeted``: the model thinks by a budget, which rules
    out forced tools, most sampling and conversations whose thoughts are lost. ``limit`` is the output limit.
    """

    limit: int
    thinking: object = None
    effort: str | None = None
    budgeted: bool = False


def make_up_mind(request: ChatRequest, manners: Manners, limit: int, dropped: list[str]) -> Mind:
    """What *request* asks of thinking with an output limit of *limit* tokens; what cannot be said is *dropped*.

    A client that sends the provider's own ``thinking`` is not corrected.
    """
    mind = Mind(limit)
    own = request.fields.get("thinking")
    effort, budget = _asked(request)
    if own is not None:
        mind.thinking = own
        mind.budgeted = _is_budgeted(own)
    elif effort == "none":
        _think_not(mind, manners, dropped)
    elif effort is not None or budget is not None:
        if manners.adaptive and (budget is None or not manners.budgets):
            hidden = request.parameters.reasoning is not None and request.parameters.reasoning.exclude is True
            summarised = manners.summaries and not hidden
            mind.thinking = {"type": "adaptive", "display": "summarized"} if summarised else {"type": "adaptive"}
            if budget is not None:
                effort = min(_RATIOS, key=lambda name: abs(_RATIOS[name] - budget / limit))
        else:
            _think_by_budget(mind, effort or "medium", budget)
    verbosity = request.parameters.verbosity
    spoken = None if mind.budgeted or effort in {"none", "enabled"} else effort
    if verbosity is not None and (spoken is not None or not manners.efforts):
        dropped.append("verbosity")
    if (spoken := spoken or verbosity) is not None and manners.efforts:
        mind.effort = _nearest(spoken, manners.efforts)
        if manners.capped_idle and mind.thinking == _DISABLED and mind.effort in {"xhigh", "max"}:
            mind.effort = "high"
    return mind


def take_samplers(body: dict[str, object], request: ChatRequest, manners: Manners, mind: Mind) -> list[str]:
    """Put the sampling parameters that can be said into *body*, and name those that cannot."""
    parameters = request.parameters
    asked = {name: value for name in _SAMPLERS if (value := getattr(parameters, name)) is not None}
    if not asked:
        return []
    refused: set[str] = set()
    if not manners.sampling:
        refused = set(asked)
    elif mind.budgeted or (isinstance(mind.thinking, dict) and mind.thinking != _DISABLED):
        refused = {"temperature", "top_k"} & asked.keys()
        if (top_p := parameters.top_p) is not None and top_p < _LOWEST_TOP_P:
            refused.add("top_p")
        if parameters.temperature == 1:
            refused.discard("temperature")
    if manners.one_sampler and {"temperature", "top_p"} <= asked.keys() - refused:
        refused.add("top_p")
    for name in asked.keys() - refused:
        body[name] = min(asked[name], 1.0) if name == "temperature" else request.fields[name]
    return sorted(refused)


def _asked(request: ChatRequest) -> tuple[str | None, int | None]:
    """The effort, ``enabled`` where none is named, and the budget of tokens."""
    parameters = request.parameters
    reasoning = parameters.reasoning
    effort: str | None = parameters.reasoning_effort if parameters.reasoning_effort != "default" else None
    if reasoning is None:
        return effort, None
    effort = reasoning.effort or effort
    if reasoning.enabled is False or reasoning.max_tokens == 0:
        return "none", None
    if effort is None and reasoning.enabled:
        effort = "enabled"
    return effort, reasoning.max_tokens if effort != "none" else None


def _think_not(mind: Mind, manners: Manners, dropped: list[str]) -> None:
    """Older models think only when told to; newer ones must be told not to, and some cannot be."""
    if manners.always_thinks:
        dropped.append("reasoning")
    elif manners.adaptive:
        mind.thinking = _DISABLED


def _think_by_budget(mind: Mind, effort: str, budget: int | None) -> None:
    """The budget must leave room for the answer; where the limit is too small for the least budget, it comes on top.

    Source: OpenRouter, "Reasoning tokens"; the least budget is Anthropic's.
    """
    if budget is None:
        budget = int(mind.limit * _RATIOS.get(effort, _RATIOS["medium"]))
    elif budget >= mind.limit:
        budget = int(mind.limit * _RATIOS["max"])
    budget = max(min(budget, _MOST_BUDGET), _LEAST_BUDGET)
    if mind.limit <= budget:
        mind.limit += budget
    mind.thinking = {"type": "enabled", "budget_tokens": budget}
    mind.budgeted = True


def _is_budgeted(thinking: Raw) -> bool:
    try:
        return _stated(thinking).type == "enabled"
    except BadJSON:
        return False


def _nearest(effort: str, efforts: tuple[str, ...]) -> str:
    """The weakest of *efforts* that is not below *effort*, else the strongest."""
    order = ("minimal", "low", "medium", "high", "xhigh", "max")
    wanted = order.index(effort) if effort in order else order.index("medium")
    return next((one for one in efforts if order.index(one) >= wanted), efforts[-1])
