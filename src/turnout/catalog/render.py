"""The catalog as JSON: the shapes of the Models API. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from msgspec.structs import replace

from turnout.base.money import dollars
from turnout.catalog.rows import PARAMETERS
from turnout.domain.catalog import Benchmarks, CatalogSnapshot, Endpoint, Model
from turnout.domain.provider import Policy, Provider
from turnout.domain.usage import PRICES, PriceOverride, Pricing, effective

__all__ = [
    "Ranks",
    "architecture_object",
    "default_endpoint",
    "endpoint_object",
    "endpoints_object",
    "latest_models",
    "listed_models",
    "model_object",
    "policy_of",
    "pricing_object",
    "provider_object",
    "ranks_of",
    "shown_parameters",
    "shown_pricing",
]

_DETAILS: Final = "/api/v1/models/{}/endpoints"
_COUNTRY_CODE: Final = 2
_NO_POLICY: Final = Policy()

Ranks = Mapping[tuple[str, str], Sequence[float]]
"""By arena and category: the negated ratings of all listed models, ascending."""


def listed_models(snapshot: CatalogSnapshot) -> list[Model]:
    """The models that listings show, in order: all, but the fake provider's once another provider can be called."""
    if not any(provider.usable and provider.dialect != "fake" for provider in snapshot.providers.values()):
        return list(snapshot.models.values())
    fakes = {slug for slug, provider in snapshot.providers.items() if provider.dialect == "fake"}
    return [
        model
        for model in snapshot.models.values()
        if not model.endpoints or any(endpoint.provider not in fakes for endpoint in model.endpoints)
    ]


def latest_models(snapshot: CatalogSnapshot) -> list[tuple[Model, Model]]:
    """Each ``~author/family-latest`` as a model of that name, with the model that it means now; in order of names."""
    pairs = []
    for name in sorted(snapshot.latest):
        target = snapshot.find(name)
        if target is not None:
            pairs.append((replace(target, id=name, canonical_slug=name, aliases=()), target))
    return pairs


def ranks_of(models: Iterable[Model]) -> Ranks:
    """Where each rating of an arena stands among *models*."""
    ratings: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for model in models:
        for score in model.benchmarks.design_arena if model.benchmarks is not None else ():
            ratings[score.arena, score.category].append(-score.elo)
    return {key: sorted(values) for key, values in ratings.items()}


def default_endpoint(model: Model, snapshot: CatalogSnapshot) -> Endpoint | None:
    """The endpoint that stands for the model in listings.

    That is the cheapest one that can be called, as routing prefers it too; where none can be called the first in the
    catalog's order, which puts the model's own maker first. One without a stated price only stands in for others, and
    one at a service tier too: it serves only who asks for the tier.
    """
    callable_ones = [endpoint for endpoint in model.endpoints if _usable(snapshot.providers.get(endpoint.provider))]
    if callable_ones:
        return min(callable_ones, key=lambda endpoint: (*_in_need(endpoint), _price(endpoint)))
    return min(model.endpoints, key=_in_need, default=None)


def model_object(
    model: Model,
    snapshot: CatalogSnapshot,
    *,
    wall: float | None = None,
    ranks: Ranks | None = None,
    target: Model | None = None,
) -> dict[str, Any]:
    """The Model object with each compulsory key, null where nothing is known.

    *wall* is the unix second whose prices are shown, left out: when the snapshot was built. *ranks* are those of the
    listed models, left out: of all in the snapshot. *target* is what a ``~latest`` name means.

    Source: Models API, "Model object".
    """
    top = default_endpoint(model, snapshot)
    shape: dict[str, Any] = {
        "id": model.id,
        "canonical_slug": model.canonical_slug,
        "hugging_face_id": model.hugging_face_id,
        "name": model.name,
        "created": model.created,
        "description": model.description,
        "context_length": model.context_length,
        "architecture": architecture_object(model),
        "pricing": shown_pricing(top, snapshot.built if wall is None else wall),
        "top_provider": {
            "context_length": (top.context_length if top is not None else None) or model.context_length,
            "max_completion_tokens": top.max_completion_tokens if top is not None else model.max_completion_tokens,
            "is_moderated": False,
        },
        "per_request_limits": None,
        "supported_parameters": shown_parameters(model.supported_parameters),
        "default_parameters": None,
        "supported_voices": None if model.supported_voices is None else list(model.supported_voices),
        "knowledge_cutoff": model.knowledge_cutoff,
        "expiration_date": model.expiration_date,
        "links": {"details": _DETAILS.format(model.id)},
    }
    if (reasoning := _reasoning_object(model)) is not None:
        shape["reasoning"] = reasoning
    if model.benchmarks is not None:
        every = ranks_of(listed_models(snapshot)) if ranks is None else ranks
        shape["benchmarks"] = _benchmarks_object(model.benchmarks, every)
    if target is not None:
        shape["alias_target"] = {"slug": target.id, "name": target.name}
    return shape


