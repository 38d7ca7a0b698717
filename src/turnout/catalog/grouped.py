"""The grouped listing: models by what they write and by who serves them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec

from turnout.base.money import Pico, dollars, per_million
from turnout.catalog.render import listed_models, shown_parameters
from turnout.catalog.rows import PARAMETERS
from turnout.domain.catalog import CatalogSnapshot, Endpoint, Model
from turnout.domain.usage import Pricing, effective

__all__ = ["flat_reply", "grouped_reply"]

_GROUPS: Final = ("text", "image")
_EIGHT_PRICES: Final = (
    "prompt",
    "completion",
    "image",
    "request",
    "web_search",
    "internal_reasoning",
    "input_cache_read",
    "input_cache_write",
)
_NO_INSTRUCT_TYPE: Final = "none"
_encoder = msgspec.json.Encoder()


class _Offer(NamedTuple):
    """One provider's best offer of one model."""

    model: Model
    endpoint: Endpoint
    pricing: Pricing


def grouped_reply(snapshot: CatalogSnapshot, wall: float) -> bytes:
    """``{"text": […], "image": […]}``: for each kind of output the providers with their models.

    A provider is ``configured`` when it can be called: its credential is there, or it needs none. A model that writes
    both stands in both groups. Prices are those of *wall* (unix seconds).

    Source: the grouped listing's own page; every key has a value of the type that stands there.
    """
    by_provider = _by_provider(snapshot, wall)
    return _encoder.encode(
        {
            group: [
                {"provider": slug, "configured": snapshot.providers[slug].usable, "models": models}
                for slug, offers in by_provider.items()
                if (models := [_model(offer) for offer in offers if group in offer.model.output_modalities])
            ]
            for group in _GROUPS
        }
    )


def flat_reply(snapshot: CatalogSnapshot, wall: float) -> bytes:
    """The same models as one array, once for each provider; prices in dollars per million tokens, as strings."""
    return _encoder.encode(
        [
            {
                "id": offer.endpoint.id,
                "modelId": offer.model.id,
                "provider": slug,
                "created": offer.model.created,
                "inputModality": offer.model.input_modalities,
                "outputModality": offer.model.output_modalities,
                "inputPrice": per_million(offer.pricing.prompt),
                "outputPrice": per_million(offer.pricing.completion),
            }
            for slug, offers in _by_provider(snapshot, wall).items()
            for offer in offers
        ]
    )


def _by_provider(snapshot: CatalogSnapshot, wall: float) -> dict[str, list[_Offer]]:
    """Offers by provider's slug, callable providers first, then by slug."""
    found: dict[str, list[_Offer]] = {}
    for model in listed_models(snapshot):
        if not set(_GROUPS).isdisjoint(model.output_modalities):
            for offer in _offers(model, snapshot, wall):
                found.setdefault(offer.endpoint.provider, []).append(offer)
    order = sorted(found, key=lambda slug: (not snapshot.providers[slug].usable, slug))
    return {slug: found[slug] for slug in order}


def _offers(model: Model, snapshot: CatalogSnapshot, wall: float) -> Iterator[_Offer]:
    """One offer of each provider: its cheapest endpoint that serves without being asked for a service tier."""
    best: dict[str, _Offer] = {}
    for endpoint in model.endpoints:
        if endpoint.provider not in snapshot.providers:
            continue
        offer = _Offer(model, endpoint, effective(endpoint.pricing, 0, wall))
        rival = best.get(endpoint.provider)
        if rival is None or _rank(offer) < _rank(rival):
            best[endpoint.provider] = offer
    yield from best.values()


def _rank(offer: _Offer) -> tuple[bool, bool, int]:
    price = offer.pricing.prompt + offer.pricing.completion + offer.pricing.request
    return offer.endpoint.service_tier is not None, not offer.endpoint.priced, price


def _model(offer: _Offer) -> dict[str, Any]:
    model, endpoint, pricing = offer
    context = model.context_length or endpoint.context_length or 0
    here = endpoint.context_length or context
    supported = PARAMETERS if endpoint.supported_parameters is None else endpoint.supported_parameters
    return {
        "id": model.id,
        "name": model.name,
        "created": model.created,
        "description": model.description,
        "architecture": {
            "input_modalities": model.input_modalities,
            "output_modalities": model.output_modalities,
            "tokenizer": model.tokenizer,
            "instruct_type": model.instruct_type or _NO_INSTRUCT_TYPE,
        },
        "topProvider": {
            "is_moderated": False,
            "context_length": here,
            "max_completion_tokens": endpoint.max_completion_tokens or here,
        },
        "pricing": {name: dollars(getattr(pricing, name) or Pico(0)) for name in _EIGHT_PRICES},
        "context_length": context,
        "max_completion_tokens": model.max_completion_tokens or context,
        "per_request_limits": {},
        "supported_parameters": shown_parameters(supported) if "text" in model.output_modalities else [],
    }
