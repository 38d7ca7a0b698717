"""Smaller listings of the catalog: providers, endpoints without retention, models of images, benchmarks. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from msgspec import Struct

from turnout.base.money import dollars, json_number
from turnout.catalog.query import choice, whole
from turnout.catalog.render import default_endpoint, endpoint_object, listed_models, policy_of, provider_object
from turnout.contracts.measured import Measured
from turnout.domain.catalog import CatalogSnapshot, Endpoint, Model
from turnout.domain.usage import effective

__all__ = [
    "BenchmarkQuery",
    "benchmarks_reply",
    "image_endpoints_reply",
    "image_models_reply",
    "parse_benchmark_query",
    "providers_reply",
    "zdr_reply",
]

SOURCES: Final = frozenset({"artificial-analysis", "design-arena", "openrouter"})
_INDEXES: Final = ("intelligence", "coding", "agentic")
_TASKS: Final = frozenset({*_INDEXES, "search"})
_ARENAS: Final = frozenset({"models", "builders", "agents"})
_PERCENTILES: Final = frozenset({"latency_last_30m", "throughput_last_30m"})
_IMAGE_ENDPOINTS: Final = "/api/v1/images/models/{}/endpoints"
_MOST_RESULTS: Final = 100_000
_encoder = msgspec.json.Encoder()


def providers_reply(snapshot: CatalogSnapshot) -> bytes:
    """The body of ``GET /providers``."""
    return _encoder.encode({"data": [provider_object(provider) for provider in snapshot.providers.values()]})


def zdr_reply(snapshot: CatalogSnapshot, measured: Measured, wall: float, *, keyed: bool) -> bytes:
    """The body of ``GET /endpoints/zdr``: the endpoints whose provider keeps nothing. Percentiles want a key."""
    hidden = frozenset() if keyed else _PERCENTILES
    found = []
    for model in listed_models(snapshot):
        for endpoint in model.endpoints:
            if policy_of(endpoint, snapshot).zdr:
                figures = measured.endpoints.get(endpoint.id, {})
                seen = {key: value for key, value in figures.items() if key not in hidden}
                provider = snapshot.providers.get(endpoint.provider)
                found.append(endpoint_object(model, endpoint, provider, seen, wall=wall))
    return _encoder.encode({"data": found})


def image_models_reply(snapshot: CatalogSnapshot) -> bytes:
    """The body of ``GET /images/models``."""
    return _encoder.encode(
        {
            "data": [
                {
                    "id": model.id,
                    "name": model.name,
                    "description": model.description,
                    "created": model.created,
                    "architecture": {
                        "input_modalities": model.input_modalities,
                        "output_modalities": model.output_modalities,
                    },
                    "supported_parameters": {},
                    "supports_streaming": False,
                    "endpoints": _IMAGE_ENDPOINTS.format(model.id),
                }
                for model in listed_models(snapshot)
                if "image" in model.output_modalities
            ]
        }
    )


def image_endpoints_reply(model: Model, snapshot: CatalogSnapshot, wall: float) -> bytes | None:
    """The body of ``GET /images/models/{author}/{slug}/endpoints``; None for a model that makes no images."""
    if "image" not in model.output_modalities:
        return None
    return _encoder.encode(
        {"id": model.id, "endpoints": [_image_endpoint(endpoint, snapshot, wall) for endpoint in model.endpoints]}
    )


class BenchmarkQuery(Struct, frozen=True, kw_only=True):
    """What is asked of the benchmarks; None asks for nothing."""

    source: str | None = None
    task_type: str | None = None
    arena: str | None = None
    category: str | None = None
    max_results: int | None = None


def parse_benchmark_query(pairs: Sequence[tuple[str, str]]) -> BenchmarkQuery:
    """The benchmarks that *pairs* ask for; names that mean nothing are passed over.

    Raises:
        BadRequest: a value is none of the known words, or no number.
    """
    named = [value for name, value in pairs if name == "category"]
    return BenchmarkQuery(
        source=choice(pairs, "source", SOURCES),
        task_type=choice(pairs, "task_type", _TASKS),
        arena=choice(pairs, "arena", _ARENAS),
        category=named[-1].lower() if named and named[-1] else None,
        max_results=whole(pairs, "max_results", 1, _MOST_RESULTS),
    )


def benchmarks_reply(snapshot: CatalogSnapshot, query: BenchmarkQuery) -> bytes:
    """The body of ``GET /benchmarks``: indexes first, the best at the top, then ratings of arenas.

    A ``task_type`` asks for models that have that index, ``arena`` and ``category`` for ratings. The catalog has no
    results of OpenRouter's own.
    """
    models = listed_models(snapshot)
    found: list[dict[str, Any]] = []
    if query.source in {None, "artificial-analysis"} and query.arena is None and query.category is None:
        found += _index_items(models, snapshot, query.task_type)
    if query.source in {None, "design-arena"} and query.task_type is None:
        found += _arena_items(models, snapshot, query)
    found = found[: query.max_results]
    return _encoder.encode(
        {
            "data": found,
            "meta": {
                "as_of": datetime.fromtimestamp(snapshot.built, UTC).isoformat(timespec="seconds"),
                "version": "v1",
                "source": query.source,
                "source_url": None,
                "citation": None,
                "model_count": len({item["model_permaslug"] for item in found}),
                "task_type": query.task_type,
            },
        }
    )


def _index_items(models: Sequence[Model], snapshot: CatalogSnapshot, task: str | None) -> list[dict[str, Any]]:
    items = []
    for model in models:
        indexes = {f"{name}_index": getattr(model.benchmarks, f"{name}_index", None) for name in _INDEXES}
        wanted = indexes.get(f"{task}_index") if task is not None else None
        if any(value is not None for value in indexes.values()) and (task is None or wanted is not None):
            items.append({"source": "artificial-analysis", **_shared(model, snapshot), **indexes})
    key = f"{task or 'intelligence'}_index"
    return sorted(items, key=lambda item: (item[key] is None, -(item[key] or 0)))


def _arena_items(models: Sequence[Model], snapshot: CatalogSnapshot, query: BenchmarkQuery) -> list[dict[str, Any]]:
    nothing = dict.fromkeys(("first_place", "second_place", "third_place", "fourth_place", "total"))
    items = [
        {
            "source": "design-arena",
            **_shared(model, snapshot),
            "arena": score.arena,
            "category": score.category,
            "elo": score.elo,
            "win_rate": score.win_rate,
            "avg_generation_time_ms": None,
            "tournament_stats": nothing,
        }
        for model in models
        if model.benchmarks is not None
        for score in model.benchmarks.design_arena
        if query.arena in {None, score.arena} and query.category in {None, score.category.lower()}
    ]
    return sorted(items, key=lambda item: (item["arena"], item["category"], -item["elo"]))


def _shared(model: Model, snapshot: CatalogSnapshot) -> Mapping[str, Any]:
    shown = default_endpoint(model, snapshot)
    pricing = None
    if shown is not None and shown.priced:
        pricing = {"prompt": dollars(shown.pricing.prompt), "completion": dollars(shown.pricing.completion)}
    return {"model_permaslug": model.canonical_slug, "display_name": model.name, "pricing": pricing}


def _image_endpoint(endpoint: Endpoint, snapshot: CatalogSnapshot, wall: float) -> dict[str, Any]:
    provider = snapshot.providers.get(endpoint.provider)
    return {
        "provider_name": endpoint.provider if provider is None else provider.name,
        "provider_slug": endpoint.provider,
        "provider_tag": endpoint.tag,
        "supported_parameters": {},
        "allowed_passthrough_parameters": [],
        "supports_streaming": False,
        "pricing": list(_image_prices(endpoint, wall)),
    }


def _image_prices(endpoint: Endpoint, wall: float) -> Iterator[dict[str, Any]]:
    """What is charged, in dollars, as numbers: so the schema has it."""
    pricing = effective(endpoint.pricing, 0, wall)
    rows = (
        ("output_image", "image", pricing.output_image),
        ("output_image", "token", pricing.image_output),
        ("input_image", "image", pricing.image),
        ("input_image", "token", pricing.image_token),
        ("input_text", "token", pricing.prompt or None),
    )
    for billable, unit, price in rows:
        if price is not None:
            yield {"billable": billable, "unit": unit, "cost_usd": json_number(price)}
