"""Small pieces of the domain for tests: providers, models, candidates and requests with the fields that matter."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from turnout.api.chat import ChatSurface
from turnout.base.money import parse_price
from turnout.domain.catalog import CatalogSnapshot, Endpoint, Model
from turnout.domain.chat import ChatRequest
from turnout.domain.provider import Provider
from turnout.domain.routing import Candidate
from turnout.domain.usage import Pricing

__all__ = ["a_candidate", "a_model", "a_provider", "a_request", "a_snapshot", "an_endpoint", "prices"]

_CHAT = ChatSurface()


def prices(prompt: str = "0", completion: str = "0", request: str = "0", **others: str) -> Pricing:
    """Prices from dollars as texts."""
    rest: dict[str, Any] = {name: parse_price(text) for name, text in others.items()}
    return Pricing(parse_price(prompt), parse_price(completion), parse_price(request), **rest)


def a_provider(slug: str = "acme", **fields: Any) -> Provider:  # noqa: ANN401 - any field of a provider
    """A provider that is usable unless *fields* say otherwise."""
    usual: dict[str, Any] = {"name": slug.title(), "base_url": "http://127.0.0.1:9/v1", "usable": True}
    return Provider(slug=slug, **(usual | fields))


def an_endpoint(provider: str = "acme", model: str = "acme/tiny", **fields: Any) -> Endpoint:  # noqa: ANN401 - any field of an endpoint
    """An endpoint whose tag is its provider unless *fields* say otherwise."""
    usual: dict[str, Any] = {"tag": provider, "upstream_model": "tiny-1"}
    return Endpoint(model_id=model, provider=provider, **(usual | fields))


def a_model(model_id: str, endpoints: Sequence[Endpoint] = (), **fields: Any) -> Model:  # noqa: ANN401 - any field of a model
    """A model with *endpoints*."""
    return Model(id=model_id, canonical_slug=model_id, name=model_id, endpoints=tuple(endpoints), **fields)


def a_candidate(provider: str = "acme", prompt: str = "0.000001", completion: str = "0", **fields: Any) -> Candidate:  # noqa: ANN401 - any field of an endpoint
    """A candidate of one model at a price."""
    endpoint = an_endpoint(provider, **({"pricing": prices(prompt, completion)} | fields))
    return Candidate(a_model(endpoint.model_id, [endpoint]), endpoint, a_provider(provider))


def a_snapshot(
    models: Sequence[Model], providers: Sequence[Provider], names: Mapping[str, str] | None = None
) -> CatalogSnapshot:
    """A snapshot of these."""
    return CatalogSnapshot(
        models={model.id: model for model in models},
        names=names or {},
        providers={provider.slug: provider for provider in providers},
    )


def a_request(**fields: object) -> ChatRequest:
    """A chat request as the API decodes it; one user message unless *fields* hold others."""
    body = {"model": "acme/tiny", "messages": [{"role": "user", "content": "Hello"}]} | fields
    return _CHAT.decode(json.dumps({name: value for name, value in body.items() if value is not ...}).encode())
