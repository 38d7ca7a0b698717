"""How the endpoints of a model were over time: what the charts of its page are drawn of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from turnout.domain.catalog import CatalogSnapshot, Model
from turnout.domain.health import Speed

__all__ = ["PERIODS", "speeds_told"]

PERIODS: Final[Mapping[str, tuple[int, int]]] = {
    "24h": (86_400, 1_800),
    "7d": (7 * 86_400, 7_200),
    "30d": (30 * 86_400, 21_600),
}
"""How many seconds back, and how many of them are one point."""

_FIGURES: Final = ("uptime", "latency_ms", "slowest_ms", "throughput")
_MOST: Final = 8  # as many colours as there are


def speeds_told(snapshot: CatalogSnapshot, model: Model, speeds: Sequence[Speed], now: int) -> dict[str, Any]:
    """*speeds* as ``{x: [unix seconds], endpoints: [{name, uptime: […], latency_ms: […], …}]}``.

    Each list is as long as ``x``. Of many endpoints those come that most is known of. A stretch that has not ended
    yet ends *now*; of two that end together the later one in *speeds* counts.
    """
    known: dict[str, dict[int, Speed]] = {endpoint.id: {} for endpoint in model.endpoints}
    for one in speeds:
        if one.endpoint_id in known:
            known[one.endpoint_id][min(one.at, now)] = one
    used = [endpoint for endpoint in model.endpoints if known[endpoint.id]]
    most = {endpoint.id for endpoint in sorted(used, key=lambda one: -len(known[one.id]))[:_MOST]}
    x = sorted({at for endpoint_id in most for at in known[endpoint_id]})
    told = []
    for endpoint in (one for one in used if one.id in most):
        provider = snapshot.providers.get(endpoint.provider)
        name = endpoint.provider if provider is None else provider.name
        variant = endpoint.tag.partition("/")[2]
        points = [known[endpoint.id].get(at) for at in x]
        figures = {
            name: [None if one is None or (value := getattr(one, name)) is None else round(value, 2) for one in points]
            for name in _FIGURES
        }
        told.append({"name": f"{name} {variant}".strip(), **figures})
    return {"x": x, "endpoints": told, "more": len(used) - len(most)}
