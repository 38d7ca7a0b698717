"""What the merge knows beside the rows: routers, ended models, names, families of facts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property

from msgspec import Struct

from turnout.domain.catalog import Benchmarks, Model, ReasoningSupport

__all__ = ["NOTHING", "Known"]


class Known(Struct, frozen=True, kw_only=True, dict=True):
    """Facts that no source of rows states. Names are lower-case.

    Attributes:
        routers: models that choose among others and have no endpoint of their own.
        listed_routers: whether listings show them; else they are found by name alone.
        retired: models that no provider serves any longer; found by name, never listed.
        aliases: other names, to the id or the name that they mean.
        renamed: ids as they would be derived from a provider's name, to the ids that are meant.
        contexts: lengths in tokens that hold for a model and its endpoints while only bundled sources speak of it.
        canonical: permanent slugs by model id, from earlier snapshots.
        benchmarks: what was measured, by model id.
        reasoning: patterns over whole ids of reasoning models, with how those are steered; the first that fits counts.
        distillable: patterns over whole ids, with whether answers may train other models; the first that fits counts.
    """

    routers: tuple[Model, ...] = ()
    listed_routers: bool = True
    retired: tuple[Model, ...] = ()
    aliases: Mapping[str, str] = {}
    renamed: Mapping[str, str] = {}
    contexts: Mapping[str, int] = {}
    canonical: Mapping[str, str] = {}
    benchmarks: Mapping[str, Benchmarks] = {}
    reasoning: tuple[tuple[str, ReasoningSupport], ...] = ()
    distillable: tuple[tuple[str, bool], ...] = ()

    def reasoning_of(self, model_id: str) -> ReasoningSupport:
        """How the reasoning model *model_id* is steered."""
        return next(
            (support for pattern, support in self._reasoning if pattern.fullmatch(model_id)), ReasoningSupport()
        )

    def distillable_of(self, model_id: str) -> bool | None:
        """Whether answers of *model_id* may train other models; None when nobody knows."""
        return next((allowed for pattern, allowed in self._distillable if pattern.fullmatch(model_id)), None)

    @cached_property
    def _reasoning(self) -> tuple[tuple[re.Pattern[str], ReasoningSupport], ...]:
        return tuple((re.compile(pattern), support) for pattern, support in self.reasoning)

    @cached_property
    def _distillable(self) -> tuple[tuple[re.Pattern[str], bool], ...]:
        return tuple((re.compile(pattern), allowed) for pattern, allowed in self.distillable)


NOTHING = Known()
"""Nothing beside the rows."""
