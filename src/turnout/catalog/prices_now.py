"""When the prices of a snapshot change by the clock alone. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from turnout.domain.catalog import CatalogSnapshot
from turnout.domain.usage import PriceOverride

__all__ = ["next_change"]

_DAY: Final = 86_400


def next_change(snapshot: CatalogSnapshot, wall: float) -> float:
    """The first unix second after *wall* at which a price begins or ends to hold; infinite where none ever does."""
    moments = (
        moment
        for model in snapshot.models.values()
        for endpoint in model.endpoints
        for override in endpoint.pricing.overrides
        for moment in _moments(override, wall)
    )
    return min(moments, default=math.inf)


def _moments(override: PriceOverride, wall: float) -> Iterator[float]:
    if override.valid_from is not None and override.valid_from > wall:
        yield float(override.valid_from)
    midnight = wall // _DAY * _DAY
    for clock in (override.utc_start, override.utc_end):
        if clock is not None:
            hours, minutes = divmod(clock, 100)
            moment = midnight + hours * 3600 + minutes * 60
            yield moment if moment > wall else moment + _DAY
