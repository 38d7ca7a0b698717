"""How much a Gemini model thinks: a request's effort in the words of the model's generation."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Literal

from msgspec import Struct

from turnout.domain.chat import ChatRequest

__all__ = ["Thinker", "thinker_of", "thinking_config"]

_GENERATION = re.compile(r"gemini-(\d+)(?:[.-](\d)(?!\d))?")
_THOUGHTLESS = ("-tts", "-live", "native-audio", "gemma", "learnlm", "embedding")
_SHARES = {"max": 0.95, "xhigh": 0.95, "high": 0.8, "medium": 0.5, "low": 0.2, "minimal": 0.1}
_LEVELS = ("minimal", "low", "medium", "high")
_BUDGETED = 2.5
_LEVELLED = 3.0


class Thinker(Struct, frozen=True):
    """What is known of a model by its name.

    Attributes:
        generation: such as 2.5; 0 where the name does not tell, as in ``gemini-flash-latest``.
        style: thoughts are limited by a ``budget`` of tokens, steered by a ``level``, only ``shown`` or not, or there
            are ``none``.
        least, most: the bounds of a budget.
        can_rest: takes a budget of 0.
        levels: those it takes, rising.
    """

    generation: float
    style: Literal["budget", "level", "shown", "none"]
    least: int = 0
    most: int = 0
    can_rest: bool = False
    levels: tuple[str, ...] = ()


@lru_cache(1024)
def thinker_of(model: str) -> Thinker:
    """What the provider's name of a model tells. Unknown names are taken for a model with a budget.

    Source: Gemini API, "Thinking", table of models and budgets.
    """
    name = model.lower()
    found = _GENERATION.search(name)
    generation = float(f"{found[1]}.{found[2] or 0}") if found else 0.0
    if any(word in name for word in _THOUGHTLESS) or ("gemini" not in name and "robotics" not in name):
        return Thinker(generation, "none")
    if generation >= _LEVELLED:
        if "image" in name:
            return Thinker(generation, "shown")
        if "flash" in name:
            return Thinker(generation, "level", levels=_LEVELS)
        return Thinker(generation, "level", levels=("low", "high") if generation == _LEVELLED else _LEVELS[1:])
    if (0 < generation < _BUDGETED and "thinking" not in name) or "image" in name:
        return Thinker(generation, "none")
    if "pro" in name:
        return Thinker(generation, "budget", 128, 32_768)
    return Thinker(generation, "budget", 512 if "lite" in name else 1, 24_576, can_rest=True)


def thinking_config(request: ChatRequest, thinker: Thinker) -> dict[str, Any] | None:
    """The ``thinkingConfig`` of what *request* says of reasoning; None when it says nothing that the model takes.

    A number of tokens becomes a budget, an effort the nearest level or its share of the output limit.
    """
    effort, tokens, hidden = _wish(request)
    if thinker.style == "none" or (effort is None and tokens is None):
        return None
    config: dict[str, Any] = {} if hidden or effort == "none" else {"includeThoughts": True}
    if tokens is not None and thinker.style != "shown":
        config["thinkingBudget"] = _bounded(tokens, thinker) if thinker.style == "budget" else tokens
    elif thinker.style == "level":
        config["thinkingLevel"] = _level(effort or "medium", thinker.levels)
    elif thinker.style == "budget" and effort == "none":
        config["thinkingBudget"] = 0 if thinker.can_rest else thinker.least
    elif thinker.style == "budget":
        whole = min(request.max_tokens or thinker.most, thinker.most)
        config["thinkingBudget"] = _bounded(int(whole * _SHARES[effort or "medium"]), thinker)
    return config or None


def _wish(request: ChatRequest) -> tuple[str | None, int | None, bool]:
    """Effort, tokens, and whether thoughts are to be kept from the client."""
    parameters = request.parameters
    reasoning = parameters.reasoning
    hidden = parameters.include_reasoning is False or (reasoning is not None and reasoning.exclude is True)
    effort = parameters.reasoning_effort
    if effort == "default":
        effort = None
    if reasoning is not None:
        if reasoning.enabled is False:
            return "none", None, hidden
        if reasoning.max_tokens is not None:
            return (None, reasoning.max_tokens, hidden) if reasoning.max_tokens else ("none", None, hidden)
        effort = reasoning.effort or effort or ("medium" if reasoning.enabled else None)
    if effort is None and parameters.include_reasoning is True:
        effort = "medium"
    return effort, None, hidden


def _bounded(tokens: int, thinker: Thinker) -> int:
    return max(thinker.least, min(tokens, thinker.most))


def _level(effort: str, levels: tuple[str, ...]) -> str:
    """The nearest of *levels*; where two are equally near, the higher one."""
    rank = _LEVELS.index(effort) if effort in _LEVELS else (0 if effort == "none" else len(_LEVELS) - 1)
    return min(levels, key=lambda level: (abs(_LEVELS.index(level) - rank), -_LEVELS.index(level)))
