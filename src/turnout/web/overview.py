"""Pages about the catalog as a whole: home, providers, rankings, what is new, status."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import log10
from typing import Any, Final

from turnout.base.money import Pico, dollars
from turnout.catalog.entries import Entry
from turnout.catalog.listing import Listing
from turnout.catalog.render import listed_models
from turnout.domain.catalog import CatalogSnapshot, Endpoint, Model
from turnout.domain.catalog_event import CatalogEvent
from turnout.web.browse import entry_row
from turnout.web.drawing import Drawn

__all__ = ["Figures", "home", "news", "provider_page", "providers", "rankings", "status"]

Figures = Mapping[str, Mapping[str, Any]]
"""What this installation has measured, by the endpoint's id."""

_WIDTH: Final = 960
_HEIGHT: Final = 420
_MOST: Final = 60


def home(listing: Listing, popular: Sequence[Entry], newest: Sequence[Entry], base: str, name: str) -> Drawn:
    """The first page. *name* is a model to try."""
    models = [entry for entry in listing.entries if not entry.model.id.startswith("~")]
    usable = {slug for slug, provider in listing.snapshot.providers.items() if provider.usable}
    content = {
        "models": len(models),
        "providers": len({endpoint.provider for entry in models for endpoint in entry.model.endpoints}),
        "callable": sum(any(endpoint.provider in usable for endpoint in entry.model.endpoints) for entry in models),
        "free": sum(entry.prompt == 0 and entry.completion == 0 for entry in models),
        "popular": [entry_row(entry) for entry in popular if entry.figures.tokens][:6],
        "newest": [entry_row(entry) for entry in newest if not entry.model.id.startswith("~")][:6],
        "base": base,
        "example": name,
    }
    return "home.html", content, 200


def providers(listing: Listing, figures: Figures) -> Drawn:
    """All providers, those that can be called first."""
    served = _served(listing.snapshot)
    rows = [_provider(listing.snapshot, slug, served.get(slug, []), figures) for slug in listing.snapshot.providers]
    rows = [row for row in rows if row["models"] or row["usable"]]
    rows.sort(key=lambda row: (not row["usable"], -row["models"], row["name"].lower()))
    return "providers.html", {"rows": rows, "usable": sum(row["usable"] for row in rows)}, 200


def provider_page(listing: Listing, slug: str, figures: Figures) -> Drawn | None:
    """One provider and what it serves; None when there is none of that name."""
    snapshot = listing.snapshot
    if slug not in snapshot.providers:
        return None
    offers = _served(snapshot).get(slug, [])
    rows = [
        {
            "id": model.id,
            "name": model.name,
            "tag": endpoint.tag,
            "prompt": dollars(endpoint.pricing.prompt) if endpoint.priced else None,
            "completion": dollars(endpoint.pricing.completion) if endpoint.priced else None,
            "context": endpoint.context_length or model.context_length,
            "quantization": endpoint.quantization,
            "measured": figures.get(endpoint.id, {}),
        }
        for model, endpoint in offers
    ]
    content = {"provider": _provider(snapshot, slug, offers, figures), "rows": rows}
    return "provider.html", content | {"policy": snapshot.providers[slug].policy}, 200


def rankings(listing: Listing, popular: Sequence[Entry]) -> Drawn:
    """What this installation uses most, and what quality costs."""
    used = [entry for entry in popular if entry.figures.tokens and not entry.model.id.startswith("~")]
    most = max((entry.figures.tokens or 0 for entry in used), default=1)
    rows = [entry_row(entry) | {"share": (entry.figures.tokens or 0) / most} for entry in used[:_MOST]]
    return "rankings.html", {"rows": rows, "points": _points(listing.entries), "size": (_WIDTH, _HEIGHT)}, 200


def news(listing: Listing, events: Sequence[CatalogEvent], newest: Sequence[Entry], wall: float) -> Drawn:
    """What has changed in the catalog, and the newest models."""
    rows = [entry_row(entry) for entry in newest if not entry.model.id.startswith("~") and entry.model.created]
    known = {entry.model.id for entry in listing.entries}
    return "new.html", {"events": events[:100], "rows": rows[:40], "known": known, "wall": wall}, 200