def endpoints_object(
    model: Model,
    snapshot: CatalogSnapshot,
    *,
    wall: float | None = None,
    measured: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """The ``data`` of ``GET /models/{author}/{slug}/endpoints``: the model in short, then each endpoint.

    *measured* is by the endpoints' ids, see :func:`endpoint_object`.
    """
    return {
        "id": model.id,
        "name": model.name,
        "created": model.created,
        "description": model.description,
        "architecture": architecture_object(model),
        "endpoints": [
            endpoint_object(
                model,
                endpoint,
                snapshot.providers.get(endpoint.provider),
                (measured or {}).get(endpoint.id),
                wall=snapshot.built if wall is None else wall,
            )
            for endpoint in model.endpoints
        ],
    }


def endpoint_object(
    model: Model,
    endpoint: Endpoint,
    provider: Provider | None,
    measured: Mapping[str, Any] | None = None,
    *,
    wall: float = 0.0,
) -> dict[str, Any]:
    """The Endpoint object. *measured* has what health knows (``status``, uptimes, percentiles) and wins; else null."""
    name = provider.name if provider is not None else endpoint.provider
    supported = PARAMETERS if endpoint.supported_parameters is None else endpoint.supported_parameters
    tools = "tool_choice" in supported
    implicit = endpoint.implicit_caching
    return {
        "name": f"{name} | {model.id}",
        "model_id": model.id,
        "model_name": model.name,
        "provider_name": name,
        "tag": endpoint.tag,
        "quantization": endpoint.quantization,
        "context_length": endpoint.context_length or model.context_length or 0,
        "max_completion_tokens": endpoint.max_completion_tokens,
        "max_prompt_tokens": endpoint.max_prompt_tokens,
        "pricing": shown_pricing(endpoint, wall),
        "supported_parameters": shown_parameters(supported),
        "status": 0,
        "uptime_last_5m": None,
        "uptime_last_30m": None,
        "uptime_last_1d": None,
        "latency_last_30m": None,
        "throughput_last_30m": None,
        "supports_implicit_caching": endpoint.pricing.input_cache_read is not None if implicit is None else implicit,
        "native_tools": {},
        "service_tier": endpoint.service_tier,
        "supports_diarization": False,
        "supports_tool_choice": {"auto": tools, "none": tools, "required": tools, "function": tools},
        **{key: value for key, value in (measured or {}).items() if key in _MEASURED},
    }


def pricing_object(pricing: Pricing) -> dict[str, Any]:
    """Prices in dollars per unit as exact decimal strings: those that are stated, and the two compulsory ones.

    ``overrides`` stand behind them with their conditions; what is not yet valid is left out by whoever knows the time.
    """
    shape: dict[str, Any] = {"prompt": dollars(pricing.prompt), "completion": dollars(pricing.completion)}
    if pricing.request:
        shape["request"] = dollars(pricing.request)
    for name in _OPTIONAL_PRICES:
        price = getattr(pricing, name)
        if price is not None:
            shape[name] = dollars(price)
    if pricing.overrides:
        shape["overrides"] = [_override_object(override) for override in pricing.overrides]
    return shape


def shown_pricing(endpoint: Endpoint | None, wall: float) -> dict[str, Any]:
    """The Pricing object of an endpoint as it is at *wall* (unix seconds): short prompts at this hour, then overrides.

    Overrides that begin to be valid later are not shown before.
    """
    if endpoint is None:
        return pricing_object(Pricing())
    pricing = endpoint.pricing
    if not pricing.overrides:
        return pricing_object(pricing)
    valid = tuple(one for one in pricing.overrides if one.valid_from is None or one.valid_from <= wall)
    conditional = tuple(one for one in valid if (one.min_prompt_tokens, one.utc_start, one.utc_end) != (None,) * 3)
    now = effective(replace(pricing, overrides=valid), 0, wall)
    return pricing_object(replace(now, overrides=conditional))


def architecture_object(model: Model) -> dict[str, Any]:
    """What goes in, what comes out, and how it is cut into tokens."""
    return {
        "modality": f"{'+'.join(model.input_modalities)}->{'+'.join(model.output_modalities)}",
        "input_modalities": list(model.input_modalities),
        "output_modalities": list(model.output_modalities),
        "tokenizer": model.tokenizer,
        "instruct_type": model.instruct_type,
    }


def shown_parameters(names: Iterable[str]) -> list[str]:
    """Those of *names* that the catalog's vocabulary has."""
    return [name for name in names if name in _KNOWN]


def provider_object(provider: Provider) -> dict[str, Any]:
    """One entry of ``GET /providers``."""
    policy = provider.policy
    return {
        "name": provider.name,
        "slug": provider.slug,
        "privacy_policy_url": policy.privacy_policy_url,
        "terms_of_service_url": policy.terms_of_service_url,
        "status_page_url": policy.status_page_url,
        # Clients know countries only, by their ISO 3166 code.
        "datacenters": [one.upper() for one in policy.regions if len(one) == _COUNTRY_CODE and one != "eu"],
        "headquarters": policy.headquarters,
    }


def policy_of(endpoint: Endpoint, snapshot: CatalogSnapshot) -> Policy:
    """What holds for the endpoint: its own policy, else its provider's."""
    if endpoint.policy is not None:
        return endpoint.policy
    provider = snapshot.providers.get(endpoint.provider)
    return _NO_POLICY if provider is None else provider.policy


_KNOWN: Final = frozenset(PARAMETERS)
_OPTIONAL_PRICES: Final = tuple(name for name in PRICES if name not in {"prompt", "completion", "request"})
_MEASURED: Final = frozenset(
    {"status", "uptime_last_5m", "uptime_last_30m", "uptime_last_1d", "latency_last_30m", "throughput_last_30m"}
)


def _usable(provider: Provider | None) -> bool:
    return provider is not None and provider.usable


def _in_need(endpoint: Endpoint) -> tuple[bool, bool]:
    return endpoint.service_tier is not None, not endpoint.priced


def _price(endpoint: Endpoint) -> int:
    return endpoint.pricing.prompt + endpoint.pricing.completion + endpoint.pricing.request


def _override_object(override: PriceOverride) -> dict[str, Any]:
    conditions = {
        "min_prompt_tokens": override.min_prompt_tokens,
        "utc_start": override.utc_start,
        "utc_end": override.utc_end,
    }
    stated = {name: value for name, value in conditions.items() if value is not None}
    return stated | {name: dollars(price) for name, price in override.prices.items()}


def _reasoning_object(model: Model) -> dict[str, Any] | None:
    support = model.reasoning_support
    if model.router or (support is None and not model.reasoning):
        return None
    if support is None:
        return {"mandatory": False}
    shape: dict[str, Any] = {"mandatory": support.mandatory, "supported_efforts": support.supported_efforts}
    optional = {
        "default_effort": support.default_effort,
        "default_enabled": support.default_enabled,
        "supports_max_tokens": support.supports_max_tokens,
    }
    return shape | {name: value for name, value in optional.items() if value is not None}


def _benchmarks_object(benchmarks: Benchmarks, ranks: Ranks) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "design_arena": [
            {
                "arena": score.arena,
                "category": score.category,
                "elo": score.elo,
                "win_rate": score.win_rate,
                "rank": 1 + bisect_left(ranks.get((score.arena, score.category), ()), -score.elo),
            }
            for score in benchmarks.design_arena
        ]
    }
    indexes = (benchmarks.intelligence_index, benchmarks.coding_index, benchmarks.agentic_index)
    if indexes != (None, None, None):
        shape["artificial_analysis"] = dict(
            zip(("intelligence_index", "coding_index", "agentic_index"), indexes, strict=True)
        )
    return shape
