"""What each generation of Claude takes and refuses, read from the name of the model."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from msgspec import Struct

__all__ = ["UNKNOWN", "Manners", "manners_of"]

_FAMILIES = "opus|sonnet|haiku|fable|mythos|instant"
_NAME: Final = re.compile(
    rf"claude-(?:(?P<old>\d+)(?:[-.](?P<older>\d+))?-)?(?P<family>{_FAMILIES})"
    r"(?:-(?P<major>\d{1,2})(?!\d)(?:[-.](?P<minor>\d{1,2})(?!\d))?)?"
)
_NEWEST = (5, 0)
_THINKING_FAMILIES = frozenset({"fable", "mythos"})
_BASIC_EFFORTS = ("low", "medium", "high")


class Manners(Struct, frozen=True, kw_only=True):
    """How a model is spoken to. The defaults are for models that nothing is known of.

    Attributes:
        limit: output tokens to ask for where neither the client nor the catalog says how many.
        budgets: takes ``thinking`` with a budget of tokens.
        adaptive: takes ``thinking`` of type ``adaptive``.
        summaries: its thoughts are shown only when summaries are asked for.
        always_thinks: refuses to have thinking disabled.
        efforts: what ``output_config.effort`` may say, weakest first.
        capped_idle: takes no effort above ``high`` while thinking is disabled.
        sampling: takes ``temperature``, ``top_p`` and ``top_k``; ``one_sampler``: not the first two together.
        schemas: takes ``output_config.format`` and strict tools.
        system_turns: takes messages of role ``system`` amid the conversation.
        forcible: a tool can be forced on it.
    """

    limit: int = 8192
    budgets: bool = True
    adaptive: bool = False
    summaries: bool = False
    always_thinks: bool = False
    efforts: tuple[str, ...] = ()
    capped_idle: bool = False
    sampling: bool = True
    one_sampler: bool = False
    schemas: bool = False
    system_turns: bool = False
    forcible: bool = True


UNKNOWN: Final = Manners()


@lru_cache(1024)
def manners_of(model: str) -> Manners:
    """The manners of a model by its name, with or without a date; a Claude without a version is taken for a new one.

    Source: the vendor's documentation of thinking, effort, structured outputs, mid-conversation system messages and
    forced tool use, by model, as of October 2026.
    """
    name = _NAME.search(model.lower())
    if name is None:
        return UNKNOWN
    family = name["family"]
    if name["old"]:
        version = (int(name["old"]), int(name["older"] or 0))
    elif name["major"]:
        version = (int(name["major"]), int(name["minor"] or 0))
    else:
        version = (1, 0) if family == "instant" else _NEWEST
    modern = version >= (4, 7)
    adaptive = version >= (4, 6)
    effort = adaptive or (family == "opus" and version >= (4, 5))
    return Manners(
        limit=4096 if version < (3, 5) else 8192,
        budgets=not modern,
        adaptive=adaptive,
        summaries=modern,
        always_thinks=family in _THINKING_FAMILIES,
        efforts=_efforts(version) if effort else (),
        capped_idle=version >= _NEWEST,
        sampling=not modern,
        one_sampler=version >= (4, 1),
        schemas=version >= ((4, 1) if family == "opus" else (4, 5)),
        system_turns=version >= (4, 8),
        forcible=family not in _THINKING_FAMILIES or version <= _NEWEST,
    )


def _efforts(version: tuple[int, int]) -> tuple[str, ...]:
    if version >= (4, 7):
        return (*_BASIC_EFFORTS, "xhigh", "max")
    return (*_BASIC_EFFORTS, "max") if version >= (4, 6) else _BASIC_EFFORTS
