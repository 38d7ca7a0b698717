"""The catalog as JSON: the shapes of the Models API. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from turnout.base.money import dollars
from turnout.catalog.rows import PARAMETERS
from turnout.domain.catalog import CatalogSnapshot, Endpoint, Model
from turnout.domain.provider import Provider
from turnout.domain.usage import PRICES, Pricing

__all__ = [
    "default_endpoint",
    "endpoint_object",
    "endpoints_object",
    "listed_models",
    "model_object",
    "models_reply",
    "pricing_object",
]

_DETAILS: Final = "/api/v1/models/{}/endpoints"
_encoder = msgspec.json.Encoder()


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


def models_reply(
    snapshot: CatalogSnapshot,
    models: Iterable[Model] | None = None,
    total: int | None = None,
    following: str | None = None,
) -> bytes:
    """The body of ``GET /models``: *models*, else all listed ones.

    For one page of many, *total* counts the models of all pages and *following* is the address of the next one.
    """
    data = [model_object(model, snapshot) for model in (listed_models(snapshot) if models is None else models)]
    return _encoder.encode(
        {"data": data, "total_count": len(data) if total is None else total, "links": {"next": following}}
    )


def default_endpoint(model: Model, snapshot: CatalogSnapshot) -> Endpoint | None:
    """The endpoint that stands for the model in listings: the first that can be called, else the cheapest."""
    for endpoint in model.endpoints:
        provider = snapshot.providers.get(endpoint.provider)
        if provider is not None and provider.usable:
            return endpoint
    return min(model.endpoints, key=_price, default=None)


def model_object(model: Model, snapshot: CatalogSnapshot) -> dict[str, Any]:
    """The Model object with each compulsory key, null where nothing is known. Source: Models API, "Model object"."""
    top = default_endpoint(model, snapshot)
    shape: dict[str, Any] = {
        "id": model.id,
        "canonical_slug": model.canonical_slug,
        "hugging_face_id": None,
        "name": model.name,
        "created": model.created,
        "description": model.description,
        "context_length": model.context_length,
        "architecture": _architecture(model),
        "pricing": pricing_object(top.pricing if top is not None else Pricing()),
        "top_provider": {
            "context_length": (top.context_length if top is not None else None) or model.context_length,
            "max_completion_tokens": top.max_completion_tokens if top is not None else model.max_completion_tokens,
            "is_moderated": False,
        },
        "per_request_limits": None,
        "supported_parameters": [name for name in model.supported_parameters if name in _KNOWN],
        "default_parameters": None,
        "supported_voices": None,
        "knowledge_cutoff": model.knowledge_cutoff,
        "expiration_date": model.expiration_date,
        "links": {"details": _DETAILS.format(model.id)},
    }
    if model.reasoning:
        shape["reasoning"] = {"mandatory": False}
    return shape


def endpoints_object(model: Model, snapshot: CatalogSnapshot) -> dict[str, Any]:
    """The ``data`` of ``GET /models/{author}/{slug}/endpoints``: the model in short, then each endpoint."""
    return {
        "id": model.id,
        "name": model.name,
        "created": model.created,
        "description": model.description,
        "architecture": _architecture(model),
        "endpoints": [
            endpoint_object(model, endpoint, snapshot.providers.get(endpoint.provider)) for endpoint in model.endpoints
        ],
    }


def endpoint_object(
    model: Model, endpoint: Endpoint, provider: Provider | None, measured: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The Endpoint object. *measured* has what health knows (``status``, uptimes, percentiles) and wins; else null."""
    name = provider.name if provider is not None else endpoint.provider
    supported = PARAMETERS if endpoint.supported_parameters is None else endpoint.supported_parameters
    tools = "tool_choice" in supported
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
        "pricing": pricing_object(endpoint.pricing),
        "supported_parameters": [parameter for parameter in supported if parameter in _KNOWN],
        "status": 0,
        "uptime_last_5m": None,
        "uptime_last_30m": None,
        "uptime_last_1d": None,
        "latency_last_30m": None,
        "throughput_last_30m": None,
        "supports_implicit_caching": endpoint.pricing.input_cache_read is not None,
        "native_tools": {},
        "service_tier": None,
        "supports_diarization": False,
        "supports_tool_choice": {"auto": tools, "none": tools, "required": tools, "function": tools},
        **(measured or {}),
    }


def pricing_object(pricing: Pricing) -> dict[str, Any]:
    """Prices in dollars per unit as exact decimal strings; only those that are stated, and the two compulsory ones."""
    shape: dict[str, Any] = {"prompt": dollars(pricing.prompt), "completion": dollars(pricing.completion)}
    if pricing.request:
        shape["request"] = dollars(pricing.request)
    for name in _OPTIONAL_PRICES:
        price = getattr(pricing, name)
        if price is not None:
            shape[name] = dollars(price)
    return shape


_KNOWN: Final = frozenset(PARAMETERS)
_OPTIONAL_PRICES: Final = tuple(name for name in PRICES if name not in {"prompt", "completion", "request"})


def _price(endpoint: Endpoint) -> int:
    return endpoint.pricing.prompt + endpoint.pricing.completion + endpoint.pricing.request


def _architecture(model: Model) -> dict[str, Any]:
    return {
        "modality": f"{'+'.join(model.input_modalities)}->{'+'.join(model.output_modalities)}",
        "input_modalities": list(model.input_modalities),
        "output_modalities": list(model.output_modalities),
        "tokenizer": model.tokenizer,
        "instruct_type": model.instruct_type,
    }