def status(listing: Listing, ready: Mapping[str, Any], figures: Figures, wall: float) -> Drawn:
    """How this installation is, and how the endpoints are that it has used lately."""
    snapshot = listing.snapshot
    endpoints = {endpoint.id: endpoint for model in snapshot.models.values() for endpoint in model.endpoints}
    rows = [
        {"endpoint": endpoints[name], "provider": _name(snapshot, endpoints[name].provider), **_seen(one)}
        for name, one in figures.items()
        if name in endpoints
    ]
    rows.sort(key=lambda row: (row["status"], row["endpoint"].model_id))
    content = {
        "ready": ready,
        "rows": rows[:500],
        "troubled": sum(row["status"] < 0 for row in rows),
        "built": snapshot.built,
        "age": max(0.0, wall - snapshot.built),
        "models": len(listed_models(snapshot)),
        "usable": sorted(provider.name for provider in snapshot.providers.values() if provider.usable),
    }
    return "status.html", content, 200


def _seen(measured: Mapping[str, Any]) -> dict[str, Any]:
    names = ("uptime_last_5m", "uptime_last_30m", "uptime_last_1d", "latency_last_30m", "throughput_last_30m")
    return {"status": measured.get("status", 0), **{name: measured.get(name) for name in names}}


def _served(snapshot: CatalogSnapshot) -> dict[str, list[tuple[Model, Endpoint]]]:
    served: defaultdict[str, list[tuple[Model, Endpoint]]] = defaultdict(list)
    for model in listed_models(snapshot):
        for endpoint in model.endpoints:
            served[endpoint.provider].append((model, endpoint))
    return served


def _provider(
    snapshot: CatalogSnapshot, slug: str, offers: Sequence[tuple[Model, Endpoint]], figures: Figures
) -> dict[str, Any]:
    provider = snapshot.providers[slug]
    uptimes = [up for _, one in offers if (up := figures.get(one.id, {}).get("uptime_last_1d")) is not None]
    return {
        "slug": slug,
        "name": provider.name,
        "usable": provider.usable,
        "models": len({model.id for model, _ in offers}),
        "keeps": provider.policy.data_collection,
        "zdr": provider.policy.zdr,
        "regions": provider.policy.regions,
        "headquarters": provider.policy.headquarters,
        "uptime": sum(uptimes) / len(uptimes) if uptimes else None,
    }


def _name(snapshot: CatalogSnapshot, slug: str) -> str:
    provider = snapshot.providers.get(slug)
    return slug if provider is None else provider.name


def _points(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """The models with an intelligence index and a price, placed in the drawing; the price on a logarithmic scale."""
    known = [
        (entry, (3 * entry.prompt + entry.completion) / 4, entry.intelligence_index)
        for entry in entries
        if entry.prompt is not None
        and entry.completion is not None
        and entry.intelligence_index is not None
        and entry.prompt + entry.completion > 0
        and not entry.model.id.startswith("~")
    ]
    if not known:
        return []
    low, high = (pick(log10(price) for _, price, _ in known) for pick in (min, max))
    worst, best = (pick(mark for _, _, mark in known) for pick in (min, max))
    points: list[dict[str, Any]] = []
    for entry, price, mark in sorted(known, key=lambda one: (one[1], -one[2])):
        points.append(
            {
                "id": entry.model.id,
                "name": entry.model.name,
                "price": dollars(Pico(round(price))),
                "mark": mark,
                "x": round(50 + (_WIDTH - 80) * (log10(price) - low) / ((high - low) or 1), 1),
                "y": round(_HEIGHT - 40 - (_HEIGHT - 70) * (mark - worst) / ((best - worst) or 1), 1),
                "leads": False,
            }
        )
    lead = float("-inf")
    for point in points:  # the cheapest first: who is better than all that cost less leads
        if point["mark"] > lead:
            lead = point["mark"]
            point["leads"] = True
    return points
